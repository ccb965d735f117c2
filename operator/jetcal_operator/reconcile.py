"""One reconcile: observe, plan, act, write the status once."""

from __future__ import annotations

from datetime import datetime

from jetcal_operator.cluster import Cluster
from jetcal_operator.planner import plan
from jetcal_operator.platform import Platform


async def reconcile(cluster: Cluster, platform: Platform, namespace: str, name: str) -> datetime | None:
    """Bring one resource a step nearer to what its spec wants.

    Returns
    -------
    datetime or None
        When to look again at the latest; None if only an event can change anything.
    """
    observed = await cluster.observe(namespace, name)
    if observed is None:
        return None
    decided = plan(observed, platform)
    for deletion in decided.delete:
        await cluster.delete(deletion)
    for manifest in decided.create:
        await cluster.create(manifest)
    for manifest in decided.apply:
        await cluster.apply(manifest)
    if decided.status != observed.resource.status:
        await cluster.write_status(observed.resource, decided.status)
    return decided.check_again
