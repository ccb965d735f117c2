"""The observed world, asked in the planner's words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping
from datetime import datetime
from typing import NamedTuple

from jetcal_operator import naming
from jetcal_operator.cluster import Manifest, ObjectKey, Observed, Refusal
from jetcal_operator.stages.trials import Search

Objects = dict[ObjectKey, Manifest]


class World:
    """Children, results and the time, as one reconcile sees them."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        self._index = _index(observed)
        self._searches: dict[str, Search] = {}

    @property
    def now(self) -> datetime:
        """The time of this reconcile."""
        return self._observed.now

    @property
    def asked(self) -> str:
        """The resource's annotation by which a person asks to make anew what has failed; empty without it."""
        return self._observed.resource.metadata.annotations.get(naming.RETRY, "")

    @property
    def own(self) -> Objects:
        """Objects that the resource itself controls; Trials and their jobs are not among them."""
        return self._index.own

    def of_stage(self, name: str) -> Objects:
        """Own objects of one stage."""
        return self._index.stages.get(name, {})

    def find(self, key: ObjectKey) -> Manifest | None:
        """The object of that key, whoever controls it."""
        return self._observed.children.get(key)

    def search(self, experiment: str, kind: str) -> Search:
        """How the search of an Experiment stands, whose trials' jobs are of that kind."""
        known = self._searches.get(experiment)
        if known is None:
            named = self._index.named
            known = self._searches[experiment] = Search(experiment, named["Trial"], named.get(kind, {}))
        return known

    def trial_jobs(self, kind: str, fingerprint: str) -> list[Manifest]:
        """Jobs of a search's trials, which their Trials control."""
        trials = self._index.named["Trial"]
        jobs = self._index.named.get(kind, {}).items()
        return [job for name, job in jobs if name in trials and naming.label(job, naming.FINGERPRINT) == fingerprint]

    def serves(self, kind: tuple[str, str]) -> bool:
        """Whether the cluster knows the kind (apiVersion, kind)."""
        return kind in self._observed.kinds

    def is_occupied(self, key: ObjectKey) -> bool:
        """Whether an object of somebody else has the name."""
        return key in self._observed.occupied or (key in self._observed.children and key not in self.own)

    def result(self, key: ObjectKey) -> str | None:
        """What the finished worker of a job answered."""
        return self._observed.results.get(key)

    def failure(self, key: ObjectKey) -> str | None:
        """Why a job's worker failed or does not start."""
        return self._observed.failures.get(key)

    def failure_among(self, kind: str, names: Container[str]) -> str | None:
        """Why one of some jobs, which have a kind in common, failed or does not start."""
        failures = self._observed.failures.items()
        return next((told for key, told in failures if key.kind == kind and key.name in names), None)

    def refusal(self, key: ObjectKey) -> Refusal | None:
        """What the API server last said against writing the object."""
        return self._observed.refused.get(key)

    @property
    def namespace_labels(self) -> Mapping[str, str] | None:
        """Labels of the namespace, None if they are not known."""
        return self._observed.namespace_labels


class _Index(NamedTuple):
    named: dict[str, dict[str, Manifest]]
    """All children by kind and name."""
    own: Objects
    stages: dict[str, Objects]
    """Own objects by stage."""


def _index(observed: Observed) -> _Index:
    """The children as they are asked for: a search has hundreds of them, so that a trial's job is told by its name."""
    named: dict[str, dict[str, Manifest]] = defaultdict(dict)
    for key, child in observed.children.items():
        named[key.kind][key.name] = child
    own: Objects = {}
    stages: dict[str, Objects] = defaultdict(dict)
    trials, uid = named["Trial"], observed.resource.metadata.uid
    for key, child in observed.children.items():
        if key.name not in trials and naming.is_owned(child, uid):
            own[key] = child
            stages[naming.label(child, naming.STAGE)][key] = child
    return _Index(named, own, stages)


def is_terminating(manifest: Manifest) -> bool:
    """Whether the object is on its way out."""
    return bool(manifest["metadata"].get("deletionTimestamp"))
