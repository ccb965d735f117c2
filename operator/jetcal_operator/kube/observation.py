"""From the cache to what a plan sees: the parsed resource, its children, their answers and their troubles."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pydantic import ValidationError

from jetcal_api.messages import explain
from jetcal_api.resource import JetCalibration, ObjectMeta
from jetcal_api.status import Status
from jetcal_operator import naming
from jetcal_operator.cluster import Manifest, ObjectKey, Observed, Refusal
from jetcal_operator.kube.answers import answer, pods_of
from jetcal_operator.kube.api import Api
from jetcal_operator.kube.cache import Cache, Key
from jetcal_operator.kube.diagnosis import failure, wants_events
from jetcal_operator.kube.kinds import EVENT, NAMESPACE, POD, Kind
from jetcal_operator.stages.progress import is_true, outcome

WORKERS = ("Job", "PyTorchJob", "TrainJob")
"""Kinds that run a worker whose answer counts."""
SEARCH = "Experiment"
SERVICE = "InferenceService"
TELLING_EVENTS = ("type=Warning", "reason=ExitedWithCode")
"""Field selectors of Events that may tell a cause; the training operator tells exit codes as normal."""
FRESH_SECONDS = 10.0
"""How long what is not watched (Events, the namespace) is taken to be as it was."""
LOOK_AGAIN_SECONDS = 12.0


class UnreadableError(Exception):
    """The models refuse what the API server holds: its CRD is older or newer than this operator."""

    def __init__(self, problem: str, status: Status | None) -> None:
        self.status = status
        super().__init__(problem)


class Reader:
    """Reads one resource again and again; its spec is parsed once for each edit."""

    def __init__(self) -> None:
        self._spec: Any = None
        self._resource: JetCalibration | None = None

    def read(self, manifest: Manifest) -> JetCalibration:
        """The resource as the models read it; a status that they cannot read is left out.

        Raises
        ------
        UnreadableError
            If the spec cannot be read.
        """
        if self._resource is None or self._spec != manifest["spec"]:
            self._resource = _parsed(manifest)
            self._spec = manifest["spec"]
        metadata = ObjectMeta.model_validate(manifest["metadata"])
        return self._resource.model_copy(update={"metadata": metadata, "status": _status(manifest)})


def _parsed(manifest: Manifest) -> JetCalibration:
    try:
        return JetCalibration.parse({name: value for name, value in manifest.items() if name != "status"})
    except ValidationError as error:
        raise UnreadableError("; ".join(explain(error)), _status(manifest)) from error


def _status(manifest: Manifest) -> Status | None:
    try:
        return Status.model_validate(manifest["status"]) if manifest.get("status") else None
    except ValidationError:
        return None


class Observer:
    """Puts together what plans see.

    Parameters
    ----------
    api
        Client for what is not watched.
    cache
        What the watches have seen.
    served
        The kinds that the cluster serves now.
    wake
        Asks for another look at a calibration after some seconds.
    """

    def __init__(
        self, api: Api, cache: Cache, served: Callable[[], frozenset[Kind]], wake: Callable[[Key, float], None]
    ) -> None:
        self._api = api
        self._cache = cache
        self._served = served
        self._wake = wake
        self._read: dict[tuple[str, str], tuple[float, Any]] = {}

    async def observe(
        self, resource: JetCalibration, occupied: frozenset[ObjectKey], refused: Mapping[ObjectKey, Refusal]
    ) -> Observed:
        """The world around a resource."""
        now = datetime.now(UTC)
        key = Key(resource.metadata.namespace, resource.metadata.name)
        family = await self._family(key)
        pods = [found for found in family if found["kind"] == POD.kind]
        children = {ObjectKey.of(found): found for found in family if found["kind"] != POD.kind}
        results, failures = await self._workers(key, children, pods, now)
        if occupied:
            self._wake(key, LOOK_AGAIN_SECONDS)
        return Observed(
            resource=resource,
            children=children,
            results=results,
            kinds=frozenset((kind.api_version, kind.kind) for kind in self._served()),
            now=now,
            failures=failures,
            occupied=occupied,
            refused=refused,
            namespace_labels=await self._namespace_labels(key.namespace),
        )

    async def _family(self, key: Key) -> list[Manifest]:
        """All objects of a calibration; the parts of what has ended are read live before they are judged.

        For the watch that tells of an end may be ahead of those that tell of its parts.
        """
        read: set[str] = set()
        while True:
            family = self._cache.family(key)
            ended = {uid: kinds for uid, kinds in self._unread(family).items() if uid not in read}
            if not ended:
                return family
            for kind in sorted(set().union(*ended.values())):
                listing = await self._api.list(kind, key.namespace, labels=f"{naming.CALIBRATION}={key.name}")
                for item in listing.items:
                    self._cache.keep(item)
            read |= ended.keys()

    def _unread(self, family: list[Manifest]) -> dict[str, set[Kind]]:
        """Kinds of which parts may be missing, by the uid of what has ended well: answers, or a search's trials."""
        pods = [found for found in family if found["kind"] == POD.kind]
        recorded = {naming.label(found, naming.FINGERPRINT) for found in family if naming.label(found, naming.RECORD)}
        unread = {}
        for found in family:
            if found["kind"] not in (*WORKERS, SEARCH) or outcome(found).phase != "Succeeded":
                continue
            if found["kind"] == SEARCH and naming.label(found, naming.FINGERPRINT) not in recorded:
                parts = {kind for kind in self._served() if kind.kind in (POD.kind, "Trial", *WORKERS)}
                unread[found["metadata"]["uid"]] = parts
            elif found["kind"] in WORKERS and answer(pods_of(found, pods)) is None:
                unread[found["metadata"]["uid"]] = {POD}
        return unread

    async def _workers(
        self, key: Key, children: Mapping[ObjectKey, Manifest], pods: list[Manifest], now: datetime
    ) -> tuple[dict[ObjectKey, str], dict[ObjectKey, str]]:
        results, failures = {}, {}
        for child_key, child in children.items():
            if child_key.kind not in (*WORKERS, SERVICE):
                continue
            own = pods_of(child, pods)
            events: list[Manifest] = []
            if wants_events(child, own, now):
                events = await self._fresh(("events", key.namespace), partial(self._warnings, key.namespace))
            if _is_starting(child, own):
                self._wake(key, LOOK_AGAIN_SECONDS)
            if (sentence := failure(child, own, events)) is not None:
                failures[child_key] = sentence
            if child_key.kind in WORKERS and (found := answer(own)) is not None:
                results[child_key] = found
        return results, failures

    async def _warnings(self, namespace: str) -> list[Manifest]:
        return [
            event
            for fields in TELLING_EVENTS
            for event in (await self._api.list(EVENT, namespace, fields=fields)).items
        ]

    async def _namespace_labels(self, namespace: str) -> Mapping[str, str] | None:
        found = await self._fresh(("namespace", namespace), lambda: self._api.get(NAMESPACE, None, namespace))
        return (found["metadata"].get("labels") or {}) if found else None

    async def _fresh(self, name: tuple[str, str], read: Callable[[], Any]) -> Any:
        """What was read a moment ago, or is read now."""
        moment = time.monotonic()
        known = self._read.get(name)
        if known and moment - known[0] < FRESH_SECONDS:
            return known[1]
        self._read = {key: entry for key, entry in self._read.items() if moment - entry[0] < FRESH_SECONDS}
        value = await read()
        self._read[name] = (moment, value)
        return value


def _is_starting(child: Manifest, pods: list[Manifest]) -> bool:
    """Whether Pods are still to come or to start: that none comes is told by no event of a watch."""
    is_over = is_true(child, "Ready") if child["kind"] == SERVICE else outcome(child).phase != "Running"
    return not is_over and not all((pod.get("status") or {}).get("phase") == "Running" for pod in pods or [{}])
