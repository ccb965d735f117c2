"""Drives one resource on one machine: reconcile whenever something changes, until nothing more will."""

from __future__ import annotations

from jetcal_api.resource import JetCalibration
from jetcal_operator.local.cluster import LocalCluster
from jetcal_operator.local.status import is_true
from jetcal_operator.platform import Platform
from jetcal_operator.reconcile import reconcile


def holds(resource: JetCalibration, kind: str) -> bool:
    """Whether a condition of the resource is True for its present spec."""
    if resource.status is None or resource.status.observed_generation != resource.metadata.generation:
        return False
    return any(entry.type == kind and entry.status == "True" for entry in resource.status.conditions)


def is_ready(resource: JetCalibration) -> bool:
    """Whether all that the spec asks for is there."""
    return holds(resource, "Ready") and not holds(resource, "Reconciling")


async def settle(cluster: LocalCluster, platform: Platform, name: str) -> JetCalibration:
    """Reconcile until the resource is Ready, Stalled or suspended, or nothing runs or is planned that changes it."""
    while True:
        count = cluster.changes.count
        cluster.controllers.adjust()
        resource = _present(cluster, name)
        check_again = await reconcile(cluster, platform, resource.metadata.namespace, name)
        cluster.controllers.adjust()
        if cluster.changes.count != count:
            continue
        resource = _present(cluster, name)
        is_paused = resource.spec.suspend and not cluster.is_working
        is_over = cluster.controllers.idle and check_again is None
        if is_ready(resource) or holds(resource, "Stalled") or is_over or is_paused:
            return resource
        await cluster.changes.since(count, check_again)


async def stop_endpoint(cluster: LocalCluster, platform: Platform, name: str) -> JetCalibration:
    """Stop the endpoint of a settled resource, and let the status say so."""
    cluster.keep_endpoint(name, up=False)
    while (endpoint := cluster.endpoint(name)) and not is_true(endpoint, "Stopped"):
        count = cluster.changes.count
        cluster.controllers.adjust()
        await cluster.changes.since(count)
    return await settle(cluster, platform, name)


def _present(cluster: LocalCluster, name: str) -> JetCalibration:
    resource = cluster.resource(name)
    assert resource is not None, name  # noqa: S101  # the caller has submitted it and holds the lock
    return resource
