"""A plan in the making; it holds back what the API server has refused until it is to be asked again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from jetcal_api.status import Status
from jetcal_operator.cluster import Deletion, Manifest, ObjectKey, Plan
from jetcal_operator.conditions import timestamp
from jetcal_operator.stages.progress import Failed
from jetcal_operator.stages.world import World, is_terminating

LOOK_AGAIN = timedelta(seconds=10)
"""When to see what became of another try."""


@dataclass
class Draft:
    """What one reconcile is going to do."""

    world: World
    created: list[Manifest] = field(default_factory=list)
    applied: list[Manifest] = field(default_factory=list)
    deleted: dict[ObjectKey, Deletion] = field(default_factory=dict)
    checks: list[datetime] = field(default_factory=list)

    def create(self, manifest: Manifest) -> Failed | None:
        """Create an object.

        Returns
        -------
        Failed or None
            What the API server said last against it. Until it is to be asked again nothing is created; when it is
            asked again the trouble still counts, so that a condition does not flap.
        """
        return self._write(self.created, manifest)

    def apply(self, manifest: Manifest) -> Failed | None:
        """Make the named fields of an object as given; the answer is that of `create`."""
        return self._write(self.applied, manifest)

    def remove(self, key: ObjectKey, child: Manifest) -> None:
        """Delete this very object, unless it is on its way out already."""
        if not is_terminating(child):
            self.deleted[key] = Deletion(key, child["metadata"].get("uid", ""))

    def plan(self, status: Status) -> Plan:
        """The plan with its status."""
        return Plan(
            status=status,
            create=tuple(self.created),
            apply=tuple(self.applied),
            delete=tuple(self.deleted.values()),
            check_again=min(self.checks, default=None),
        )

    def _write(self, place: list[Manifest], manifest: Manifest) -> Failed | None:
        refusal = self.world.refusal(ObjectKey.of(manifest))
        if refusal is None:
            place.append(manifest)
            return None
        if refusal.again > self.world.now:
            self.checks.append(refusal.again)
            message = f"{refusal.message}; tried again at {timestamp(refusal.again)}"
            return Failed(refusal.reason, message, retryable=True)
        place.append(manifest)
        self.checks.append(self.world.now + LOOK_AGAIN)
        return Failed(refusal.reason, f"{refusal.message}; it is tried again now", retryable=True)
