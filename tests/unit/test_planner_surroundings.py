"""What the planner makes of its surroundings: namespaces that forbid, kinds that come and go, queues, older CRDs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.calibrations import calibration
from tests.support.scripted_cluster import KINDS, START, ScriptedCluster

from jetcal_api.resource import JetCalibration
from jetcal_api.status import Status
from jetcal_operator import naming
from jetcal_operator.cluster import ObjectKey
from jetcal_operator.platform import Platform
from jetcal_operator.status import unreadable

SERVICE = ObjectKey("serving.kserve.io/v1beta1", "InferenceService", "ak4")
KATIB_LABEL = {"katib.kubeflow.org/metrics-collector-injection": "enabled"}
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
HUBER = {"pfn": {"phiDim": 64}, "loss": "Huber"}


def test_a_namespace_without_katibs_label_gets_no_experiment_and_the_command_that_helps():
    cluster = ScriptedCluster(calibration(), namespace_labels={})
    cluster.settle()
    decided = cluster.reconcile()
    assert cluster.conditions()["Tuned"] == ("False", "NamespaceNotLabelled")
    assert cluster.conditions()["Reconciling"] == ("True", "Retrying")
    command = "kubectl label namespace jec katib.kubeflow.org/metrics-collector-injection=enabled"
    assert command in cluster.message("Tuned")
    assert cluster.keys("Experiment") == []
    assert decided.check_again == cluster.now + timedelta(seconds=30)
    cluster.namespace_labels = KATIB_LABEL
    cluster.settle()
    assert cluster.conditions()["Ready"] == ("True", "Serving")


def test_a_running_search_is_not_reported_when_its_namespace_loses_the_label():
    cluster = ScriptedCluster(calibration(), namespace_labels=KATIB_LABEL)
    cluster.settle(stop_at=("tuning",))
    cluster.namespace_labels = {}
    cluster.reconcile()
    assert cluster.conditions()["Tuned"][0] == "Unknown"


@pytest.mark.parametrize(
    ("spec", "condition", "container"),
    [
        ({}, "Tuned", "metrics-logger-and-collector"),
        ({"tuning": None}, "Trained", "init-pytorch"),
    ],
)
def test_a_restricted_namespace_holds_back_pods_that_others_add_to(spec, condition, container):
    cluster = ScriptedCluster(calibration(**spec), namespace_labels=KATIB_LABEL | RESTRICTED)
    cluster.settle()
    assert cluster.conditions()[condition] == ("False", "PodSecurity")
    assert container in cluster.message(condition)
    assert "platform.restrictedAdditions: true" in cluster.message(condition)
    cluster.platform = Platform(restricted_additions=True)
    cluster.settle()
    assert cluster.conditions()["Ready"] == ("True", "Serving")


@pytest.mark.parametrize("training", [{"epochs": 5, "workers": 1}, {"epochs": 5, "workers": 2, "runtime": "TrainJob"}])
def test_a_restricted_namespace_admits_pods_that_nobody_adds_to(training):
    cluster = ScriptedCluster(calibration(tuning=None, training=training), namespace_labels=RESTRICTED)
    cluster.settle()
    assert cluster.conditions()["Ready"] == ("True", "Serving")


def test_a_training_operator_that_vanishes_takes_nothing_from_what_serves():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    trained = cluster.resource["status"]["training"]
    job = cluster.key("PyTorchJob", "training")
    cluster.kinds = KINDS - {("kubeflow.org/v1", "PyTorchJob")}
    cluster.vanish(job)
    cluster.log.clear()
    cluster.settle()
    assert cluster.log == []
    assert cluster.conditions()["Ready"] == ("True", "Serving")
    assert cluster.conditions()["Trained"] == ("True", "Succeeded")
    assert cluster.resource["status"]["training"] == trained
    cluster.kinds = KINDS
    cluster.settle()
    assert job in cluster.objects
    assert cluster.conditions()["Ready"] == ("True", "Serving")


def test_an_edit_that_needs_a_vanished_kind_stalls_and_heals():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    cluster.kinds = KINDS - {("kubeflow.org/v1", "PyTorchJob")}
    cluster.edit(model=HUBER, tuning=None)
    cluster.settle()
    assert cluster.conditions()["Stalled"] == ("True", "KindMissing")
    assert cluster.conditions()["Serving"][0] == "True"
    cluster.kinds = KINDS
    cluster.settle()
    assert cluster.conditions()["Ready"] == ("True", "Serving")


@pytest.mark.parametrize(
    "missing", [("serving.kserve.io/v1beta1", "InferenceService"), ("kubeflow.org/v1beta1", "Experiment")]
)
def test_a_product_that_is_uninstalled_costs_no_record(missing):
    cluster = ScriptedCluster(calibration(historyLimit=1))
    cluster.settle()
    records = {key for key in cluster.keys("ConfigMap") if naming.label(cluster.objects[key], naming.RECORD)}
    revision = cluster.resource["status"]["history"][0]["revision"]
    cluster.kinds = KINDS - {missing}
    for key in [key for key in cluster.objects if (key.api_version, key.kind) == missing]:
        cluster.vanish(key)
    cluster.settle()
    assert records <= cluster.objects.keys()
    assert cluster.resource["status"]["history"][0]["revision"] == revision
    cluster.kinds = KINDS
    cluster.settle()
    assert cluster.conditions()["Ready"] == ("True", "Serving")


def test_a_revision_that_was_rolled_back_to_is_remembered_while_kserve_is_away():
    cluster = ScriptedCluster(calibration(historyLimit=1))
    cluster.settle()
    good = cluster.resource["status"]["serving"]["revision"]
    cluster.edit(model=HUBER)
    cluster.settle(stop_at=("verification",))
    new = [key for key in cluster.keys("Job") if "verification" in key.name and "status" not in cluster.objects[key]]
    cluster.fail(new[0], sentence="predictions differ by 0.2")
    cluster.settle()
    assert cluster.resource["status"]["serving"]["revision"] == good
    cluster.kinds = KINDS - {("serving.kserve.io/v1beta1", "InferenceService")}
    cluster.vanish(SERVICE)
    cluster.settle()
    cluster.kinds = KINDS
    cluster.settle()
    assert cluster.resource["status"]["serving"]["revision"] == good


@pytest.mark.parametrize(("kind", "place"), [("PyTorchJob", "runPolicy"), ("TrainJob", None), ("Job", None)])
def test_a_job_that_a_queue_holds_waits_in_it(kind, place):
    training = {"epochs": 5, "runtime": kind, "workers": 1}
    cluster = ScriptedCluster(calibration(tuning=None, training=training, queueName="jec"))
    cluster.settle(stop_at=("training",))
    spec = cluster.objects[cluster.key(kind, "training")]["spec"]
    (spec[place] if place else spec)["suspend"] = True
    cluster.reconcile()
    assert cluster.conditions()["Trained"] == ("Unknown", "Queued")
    assert "waits in queue jec" in cluster.message("Trained")
    assert cluster.conditions()["Reconciling"] == ("True", "Queued")


def test_trials_that_a_queue_holds_are_counted():
    cluster = ScriptedCluster(calibration(queueName="jec"))
    cluster.settle(stop_at=("tuning",))
    jobs = [job for _, job in cluster.start_trials(cluster.key("Experiment", "tuning"))]
    for job in jobs[1:]:
        cluster.objects[job]["spec"]["runPolicy"]["suspend"] = True
    cluster.reconcile()
    assert "2 wait in queue jec" in cluster.message("Tuned")


@pytest.mark.parametrize("who", ["Experiment", "PyTorchJob"])
def test_what_keeps_a_search_from_going_on_is_told(who):
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=("tuning",))
    key = cluster.key("Experiment", "tuning")
    job = [job for _, job in cluster.start_trials(key)][1]
    cluster.failures[key if who == "Experiment" else job] = "Pod x finds no node"
    cluster.reconcile()
    assert cluster.conditions()["Tuned"] == ("Unknown", "Obstructed")
    assert "Pod x finds no node" in cluster.message("Tuned")


def test_why_an_endpoint_does_not_start_is_told():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    cluster.condition(SERVICE, "Ready", "PredictorNotReady", "False", "predictor is not ready")
    cluster.failures[SERVICE] = "Pod ak4-predictor-0 finds no node"
    cluster.reconcile()
    assert cluster.conditions()["Serving"] == ("False", "NotReady")
    assert cluster.message("Serving").endswith("predictor is not ready: Pod ak4-predictor-0 finds no node")


def test_a_resource_that_cannot_be_read_says_so_and_keeps_what_was_known():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    before = JetCalibration.parse(cluster.resource).status
    status = unreadable({"generation": 7}, "spec.dataset.files: is missing", before, cluster.now)
    told = {entry.type: entry for entry in status.conditions}
    assert told["Stalled"].status == "True"
    assert told["Ready"].status == "False"
    assert told["Ready"].reason == told["Stalled"].reason == "InvalidSpec"
    assert "spec.dataset.files: is missing" in told["Stalled"].message
    assert "Reconciling" not in told
    assert told["Serving"] in before.conditions
    assert (status.observed_generation, status.history) == (7, before.history)
    later = cluster.now + timedelta(hours=1)
    assert unreadable({"generation": 7}, "spec.dataset.files: is missing", status, later) == status


def test_a_new_resource_that_cannot_be_read_has_every_condition():
    status = unreadable({"generation": 1}, "spec: is missing", None, START)
    assert isinstance(status, Status)
    assert {entry.status for entry in status.conditions} == {"True", "False", "Unknown"}


@pytest.mark.parametrize("obstacle", [None, "Pod x: image jetcal/worker:0.0.1 cannot be pulled"])
def test_a_child_that_does_not_get_on_is_made_anew_when_it_is_wanted_otherwise_and_only_then(obstacle):
    cluster = ScriptedCluster(calibration(tuning=None))
    cluster.settle(stop_at=("training",))
    key = cluster.key("PyTorchJob", "training")
    uid = cluster.objects[key]["metadata"]["uid"]
    if obstacle:
        cluster.failures[key] = obstacle
    cluster.platform = replace(cluster.platform, worker_image="jetcal/worker:0.0.2")
    cluster.settle(stop_at=("training",))
    assert (cluster.objects[key]["metadata"]["uid"] != uid) == bool(obstacle)


def test_a_search_that_does_not_get_on_is_made_anew_only_when_a_person_asks():
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=("tuning",))
    key = cluster.key("Experiment", "tuning")
    uid = cluster.objects[key]["metadata"]["uid"]
    cluster.failures[key] = "Pod x finds no node"
    cluster.platform = replace(cluster.platform, worker_image="jetcal/worker:0.0.2")
    cluster.settle(stop_at=("tuning",))
    assert cluster.objects[key]["metadata"]["uid"] == uid
    cluster.failures[key] = "Pod x finds no node"
    cluster.resource["metadata"].setdefault("annotations", {})["jetcal.dev/retry"] = "1"
    cluster.settle(stop_at=("tuning",))
    assert cluster.objects[key]["metadata"]["uid"] != uid


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://ak4-jec.example.com", "http://ak4-predictor.jec.svc.cluster.local"),
        ("https://ak4.cern.ch", "https://ak4.cern.ch"),
    ],
)
def test_an_address_that_kserve_makes_up_is_not_shown(url, shown):
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    cluster.objects[SERVICE]["status"]["url"] = url
    cluster.reconcile()
    assert cluster.resource["status"]["serving"]["url"] == shown
