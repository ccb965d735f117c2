"""Our PyTorchJobs on the real training-operator: what it makes of them, and how its conditions are read."""

from __future__ import annotations

import pytest
from tests.support import kubelet
from tests.support.calibrations import calibration
from tests.support.kube_client import KubeError
from tests.support.kubeflow.children import family
from tests.support.waiting import wait_for

from jetcal_operator import naming
from jetcal_operator.platform import Platform
from jetcal_operator.stages import jobs
from jetcal_operator.stages.progress import is_true, may_heal, outcome

pytestmark = pytest.mark.usefixtures("training_operator")
STORAGE_AWAY = 128


@pytest.fixture
def home(kubeflow_plane):
    return family(kubeflow_plane, calibration(training={"workers": 2, "processesPerWorker": 2}))


def started(home, *, run=True):
    """A training whose Pods are there, and running unless said otherwise."""
    job = home.make("PyTorchJob", "training")
    name = job["metadata"]["name"]
    wanted = {f"{name}-master-0", f"{name}-worker-0"}
    pods = wait_for("both Pods are there", lambda: (found := home.pods()).keys() >= wanted and found)
    if run:
        for pod in pods.values():
            kubelet.run(home.plane, pod)
        wait_until(home, job, "Running")
    return job, pods[f"{name}-master-0"], pods[f"{name}-worker-0"]


def wait_until(home, job, kind):
    """The job once a condition holds."""
    return wait_for(f"the PyTorchJob is {kind}", lambda: is_true(found := home.read(job), kind) and found)


def replacement(home, pod):
    """The Pod of the same name that has taken a Pod's place."""
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]

    def other():
        found = home.pods().get(name)
        return found if found and found["metadata"]["uid"] != uid else None

    return wait_for(f"{name} is made anew", other)


def environment(pod):
    (container,) = pod["spec"]["containers"]
    return {entry["name"]: entry.get("value") for entry in container["env"]}


def test_each_pod_knows_the_master_its_rank_and_what_we_asked_for(home):
    job, master, worker = started(home, run=False)
    name = job["metadata"]["name"]
    for rank, pod in enumerate((master, worker)):
        found = environment(pod)
        assert found["MASTER_ADDR"] == found["PET_MASTER_ADDR"] == f"{name}-master-0"
        assert (found["PET_NNODES"], found["PET_NPROC_PER_NODE"], found["PET_NODE_RANK"]) == ("2", "2", str(rank))
        assert found["WORLD_SIZE"] == "4"
        assert found["JETCAL_PROCESSES"] == "2"
        labels = pod["metadata"]["labels"]
        assert labels[naming.CALIBRATION] == "ak4"
        assert labels["training.kubeflow.org/job-name"] == name
    assert [entry["name"] for entry in worker["spec"]["initContainers"]] == ["init-pytorch"]
    assert "initContainers" not in master["spec"]
    services = home.plane.list("services", home.namespace)
    assert {entry["metadata"]["name"] for entry in services} == {f"{name}-master-0", f"{name}-worker-0"}
    assert outcome(wait_until(home, job, "Created")).phase == "Running"


def test_the_master_decides_that_a_training_has_succeeded_and_its_pod_stays_for_its_answer(home):
    job, master, worker = started(home)
    assert outcome(home.read(job)).phase == "Running"
    kubelet.succeed(home.plane, master, '{"epochs": 5}')
    ended = outcome(wait_until(home, job, "Succeeded"))
    assert (ended.phase, ended.since is not None) == ("Succeeded", True)
    wait_for("the running worker is cleaned away", lambda: worker["metadata"]["name"] not in home.pods())
    assert master["metadata"]["name"] in home.pods()


def test_a_permanent_exit_code_fails_a_training_for_good(home):
    job, master, _ = started(home)
    kubelet.fail(home.plane, master, 1, message="loss is NaN")
    ended = outcome(wait_until(home, job, "Failed"))
    assert ended.phase == "Failed"
    assert not may_heal(ended)
    assert master["metadata"]["name"] in home.pods()


@pytest.mark.parametrize("exit_code", [STORAGE_AWAY, kubelet.OUT_OF_MEMORY, kubelet.TERMINATED])
def test_another_exit_code_makes_the_pod_anew(home, exit_code):
    job, _, worker = started(home)
    kubelet.fail(home.plane, worker, exit_code)
    replacement(home, worker)
    assert outcome(home.read(job)).phase == "Running"


def test_retryable_failures_are_never_given_up_whatever_the_backoff_limit_says(kubeflow_plane):
    home = family(kubeflow_plane, platform=Platform(backoff_limit=1))
    job, _, worker = started(home)
    for _ in range(4):
        kubelet.out_of_memory(home.plane, worker)
        worker = replacement(home, worker)
    assert outcome(home.read(job)).phase == "Running"


def test_a_suspended_training_has_no_pods_and_goes_on_when_it_is_resumed(home):
    job, *_ = started(home)
    home.apply(jobs.suspension(home.read(job), suspend=True))
    suspended = wait_until(home, job, "Suspended")
    assert outcome(suspended).phase == "Running"
    wait_for("its Pods are gone", lambda: not home.pods())
    home.apply(jobs.suspension(home.read(job), suspend=False))
    wait_for("its Pods are back", lambda: len(home.pods()) == 2)
    wait_for("it is no longer suspended", lambda: not is_true(home.read(job), "Suspended"))
    metadata = home.read(job)["metadata"]
    assert metadata["annotations"][naming.SUSPENDED] == "false"


def test_a_deleted_training_takes_pods_and_services_with_it(home):
    job, *_ = started(home)
    home.delete(job)
    wait_for("all is gone", lambda: not home.pods() and not home.plane.list("services", home.namespace))


def test_a_deleted_calibration_takes_its_training_with_it(home):
    job, *_ = started(home)
    home.plane.delete("jetcalibrations", "ak4", home.namespace)
    wait_for("all is gone", lambda: not home.read(job) and not home.pods())


def test_a_job_that_would_hang_is_refused(home):
    job = home.find("PyTorchJob", "training")
    for replica in job["spec"]["pytorchReplicaSpecs"].values():
        replica["template"]["spec"]["containers"][0]["name"] = "worker"
    with pytest.raises(KubeError, match="pytorch"):
        home.make("PyTorchJob", "training")


def test_while_the_controller_is_away_a_create_fails_in_a_way_that_is_retried(home, training_operator):
    training_operator.stop()
    try:
        with pytest.raises(KubeError, match="failed calling webhook") as refusal:
            home.make("PyTorchJob", "training")
        assert refusal.value.status == 500
    finally:
        training_operator.start()
    assert home.make("PyTorchJob", "training")
