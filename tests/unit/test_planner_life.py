"""The life of a child: superseded, failed, lost, suspended, made anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.calibrations import calibration
from tests.support.scripted_cluster import ScriptedCluster

from jetcal_operator import naming
from jetcal_operator.cluster import ObjectKey
from jetcal_operator.platform import Platform


def stopped_in(stage, **spec):
    """A cluster whose stage runs and does not end."""
    cluster = ScriptedCluster(calibration(**spec))
    cluster.settle(stop_at=(stage,))
    return cluster


@pytest.mark.parametrize(("stage", "kind"), [("tuning", "Experiment"), ("training", "PyTorchJob")])
def test_an_edit_deletes_a_superseded_running_child_at_once(stage, kind):
    cluster = stopped_in(stage)
    old = cluster.key(kind, stage)
    cluster.edit(model={"pfn": {"phiDim": 64}, "loss": "Huber"})
    cluster.settle(stop_at=(stage,))
    if stage == "training":
        cluster.settle(stop_at=(stage,))
    new = cluster.key(kind, stage)
    assert old != new
    assert ("delete", kind, old.name) in cluster.log


def test_finished_children_of_the_old_model_go_when_the_new_result_is_there_and_serving_goes_on():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    old = cluster.key("PyTorchJob", "training")
    served = cluster.resource["status"]["serving"]["revision"]
    cluster.edit(model={"pfn": {"phiDim": 64}, "loss": "Huber"})
    cluster.settle(stop_at=("training",))
    assert old in cluster.objects
    assert cluster.resource["status"]["serving"]["revision"] == served
    assert cluster.conditions()["Serving"][0] == cluster.conditions()["Ready"][0] == "True"
    assert cluster.conditions()["Reconciling"] == ("True", "TrainingRunning")
    cluster.settle()
    assert old not in cluster.objects
    assert cluster.resource["status"]["serving"]["revision"] != served


def test_the_dataset_is_reused_when_the_loss_changes():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    cluster.log.clear()
    cluster.edit(model={"pfn": {"phiDim": 64}, "loss": "Huber"})
    cluster.settle()
    made = {name.split("-")[1] for verb, _, name in cluster.log if verb == "create"}
    assert made == {"tuning", "trial", "training", "export", "evaluation", "revision", "verification"}


def test_a_permanent_failure_stalls_and_names_object_and_cause():
    cluster = stopped_in("export")
    key = cluster.key("Job", "export")
    cluster.fail(key, sentence="operator Foo has no ONNX form")
    decided = cluster.reconcile()
    assert cluster.conditions()["Exported"] == ("False", "PodFailurePolicy")
    assert cluster.conditions()["Stalled"][0] == "True"
    assert key.name in cluster.message("Stalled")
    assert "operator Foo has no ONNX form" in cluster.message("Stalled")
    assert decided.check_again is None


def test_a_failure_that_may_heal_is_tried_again_with_growing_patience():
    cluster = stopped_in("export")
    waits = []
    for _ in range(3):
        key = cluster.key("Job", "export")
        cluster.fail(key, reason="BackoffLimitExceeded", sentence="storage does not answer")
        decided = cluster.reconcile()
        assert cluster.conditions()["Reconciling"] == ("True", "Retrying")
        assert "Stalled" not in cluster.conditions()
        waits.append(decided.check_again - cluster.now)
        cluster.now = decided.check_again
        cluster.reconcile()
        assert key not in cluster.objects
        cluster.reconcile()
        assert key in cluster.objects
    assert waits == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    cluster.settle()
    assert cluster.conditions()["Ready"][0] == "True"


def test_an_inventory_without_files_is_looked_at_again():
    cluster = stopped_in("inventory")
    key = cluster.key("Job", "inventory")
    cluster.fail(key, sentence="no file matches s3://jec/ntuples/*.root")
    decided = cluster.reconcile()
    assert cluster.conditions()["Reconciling"] == ("True", "Retrying")
    assert decided.check_again is not None


def test_a_failed_child_is_made_anew_when_its_manifest_changes_and_a_running_one_is_not():
    cluster = stopped_in("training")
    key = cluster.key("PyTorchJob", "training")
    uid = cluster.objects[key]["metadata"]["uid"]
    cluster.edit(training={"epochs": 5, "workers": 2, "resources": {"cpu": "4", "memory": "64Gi"}})
    cluster.settle(stop_at=("training",))
    assert cluster.objects[key]["metadata"]["uid"] == uid
    cluster.fail(key, reason="PyTorchJobFailed", sentence="out of memory")
    cluster.settle(stop_at=("training",))
    made = cluster.objects[key]
    assert made["metadata"]["uid"] != uid
    container = made["spec"]["pytorchReplicaSpecs"]["Master"]["template"]["spec"]["containers"][0]
    assert container["resources"]["limits"]["memory"] == "64Gi"


def test_a_person_may_ask_for_another_try_once():
    cluster = stopped_in("training")
    key = cluster.key("PyTorchJob", "training")
    uid = cluster.objects[key]["metadata"]["uid"]
    cluster.fail(key, reason="PyTorchJobFailed", sentence="a cosmic ray")
    cluster.settle(stop_at=("training",))
    assert cluster.objects[key]["metadata"]["uid"] == uid
    cluster.resource["metadata"]["annotations"] = {naming.RETRY: "2026-11-21T12:00:00Z"}
    cluster.settle(stop_at=("training",))
    again = cluster.objects[key]["metadata"]["uid"]
    assert again != uid
    cluster.fail(key, reason="PyTorchJobFailed", sentence="a cosmic ray")
    cluster.settle(stop_at=("training",))
    assert cluster.objects[key]["metadata"]["uid"] == again


def test_a_lost_answer_is_asked_for_again_by_the_same_name():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    key = cluster.key("PyTorchJob", "training")
    del cluster.results[key]
    served = cluster.resource["status"]["serving"]
    cluster.log.clear()
    cluster.settle()
    assert cluster.log == [
        ("delete", "PyTorchJob", key.name),
        ("apply", "ConfigMap", key.name),
        ("create", "PyTorchJob", key.name),
    ]
    assert cluster.resource["status"]["serving"] == served


def test_an_answer_that_cannot_be_read_is_a_failure_and_no_crash():
    cluster = stopped_in("export")
    cluster.succeed(cluster.key("Job", "export"), {"uri": "s3://jec/x"})
    cluster.reconcile()
    assert cluster.conditions()["Exported"] == ("False", "ResultUnreadable")


def test_a_change_of_platform_restarts_nothing_that_has_ended():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    cluster.log.clear()
    cluster.platform = replace(Platform(), worker_image="jetcal/worker:9.9.9")
    cluster.settle()
    assert cluster.log == []


def test_suspend_holds_every_job_and_resume_lets_them_go_on():
    cluster = stopped_in("tuning")
    jobs = [job for _, job in list(cluster.start_trials(cluster.key("Experiment", "tuning")))]
    cluster.edit(suspend=True)
    cluster.settle(stop_at=("tuning",))
    assert all(cluster.objects[job]["spec"]["runPolicy"]["suspend"] for job in jobs)
    assert cluster.conditions()["Tuned"] == ("Unknown", "Suspended")
    assert "Reconciling" not in cluster.conditions()
    cluster.edit(suspend=False)
    cluster.settle(stop_at=("tuning",))
    assert not any(cluster.objects[job]["spec"]["runPolicy"]["suspend"] for job in jobs)


def test_a_job_that_a_queue_holds_is_not_let_go_by_us():
    cluster = stopped_in("training", queueName="jec")
    key = cluster.key("PyTorchJob", "training")
    cluster.objects[key]["spec"]["runPolicy"]["suspend"] = True
    cluster.settle()
    assert cluster.objects[key]["spec"]["runPolicy"]["suspend"] is True
    assert cluster.objects[key]["metadata"]["labels"][naming.QUEUE] == "jec"


def test_a_job_that_somebody_lets_go_is_held_again_while_the_spec_says_so():
    cluster = stopped_in("training")
    key = cluster.key("PyTorchJob", "training")
    cluster.edit(suspend=True)
    cluster.settle(stop_at=("training",))
    cluster.objects[key]["spec"]["runPolicy"]["suspend"] = False
    cluster.settle(stop_at=("training",))
    assert cluster.objects[key]["spec"]["runPolicy"]["suspend"] is True


def test_nothing_new_starts_while_suspended():
    cluster = ScriptedCluster(calibration(suspend=True))
    cluster.settle()
    assert cluster.log == []
    assert cluster.resource["status"]["stage"] == "Suspended"


def test_trial_counters_follow_the_spec_while_the_search_runs_and_only_they():
    cluster = stopped_in("tuning")
    key = cluster.key("Experiment", "tuning")
    cluster.log.clear()
    tuning = cluster.resource["spec"]["tuning"] | {"maxTrials": 7, "resources": {"cpu": "3"}}
    cluster.edit(tuning=tuning)
    cluster.settle(stop_at=("tuning",))
    assert cluster.log == [("apply", "Experiment", key.name)]
    assert cluster.objects[key]["spec"]["maxTrialCount"] == 7


def test_a_trial_that_never_reports_ends_the_wait():
    cluster = stopped_in("tuning")
    experiment = cluster.key("Experiment", "tuning")
    _, job = next(iter(cluster.start_trials(experiment)))
    cluster.succeed(job)
    cluster.now += timedelta(minutes=5)
    cluster.reconcile()
    assert cluster.conditions()["Tuned"][1] == "Running"
    cluster.now += timedelta(minutes=30)
    cluster.reconcile()
    assert ("delete", "Experiment", experiment.name) in cluster.log


def test_a_child_of_an_older_resource_of_the_same_name_is_not_ours():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    cluster.resource["metadata"]["uid"] = "another-uid"
    decided = cluster.reconcile()
    assert decided.delete == ()
    assert cluster.conditions()["Stalled"] == ("True", "NameTaken")


def test_a_child_on_its_way_out_is_waited_for():
    cluster = stopped_in("export")
    key = cluster.key("Job", "export")
    cluster.objects[key]["metadata"]["deletionTimestamp"] = "2026-11-21T09:00:00Z"
    decided = cluster.reconcile()
    assert (decided.create, decided.delete) == ((), ())
    cluster.vanish(key)
    assert ObjectKey.of(cluster.reconcile().create[0]) == key
