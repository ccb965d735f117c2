"""What a change of status says as Events, so that ``kubectl describe`` tells the story. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from jetcal_api.status import Condition, ConditionType, Status

MESSAGE_LIMIT = 1024
"""Longest message of an Event."""
SUSPENDED = "Suspended"
ROLLED_BACK = "RolledBack"
_QUIET = {"NotRequested", "NothingAccepted", "NotReached", "Starting", "RollingOut", "Deleting", "NotKept", "Stopped"}
"""Reasons of a condition that is False without anything being wrong."""
_SUMMARY: tuple[ConditionType, ...] = ("Stalled", "Reconciling", "Ready")
"""Conditions that sum up the others: told last, so that what they only repeat is left out."""
_VARYING = re.compile(r"\d+")


class Notice(NamedTuple):
    """One Event about the resource."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str

    def key(self, uid: str) -> str:
        """A short name that stays the same for what is said again: counters and times have no say in it."""
        text = "\0".join((uid, self.type, self.reason, _VARYING.sub("#", self.message)))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def notices(before: Status | None, after: Status) -> list[Notice]:
    """What is worth telling about the step from one status to the next; nothing if nothing has turned."""
    told: dict[tuple[str, str], Notice] = {}
    for notice in _told(before or Status(), after):
        told.setdefault((notice.type, notice.message), notice)
    return [notice._replace(message=notice.message[:MESSAGE_LIMIT]) for notice in told.values()]


def _told(before: Status, after: Status) -> Iterator[Notice]:
    yield from _suspension(before, after)
    old = {entry.type: entry for entry in before.conditions}
    new = {entry.type: entry for entry in after.conditions}
    for kind, entry in new.items():
        if kind not in (*_SUMMARY, "Serving"):
            yield from _stage(old.get(kind), entry)
    yield from _revision(before, after)
    if "Serving" in new:
        yield from _serving(old.get("Serving"), new["Serving"])
    for kind in _SUMMARY:
        if kind in new:
            tell = _ready if kind == "Ready" else _trouble
            yield from tell(old.get(kind), new[kind])


def _suspension(before: Status, after: Status) -> Iterator[Notice]:
    if after.stage == SUSPENDED != before.stage:
        yield Notice("Normal", SUSPENDED, "spec.suspend holds the calibration")
    elif before.stage == SUSPENDED != after.stage:
        yield Notice("Normal", "Resumed", "spec.suspend no longer holds the calibration")


def _stage(previous: Condition | None, entry: Condition) -> Iterator[Notice]:
    if not _turned(previous, entry):
        return
    if entry.status == "True" and (previous is None or previous.status != "True"):
        if entry.type != "Accepted":
            yield Notice("Normal", entry.type, entry.message)
    elif entry.status == "False" and entry.reason not in _QUIET:
        yield Notice("Warning", entry.reason, entry.message)


def _revision(before: Status, after: Status) -> Iterator[Notice]:
    known = {entry.revision for entry in before.history[:1]}
    for entry in after.history[:1]:
        if entry.revision not in known:
            yield Notice("Normal", "Accepted", f"revision {entry.revision} is accepted; report: {entry.report}")
    serving, served = after.serving, before.serving
    if serving and serving.revision and serving.revision != (served.revision if served else None):
        yield Notice("Normal", "Served", f"revision {serving.revision} is served at {serving.url or 'its endpoint'}")


def _serving(previous: Condition | None, entry: Condition) -> Iterator[Notice]:
    if not _turned(previous, entry):
        return
    is_back = entry.reason == ROLLED_BACK
    if is_back and previous and previous.reason == ROLLED_BACK:
        return
    if is_back or (entry.status == "False" and entry.reason not in _QUIET):
        yield Notice("Warning", entry.reason, entry.message)


def _ready(previous: Condition | None, entry: Condition) -> Iterator[Notice]:
    if previous is None or previous.status == entry.status:
        if entry.status == "True" and previous is None:
            yield Notice("Normal", "Ready", entry.message)
        return
    if entry.status == "True":
        yield Notice("Normal", "Ready", entry.message)
    elif previous.status == "True":
        kind: Literal["Normal", "Warning"] = "Normal" if entry.reason == SUSPENDED else "Warning"
        yield Notice(kind, "NotReady", entry.message)


def _trouble(previous: Condition | None, entry: Condition) -> Iterator[Notice]:
    if not _turned(previous, entry):
        return
    if entry.type == "Stalled" or entry.reason in {"Retrying", "Obstructed"}:
        yield Notice("Warning", entry.reason if entry.type == "Reconciling" else entry.type, entry.message)


def _turned(previous: Condition | None, entry: Condition) -> bool:
    """Whether the condition says something else than before; wording apart."""
    return previous is None or (previous.status, previous.reason) != (entry.status, entry.reason)
