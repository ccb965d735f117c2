"""What ``jetcal run`` and ``jetcal serve`` do, once the command line is read."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jetcal_api.documents import MODEL_NAME
from jetcal_api.resource import JetCalibration
from jetcal_api.spec import Resources
from jetcal_operator import naming
from jetcal_operator.cluster import Manifest
from jetcal_operator.local.cluster import LocalCluster, resource_key
from jetcal_operator.local.controllers.search import SearchError, check_algorithm
from jetcal_operator.local.display import Display
from jetcal_operator.local.errors import LocalError
from jetcal_operator.local.freshness import forget_stale_inventory
from jetcal_operator.local.loop import is_ready, settle, stop_endpoint
from jetcal_operator.local.session import opened
from jetcal_operator.local.status import is_true
from jetcal_operator.platform import Platform

PLATFORM = Platform(job_resources=Resources(cpu="1", memory="2Gi"), retries=False, retry_delay=timedelta(seconds=1))
"""One machine's side of a plan."""


def check_possible(resource: JetCalibration) -> None:
    """Refuse at once what would only be found out after hours; raises `LocalError`."""
    if resource.spec.tuning is None:
        return
    try:
        check_algorithm(resource.spec.tuning.algorithm.name)
    except SearchError as error:
        raise LocalError(str(error)) from error


async def calibrate(document: dict[str, Any], display: Display, *, serve: bool, port: int) -> JetCalibration:
    """Bring a resource to its end on this machine; with ``serve`` keep its endpoint up until a signal comes.

    Parameters
    ----------
    document
        The resource, valid and localised.
    port
        HTTP port of the endpoint; 0 for any free one.
    """
    name = document["metadata"]["name"]
    async with opened(Path(document["spec"]["storage"]["uri"]), display, port) as cluster:
        _submit(cluster, document, display)
        if serve:
            cluster.keep_endpoint(name, up=True)
        async with display.following(cluster, name):
            resource = await settle(cluster, PLATFORM, name)
        endpoint = cluster.endpoint(name)
        if endpoint is None or not is_true(endpoint, "Ready"):
            if serve:
                display.tell(
                    f"nothing is served: {_ready_message(endpoint) if endpoint else 'no revision is accepted'}"
                )
            return resource
        if serve:
            await _keep_up(cluster, name, display)
        return await stop_endpoint(cluster, PLATFORM, name)


async def serve_accepted(storage: Path, name: str, display: Display, port: int) -> None:
    """Serve the accepted revision of a finished calibration until a signal comes."""
    async with opened(storage, display, port) as cluster:
        if cluster.endpoint(name) is None:
            message = f"{storage}: {name} has no accepted revision yet; run it first: jetcal run"
            raise LocalError(message)
        cluster.keep_endpoint(name, up=True)
        try:
            await _keep_up(cluster, name, display)
        finally:
            cluster.keep_endpoint(name, up=False)
            await _stopped(cluster, name)


def _submit(cluster: LocalCluster, document: dict[str, Any], display: Display) -> None:
    spec, name = document["spec"], document["metadata"]["name"]
    if forget_stale_inventory(Path(spec["storage"]["uri"]), spec["dataset"]["files"]):
        display.tell("the input files have changed since they were listed; they are listed again")
    cluster.forget_lost_results()
    cluster.submit(document)
    resource = cluster.resource(name)
    if resource and not is_ready(resource):  # running again is how a person on one machine asks for another try
        cluster.store.annotate(resource_key(name), naming.RETRY, datetime.now(UTC).isoformat())


async def _keep_up(cluster: LocalCluster, name: str, display: Display) -> None:
    """Wait for a signal; the end of the server is an error."""
    told = False
    while True:
        count = cluster.changes.count
        cluster.controllers.adjust()
        endpoint = cluster.endpoint(name)
        if endpoint is None:
            return
        if is_true(endpoint, "Ready") and not told:
            told = True
            display.console.print(invitation(endpoint), markup=False, soft_wrap=True)
        if _ready_reason(endpoint) in ("Unavailable", "ModelLoadFailed"):
            raise LocalError(_ready_message(endpoint))
        try:
            await cluster.changes.since(count)
        except asyncio.CancelledError:
            if task := asyncio.current_task():
                task.uncancel()
            return


async def _stopped(cluster: LocalCluster, name: str) -> None:
    while (endpoint := cluster.endpoint(name)) and not is_true(endpoint, "Stopped"):
        count = cluster.changes.count
        cluster.controllers.adjust()
        await cluster.changes.since(count)


def invitation(endpoint: Manifest) -> str:
    """How to ask an endpoint that is up."""
    url = endpoint["status"]["url"]
    return "\n".join(
        [
            f"Serving {endpoint['spec']['predictor']['model']['storageUri']} at {url} until Ctrl-C.",
            "Ask it:",
            f"  curl {url}/v2/models/{MODEL_NAME}",
            f"  jetcal predict JETS.root --url {url} --output corrected.root",
        ]
    )


def _condition(endpoint: Manifest) -> dict[str, Any]:
    conditions = endpoint.get("status", {}).get("conditions", [])
    return next((entry for entry in conditions if entry["type"] == "Ready"), {})


def _ready_reason(endpoint: Manifest) -> str:
    return str(_condition(endpoint).get("reason", ""))


def _ready_message(endpoint: Manifest) -> str:
    return str(_condition(endpoint).get("message", ""))
