"""What the planner makes of an API server that refuses: reported, held back, asked again, healed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.calibrations import calibration
from tests.support.scripted_cluster import START, ScriptedCluster

from jetcal_operator.cluster import ObjectKey

HUBER = {"pfn": {"phiDim": 64}, "loss": "Huber"}


def refused_in(kind, stage=None):
    """A cluster that has come as far as it can while one kind is refused."""
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=(stage,))
    cluster.refusing = kind
    return cluster


def advance(cluster, **time):
    cluster.now += timedelta(**time)
    return cluster.reconcile()


def refusals(cluster):
    return [entry for entry in cluster.log if entry[0] == "refused"]


def test_a_refused_child_is_reported_and_left_alone_until_it_is_due():
    cluster = ScriptedCluster(calibration(), refusing="Job")
    cluster.reconcile()
    decided = cluster.reconcile()
    assert cluster.conditions()["DatasetReady"] == ("False", "QuotaExceeded")
    assert cluster.conditions()["Reconciling"] == ("True", "Retrying")
    assert cluster.conditions()["Ready"] == ("False", "Retrying")
    assert "Stalled" not in cluster.conditions()
    assert "tried again at 2026-11-21T09:00:10Z" in cluster.message("DatasetReady")
    assert decided.create == ()
    assert decided.check_again == START + timedelta(seconds=10)


def test_a_refused_child_is_asked_for_again_with_growing_patience_and_its_condition_does_not_flap():
    cluster = ScriptedCluster(calibration(), refusing="Job")
    waits = []
    for _ in range(7):
        cluster.reconcile()
        decided = cluster.reconcile()
        assert decided.create == ()
        waits.append((decided.check_again - cluster.now).total_seconds())
        cluster.now = decided.check_again
        due = cluster.reconcile()
        assert [manifest["kind"] for manifest in due.create] == ["Job"]
        told = {entry.type: (entry.status, entry.reason) for entry in due.status.conditions}
        assert told["DatasetReady"] == ("False", "QuotaExceeded")
    assert waits == [10, 20, 40, 80, 160, 300, 300]


def test_a_refusal_heals_when_the_world_does():
    cluster = ScriptedCluster(calibration(), refusing="Job")
    cluster.reconcile()
    cluster.refusing = None
    advance(cluster, minutes=1)
    cluster.settle()
    assert cluster.conditions()["Ready"] == ("True", "Serving")


def test_a_refused_document_keeps_its_child_from_being_made():
    cluster = ScriptedCluster(calibration(), refusing="ConfigMap")
    cluster.reconcile()
    decided = cluster.reconcile()
    assert decided.create == ()
    assert cluster.keys("Job") == []
    assert "ConfigMap ak4-inventory-" in cluster.message("DatasetReady")


def test_a_document_that_was_lost_and_is_refused_is_reported_while_its_child_runs():
    cluster = refused_in("ConfigMap", "export")
    job = cluster.key("Job", "export")
    cluster.vanish(ObjectKey("v1", "ConfigMap", job.name))
    cluster.reconcile()
    cluster.reconcile()
    assert cluster.conditions()["Exported"] == ("False", "QuotaExceeded")
    assert job in cluster.objects
    cluster.refusing = None
    advance(cluster, minutes=1)
    cluster.settle()
    assert cluster.conditions()["Ready"] == ("True", "Serving")


def test_a_refused_endpoint_is_reported_and_made_when_it_is_due():
    cluster = ScriptedCluster(calibration(), refusing="InferenceService")
    for _ in range(30):
        advance(cluster, seconds=5)
        cluster.work()
    assert cluster.conditions()["Serving"] == ("False", "QuotaExceeded")
    assert cluster.conditions()["Ready"] == ("False", "Retrying")
    assert cluster.conditions()["Accepted"][0] == "True"
    assert len(refusals(cluster)) < 8
    cluster.refusing = None
    advance(cluster, minutes=5)
    cluster.settle()
    assert cluster.conditions()["Ready"] == ("True", "Serving")


def test_a_new_revision_that_may_not_be_rolled_out_leaves_the_old_one_serving():
    cluster = refused_in("InferenceService")
    old = cluster.resource["status"]["serving"]["revision"]
    cluster.edit(model=HUBER)
    for _ in range(30):
        advance(cluster, seconds=5)
        cluster.work()
    assert cluster.resource["status"]["serving"]["revision"] == old
    assert cluster.conditions()["Serving"] == ("True", "QuotaExceeded")
    assert cluster.conditions()["Ready"] == ("False", "Retrying")
    assert f"revision {old} serves; InferenceService ak4 cannot be written" in cluster.message("Serving")
    cluster.refusing = None
    advance(cluster, minutes=5)
    cluster.settle()
    assert cluster.resource["status"]["serving"]["revision"] != old
    assert cluster.conditions()["Ready"] == ("True", "Serving")


def test_a_refused_suspension_is_reported_as_such():
    cluster = refused_in("PyTorchJob", "training")
    key = cluster.key("PyTorchJob", "training")
    cluster.edit(suspend=True)
    cluster.reconcile()
    cluster.reconcile()
    assert cluster.conditions()["Trained"] == ("False", "QuotaExceeded")
    cluster.refusing = None
    advance(cluster, minutes=1)
    advance(cluster, minutes=1)
    assert cluster.objects[key]["spec"]["runPolicy"]["suspend"] is True
    assert cluster.conditions()["Trained"] == ("Unknown", "Suspended")


@pytest.mark.parametrize(("stage", "condition"), [("tuning", "Tuned"), ("evaluation", "Accepted")])
def test_what_cannot_be_recorded_does_not_count_and_the_status_stands_still(stage, condition):
    cluster = refused_in("ConfigMap", stage)
    for _ in range(3):
        advance(cluster, seconds=1)
        cluster.work()
    assert cluster.conditions()[condition] == ("False", "QuotaExceeded")
    before = cluster.resource["status"]
    advance(cluster, seconds=1)
    assert cluster.resource["status"] == before
    cluster.refusing = None
    advance(cluster, minutes=5)
    cluster.settle()
    assert cluster.conditions()["Ready"] == ("True", "Serving")


def test_a_refused_tensorboard_blocks_nothing():
    cluster = ScriptedCluster(calibration(), refusing="Deployment")
    cluster.settle()
    assert cluster.conditions()["Ready"] == ("True", "Serving")
    assert cluster.keys("Deployment") == []
