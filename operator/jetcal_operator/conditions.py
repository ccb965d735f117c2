"""Status conditions after the Kubernetes conventions and kstatus."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, NamedTuple, get_args

from jetcal_api.status import Condition, ConditionType

ORDER: tuple[ConditionType, ...] = get_args(ConditionType)
"""All types, in the order in which they are shown."""
ONLY_WHILE_TRUE: frozenset[ConditionType] = frozenset({"Reconciling", "Stalled"})
"""Types that kstatus takes for trouble or work by their mere presence."""
MESSAGE_LIMIT = 4000
"""Characters of a message that are kept."""


class Verdict(NamedTuple):
    """One observation, before it is dated."""

    type: ConditionType
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


_NOT_REACHED = {kind: Verdict(kind, "Unknown", "NotReached", "") for kind in ORDER}


def merge(
    previous: Iterable[Condition], verdicts: Iterable[Verdict], generation: int, now: datetime
) -> list[Condition]:
    """Date the verdicts: a condition keeps the time of its last transition until its status flips.

    Types without a verdict are Unknown, so that every type is there from the first visit on.
    """
    before = {entry.type: entry for entry in previous}
    given = _NOT_REACHED | {verdict.type: verdict for verdict in verdicts}
    merged = []
    for kind, verdict in given.items():
        if kind in ONLY_WHILE_TRUE and verdict.status != "True":
            continue
        old = before.get(kind)
        merged.append(old if old and _says(old, verdict, generation) else _dated(verdict, old, generation, now))
    return merged


def _says(entry: Condition, verdict: Verdict, generation: int) -> bool:
    """Whether the condition is what the verdict makes of it."""
    same = entry.status == verdict.status and entry.reason == verdict.reason
    return same and entry.observed_generation == generation and entry.message == verdict.message[:MESSAGE_LIMIT]


def _dated(verdict: Verdict, old: Condition | None, generation: int, now: datetime) -> Condition:
    return Condition(
        type=verdict.type,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message[:MESSAGE_LIMIT],
        observed_generation=generation,
        last_transition_time=old.last_transition_time if old and old.status == verdict.status else timestamp(now),
    )


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
