"""What a reconcile sees, what it decides, and the protocol of the place where it acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from jetcal_api.resource import JetCalibration
from jetcal_api.status import Status

Manifest = dict[str, Any]


class ObjectKey(NamedTuple):
    """Names one object in the resource's namespace."""

    api_version: str
    kind: str
    name: str

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> ObjectKey:
        """The key of a manifest."""
        return cls(manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"])


class Refusal(NamedTuple):
    """What the API server said when an object was to be written, and when it is asked again."""

    reason: str
    """CamelCase, as a condition's reason: ``QuotaExceeded``, ``WebhookRefused``, ``WebhookUnavailable``, ..."""
    message: str
    """One sentence that names the object."""
    again: datetime


@dataclass(frozen=True)
class Observed:
    """The world as one reconcile sees it."""

    resource: JetCalibration
    children: Mapping[ObjectKey, Manifest]
    """Every object of the namespace that carries the resource's label: also Katib's Trials and the trials' jobs."""
    results: Mapping[ObjectKey, str]
    """Termination message of the finished worker, a JSON object, by the Job, PyTorchJob or TrainJob that ran it."""
    kinds: frozenset[tuple[str, str]]
    """(apiVersion, kind) of what the cluster serves."""
    now: datetime
    failures: Mapping[ObjectKey, str] = field(default_factory=dict)
    """Why a job's worker failed or does not start, in one sentence that names Pod or log file, by the job."""
    occupied: frozenset[ObjectKey] = frozenset()
    """Objects of others that stand under a name that this resource needs."""
    refused: Mapping[ObjectKey, Refusal] = field(default_factory=dict)
    """What the API server last refused to write, by the object."""
    namespace_labels: Mapping[str, str] | None = None
    """Labels of the resource's namespace; None where there are no namespaces or they may not be read."""


class Deletion(NamedTuple):
    """One object to delete, only while it is this very one."""

    key: ObjectKey
    uid: str


@dataclass(frozen=True)
class Plan:
    """What one reconcile does: deletions, then creations and applications, then one status."""

    status: Status
    create: tuple[Manifest, ...] = ()
    """Objects that must not exist yet (POST)."""
    apply: tuple[Manifest, ...] = ()
    """Objects to keep as wanted (server-side apply)."""
    delete: tuple[Deletion, ...] = ()
    check_again: datetime | None = None
    """When to look again at the latest, if no event comes before."""


class Cluster(Protocol):
    """The place where a plan is carried out; the planner cannot tell one from another."""

    async def observe(self, namespace: str, name: str) -> Observed | None:
        """The world around one resource; None once it is gone."""

    async def create(self, manifest: Manifest) -> None:
        """Create an object; one that exists already is left as it is."""

    async def apply(self, manifest: Manifest) -> None:
        """Make the named fields of an object as given, creating it if needed."""

    async def delete(self, deletion: Deletion) -> None:
        """Delete an object with what it owns, unless it is another one by now."""

    async def write_status(self, resource: JetCalibration, status: Status) -> None:
        """Replace the resource's status."""
