"""How a job that Kueue queues is held: by its Workload, for Kueue takes back what others do to the job's own field."""

from __future__ import annotations

from jetcal_operator import naming
from jetcal_operator.cluster import Manifest
from jetcal_operator.kube.api import Api, ApiError
from jetcal_operator.kube.kinds import Kind

GROUP = "kueue.x-k8s.io"
JOB_UID = f"{GROUP}/job-uid"
"""Label of a Workload: uid of the job that it stands for."""


def is_queued(suspension: Manifest, job: Manifest | None) -> bool:
    """Whether a manifest holds a job, or lets it go on, that was given to a queue."""
    mark = (suspension["metadata"].get("annotations") or {}).get(naming.SUSPENDED)
    return mark is not None and job is not None and bool(naming.label(job, naming.QUEUE))


async def suspend(api: Api, suspension: Manifest) -> Manifest:
    """Carry out a manifest of `jetcal_operator.stages.jobs.suspension` for a job that was given to a queue.

    Where Kueue has made a Workload of the job, that is deactivated, or made active again, and the job only gets the
    mark; Kueue then evicts the job, or queues it. Where there is none, Kueue does not look after the job.

    Raises
    ------
    jetcal_operator.kube.api.ApiError
        If the API server refuses a call.
    """
    metadata = suspension["metadata"]
    namespace = metadata["namespace"]
    kind = await _workload(api)
    if kind is None:
        return await api.apply(suspension)
    workloads = (await api.list(kind, namespace, labels=f"{JOB_UID}={metadata['uid']}")).items
    if not workloads:
        return await api.apply(suspension)
    patch = {"spec": {"active": metadata["annotations"][naming.SUSPENDED] != "true"}}
    for workload in workloads:
        await api.merge(kind, namespace, workload["metadata"]["name"], patch)
    return await api.apply({name: value for name, value in suspension.items() if name != "spec"})


async def _workload(api: Api) -> Kind | None:
    """Kueue's Workload in the version that the cluster prefers; None without Kueue."""
    try:
        group = await api.document(f"/apis/{GROUP}")
    except ApiError as error:
        if error.is_missing:
            return None
        raise
    return Kind(group["preferredVersion"]["groupVersion"], "Workload", "workloads")
