"""The observed world, asked in the planner's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from jetcal_operator import naming
from jetcal_operator.cluster import Manifest, ObjectKey, Observed, Refusal


class World:
    """Children, results and the time, as one reconcile sees them."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed

    @property
    def now(self) -> datetime:
        """The time of this reconcile."""
        return self._observed.now

    @cached_property
    def own(self) -> dict[ObjectKey, Manifest]:
        """Objects that the resource itself controls; Trials and their jobs are not among them."""
        resource = self._observed.resource
        return {key: child for key, child in self._observed.children.items() if naming.is_owned(child, resource)}

    def all(self, kind: str) -> Iterator[tuple[ObjectKey, Manifest]]:
        """Every observed object of a kind, whoever controls it."""
        return ((key, child) for key, child in self._observed.children.items() if key.kind == kind)

    def serves(self, kind: tuple[str, str]) -> bool:
        """Whether the cluster knows the kind (apiVersion, kind)."""
        return kind in self._observed.kinds

    def is_occupied(self, key: ObjectKey) -> bool:
        """Whether an object of somebody else has the name."""
        return key in self._observed.occupied or (key in self._observed.children and key not in self.own)

    def result(self, key: ObjectKey) -> Mapping[str, Any] | None:
        """What the finished worker of a job answered."""
        return self._observed.results.get(key)

    def failure(self, key: ObjectKey) -> str | None:
        """Why a job's worker failed or does not start."""
        return self._observed.failures.get(key)

    def refusal(self, key: ObjectKey) -> Refusal | None:
        """What the API server last said against writing the object."""
        return self._observed.refused.get(key)

    @property
    def namespace_labels(self) -> Mapping[str, str] | None:
        """Labels of the namespace, None if they are not known."""
        return self._observed.namespace_labels


def is_terminating(manifest: Manifest) -> bool:
    """Whether the object is on its way out."""
    return bool(manifest["metadata"].get("deletionTimestamp"))
