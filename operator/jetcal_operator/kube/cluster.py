"""The API server as a cluster: how one calibration's plan is carried out, and never on a world that has moved on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jetcal_api.resource import JetCalibration
from jetcal_api.status import Status
from jetcal_operator.cluster import Deletion, Manifest, ObjectKey, Observed, Refusal
from jetcal_operator.kube import queues
from jetcal_operator.kube.api import Api, ApiError
from jetcal_operator.kube.cache import Cache, Key, Place
from jetcal_operator.kube.kinds import KEPT, RESOURCE, kind_of
from jetcal_operator.kube.observation import Observer, Reader, UnreadableError
from jetcal_operator.kube.recorder import Recorder
from jetcal_operator.kube.refusals import refusal
from jetcal_operator.status import unreadable


class LookAgainError(Exception):
    """The world is not as the plan took it to be: it is to be looked at again."""


class KubeCluster:
    """The protocol of `jetcal_operator.cluster.Cluster` for one calibration.

    Parameters
    ----------
    key
        The calibration.
    api
        Client for writes and for reads that must be fresh.
    cache
        What the watches have seen; answers to writes are kept there too.
    observer
        Puts together what a plan needs to see.
    recorder
        Writes Events.
    """

    def __init__(self, key: Key, api: Api, cache: Cache, observer: Observer, recorder: Recorder) -> None:
        self._key = key
        self._place = Place(RESOURCE, *key)
        self._api = api
        self._cache = cache
        self._observer = observer
        self._recorder = recorder
        self._occupied: set[ObjectKey] = set()
        self._refused: dict[ObjectKey, tuple[Refusal, int]] = {}
        self._reader = Reader()
        self._seen: Manifest = {}
        self._told: tuple[Manifest, str] | None = None
        """The status last written, and the version that this made; a CRD older than we prunes what it does not know."""
        self._is_confirmed = False

    async def observe(self, namespace: str, name: str) -> Observed | None:  # noqa: ARG002  # one calibration each
        """The world around the calibration; None once it is gone or on its way out.

        Raises
        ------
        jetcal_operator.kube.observation.UnreadableError
            If the models refuse what the API server holds.
        """
        manifest = self._cache.get(self._place)
        if manifest is None or manifest["metadata"].get("deletionTimestamp"):
            return None
        self._seen, self._is_confirmed = manifest, False
        resource = self._reader.read(manifest)
        await self._review_occupied(resource)
        refused = {key: found for key, (found, _) in self._refused.items()}
        return await self._observer.observe(resource, frozenset(self._occupied), refused)

    async def create(self, manifest: Manifest) -> None:
        """Create an object; one of ours that exists already is left as it is."""
        await self._write(manifest, self._create_kept if kind_of(manifest) in KEPT else self._api.create)

    async def apply(self, manifest: Manifest) -> None:
        """Make the named fields of an object as given."""
        job = self._cache.get(Place(kind_of(manifest), *self._named(ObjectKey.of(manifest))))
        await self._write(manifest, self._suspend if queues.is_queued(manifest, job) else self._api.apply)

    async def delete(self, deletion: Deletion) -> None:
        """Delete an object, if the calibration and it are still what the plan has seen."""
        kind = kind_of(deletion.key)
        place = Place(kind, self._key.namespace, deletion.key.name)
        cached = self._cache.get(place)
        if cached is None or cached["metadata"]["uid"] != deletion.uid:
            return
        await self._confirm()
        version = cached["metadata"]["resourceVersion"]
        try:
            await self._api.delete(kind, place.namespace, place.name, uid=deletion.uid, resource_version=version)
        except ApiError as error:
            if not error.is_missing and not error.is_conflict:
                raise
            await self._refresh(place, deletion.uid)
            if error.is_conflict:
                message = f"{kind.kind} {place.name} has changed since it was to be deleted"
                raise LookAgainError(message) from error
            return
        self._refused.pop(deletion.key, None)
        self._cache.mark_deleted(place, deletion.uid)

    async def write_status(self, resource: JetCalibration, status: Status) -> None:
        """Replace the status, unless somebody has changed the resource meanwhile; tell what is new as Events."""
        await self._write_status(status, resource.status)

    async def report_unreadable(self, error: UnreadableError) -> None:
        """Say in the status why the resource cannot be worked on."""
        status = unreadable(self._seen["metadata"], str(error), error.status, datetime.now(UTC))
        if status != error.status:
            await self._write_status(status, error.status)

    async def _write_status(self, status: Status, before: Status | None) -> None:
        metadata = self._seen["metadata"]
        text = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        if self._told == (text, metadata["resourceVersion"]):
            return
        try:
            written = await self._api.replace_status(self._seen, text)
        except ApiError as error:
            if error.is_missing or error.is_conflict:
                await self._refresh(self._place, metadata["uid"])
                message = "the resource has changed since it was looked at"
                raise LookAgainError(message) from error
            raise
        self._cache.keep(written)
        self._told = text, written["metadata"]["resourceVersion"]
        await self._recorder.record(self._seen, before, status)

    async def _write(self, manifest: Manifest, call: Callable[[Manifest], Any]) -> None:
        key = ObjectKey.of(manifest)
        standing = self._refused.get(key)
        if standing and datetime.now(UTC) < standing[0].again:
            return
        try:
            self._cache.keep(await call(manifest))
        except ApiError as error:
            if error.exists_already:
                await self._inspect(key, manifest, error)
                return
            if error.is_conflict or error.is_missing:
                await self._refresh(Place(kind_of(key), *self._named(key)), manifest["metadata"].get("uid", ""))
                message = f"{key.kind} {key.name} is not the object that was meant"
                raise LookAgainError(message) from error
            self._refuse(key, error)
        self._refused.pop(key, None)
        self._occupied.discard(key)

    async def _create_kept(self, manifest: Manifest) -> Manifest:
        """Create by server-side apply, so that a field that is wanted no more goes away when it is applied again."""
        key = ObjectKey.of(manifest)
        if await self._api.get(kind_of(key), *self._named(key)) is not None:
            call = f"create {key.kind} {key.name}"
            raise ApiError(call, 409, {"reason": "AlreadyExists"})
        return await self._api.apply(manifest, force=False)

    async def _suspend(self, suspension: Manifest) -> Manifest:
        return await queues.suspend(self._api, suspension)

    async def _inspect(self, key: ObjectKey, manifest: Manifest, error: ApiError) -> None:
        """Find out whose the object is that has the name; one of ours gets back the labels by which it is watched."""
        found = await self._api.get(kind_of(key), *self._named(key))
        if found is not None and _controller(found) == self._seen["metadata"]["uid"]:
            labels = manifest["metadata"]["labels"]
            if not labels.items() <= (found["metadata"].get("labels") or {}).items():
                patch = {"metadata": {"uid": found["metadata"]["uid"], "labels": labels}}
                found = await self._api.merge(kind_of(key), *self._named(key), patch)
            self._cache.keep(found)
            return
        if found is not None:
            self._occupied.add(key)
        message = f"the name of {key.kind} {key.name} is taken"
        raise LookAgainError(message) from error

    async def _review_occupied(self, resource: JetCalibration) -> None:
        for key in list(self._occupied):
            found = await self._api.get(kind_of(key), *self._named(key))
            if found is None or _controller(found) == resource.metadata.uid:
                self._occupied.discard(key)

    def _refuse(self, key: ObjectKey, error: ApiError) -> None:
        _, attempts = self._refused.get(key, (None, 0))
        found = refusal(error.status, dict(error.body), key, attempts, datetime.now(UTC))
        if found is None:
            raise error
        self._refused[key] = (found, attempts + 1)
        raise LookAgainError(found.message) from error

    async def _confirm(self) -> None:
        """Before anything is deleted: the calibration is still there, and still wants what the plan was made for."""
        if self._is_confirmed:
            return
        live = await self._api.get(RESOURCE, *self._key)
        metadata = self._seen["metadata"]
        if live is None or any(live["metadata"][name] != metadata[name] for name in ("uid", "generation")):
            await self._refresh(self._place, metadata["uid"])
            message = "the resource has been edited or deleted since it was looked at"
            raise LookAgainError(message)
        self._is_confirmed = True

    async def _refresh(self, place: Place, uid: str) -> None:
        live = await self._api.get(place.kind, place.namespace, place.name)
        if live is None:
            self._cache.drop(place, uid)
        else:
            self._cache.keep(live)

    def _named(self, key: ObjectKey) -> tuple[str, str]:
        return self._key.namespace, key.name


def _controller(manifest: Manifest) -> str:
    """Uid of what controls an object."""
    owners = manifest["metadata"].get("ownerReferences", [])
    return next((owner["uid"] for owner in owners if owner.get("controller")), "")
