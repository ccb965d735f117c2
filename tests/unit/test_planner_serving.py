"""What serves: acceptance, rollout, verification, return to the revision before."""

from __future__ import annotations

import pytest
from tests.support.calibrations import calibration
from tests.support.scripted_cluster import ScriptedCluster

from jetcal_operator import naming
from jetcal_operator.cluster import ObjectKey
from jetcal_operator.stages.serving import read_rollout
from jetcal_operator.stages.world import World

HUBER = {"pfn": {"phiDim": 64}, "loss": "Huber"}
MAE = {"pfn": {"phiDim": 64}, "loss": "MaskedMAE"}
SERVICE = ObjectKey("serving.kserve.io/v1beta1", "InferenceService", "ak4")


def served():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    cluster.log.clear()
    return cluster


def storage_uri(cluster):
    return cluster.objects[SERVICE]["spec"]["predictor"]["model"]["storageUri"]


def test_more_replicas_apply_one_object_and_verify_nothing():
    cluster = served()
    cluster.edit(serving={"maxReplicas": 7})
    cluster.settle()
    assert cluster.log == [("apply", "InferenceService", "ak4")]
    assert cluster.objects[SERVICE]["spec"]["predictor"]["maxReplicas"] == 7
    assert cluster.conditions()["Ready"][0] == "True"


def test_a_gpu_computes_in_full_precision_and_is_verified_anew():
    cluster = served()
    cluster.edit(serving={"resources": {"cpu": "2", "memory": "4Gi", "gpus": 1}})
    cluster.settle()
    model = cluster.objects[SERVICE]["spec"]["predictor"]["model"]
    assert model["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert model["env"] == [{"name": "NVIDIA_TF32_OVERRIDE", "value": "0"}]
    assert ("create", "Job") in {entry[:2] for entry in cluster.log}
    assert cluster.conditions()["Ready"][0] == "True"
    cluster.log.clear()
    cluster.edit(serving={"resources": {"cpu": "4", "memory": "8Gi", "gpus": 1}})
    cluster.settle()
    assert cluster.log == [("apply", "InferenceService", "ak4")]


def test_only_the_storage_uri_moves_with_a_new_revision():
    cluster = served()
    before = cluster.objects[SERVICE]["spec"]
    uri = storage_uri(cluster)
    cluster.edit(model=HUBER)
    cluster.settle()
    after = cluster.objects[SERVICE]["spec"]
    assert storage_uri(cluster) != uri
    after["predictor"]["model"]["storageUri"] = uri
    assert after == before


def test_a_rejected_candidate_is_told_with_its_figures_and_serving_goes_on():
    cluster = served()
    revision = cluster.resource["status"]["serving"]["revision"]
    cluster.answers["evaluation"] = {"accepted": False, "reasons": ["non-closure 0.031 is above 0.02"]}
    cluster.edit(model=HUBER)
    cluster.settle()
    assert cluster.conditions()["Accepted"] == ("False", "Rejected")
    assert "0.031" in cluster.message("Accepted")
    assert cluster.resource["status"]["serving"]["revision"] == revision
    assert cluster.conditions()["Ready"][0] == "True"
    assert "Stalled" not in cluster.conditions()
    assert cluster.resource["status"]["stage"] == "Rejected"


def test_a_rejected_first_candidate_stalls():
    cluster = ScriptedCluster(calibration(), answers={"evaluation": {"accepted": False, "reasons": ["too wide"]}})
    cluster.settle()
    assert cluster.keys("InferenceService") == []
    assert cluster.conditions()["Ready"] == ("False", "Rejected")
    assert cluster.conditions()["Stalled"] == ("True", "Rejected")


def test_the_candidate_is_judged_beside_the_revision_accepted_before_and_never_again_while_it_serves():
    cluster = served()
    first = cluster.resource["status"]["serving"]["revision"]
    cluster.edit(model=HUBER)
    cluster.settle()
    document = cluster.document(cluster.objects[cluster.key("Job", "evaluation")])
    assert document.baseline == first
    cluster.log.clear()
    cluster.edit(historyLimit=1)
    cluster.settle()
    assert {kind for _, kind, _ in cluster.log} == {"ConfigMap"}
    cluster.log.clear()
    cluster.edit(evaluation={"acceptance": {"maxNonClosure": 0.001}})
    cluster.settle()
    assert cluster.log == []


def test_history_is_kept_to_its_limit_newest_first():
    cluster = served()
    cluster.edit(historyLimit=2)
    revisions = [cluster.resource["status"]["serving"]["revision"]]
    for model in (HUBER, MAE):
        cluster.edit(model=model)
        cluster.settle()
        revisions.append(cluster.resource["status"]["serving"]["revision"])
    shown = [entry["revision"] for entry in cluster.resource["status"]["history"]]
    assert shown == [revisions[2], revisions[1]]
    records = [child for child in cluster.objects.values() if naming.label(child, naming.RECORD) == "revision"]
    assert len(records) == 2


def test_a_return_to_an_earlier_model_makes_nothing_twice_and_is_accepted_anew():
    cluster = served()
    first = cluster.resource["status"]["serving"]["revision"]
    model = cluster.resource["spec"]["model"]
    cluster.edit(model=HUBER)
    cluster.settle()
    cluster.log.clear()
    cluster.edit(model=model)
    cluster.settle()
    assert cluster.resource["status"]["serving"]["revision"] == first
    assert [entry["revision"] for entry in cluster.resource["status"]["history"]].count(first) == 2
    assert not [entry for entry in cluster.log if entry[1] == "Experiment" and entry[0] == "create"]


def test_the_status_is_rebuilt_from_the_cluster_alone():
    cluster = served()
    cluster.edit(model=HUBER)
    cluster.settle()
    status = cluster.resource.pop("status")
    cluster.log.clear()
    cluster.reconcile()
    rebuilt = cluster.resource["status"]
    for document in (status, rebuilt):
        for entry in document["conditions"]:
            del entry["lastTransitionTime"]
    assert rebuilt == status
    assert cluster.log == []


def test_serving_is_true_only_after_the_verification_of_a_complete_rollout():
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=("serving",))
    assert cluster.conditions()["Serving"] == ("False", "RollingOut")
    assert not [key for key in cluster.keys("Job") if "verification" in key.name]
    cluster.settle(stop_at=("verification",))
    assert cluster.conditions()["Serving"] == ("False", "RollingOut")
    assert cluster.conditions()["Ready"][0] == "False"
    cluster.settle()
    assert cluster.conditions()["Serving"] == ("True", "Verified")


def test_a_deployment_that_lags_behind_holds_the_verification_back():
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=("serving",))
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "ak4-predictor", "labels": {naming.CALIBRATION: "ak4"}, "generation": 2},
        "spec": {"replicas": 1, "template": {"metadata": {"annotations": {}}}},
        "status": {"observedGeneration": 2, "updatedReplicas": 1, "replicas": 2, "availableReplicas": 1},
    }
    key = ObjectKey.of(deployment)
    cluster.objects[key] = deployment | {"metadata": deployment["metadata"] | {"uid": "d", "ownerReferences": []}}
    cluster.work()
    cluster.reconcile()
    assert "1 of 1 Pods are new" in cluster.message("Serving")
    cluster.objects[key]["status"]["replicas"] = 1
    cluster.settle()
    assert cluster.conditions()["Serving"] == ("True", "Verified")


def test_a_wrong_endpoint_is_rolled_back_marked_and_verified_again():
    cluster = served()
    good, good_uri = cluster.resource["status"]["serving"]["revision"], storage_uri(cluster)
    cluster.edit(model=HUBER)
    cluster.settle(stop_at=("verification",))
    assert cluster.conditions()["Serving"][0] == "True"
    assert cluster.resource["status"]["serving"]["revision"] == good
    bad_uri = storage_uri(cluster)
    new = [key for key in cluster.keys("Job") if "verification" in key.name and "status" not in cluster.objects[key]]
    cluster.fail(new[0], sentence="predictions differ by 0.2")
    cluster.reconcile()
    assert cluster.conditions()["Serving"] == ("False", "VerificationFailed")
    cluster.reconcile()
    assert storage_uri(cluster) == good_uri != bad_uri
    assert cluster.conditions()["Serving"][0] == "False"
    cluster.settle()
    assert cluster.conditions()["Serving"] == ("True", "RolledBack")
    assert cluster.resource["status"]["serving"]["revision"] == good
    assert cluster.conditions()["Ready"] == ("False", "RolledBack")
    assert "predictions differ by 0.2" in cluster.message("Stalled")
    cluster.log.clear()
    cluster.settle()
    assert cluster.log == []


def test_a_refused_revision_is_rolled_out_again_when_a_person_asks():
    cluster = served()
    cluster.edit(model=HUBER)
    cluster.settle(stop_at=("verification",))
    new = [key for key in cluster.keys("Job") if "verification" in key.name and "status" not in cluster.objects[key]]
    cluster.fail(new[0], sentence="predictions differ by 0.2")
    cluster.settle()
    cluster.resource["metadata"]["annotations"] = {naming.RETRY: "again"}
    cluster.settle()
    status = cluster.resource["status"]
    assert cluster.conditions()["Ready"] == ("True", "Serving")
    assert status["serving"]["revision"] == status["history"][0]["revision"]


def test_without_a_revision_before_a_wrong_endpoint_stalls():
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=("verification",))
    cluster.fail(cluster.key("Job", "verification"), sentence="predictions differ by 0.2")
    cluster.settle()
    assert cluster.conditions()["Serving"] == ("False", "VerificationFailed")
    assert cluster.conditions()["Stalled"] == ("True", "VerificationFailed")
    assert SERVICE in cluster.objects


def test_a_verification_counts_also_when_its_pod_is_gone():
    cluster = served()
    del cluster.results[cluster.key("Job", "verification")]
    cluster.settle()
    assert cluster.log == []
    assert cluster.conditions()["Serving"] == ("True", "Verified")


def test_an_endpoint_made_anew_is_verified_anew():
    cluster = served()
    old = cluster.key("Job", "verification")
    cluster.vanish(SERVICE)
    cluster.reconcile()
    assert cluster.conditions()["Serving"] == ("False", "Starting")
    cluster.settle()
    assert cluster.key("Job", "verification") != old
    assert cluster.conditions()["Serving"] == ("True", "Verified")


def test_a_model_that_does_not_load_leaves_the_old_one_serving_and_says_so():
    cluster = served()
    good = cluster.resource["status"]["serving"]["revision"]
    cluster.edit(model=HUBER)
    cluster.settle(stop_at=("serving",))
    status = cluster.objects[SERVICE]["status"]
    status["modelStatus"] = {
        "transitionStatus": "BlockedByFailedLoad",
        "lastFailureInfo": {"reason": "ModelLoadFailed", "message": "no such bucket"},
    }
    cluster.reconcile()
    assert cluster.conditions()["Serving"] == ("True", "LoadFailed")
    assert cluster.conditions()["Ready"] == ("False", "LoadFailed")
    assert "no such bucket" in cluster.message("Stalled")
    assert cluster.resource["status"]["serving"]["revision"] == good


def test_an_endpoint_that_falls_over_is_not_called_serving():
    cluster = served()
    cluster.condition(SERVICE, "Ready", "PredictorNotReady", status="False", message="0 of 1 Pods")
    cluster.reconcile()
    assert cluster.conditions()["Serving"] == ("False", "NotReady")
    assert cluster.conditions()["Ready"][0] == "False"


def test_an_endpoint_stopped_after_its_verification_leaves_the_resource_ready():
    cluster = served()
    cluster.condition(SERVICE, "Ready", "Stopped", status="False", message="stopped")
    cluster.condition(SERVICE, "Stopped", "Stopped")
    cluster.reconcile()
    assert cluster.conditions()["Serving"] == ("False", "NotKept")
    assert cluster.conditions()["Ready"] == ("True", "NotKept")
    assert "Reconciling" not in cluster.conditions()


def test_where_no_endpoint_can_run_the_rest_completes_and_says_so():
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=("serving",))
    cluster.condition(SERVICE, "Ready", "Unavailable", status="False", message="tritonserver needs glibc 2.35")
    cluster.reconcile()
    assert cluster.conditions()["Serving"] == ("False", "Unavailable")
    assert cluster.conditions()["Ready"] == ("True", "Unavailable")
    assert "glibc" in cluster.message("Serving")


def test_serving_left_out_takes_the_endpoint_away_and_the_model_stays_accepted():
    cluster = served()
    cluster.edit(serving=None)
    cluster.settle()
    assert cluster.keys("InferenceService") == []
    assert cluster.conditions()["Serving"] == ("False", "NotRequested")
    assert cluster.conditions()["Ready"] == ("True", "Accepted")


@pytest.mark.parametrize(("release", "moves_model"), [("26.04-py3", False), ("23.05-py3", True)])
def test_a_release_is_not_applied_to_a_model_that_it_cannot_load(release, moves_model):
    cluster = served()
    uri = storage_uri(cluster)
    cluster.edit(serving={"tritonVersion": release})
    cluster.settle(stop_at=("export",))
    version = cluster.objects[SERVICE]["spec"]["predictor"]["model"]["runtimeVersion"]
    assert version == ("26.06-py3" if moves_model else release)
    cluster.settle()
    assert (storage_uri(cluster) != uri) is moves_model
    assert cluster.objects[SERVICE]["spec"]["predictor"]["model"]["runtimeVersion"] == release
    assert cluster.conditions()["Ready"][0] == "True"


@pytest.mark.parametrize(
    ("reason", "phase"), [("ReplicaSetUpdated", "Starting"), ("ProgressDeadlineExceeded", "Failed")]
)
def test_new_pods_that_hide_behind_an_old_one_are_a_failure_once_their_deployment_gives_up(reason, phase):
    cluster = served()
    progressing = {"type": "Progressing", "status": "False", "reason": reason}
    counts = {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "ak4-predictor", "generation": 2},
        "spec": {"replicas": 1},
        "status": {**counts, "conditions": [progressing]},
    }
    cluster.objects[ObjectKey.of(deployment)] = deployment
    rollout = read_rollout(cluster.objects[SERVICE], World(cluster.observe()))
    assert (rollout.phase, "2 in all" in rollout.message) == (phase, True)
