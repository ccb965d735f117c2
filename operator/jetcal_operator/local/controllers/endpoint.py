"""KServe's InferenceService: a real tritonserver on the model repository."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.local.changes import Changes
from jetcal_operator.local.objects import ObjectStore
from jetcal_operator.local.processes import explain_exit
from jetcal_operator.local.status import is_true, with_condition
from jetcal_operator.local.triton.environment import TritonUnavailable, prepare_environment
from jetcal_operator.local.triton.server import Ports, TritonError, TritonServer

STOP = "serving.kserve.io/stop"
"""Annotation: ``true`` stops the endpoint and keeps the object."""
LOCAL_SCHEMES = ("/", "file://")


class Report(NamedTuple):
    """What the status says of an endpoint."""

    ready: str
    reason: str
    message: str
    model: Mapping[str, Any] = {"transitionStatus": "UpToDate"}
    """``status.modelStatus``."""
    url: str | None = None


STARTING = Report("Unknown", "Loading", "the server is starting", {"transitionStatus": "InProgress"})


def is_stopped(manifest: Manifest) -> bool:
    """Whether the endpoint is asked to be down."""
    annotations: Mapping[str, str] = manifest["metadata"].get("annotations", {})
    return annotations.get(STOP) == "true"


class EndpointController:
    """Runs InferenceServices.

    Parameters
    ----------
    folder
        Of the servers' own files.
    tell
        Is told in one line what takes a while.
    port
        HTTP port; 0 for any free one.
    """

    kinds = frozenset({("serving.kserve.io/v1beta1", "InferenceService")})

    def __init__(
        self, store: ObjectStore, changes: Changes, folder: Path, tell: Callable[[str], None], port: int
    ) -> None:
        self._store = store
        self._changes = changes
        self._folder = folder
        self._tell = tell
        self._port = port

    def wants(self, manifest: Manifest) -> Hashable | None:
        """What the server is started with; a stopped one is looked at again for each generation."""
        if is_stopped(manifest):
            return "stopped", manifest["metadata"].get("generation", 1)
        model = manifest["spec"]["predictor"]["model"]
        return model["storageUri"], model.get("runtimeVersion")

    def is_settled(self, manifest: Manifest) -> bool:
        """Up, or known not to come up."""
        return is_true(manifest, "Ready") or _cannot(manifest)

    async def run(self, manifest: Manifest) -> None:
        """Serve until told otherwise."""
        if is_stopped(manifest):
            self._report(manifest, Report("False", "Stopped", "the endpoint is stopped"))
            return
        mark_starting(self._store, ObjectKey.of(manifest))
        uri = manifest["spec"]["predictor"]["model"]["storageUri"]
        try:
            server = await self._start(manifest["metadata"]["name"], uri)
        except (TritonUnavailable, TritonError) as error:
            self._report(manifest, Report("False", "Unavailable", str(error)))
            return
        async with server:
            try:
                await server.wait_ready()
            except TritonError as error:
                failed = {
                    "transitionStatus": "BlockedByFailedLoad",
                    "states": {"activeModelState": "", "targetModelState": "FailedToLoad"},
                    "lastFailureInfo": {"reason": "ModelLoadFailed", "message": str(error)},
                }
                self._report(manifest, Report("False", "ModelLoadFailed", str(error), failed))
                return
            await self._watch(manifest, server)

    async def _start(self, name: str, uri: str) -> TritonServer:
        repository = Path(uri.removeprefix("file://"))
        if not uri.startswith(LOCAL_SCHEMES):
            message = f"the model repository {uri} is not on this machine"
            raise TritonUnavailable(message)
        environment = await prepare_environment(self._tell)
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return await TritonServer.start(environment, repository, folder, Ports(http=self._port))

    async def _watch(self, manifest: Manifest, server: TritonServer) -> None:
        """Report each generation that only changes what does not concern one machine, and the server's death."""
        loaded = {
            "transitionStatus": "UpToDate",
            "states": {"activeModelState": "Loaded", "targetModelState": "Loaded"},
            "copies": {"failedCopies": 0, "totalCopies": 1},
        }
        death = asyncio.create_task(server.process.wait())
        try:
            while not death.done():
                count = self._changes.count
                self._report(manifest, Report("True", "Ready", "", loaded, server.url))
                if self._changes.count == count:
                    change = asyncio.create_task(self._changes.since(count))
                    await asyncio.wait({death, change}, return_when=asyncio.FIRST_COMPLETED)
                    change.cancel()
        finally:
            death.cancel()
        message = f"tritonserver {explain_exit(await server.process.wait())} (log: {server.log})"
        self._report(manifest, Report("False", "Unavailable", message))

    def _report(self, manifest: Manifest, report: Report) -> None:
        _write_status(self._store, ObjectKey.of(manifest), report)


def mark_starting(store: ObjectStore, key: ObjectKey) -> None:
    """Make the status of an endpoint that is to be started, or whose server has died unseen, say so at once."""
    _write_status(store, key, STARTING)


def _write_status(store: ObjectStore, key: ObjectKey, report: Report) -> None:
    current = store.get(key)
    if current is None:
        return
    status = {name: value for name, value in current.get("status", {}).items() if name == "conditions"}
    status["observedGeneration"] = current["metadata"].get("generation", 1)
    status["modelStatus"] = dict(report.model)
    if report.url:
        status |= {"url": report.url, "address": {"url": report.url}}
    for kind in ("PredictorReady", "IngressReady", "Ready"):
        status = with_condition(status, kind, report.ready, report.reason, report.message)
    stopped = str(report.reason == "Stopped")
    store.write_status(current, with_condition(status, "Stopped", stopped, report.reason, report.message))


def _cannot(manifest: Manifest) -> bool:
    conditions = (manifest.get("status") or {}).get("conditions", [])
    return any(entry["type"] == "Ready" and entry["status"] == "False" for entry in conditions)
