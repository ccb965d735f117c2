"""The chain from data to endpoint, and that a converged world is left alone."""

from __future__ import annotations

import pytest
from tests.support.calibrations import calibration
from tests.support.scripted_cluster import KINDS, ScriptedCluster

from jetcal_operator import naming
from jetcal_operator.cluster import ObjectKey


def stages_of(log):
    return [name.split("-")[1] for verb, kind, name in log if verb == "create" and kind not in {"ConfigMap", "Trial"}]


def test_a_calibration_ends_ready_with_a_served_and_verified_revision():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    conditions = cluster.conditions()
    assert {kind: status for kind, (status, _) in conditions.items()} == {
        "Ready": "True",
        "DatasetReady": "True",
        "Tuned": "True",
        "Trained": "True",
        "Exported": "True",
        "Accepted": "True",
        "Serving": "True",
    }
    status = cluster.resource["status"]
    assert status["serving"]["revision"] == status["history"][0]["revision"]
    assert status["tuning"]["best"]["hyperparameters"] == {"learningRate": "0.003"}


def test_nothing_is_done_about_a_converged_world():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    before = cluster.resource["status"]
    decided = cluster.reconcile()
    assert (decided.create, decided.apply, decided.delete, decided.check_again) == ((), (), (), None)
    assert cluster.resource["status"] == before


@pytest.mark.parametrize("stage", ["inventory", "dataset", "tuning", "training", "export", "evaluation", "serving"])
def test_a_status_that_says_the_same_is_the_same(stage):
    """The shell compares models: an equal status is not written."""
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=(stage,))
    if stage == "tuning":
        list(cluster.start_trials(cluster.key("Experiment", "tuning")))
        cluster.reconcile()
    observed = cluster.observe()
    assert cluster.reconcile().status == observed.resource.status


def test_the_final_training_starts_from_the_chosen_hyperparameters():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    document = cluster.document(cluster.objects[cluster.key("PyTorchJob", "training")])
    assert document.model.optimizer.learning_rate == pytest.approx(0.003)


def test_the_smallest_finite_objective_with_a_result_wins():
    cluster = ScriptedCluster(calibration())
    for _ in range(3):
        cluster.reconcile()
        cluster.work(stop_at=("tuning",))
    experiment = cluster.key("Experiment", "tuning")
    (first, _), (second, lost), (third, third_job) = list(cluster.start_trials(experiment))
    document = cluster.document(cluster.objects[third_job])
    first_job = ObjectKey(third_job.api_version, third_job.kind, first.name)
    cluster.succeed(first_job, cluster.answer(document, first.name, objective=0.3))
    cluster.succeed(third_job, cluster.answer(document, third.name, objective=0.2))
    cluster.condition(lost, "Succeeded", "Done")
    for trial in (first, second, third):
        cluster.condition(trial, "Succeeded", "TrialSucceeded")
    cluster.condition(third, "Succeeded", "", status="False")
    cluster.condition(third, "EarlyStopped", "TrialEarlyStopped")
    cluster.condition(experiment, "Succeeded", "ExperimentMaxTrialsReached")
    cluster.reconcile()
    assert cluster.resource["status"]["tuning"]["best"]["name"] == first.name


def test_trials_that_all_fail_are_named_with_their_reasons():
    cluster = ScriptedCluster(calibration())
    for _ in range(3):
        cluster.reconcile()
        cluster.work(stop_at=("tuning",))
    experiment = cluster.key("Experiment", "tuning")
    for trial, job in list(cluster.start_trials(experiment)):
        cluster.fail(job, sentence="loss became NaN in epoch 2")
        cluster.condition(trial, "Failed", "TrialFailed")
    cluster.condition(experiment, "Succeeded", "ExperimentMaxTrialsReached")
    cluster.reconcile()
    assert cluster.conditions()["Tuned"] == ("False", "NoUsableTrial")
    assert "loss became NaN in epoch 2" in cluster.message("Tuned")
    assert cluster.conditions()["Stalled"] == ("True", "NoUsableTrial")
    assert "Reconciling" not in cluster.conditions()


def test_trials_jobs_go_once_the_choice_is_recorded_and_the_choice_outlives_the_experiment():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    assert [key for key in cluster.objects if "-tuning-" in key.name and key.kind == "PyTorchJob"] == []
    key = cluster.key("Experiment", "tuning")
    cluster.vanish(key)
    cluster.log.clear()
    cluster.settle()
    assert cluster.log == []
    assert cluster.conditions()["Tuned"] == ("True", "Succeeded")


def test_without_training_the_best_trials_own_model_is_exported():
    cluster = ScriptedCluster(calibration(training=None))
    cluster.settle()
    source = cluster.document(cluster.objects[cluster.key("Job", "export")]).source
    assert (source.stage, source.trial) == ("tuning", cluster.resource["status"]["tuning"]["best"]["name"])
    assert cluster.conditions()["Trained"] == ("False", "NotRequested")
    assert cluster.conditions()["Ready"][0] == "True"


def test_without_tuning_the_given_network_is_trained():
    cluster = ScriptedCluster(calibration(tuning=None))
    cluster.settle()
    assert cluster.keys("Experiment") == []
    assert cluster.conditions()["Tuned"] == ("False", "NotRequested")
    assert cluster.conditions()["Ready"][0] == "True"


@pytest.mark.parametrize(
    ("missing", "product"),
    [
        (("kubeflow.org/v1beta1", "Experiment"), "Katib"),
        (("kubeflow.org/v1", "PyTorchJob"), "Training Operator"),
        (("serving.kserve.io/v1beta1", "InferenceService"), "KServe"),
    ],
)
def test_a_missing_kind_is_named_and_its_arrival_heals(missing, product):
    cluster = ScriptedCluster(calibration(), kinds=KINDS - {missing})
    cluster.settle()
    assert cluster.conditions()["Stalled"] == ("True", "KindMissing")
    assert missing[1] in cluster.message("Stalled")
    assert product in cluster.message("Stalled")
    cluster.kinds = KINDS
    cluster.settle()
    assert cluster.conditions()["Ready"][0] == "True"


def test_an_occupied_name_stalls_and_is_not_touched():
    cluster = ScriptedCluster(calibration())
    first = cluster.reconcile().create[1]
    key = ObjectKey.of(first)
    cluster.objects.clear()
    cluster.occupied.add(key)
    cluster.log.clear()
    cluster.settle()
    assert cluster.log == []
    assert cluster.conditions()["Stalled"] == ("True", "NameTaken")
    assert key.name in cluster.message("Stalled")


def test_an_unknown_triton_release_is_refused_with_the_known_ones():
    cluster = ScriptedCluster(calibration(serving={"tritonVersion": "30.01-py3"}))
    cluster.settle()
    assert cluster.log == []
    assert cluster.conditions()["Stalled"] == ("True", "UnknownTriton")
    assert "26.06-py3" in cluster.message("Stalled")


def test_tensorboard_starts_with_tuning_and_never_blocks():
    cluster = ScriptedCluster(calibration())
    cluster.reconcile()
    assert cluster.keys("Deployment") == []
    cluster.settle()
    assert [key.name for key in cluster.keys("Deployment")] == ["ak4-tensorboard"]
    cluster.edit(tensorboard={"enabled": False})
    cluster.settle()
    assert cluster.keys("Deployment") == cluster.keys("Service") == []


def test_children_carry_our_labels_and_an_owner_and_none_of_the_parents_labels():
    document = calibration()
    document["metadata"]["labels"] = {"app.kubernetes.io/instance": "argo-app"}
    cluster = ScriptedCluster(document)
    cluster.settle()
    for key, child in cluster.objects.items():
        if key.kind == "Trial":
            continue
        labels = child["metadata"]["labels"]
        assert "app.kubernetes.io/instance" not in labels
        assert labels[naming.CALIBRATION] == "ak4"
        (owner,) = child["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"]) == ("resource-uid", True)


def test_every_condition_is_there_from_the_first_visit_with_reason_and_generation():
    cluster = ScriptedCluster(calibration())
    cluster.reconcile()
    for entry in cluster.resource["status"]["conditions"]:
        assert entry["reason"]
        assert entry["observedGeneration"] == 1
    assert set(cluster.conditions()) == {
        "Ready", "Reconciling", "DatasetReady", "Tuned", "Trained", "Exported", "Accepted", "Serving",
    }  # fmt: skip


def test_a_condition_is_dated_anew_only_when_it_flips():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    dates = {entry["type"]: entry["lastTransitionTime"] for entry in cluster.resource["status"]["conditions"]}
    assert dates["DatasetReady"] < dates["Tuned"] < dates["Ready"]
    cluster.edit(historyLimit=4)
    cluster.settle()
    after = cluster.resource["status"]["conditions"]
    assert {entry["type"]: entry["lastTransitionTime"] for entry in after} == dates
    assert {entry["observedGeneration"] for entry in after} == {2}
