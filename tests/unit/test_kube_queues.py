"""A job under a queue is held by its Workload where Kueue has made one, and by its own field everywhere else."""

from __future__ import annotations

import asyncio

import pytest

from jetcal_operator import naming
from jetcal_operator.kube.api import ApiError, Listing
from jetcal_operator.kube.queues import JOB_UID, is_queued, suspend
from jetcal_operator.stages.jobs import suspension

UID = "0ddba11"


class RecordedApi:
    """Serves Workloads in some versions of Kueue's group, none without Kueue; notes every call."""

    def __init__(self, versions=(), workloads=(), status=404):
        self.versions = versions
        self.workloads = workloads
        self.status = status
        self.calls = []

    async def document(self, path):
        self.calls.append(("document", path))
        if not self.versions:
            call = f"GET {path}"
            raise ApiError(call, self.status, {})
        return {"preferredVersion": {"groupVersion": f"kueue.x-k8s.io/{self.versions[0]}"}}

    async def list(self, kind, namespace, *, labels):
        self.calls.append(("list", kind.path(namespace), labels))
        return Listing([{"metadata": {"name": name}} for name in self.workloads], "1")

    async def merge(self, kind, namespace, name, patch):
        self.calls.append(("merge", kind.path(namespace, name), patch))

    async def apply(self, manifest):
        self.calls.append(("apply", manifest))
        return manifest


def job(kind="PyTorchJob", **labels):
    metadata = {"name": "ak4-training", "namespace": "jec", "uid": UID, "labels": labels}
    return {"apiVersion": "kubeflow.org/v1", "kind": kind, "metadata": metadata, "spec": {}}


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
@pytest.mark.parametrize("held", [True, False])
def test_workloads_are_switched_in_the_version_that_is_served_before_the_job_gets_its_mark(version, held):
    api = RecordedApi([version], ["one", "two"])
    asyncio.run(suspend(api, suspension(job(), suspend=held)))
    _, listing, *merges, (verb, applied) = api.calls
    path = f"/apis/kueue.x-k8s.io/{version}/namespaces/jec/workloads"
    assert listing == ("list", path, f"{JOB_UID}={UID}")
    assert merges == [("merge", f"{path}/{name}", {"spec": {"active": not held}}) for name in ("one", "two")]
    assert verb == "apply"
    assert "spec" not in applied
    assert applied["metadata"]["annotations"] == {naming.SUSPENDED: str(held).lower()}


@pytest.mark.parametrize("api", [RecordedApi(), RecordedApi(["v1beta2"])], ids=["no Kueue", "no Workload"])
@pytest.mark.parametrize("held", [True, False])
def test_a_job_that_kueue_does_not_look_after_is_held_by_its_own_field(api, held):
    api.calls.clear()
    wanted = suspension(job(), suspend=held)
    asyncio.run(suspend(api, wanted))
    assert api.calls[-1] == ("apply", wanted)
    assert not [call for call in api.calls if call[0] == "merge"]


def test_an_api_server_that_does_not_answer_is_not_taken_for_one_without_kueue():
    api = RecordedApi(status=503)
    with pytest.raises(ApiError):
        asyncio.run(suspend(api, suspension(job(), suspend=True)))
    assert api.calls == [("document", "/apis/kueue.x-k8s.io")]


def test_only_the_suspension_of_a_job_with_the_label_of_a_queue_concerns_kueue():
    queued = job(**{naming.QUEUE: "jec"})
    assert is_queued(suspension(queued, suspend=True), queued)
    assert not is_queued(suspension(job(), suspend=True), job())
    assert not is_queued(queued, queued)
    assert not is_queued(suspension(queued, suspend=True), None)
