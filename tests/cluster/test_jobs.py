"""Our Jobs on the real Job controller: which exit codes end one, which are tried again, and how that is read."""

from __future__ import annotations

import pytest
from tests.support import kubelet
from tests.support.calibrations import calibration
from tests.support.kubeflow.children import family
from tests.support.waiting import wait_for

from jetcal_api.results import InventoryResult
from jetcal_operator import naming
from jetcal_operator.platform import Platform
from jetcal_operator.stages import jobs
from jetcal_operator.stages.dataset import Prepare
from jetcal_operator.stages.progress import is_true, may_heal, outcome
from jetcal_operator.stages.scope import Scope

STORAGE_AWAY = 128
STAGES = ("inventory", "export", "evaluation", "verification")


@pytest.fixture
def home(kubeflow_plane):
    return family(kubeflow_plane, platform=Platform(backoff_limit=1))


def pending(home, count=1):
    """So many Pods that have not begun."""

    def find():
        found = [pod for pod in home.pods().values() if pod["status"]["phase"] == "Pending"]
        return found if len(found) >= count else None

    return wait_for(f"{count} Pods are there", find)


def ended(home, job):
    """The outcome of a Job, once it has one."""
    return wait_for("the Job has ended", lambda: (found := outcome(home.read(job))).phase != "Running" and found)


@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_that_ends_well_completes_its_job_and_its_pod_stays_for_its_answer(home, stage):
    job = home.make("Job", stage)
    (pod,) = pending(home)
    kubelet.run(home.plane, pod)
    assert outcome(home.read(job)).phase == "Running"
    kubelet.succeed(home.plane, pod, "{}")
    found = ended(home, job)
    assert (found.phase, found.since is not None) == ("Succeeded", True)
    assert pod["metadata"]["name"] in home.pods()


@pytest.mark.parametrize("exit_code", jobs.PERMANENT_EXIT_CODES)
def test_a_permanent_exit_code_ends_a_job_at_once_and_does_not_heal(home, exit_code):
    job = home.make("Job", "inventory")
    (pod,) = pending(home)
    kubelet.fail(home.plane, pod, exit_code)
    found = ended(home, job)
    assert (found.phase, found.reason) == ("Failed", "PodFailurePolicy")
    assert not may_heal(found)
    assert len(home.pods()) == 1


@pytest.mark.parametrize("exit_code", [STORAGE_AWAY, kubelet.OUT_OF_MEMORY, kubelet.TERMINATED])
def test_another_exit_code_is_worth_another_try(home, exit_code):
    job = home.make("Job", "inventory")
    (pod,) = pending(home)
    kubelet.fail(home.plane, pod, exit_code)
    wait_for("the failure is counted", lambda: home.read(job)["status"].get("failed") == 1)
    assert outcome(home.read(job)).phase == "Running"


def test_a_disrupted_pod_is_replaced_and_does_not_count(home):
    job = home.make("Job", "inventory")
    (pod,) = pending(home)
    kubelet.disrupt(home.plane, pod)
    (another,) = pending(home)
    assert not home.read(job)["status"].get("failed")
    kubelet.succeed(home.plane, another)
    assert ended(home, job).phase == "Succeeded"


def test_a_training_as_a_plain_job_is_given_up_at_its_limit_and_may_heal(kubeflow_plane):
    document = calibration(training={"runtime": "Job"})
    home = family(kubeflow_plane, document, platform=Platform(backoff_limit=1))
    job = home.make("Job", "training")
    for _ in range(2):
        (pod,) = pending(home)
        kubelet.out_of_memory(home.plane, pod)
    found = ended(home, job)
    assert (found.phase, found.reason) == ("Failed", "BackoffLimitExceeded")
    assert may_heal(found)


def test_a_dataset_is_prepared_by_indexed_pods_and_complete_when_all_are(home):
    inventory = InventoryResult(uri="s3://jec/ak4/result.json", sources="c0ffee", files=6, size=1, shards=3)
    stage = Prepare(Scope.of(home.resource, Platform(parallel_prepares=2)), inventory)
    job = home.plane.create(stage.child(), fieldValidation="Strict")
    first = pending(home, 2)
    assert {index(pod) for pod in first} == {"0", "1"}
    for pod in first:
        kubelet.succeed(home.plane, pod)
    (last,) = pending(home)
    assert index(last) == "2"
    assert outcome(home.read(job)).phase == "Running"
    kubelet.succeed(home.plane, last)
    assert ended(home, job).phase == "Succeeded"


def index(pod):
    return pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"]


def test_one_permanent_failure_ends_an_indexed_job(home):
    inventory = InventoryResult(uri="s3://jec/ak4/result.json", sources="c0ffee", files=6, size=1, shards=3)
    job = home.plane.create(Prepare(Scope.of(home.resource, Platform()), inventory).child())
    kubelet.fail(home.plane, pending(home, 3)[1], 1)
    assert ended(home, job).reason == "PodFailurePolicy"


def test_a_suspended_job_has_no_pods_and_goes_on_when_it_is_resumed(home):
    job = home.make("Job", "inventory")
    pending(home)
    home.apply(jobs.suspension(home.read(job), suspend=True))
    wait_for("it is suspended", lambda: is_true(home.read(job), "Suspended") and not home.pods())
    assert outcome(home.read(job)).phase == "Running"
    home.apply(jobs.suspension(home.read(job), suspend=False))
    (pod,) = pending(home)
    kubelet.succeed(home.plane, pod)
    assert ended(home, job).phase == "Succeeded"
    assert home.read(job)["metadata"]["annotations"][naming.SUSPENDED] == "false"
