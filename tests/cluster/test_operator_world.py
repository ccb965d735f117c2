"""The cluster around the operator falls short in every way; each ends in a named condition and heals by itself."""

from __future__ import annotations

import copy

import pytest
from ruamel.yaml import YAML
from tests.support.control_plane import OWN_CRD
from tests.support.faults import Hang, Refuse, Rule, hidden, on
from tests.support.kube_client import APPLY
from tests.support.played_status import EXPERIMENT, INFERENCE_SERVICE, JOB, PYTORCH_JOB
from tests.support.playground import playground, small_calibration
from tests.support.stage_hands import open_crd
from tests.support.waiting import wait_for

from jetcal_operator.kube.denials import KATIB_LABEL
from jetcal_operator.kube.kinds import RESOURCE

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PATIENT = 60
"""Seconds that a heal may take where nothing wakes the operator but its own clock."""


@pytest.fixture
def world(playing_plane, warm, tmp_path):
    with playground(playing_plane, tmp_path, warm=warm) as place:
        yield place


@pytest.fixture
def real_crd(playing_plane):
    """Whatever a test does to the CRD of calibrations is undone."""
    yield YAML(typ="safe").load(OWN_CRD)
    playing_plane.serve(OWN_CRD)


MISSING = {
    "Katib": (EXPERIMENT, "Tuned"),
    "the Kubeflow Training Operator": (PYTORCH_JOB, "Tuned"),
    "KServe": (INFERENCE_SERVICE, "Serving"),
}


@pytest.mark.parametrize("product", MISSING)
def test_a_product_that_is_not_installed_is_named_and_noticed_when_it_comes(world, product):
    kind, condition = MISSING[product]
    with world.proxy.playing(*hidden(kind.group, kind.plural)):
        wait_for("the operator notices", lambda: f"{kind.kind}," not in world.operator.last_line("watching"))
        world.apply(small_calibration())
        message = world.wait_for_condition("Stalled", reason="KindMissing")
        assert kind.kind in message
        assert product in message
        assert world.conditions()[condition][:2] == ("False", "KindMissing")
    world.wait_until_ready()


def test_katib_uninstalled_during_a_search_is_named_and_the_search_is_made_again_when_it_is_back(world, playing_plane):
    world.hands.held.add("tuning")
    world.apply(small_calibration())
    world.child(EXPERIMENT, "tuning")
    crd = open_crd(EXPERIMENT)
    playing_plane.client.delete(f"{CRDS}/{crd['metadata']['name']}")
    assert "Katib" in world.wait_for_condition("Stalled", reason="KindMissing")
    wait_for("it is gone", lambda: playing_plane.client.find(f"{CRDS}/{crd['metadata']['name']}") is None)
    playing_plane.serve(crd)
    world.hands.release()
    world.wait_until_ready()


def test_kserve_uninstalled_while_it_serves_is_named_and_served_again_when_it_is_back(world, playing_plane):
    world.apply(small_calibration())
    world.wait_until_ready()
    crd = open_crd(INFERENCE_SERVICE)
    playing_plane.client.delete(f"{CRDS}/{crd['metadata']['name']}")
    world.wait_for_condition("Serving", "False", "KindMissing")
    assert world.conditions()["Ready"][0] == "False"
    wait_for("it is gone", lambda: playing_plane.client.find(f"{CRDS}/{crd['metadata']['name']}") is None)
    playing_plane.serve(crd)
    world.wait_until_ready()


def test_a_namespace_without_katibs_label_is_named_with_the_command_that_helps(world):
    path = f"/api/v1/namespaces/{world.namespace}"
    world.admin.merge(path, {"metadata": {"labels": {KATIB_LABEL: None}}})
    world.apply(small_calibration())
    message = world.wait_for_condition("Tuned", "False", "NamespaceNotLabelled")
    assert f"kubectl label namespace {world.namespace} {KATIB_LABEL}=enabled" in message
    assert "Stalled" not in world.conditions()
    world.admin.merge(path, {"metadata": {"labels": {KATIB_LABEL: "enabled"}}})
    world.wait_until_ready(seconds=PATIENT)


def test_a_quota_that_is_used_up_is_named_and_waited_for(world):
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}}
    path = f"/api/v1/namespaces/{world.namespace}/resourcequotas/small"
    world.admin.apply(path, quota | {"spec": {"hard": {"count/jobs.batch": "1"}}})
    wait_for("the quota counts", lambda: world.admin.get(path).get("status", {}).get("used"))
    world.apply(small_calibration())
    message = world.wait_for_condition("DatasetReady", "False", "QuotaExceeded")
    assert "small" in message
    assert world.conditions()["Reconciling"][:2] == ("True", "Retrying")
    world.admin.delete(path)
    world.wait_until_ready(seconds=PATIENT)


def test_an_object_that_the_api_server_finds_invalid_is_named_and_tried_again(world):
    with world.proxy.playing(Rule(Refuse(422), on("pytorchjobs", "create"))) as proxy:
        world.apply(small_calibration(tuning=None))
        assert "PyTorchJob ak4-training-" in world.wait_for_condition("Trained", "False", "Invalid")
        world.wait_until_ready(seconds=PATIENT)
        assert proxy.rules[0].fired == 1


def test_a_right_that_is_taken_away_is_named_and_waited_for(world):
    def forbid(call):
        return call.resource == "inferenceservices" and call.mutates

    with world.proxy.playing(Rule(Refuse(403), forbid, times=None)):
        world.apply(small_calibration())
        assert "InferenceService ak4" in world.wait_for_condition("Serving", "False", "Forbidden")
    world.wait_until_ready(seconds=PATIENT)


def test_calls_that_never_end_are_given_up_and_repeated(playing_plane, warm, tmp_path):
    hanging = [Rule(Hang(committed), on("jobs", "create"), skip=skip) for skip, committed in ((0, False), (1, True))]
    constants = {"jetcal_operator.kube.api": {"TIMEOUT_SECONDS": 1}}
    with playground(playing_plane, tmp_path, warm=warm, constants=constants) as world, world.proxy.playing(*hanging):
        world.apply(small_calibration())
        world.wait_until_ready()
        assert [rule.fired for rule in hanging] == [1, 1]
        assert set(world.counts().values()) == {1}


def test_the_operator_outlives_a_restart_of_the_api_server(world, playing_plane):
    world.hands.held.add("training")
    world.apply(small_calibration())
    world.child(PYTORCH_JOB, "training")
    process = world.operator.process
    playing_plane.restart_api_server()
    world.hands.release()
    world.wait_until_ready(seconds=PATIENT)
    assert world.operator.process is process
    assert world.operator.is_alive


def test_a_spec_that_this_operator_cannot_read_is_said_to_be_so_and_read_once_it_is_corrected(
    world, playing_plane, real_crd
):
    lenient = copy.deepcopy(real_crd)
    schema = lenient["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    playing_plane.serve(lenient)
    document = small_calibration()
    good = document["spec"]["model"]
    document["spec"]["model"] = {"transformer": {"heads": 8}}
    path = RESOURCE.path(world.namespace, "ak4")

    def tried():
        return world.admin.call("PATCH", path, document, APPLY, fieldManager="tests", dryRun="All")

    wait_for("the schema is lenient", lambda: "transformer" in tried()["spec"]["model"])
    world.apply(document)
    world.wait_for_condition("Stalled", reason="InvalidSpec")
    wait_for("the field is named", lambda: "transformer" in world.conditions()["Stalled"][2])
    assert world.conditions()["Ready"][:2] == ("False", "InvalidSpec")
    world.wait_until_quiet()
    world.edit(model=good)
    world.wait_until_ready()


def test_objects_of_an_older_crd_are_worked_on_without_a_write_too_many(world, playing_plane, real_crd):
    older = copy.deepcopy(real_crd)
    schema = older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    del schema["spec"]["properties"]["historyLimit"]
    del schema["status"]["properties"]["evaluation"]
    schema["status"].pop("required", None)
    playing_plane.serve(older)
    wait_for("the schema is old", lambda: "historyLimit" not in world.apply(small_calibration())["spec"])
    world.wait_until_ready()
    world.wait_until_quiet()
    count = len(world.proxy.calls)
    world.wait_for_resyncs(2)
    assert [str(entry.call) for entry in world.proxy.mutations(since=count)] == []
    playing_plane.serve(real_crd)
    world.operator.stop()
    world.operator.start()
    wait_for("the status is whole", lambda: "evaluation" in world.resource()["status"])


def test_a_namespace_that_is_deleted_troubles_nobody_else(playing_plane, warm, tmp_path):
    with playground(playing_plane, tmp_path, warm=warm, everywhere=True) as world:
        doomed = playing_plane.namespace({KATIB_LABEL: "enabled"})
        world.admin.apply(RESOURCE.path(doomed, "ak4"), small_calibration())
        wait_for("work begins", lambda: world.admin.items(JOB.path(doomed)))
        world.admin.delete(f"/api/v1/namespaces/{doomed}")
        world.apply(small_calibration())
        world.wait_until_ready()
        wait_for("the namespace is gone", lambda: world.admin.find(f"/api/v1/namespaces/{doomed}") is None)
        assert world.operator.is_alive
