"""The whole life of a calibration under the real controllers, as its user sees it."""

from __future__ import annotations

import json

import pytest
from tests.support.kube_client import KubeClient, KubeError
from tests.support.operator_process import OperatorProcess, log_in
from tests.support.played_status import CONFIG_MAP, EXPERIMENT, INFERENCE_SERVICE, JOB, PYTORCH_JOB
from tests.support.playground import Playground, small_calibration
from tests.support.pod_hands import PodHands
from tests.support.proxy import Proxy
from tests.support.waiting import wait_for

from jetcal_operator.kube.denials import KATIB_LABEL
from jetcal_operator.kube.kinds import POD, RESOURCE

CHAIN = ("inventory", "dataset", "tuning", "training", "export", "evaluation", "verification")
HUBER = {"pfn": {"phiDim": 64}, "loss": "Huber"}


def make_secret(plane, namespace, name):
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    meta = {"name": name, "namespace": namespace}
    plane.apply({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": keys})


@pytest.fixture(scope="module")
def controllers(katib, training_operator, kserve):
    """All of Kubeflow that a calibration needs."""
    return katib, training_operator, kserve


@pytest.fixture(scope="module")
def world(kubeflow_plane, controllers, tmp_path_factory):
    assert all(controllers)
    namespace = kubeflow_plane.namespace({KATIB_LABEL: "enabled"})
    make_secret(kubeflow_plane, namespace, "s3-credentials")
    token = log_in(kubeflow_plane, namespace)
    hands = PodHands(kubeflow_plane, namespace)
    with Proxy(kubeflow_plane.url, ca_file=str(kubeflow_plane.ca)).running() as proxy, hands.working():
        operator = OperatorProcess(tmp_path_factory.mktemp("life"), proxy.url, token, namespace)
        with operator.running():
            yield Playground(kubeflow_plane, proxy, operator, namespace, hands)


@pytest.fixture(scope="module")
def ready(world):
    """A calibration that has come all the way."""
    world.apply(small_calibration(tensorboard={"enabled": True}))
    world.wait_until_ready(seconds=120)
    return world


def kubectl(world, *arguments):
    return world.plane.kubectl(*arguments, "--namespace", world.namespace)


def test_every_stage_is_worked_on_once_and_in_order(ready):
    ended = ready.hands.ended
    assert [stage for stage in dict.fromkeys(ended) if stage in CHAIN] == list(CHAIN)
    assert {stage: ended.count(stage) for stage in ("inventory", "export", "evaluation", "verification")} == {
        "inventory": 1, "export": 1, "evaluation": 1, "verification": 1
    }  # fmt: skip
    assert ended.count("tuning") == 3


def test_conditions_tell_of_the_newest_spec_and_every_type_is_there(ready):
    found = ready.resource()
    status, generation = found["status"], found["metadata"]["generation"]
    assert status["observedGeneration"] == generation
    assert {entry["observedGeneration"] for entry in status["conditions"]} == {generation}
    assert {entry["type"]: entry["status"] for entry in status["conditions"]} == dict.fromkeys(
        ("Ready", "DatasetReady", "Tuned", "Trained", "Exported", "Accepted", "Serving"), "True"
    )
    assert status["stage"] == "Serving"
    assert status["tuning"]["trials"]["succeeded"] == 3


def test_events_tell_the_story_once(ready):
    ready.wait_until_quiet()  # an event follows the status that it tells of
    events = ready.events()
    assert [event["reason"] for event in events if event["type"] == "Warning"] == []
    assert [event["reason"] for event in events] == [
        "DatasetReady", "Tuned", "Trained", "Exported", "Accepted", "Served", "Ready"
    ]  # fmt: skip
    assert {event.get("count", 1) for event in events} == {1}


def test_kubectl_shows_and_waits(ready):
    header, row = kubectl(ready, "get", "jetcal").splitlines()
    assert header.split()[:3] == ["NAME", "READY", "STAGE"]
    assert row.split()[:3] == ["ak4", "True", "Serving"]
    assert "condition met" in kubectl(ready, "wait", "--for=condition=Ready", "jetcal/ak4", "--timeout=5s")
    told = kubectl(ready, "describe", "jetcal", "ak4")
    assert "reproduces its golden predictions" in told
    assert "jetcal-operator" in told


def test_the_operator_may_not_read_secrets(world):
    mine = KubeClient(world.plane.url, world.operator.token, ca_file=str(world.plane.ca))
    assert mine.items(RESOURCE.path(world.namespace)) is not None
    for path in (f"/api/v1/namespaces/{world.namespace}/secrets", "/api/v1/secrets", RESOURCE.path(None)):
        with pytest.raises(KubeError, match="403"):
            mine.items(path)


def test_where_nothing_is_to_be_done_nothing_is_written_however_often_it_looks(ready):
    ready.wait_until_quiet()
    count = len(ready.proxy.calls)
    for number in range(100):
        done = ready.operator.metric("jetcal_reconciles_total")
        ready.annotate(look=str(number))
        wait_for("another look", lambda done=done: ready.operator.metric("jetcal_reconciles_total") > done, pause=0.005)
    ready.wait_for_resyncs(2)
    assert [str(entry.call) for entry in ready.proxy.mutations(since=count)] == []


def test_nobody_but_the_one_client_writes(ready):
    agents = {entry.call.agent for entry in ready.proxy.calls if entry.call.mutates}
    assert not [agent for agent in agents if "kopf" in agent.lower()]
    found = ready.resource()
    assert not [name for name in found["metadata"].get("annotations", {}) if "kopf" in name]
    assert "finalizers" not in found["metadata"]
    assert {entry["manager"] for entry in found["metadata"]["managedFields"]} <= {"jetcal", "tests", "jetcal-tests"}


def test_suspend_holds_a_running_training_and_resume_lets_it_go_on(ready):
    ready.hands.held.add("training")
    ready.edit(model=HUBER)
    ready.wait_for_condition("Reconciling", reason="TrainingRunning", seconds=60)
    assert ready.conditions()["Ready"][0] == ready.conditions()["Serving"][0] == "True"
    ready.edit(suspend=True)
    ready.wait_for_condition("Trained", "Unknown", "Suspended")
    job = next(job for job in ready.children(PYTORCH_JOB, "training") if job["spec"]["runPolicy"].get("suspend"))
    path = PYTORCH_JOB.path(ready.namespace, job["metadata"]["name"])
    wait_for("its Pods are gone", lambda: not pods_of(ready, job))
    ready.edit(suspend=False)
    wait_for("it goes on", lambda: not ready.admin.get(path)["spec"]["runPolicy"].get("suspend"))
    ready.hands.release()
    ready.wait_until_ready(seconds=120)
    assert len(ready.resource()["status"]["history"]) == 2


def pods_of(world, job):
    return [
        pod
        for pod in world.children(POD)
        if any(owner["uid"] == job["metadata"]["uid"] for owner in pod["metadata"]["ownerReferences"])
    ]


def test_an_edit_of_replicas_changes_the_endpoint_and_retrains_nothing(ready):
    count = len(ready.proxy.calls)
    ready.edit(serving={"minReplicas": 1, "maxReplicas": 7})
    path = INFERENCE_SERVICE.path(ready.namespace, "ak4")
    wait_for("the endpoint follows", lambda: ready.admin.get(path)["spec"]["predictor"]["maxReplicas"] == 7)
    ready.wait_until_ready()
    ready.wait_until_quiet()
    made = {entry.call.name for entry in ready.proxy.mutations(since=count) if entry.call.verb == "create"}
    assert not [name for name in made if "verification" not in name and name.startswith("ak4-")]


def test_metrics_and_logs_tell_of_the_work(ready):
    assert ready.operator.metric("jetcal_leader") == 1
    assert ready.operator.metric("jetcal_resources", stage="Serving") == 1
    assert ready.operator.metric("jetcal_api_calls_total", verb="create", kind="Job") >= 5
    assert ready.operator.ask("/healthz")[0] == ready.operator.ask("/readyz")[0] == 200
    lines = [json.loads(line) for line in ready.operator.log.read_text().splitlines()]
    assert all({"time", "level", "message"} <= line.keys() for line in lines)


def test_a_secret_that_is_not_there_is_named_by_the_endpoint_and_waited_for(world):
    storage = {"uri": "s3://jec/calibrations", "secretName": "later"}
    world.apply(small_calibration("poor", tuning=None, storage=storage))
    wait_for("it is named", lambda: "later" in world.conditions("poor").get("Serving", ("", "", ""))[2])
    make_secret(world.plane, world.namespace, "later")
    world.wait_until_ready("poor", seconds=90)


def test_delete_leaves_nothing(ready):
    ready.delete()
    ready.wait_until_gone()


@pytest.mark.parametrize("stage", ["inventory", "tuning", "training", "export", "verification"])
def test_a_calibration_can_be_deleted_in_every_stage(world, stage):
    world.hands.held.add(stage)
    world.apply(small_calibration(stage))
    kind = {"tuning": EXPERIMENT, "training": PYTORCH_JOB}.get(stage, JOB)
    world.child(kind, stage, stage)
    world.delete(stage)
    world.wait_until_gone(stage)
    world.hands.held.clear()
    assert world.operator.is_alive
    assert not world.children(CONFIG_MAP, name=stage)
