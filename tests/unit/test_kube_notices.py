"""Events tell the story of a calibration: each turn once, and nothing where nothing turns."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.calibrations import calibration
from tests.support.scripted_cluster import ScriptedCluster

from jetcal_api.resource import JetCalibration
from jetcal_api.status import Condition, Status
from jetcal_operator.kube.notices import MESSAGE_LIMIT, Notice, notices

HUBER = {"pfn": {"phiDim": 64}, "loss": "Huber"}


def status_of(cluster):
    return JetCalibration.parse(cluster.resource).status


def watch(cluster, rounds=40, **kwargs):
    """What is told while a cluster does its work: (type, reason) in their order."""
    told = []
    for _ in range(rounds):
        before = status_of(cluster)
        cluster.reconcile()
        cluster.work(**kwargs)
        cluster.now += timedelta(seconds=10)
        told += notices(before, status_of(cluster))
    return told


def reasons(told):
    return [(notice.type, notice.reason) for notice in told]


def normal(*names):
    return [("Normal", name) for name in names]


def condition(kind, status, reason, message=""):
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message,
        observed_generation=1,
        last_transition_time="2026-11-21T09:00:00Z",
    )


def test_a_first_run_is_told_from_the_data_to_the_endpoint():
    told = watch(ScriptedCluster(calibration()))
    assert reasons(told) == normal("DatasetReady", "Tuned", "Trained", "Exported", "Accepted", "Served", "Ready")
    by_reason = {notice.reason: notice.message for notice in told}
    assert by_reason["DatasetReady"] == "60 jets for training, 20 for validation, 20 for test"
    assert "report.html" in by_reason["Accepted"]
    assert "http://ak4.example" in by_reason["Served"]


def test_nothing_is_told_where_nothing_changes():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    assert watch(cluster, rounds=3) == []
    assert notices(status_of(cluster), status_of(cluster)) == []


def test_a_retrain_is_told_with_the_new_revision():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    cluster.edit(model=HUBER)
    assert reasons(watch(cluster)) == normal("Tuned", "Trained", "Exported", "Accepted", "Served")


def test_suspending_and_resuming_are_told():
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=("training",))
    cluster.edit(suspend=True)
    assert reasons(watch(cluster, rounds=3, stop_at=("training",))) == normal("Suspended")
    cluster.edit(suspend=False)
    assert reasons(watch(cluster, rounds=3, stop_at=("training",))) == normal("Resumed")


def test_a_rejected_candidate_is_told_once_with_its_figures():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    cluster.answers["evaluation"] = {"accepted": False, "reasons": ["maxNonClosure: 0.1 > 0.02"]}
    cluster.edit(model=HUBER)
    last = watch(cluster)[-1]
    assert last == Notice("Warning", "Rejected", "maxNonClosure: 0.1 > 0.02")


def test_a_permanent_failure_is_told_once_although_three_conditions_say_it():
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=("export",))
    cluster.fail(cluster.key("Job", "export"), sentence="operator Foo has no ONNX form")
    told = watch(cluster, rounds=3)
    assert reasons(told) == [("Warning", "PodFailurePolicy")]
    assert "operator Foo has no ONNX form" in told[0].message


def test_each_retry_is_told_and_has_the_same_key_at_another_time():
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=("export",))
    told = []
    for _ in range(2):
        cluster.fail(cluster.key("Job", "export"), reason="BackoffLimitExceeded", sentence="storage away")
        told += watch(cluster, rounds=20, stop_at=("export",))
    assert reasons(told) == [("Warning", "BackoffLimitExceeded")] * 2
    assert told[0].message != told[1].message
    assert told[0].key("u") == told[1].key("u")


def test_a_rollback_is_told():
    cluster = ScriptedCluster(calibration())
    cluster.settle()
    cluster.edit(model=HUBER)
    cluster.settle(stop_at=("verification",))
    new = [key for key in cluster.keys("Job") if "verification" in key.name and "status" not in cluster.objects[key]]
    cluster.fail(new[0], sentence="predictions differ by 0.2")
    told = reasons(watch(cluster))
    assert ("Warning", "VerificationFailed") in told
    assert ("Warning", "RolledBack") in told
    assert told.count(("Warning", "RolledBack")) == 1


def test_what_keeps_a_worker_from_its_work_is_told():
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=("training",))
    cluster.failures[cluster.key("PyTorchJob", "training")] = "Pod x finds no node"
    told = watch(cluster, rounds=3, stop_at=("training",))
    assert reasons(told) == [("Warning", "Obstructed")]
    assert "Pod x finds no node" in told[0].message


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, ("Ready", "True", "Serving"), [("Normal", "Ready")]),
        (None, ("Ready", "False", "Retrying"), []),
        (("Ready", "True", "Serving"), ("Ready", "False", "NotReady"), [("Warning", "NotReady")]),
        (("Ready", "True", "Serving"), ("Ready", "False", "Suspended"), [("Normal", "NotReady")]),
        (("Ready", "False", "Retrying"), ("Ready", "False", "Stalled"), []),
        (("Ready", "False", "Retrying"), ("Ready", "True", "Serving"), [("Normal", "Ready")]),
        (None, ("Stalled", "True", "KindMissing"), [("Warning", "Stalled")]),
        (("Stalled", "True", "KindMissing"), ("Stalled", "True", "NameTaken"), [("Warning", "Stalled")]),
        (("Stalled", "True", "KindMissing"), ("Stalled", "True", "KindMissing"), []),
        (None, ("Reconciling", "True", "TrainingRunning"), []),
        (None, ("Reconciling", "True", "Retrying"), [("Warning", "Retrying")]),
        (None, ("Tuned", "False", "NotRequested"), []),
        (None, ("Tuned", "Unknown", "Running"), []),
        (("Serving", "True", "Verified"), ("Serving", "False", "NotReady"), [("Warning", "NotReady")]),
        (("Serving", "False", "NotReady"), ("Serving", "False", "RollingOut"), []),
        (("Serving", "True", "Verified"), ("Serving", "False", "NotKept"), []),
        (("Serving", "True", "Verified"), ("Serving", "True", "QuotaExceeded"), []),
    ],
)
def test_a_turn_of_a_condition(before, after, told):
    first = Status(conditions=[condition(*before)]) if before else None
    assert reasons(notices(first, Status(conditions=[condition(*after)]))) == told


def test_a_message_that_only_counts_on_tells_nothing():
    before = Status(conditions=[condition("Reconciling", "True", "Retrying", "3 tries")])
    after = Status(conditions=[condition("Reconciling", "True", "Retrying", "4 tries")])
    assert notices(before, after) == []


def test_a_key_tells_resources_kinds_and_reasons_apart_but_not_counters():
    notice = Notice("Normal", "Trained", "epoch 2 of 3 is the best")
    assert notice.key("u") == notice._replace(message="epoch 4 of 7 is the best").key("u")
    others = [notice._replace(type="Warning"), notice._replace(reason="Tuned"), notice._replace(message="none")]
    keys = {notice.key("u"), notice.key("v"), *(other.key("u") for other in others)}
    assert len(keys) == 5
    assert all(len(key) <= 16 for key in keys)


def test_a_message_fits_an_event():
    long = Status(conditions=[condition("Stalled", "True", "InvalidSpec", "x" * 5000)])
    assert len(notices(None, long)[0].message) == MESSAGE_LIMIT
