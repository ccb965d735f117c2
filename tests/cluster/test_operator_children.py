"""What becomes of a calibration whose children fail, do not start, or are touched by others; it heals by itself."""

from __future__ import annotations

import pytest
from tests.support.played_status import (
    CONFIG_MAP,
    EXPERIMENT,
    INFERENCE_SERVICE,
    JOB,
    PYTORCH_JOB,
    waiting,
)
from tests.support.playground import playground, small_calibration
from tests.support.stage_hands import Failure
from tests.support.waiting import wait_for

from jetcal_operator import naming

IMPATIENT = {"retryDelaySeconds": 3}
"""What the installation sets so that a failed child is made anew within a test."""


@pytest.fixture
def world(playing_plane, warm, tmp_path):
    with playground(playing_plane, tmp_path, warm=warm, platform=IMPATIENT) as place:
        yield place


@pytest.fixture(scope="module")
def undisturbed(playing_plane, warm, tmp_path_factory):
    """Objects at the end of a life that nobody disturbs."""
    with playground(playing_plane, tmp_path_factory.mktemp("calm"), warm=warm, platform=IMPATIENT) as world:
        world.apply(small_calibration())
        world.wait_until_ready()
        world.wait_until_quiet()
        return world.snapshot()


def stopped_in(world, stage, **spec):
    """A calibration whose stage runs and does not end."""
    world.hands.held.add(stage)
    world.apply(small_calibration(**spec))
    kind = {"tuning": EXPERIMENT, "training": PYTORCH_JOB}.get(stage, JOB)
    return kind, world.child(kind, stage)


STARTS = {
    "image": (waiting("ImagePullBackOff", 'Back-off pulling image "jetcal/worker:0.1.0"'), "workerImage"),
    "secret": (waiting("CreateContainerConfigError", 'secret "s3-credentials" not found'), "s3-credentials"),
    "key": (
        waiting("CreateContainerConfigError", "couldn't find key AWS_ACCESS_KEY_ID in Secret jec/s3-credentials"),
        "AWS_ACCESS_KEY_ID",
    ),
}


@pytest.mark.parametrize("state", STARTS)
def test_a_pod_that_does_not_start_is_told_with_its_cause_and_goes_on_when_it_does(world, state):
    container, cause = STARTS[state]
    kind, job = stopped_in(world, "export")
    world.hands.pod(kind, job, container)
    message = world.wait_for_condition("Exported", "Unknown", "Obstructed")
    assert cause in message
    assert job["metadata"]["name"] in message
    assert world.conditions()["Reconciling"][:2] == ("True", "Obstructed")
    assert "Stalled" not in world.conditions()
    world.hands.release()
    world.wait_until_ready()


@pytest.mark.parametrize(
    ("stage", "failure", "told"),
    [
        ("inventory", Failure(1, "no file matches s3://jec/ntuples/*.root"), "no file matches"),
        ("dataset", Failure(128, "s3://jec: the storage does not answer"), "the storage does not answer"),
        ("export", Failure(137, "", "OOMKilled"), "jobResources.memory"),
        ("verification", Failure(128, "the endpoint does not answer"), "the endpoint does not answer"),
    ],
    ids=["no file yet", "storage away", "out of memory", "endpoint away"],
)
def test_a_failure_that_may_heal_is_told_and_tried_again(world, stage, failure, told):
    world.hands.failures[stage] = failure
    world.apply(small_calibration())
    world.wait_until_ready()
    warnings = [event["message"] for event in world.events() if event["type"] == "Warning"]
    assert any(told in message for message in warnings), warnings
    ends = [name for ended_stage, name in world.hands.done if ended_stage == stage]
    assert len(ends) > 1
    assert len(set(ends)) == 1


@pytest.mark.parametrize("stage", ["dataset", "training", "export", "evaluation"])
def test_a_permanent_failure_stalls_until_a_person_asks_for_another_try(world, stage):
    world.hands.failures[stage] = Failure(1, "the loss is not a number")
    world.apply(small_calibration())
    message = world.wait_for_condition("Stalled")
    assert "the loss is not a number" in message
    world.wait_until_quiet()
    world.annotate(retry="once")
    world.wait_until_ready()
    assert "Stalled" not in world.conditions()


def test_a_failed_child_is_made_anew_when_the_spec_gives_it_what_it_lacked(world):
    world.hands.failures["training"] = Failure(1, "", "OOMKilled")
    world.apply(small_calibration())
    assert "spec.training.resources.memory" in world.wait_for_condition("Stalled")
    world.edit(training={"epochs": 5, "workers": 2, "resources": {"cpu": "4", "memory": "64Gi"}})
    world.wait_until_ready()


def test_a_search_without_a_usable_trial_stalls_and_says_why(world):
    world.hands.failures["tuning"] = Failure(1, "learning rate too large", times=3)
    world.apply(small_calibration())
    assert "learning rate too large" in world.wait_for_condition("Stalled", reason="SearchFailed")
    world.annotate(retry="once")
    world.wait_until_ready()


NEEDED_ONCE = {"tuning", "evaluation"}
"""Search and verdict are kept by their records, and the document of a finished job has been read."""


@pytest.mark.parametrize(
    ("kind", "stage"),
    [
        (JOB, "dataset"),
        (EXPERIMENT, "tuning"),
        (PYTORCH_JOB, "training"),
        (JOB, "evaluation"),
        (JOB, "export"),
        (INFERENCE_SERVICE, "serving"),
        (CONFIG_MAP, "export"),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
def test_a_finished_child_that_somebody_deletes_comes_back_where_it_is_needed(world, undisturbed, kind, stage):
    world.apply(small_calibration())
    world.wait_until_ready()
    gone = world.child(kind, stage)
    world.admin.delete(kind.path(world.namespace, gone["metadata"]["name"]))
    if stage in NEEDED_ONCE or kind == CONFIG_MAP:
        world.wait_until_quiet()
        world.wait_until_ready()
        assert world.admin.find(kind.path(world.namespace, gone["metadata"]["name"])) is None
    else:
        wait_for("it comes back", lambda: world.child(kind, stage)["metadata"]["uid"] != gone["metadata"]["uid"])
        world.must_end_like(undisturbed)


@pytest.mark.parametrize("stage", ["inventory", "tuning", "training", "verification"])
def test_a_running_child_that_somebody_deletes_is_made_again(world, undisturbed, stage):
    kind, job = stopped_in(world, stage)
    world.admin.delete(kind.path(world.namespace, job["metadata"]["name"]))
    wait_for("another one", lambda: world.child(kind, stage)["metadata"]["uid"] != job["metadata"]["uid"])
    world.hands.release()
    world.must_end_like(undisturbed)


def test_an_endpoint_that_somebody_edits_is_put_right(world):
    world.apply(small_calibration())
    world.wait_until_ready()
    path = INFERENCE_SERVICE.path(world.namespace, "ak4")
    before = world.admin.get(path)["spec"]
    world.admin.merge(
        path, {"spec": {"predictor": {"model": {"storageUri": "s3://somewhere/else"}, "maxReplicas": 50}}}
    )
    wait_for("the endpoint is as wanted", lambda: world.admin.get(path)["spec"] == before)
    world.wait_until_ready()


@pytest.mark.parametrize("lost", ["labels", "annotations", "ownerReferences"])
def test_a_child_that_loses_its_marks_is_named_or_marked_again(world, lost):
    kind, job = stopped_in(world, "training")
    path = kind.path(world.namespace, job["metadata"]["name"])
    world.admin.merge(path, {"metadata": {lost: None}})
    if lost == "ownerReferences":
        message = world.wait_for_condition("Stalled", reason="NameTaken")
        assert job["metadata"]["name"] in message
        assert world.admin.get(path)["metadata"]["uid"] == job["metadata"]["uid"]
        world.admin.delete(path)
    world.hands.release()
    world.wait_until_ready()


KEPT = ("uid", "generation", "labels", "annotations", "ownerReferences")
FOREIGN = {JOB: "inventory", PYTORCH_JOB: "training", INFERENCE_SERVICE: "serving", CONFIG_MAP: "export"}


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.kind)
def test_an_object_of_somebody_else_is_never_touched_and_the_work_goes_on_once_it_is_gone(world, undisturbed, kind):
    stage = FOREIGN[kind]
    (name,) = [
        found["metadata"]["name"].replace("(name)", "ak4")
        for found in undisturbed.values()
        if found["kind"] == kind.kind
        and naming.label(found, naming.STAGE) == stage
        and not naming.label(found, naming.RECORD)
    ]
    template = {"spec": {"containers": [{"name": "c", "image": "none"}], "restartPolicy": "Never"}}
    body = {"spec": {"template": template, "suspend": True} if kind == JOB else {}} if kind != CONFIG_MAP else {}
    head = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}}
    foreign = world.admin.create(kind.path(world.namespace), head | body)
    world.apply(small_calibration())
    message = world.wait_for_condition("Stalled", reason="NameTaken")
    assert f"{kind.kind} {name}" in message
    world.wait_until_quiet()
    found = world.admin.get(kind.path(world.namespace, name))
    assert {field: found["metadata"].get(field) for field in KEPT} == {
        field: foreign["metadata"].get(field) for field in KEPT
    }
    assert found.get("spec") == foreign.get("spec")
    world.admin.delete(kind.path(world.namespace, name))
    world.wait_until_ready()
