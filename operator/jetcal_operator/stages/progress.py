"""How far a stage is, and how that is read from the conditions that each controller writes."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from jetcal_operator import naming
from jetcal_operator.cluster import Manifest

OBSTRUCTED = "Obstructed"
"""Reason of work that is under way but does not get on."""


@dataclass(frozen=True)
class Waiting:
    """Nothing runs yet; something else must come first."""

    reason: str
    message: str


@dataclass(frozen=True)
class Running:
    """Work is under way."""

    message: str
    reason: str = "Running"


@dataclass(frozen=True)
class Succeeded:
    """Done, with what the next stage needs."""

    result: Any
    message: str = ""


@dataclass(frozen=True)
class Failed:
    """Ended without a result."""

    reason: str
    message: str
    retryable: bool = False
    """Whether another try may help although nothing has changed."""


@dataclass(frozen=True)
class Lost:
    """Ended well, but what it has made is not known: made again, the worker replays it."""

    message: str


Progress = Waiting | Running | Succeeded | Failed | Lost


class Outcome(NamedTuple):
    """What the conditions of a run-to-completion object say."""

    phase: Literal["Running", "Succeeded", "Failed"]
    reason: str = ""
    message: str = ""
    since: datetime | None = None


_UNDER_WAY = Outcome("Running")
_ENDS = {
    "Job": ("Complete", "Failed"),
    "TrainJob": ("Complete", "Failed"),
    "PyTorchJob": ("Succeeded", "Failed"),
    "Experiment": ("Succeeded", "Failed"),
}
_PERMANENT_REASONS = {"PodFailurePolicy"}


_NO_CONDITIONS: list[dict[str, Any]] = []


def _conditions(manifest: Manifest) -> list[dict[str, Any]]:
    status = manifest.get("status")
    return (status.get("conditions") if status else None) or _NO_CONDITIONS


def condition(manifest: Manifest, kind: str) -> dict[str, Any] | None:
    """The condition of type ``kind``, whatever its status."""
    return next((entry for entry in _conditions(manifest) if entry.get("type") == kind), None)


def is_true(manifest: Manifest, kind: str) -> bool:
    """Whether the condition of type ``kind`` holds."""
    entry = condition(manifest, kind)
    return entry is not None and entry.get("status") == "True"


def end(manifest: Manifest, kinds: Container[str]) -> dict[str, Any] | None:
    """The first condition of those types that holds."""
    for entry in _conditions(manifest):
        if entry["status"] == "True" and entry["type"] in kinds:
            return entry
    return None


def outcome(manifest: Manifest) -> Outcome:
    """What has become of a Job, PyTorchJob, TrainJob or Experiment."""
    ended = end(manifest, _ENDS[manifest["kind"]])
    if ended is None:
        return _UNDER_WAY
    phase: Literal["Succeeded", "Failed"] = "Failed" if ended["type"] == "Failed" else "Succeeded"
    since = parse_time(ended.get("lastTransitionTime"))
    return Outcome(phase, ended.get("reason") or phase, ended.get("message") or "", since)


def is_under_way(manifest: Manifest) -> bool:
    """Whether nothing has become of it yet."""
    return end(manifest, _ENDS[manifest["kind"]]) is None


def is_suspended(job: Manifest) -> bool:
    """Whether somebody, we or a queue, holds a job of any runtime."""
    spec = job.get("spec") or {}
    return bool(spec.get("suspend") or (spec.get("runPolicy") or {}).get("suspend"))


def holding_queue(job: Manifest) -> str | None:
    """The queue of Kueue that holds a job; None if nobody does, or we ourselves."""
    if not is_suspended(job) or naming.annotation(job, naming.SUSPENDED) == "true":
        return None
    return naming.label(job, naming.QUEUE) or None


def may_heal(ended: Outcome) -> bool:
    """Whether a failure may heal by itself: the controller gave up retrying, the worker did not."""
    if ended.reason in _PERMANENT_REASONS:
        return False
    given_up = ended.reason in {"BackoffLimitExceeded", "DeadlineExceeded"}
    return given_up or "backoff limit" in ended.message


def parse_time(text: str | None) -> datetime | None:
    """A Kubernetes timestamp."""
    return datetime.fromisoformat(text) if text else None
