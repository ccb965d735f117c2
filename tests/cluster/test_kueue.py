"""spec.queueName and spec.suspend together, on the real Kueue: both hold jobs, and neither undoes the other."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from tests.support import kubelet
from tests.support.control_plane import OWN_CRD, ControlPlane, kubeflow_crds, running
from tests.support.kubeflow import kueue as real_kueue
from tests.support.kubeflow import training_operator as real_training_operator
from tests.support.kubeflow.controller import Controller
from tests.support.kubeflow.fixtures import katib_process
from tests.support.operator_process import OperatorProcess, log_in
from tests.support.playground import small_calibration
from tests.support.scripted_cluster import ScriptedCluster, config_maps
from tests.support.stage_hands import CONFIG_MAP, JOB, PYTORCH_JOB
from tests.support.waiting import wait_for

from jetcal_api.documents import parse_input
from jetcal_operator import naming
from jetcal_operator.kube.denials import KATIB_LABEL
from jetcal_operator.kube.kinds import RESOURCE, kind_of
from jetcal_operator.kube.queues import GROUP, JOB_UID
from jetcal_operator.stages.progress import condition, is_suspended, is_true, outcome

QUEUE = "jec"
PLENTY = 100
SHARDS = 3
TRIALS = 2
KINDS = {"inventory": JOB, "dataset": JOB, "tuning": PYTORCH_JOB, "training": PYTORCH_JOB}
PREPARED = ("inventory", "dataset")
BEFORE = {"inventory": (), "dataset": ("inventory",), "tuning": PREPARED, "training": PREPARED}
PODS = {"inventory": 1, "dataset": SHARDS, "training": 2}
CONDITIONS = {"inventory": "DatasetReady", "dataset": "DatasetReady", "training": "Trained"}


class Queued(NamedTuple):
    """A control plane with training-operator and Kueue."""

    plane: ControlPlane
    kueue: Controller


@pytest.fixture(scope="module")
def queued(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kueue")
    called = real_kueue.calls(folder / "kueue")
    (folder / "plane").mkdir()
    with (
        running(folder / "plane", [OWN_CRD, *kubeflow_crds(), *real_kueue.crds(called)]) as plane,
        real_training_operator.training_operator(plane.kubeconfig, folder / "training-operator"),
        real_kueue.kueue(plane.kubeconfig, called) as controller,
    ):
        yield Queued(plane, controller)


@dataclass
class Place:
    """A namespace with a queue, an operator and a calibration."""

    plane: object
    namespace: str
    operator: OperatorProcess

    @property
    def client(self):
        return self.plane.client

    def give(self, cpus):
        """Say how many processors the queue may hand out."""
        self.plane.apply(*real_kueue.queue(self.namespace, QUEUE, cpus))

    def calibrate(self, **spec):
        """Ask for a calibration whose jobs go to the queue."""
        document = small_calibration(queueName=QUEUE, **spec)
        document["metadata"]["namespace"] = self.namespace
        self.plane.apply(document)

    def suspend(self, *, suspend=True):
        self.client.merge(RESOURCE.path(self.namespace, "ak4"), {"spec": {"suspend": suspend}})

    def wait_for_reason(self, kind, reason):
        """The message of a condition, once it has a reason."""

        def entry():
            found = self.client.get(RESOURCE.path(self.namespace, "ak4"))
            entries = (found.get("status") or {}).get("conditions") or []
            return next((entry for entry in entries if entry["type"] == kind), {"reason": "", "message": ""})

        wait_for(lambda: f"{kind} is {reason} and not {entry()}", lambda: entry()["reason"] == reason)
        return entry()["message"]

    def jobs(self, stage, count=1):
        """So many jobs of a stage, once they are there."""
        path = KINDS[stage].path(self.namespace)
        selector = f"{naming.STAGE}={stage}"

        def found():
            jobs = self.client.items(path, labelSelector=selector)
            return jobs if len(jobs) == count else None

        return wait_for(f"{count} jobs of {stage}", found)

    def workload(self, job):
        """What Kueue has made of a job."""
        selector = f"{JOB_UID}={job['metadata']['uid']}"
        (found,) = wait_for("the job has a Workload", lambda: self.plane.list("workloads", self.namespace, selector))
        return found

    def pods(self, stage):
        found = self.plane.list("pods", self.namespace, f"{naming.STAGE}={stage}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def start(self, stage, count=1):
        """Let the Pods of a stage run, once there are so many."""
        for pod in wait_for(f"Pods of {stage}", lambda: len(found := self.pods(stage)) == count and found):
            kubelet.run(self.plane, pod)

    def finish(self, stage):
        """Let the workers of a stage answer as they do when all is well."""

        def step():
            for pod in self.pods(stage):
                if pod["status"]["phase"] in {"Pending", "Running"}:
                    kubelet.succeed(self.plane, pod, self._answer(pod))
            return outcome(self.jobs(stage)[0]).phase == "Succeeded"

        wait_for(f"{stage} is done", step)

    def _answer(self, pod):
        path = CONFIG_MAP.path(self.namespace, next(config_maps(pod["spec"])))
        document = parse_input(self.client.get(path)["data"]["calibration.json"])
        return json.dumps(ScriptedCluster({"metadata": {}}).answer(document))

    def wait_until_held(self, stage, count=1):
        """Until all jobs of a stage are evicted and without Pods."""

        def held():
            loads = [self.workload(job) for job in self.jobs(stage, count)]
            evicted = [condition(load, "Evicted") for load in loads]
            reasons = [entry["reason"] for entry in evicted if entry and entry["status"] == "True"]
            return reasons == ["Deactivated"] * count and all(is_suspended(job) for job in self.jobs(stage, count))

        wait_for(f"{stage} is held", held)
        wait_for("its Pods are gone", lambda: not self.pods(stage))

    def wait_for_looks(self, job, kueue):
        """Until Kueue has looked at a job, and then the operator at the calibration, once more."""
        name = job["metadata"]["name"]
        path = kind_of(job).path(self.namespace, name)
        self.client.merge(path, {"metadata": {"annotations": {"tests/touched": "true"}}})

        def looks():
            return sum("Reconciling Job" in line and name in line for line in kueue.log.splitlines())

        before = looks()
        self.client.merge(path, {"metadata": {"annotations": {"tests/touched": "again"}}})
        wait_for("Kueue looks at the job", lambda: looks() > before)
        told = self.operator.metric("jetcal_reconciles_total")
        wait_for("the operator looks", lambda: self.operator.metric("jetcal_reconciles_total") >= told + 2)


@contextmanager
def place_on(plane, folder, warm):
    namespace = plane.namespace({KATIB_LABEL: "enabled"})
    token = log_in(plane, namespace)
    operator = OperatorProcess(folder, plane.url, token, namespace, warm=warm, ca=plane.ca)
    with operator.running():
        yield Place(plane, namespace, operator)


@pytest.fixture
def place(queued, warm, tmp_path):
    with place_on(queued.plane, tmp_path, warm) as here:
        yield here


def test_a_job_waits_in_the_queue_until_there_is_quota(place):
    place.give(0)
    place.calibrate(tuning=None)
    assert f"waits in queue {QUEUE}" in place.wait_for_reason("DatasetReady", "Queued")
    assert not place.pods("inventory")
    place.give(PLENTY)
    place.finish("inventory")
    place.start("dataset", SHARDS)


@pytest.mark.parametrize("stage", PODS)
def test_suspend_stops_a_job_that_kueue_has_admitted_and_resume_queues_it_again(place, queued, stage):
    place.give(PLENTY)
    place.calibrate(tuning=None)
    for before in BEFORE[stage]:
        place.finish(before)
    place.start(stage, PODS[stage])
    (job,) = place.jobs(stage)
    assert is_true(place.workload(job), "Admitted")
    place.suspend()
    place.wait_until_held(stage)
    place.wait_for_reason(CONDITIONS[stage], "Suspended")
    place.wait_for_looks(job, queued.kueue)
    place.wait_until_held(stage)
    wait_for("its quota is given back", lambda: not is_true(place.workload(job), "QuotaReserved"))
    place.give(0)
    place.suspend(suspend=False)
    assert f"waits in queue {QUEUE}" in place.wait_for_reason(CONDITIONS[stage], "Queued")
    place.give(PLENTY)
    place.start(stage, PODS[stage])
    assert is_true(place.workload(job), "Admitted")
    place.finish(stage)


def test_a_job_that_is_suspended_while_it_waits_is_not_started_when_there_is_quota(place, queued):
    place.give(0)
    place.calibrate(tuning=None)
    place.wait_for_reason("DatasetReady", "Queued")
    place.suspend()
    (job,) = place.jobs("inventory")
    wait_for("the Workload is inactive", lambda: place.workload(job)["spec"]["active"] is False)
    place.give(PLENTY)
    place.wait_for_looks(job, queued.kueue)
    assert is_suspended(place.jobs("inventory")[0])
    assert not is_true(place.workload(job), "QuotaReserved")
    place.suspend(suspend=False)
    place.start("inventory")


def test_a_workload_that_kueue_makes_anew_does_not_let_a_suspended_job_go(place):
    place.give(PLENTY)
    place.calibrate(tuning=None)
    place.start("inventory")
    place.suspend()
    place.wait_until_held("inventory")
    (job,) = place.jobs("inventory")
    first = place.workload(job)["metadata"]
    place.plane.delete("workloads", first["name"], place.namespace)

    def another():
        found = place.workload(job)
        return found["metadata"]["uid"] != first["uid"] and found["spec"]["active"] is False

    wait_for("the new Workload is inactive too", another)
    place.wait_until_held("inventory")


def test_trials_wait_in_the_queue_and_are_held_like_any_other_job(place, queued, tmp_path):
    place.give(PLENTY)
    with katib_process(queued.plane.kubeconfig, tmp_path):
        place.calibrate()
        for before in BEFORE["tuning"]:
            place.finish(before)
        place.start("tuning", TRIALS)
        place.suspend()
        place.wait_until_held("tuning", TRIALS)
        place.wait_for_looks(place.jobs("tuning", TRIALS)[0], queued.kueue)
        place.wait_until_held("tuning", TRIALS)
        place.give(0)
        place.suspend(suspend=False)
        waiting = f"{TRIALS} wait in queue {QUEUE}"
        wait_for("the trials are queued", lambda: waiting in place.wait_for_reason("Tuned", "Running"))
        place.give(PLENTY)
        place.start("tuning", TRIALS)


def test_where_kueue_is_not_installed_a_job_of_a_queue_is_held_by_its_own_field(kubeflow_plane, warm, tmp_path):
    with place_on(kubeflow_plane, tmp_path, warm) as place:
        place.calibrate(tuning=None)
        place.start("inventory")
        place.suspend()
        wait_for("the job is suspended", lambda: is_suspended(place.jobs("inventory")[0]))
        wait_for("its Pods are gone", lambda: not place.pods("inventory"))
        place.suspend(suspend=False)
        place.start("inventory")
        account = f"system:serviceaccount:{place.namespace}:jetcal-operator"
        asked = {entry["requestURI"] for entry in kubeflow_plane.audit(account) if GROUP in entry["requestURI"]}
        assert asked == {f"/apis/{GROUP}"}
        assert GROUP not in place.operator.tail()
