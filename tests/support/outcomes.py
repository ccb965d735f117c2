"""A calibration driven to every outcome that people see, by the planner and a scripted cluster."""

from __future__ import annotations

from tests.support.calibrations import calibration
from tests.support.scripted_cluster import ScriptedCluster

HUBER = {"pfn": {"phiDim": 64}, "loss": "Huber"}
REJECTED = {"accepted": False, "reasons": ["non-closure 0.031 +- 0.004 at 30-50 GeV is above 0.02"]}


def outcomes():
    """The resource with its status, by outcome."""
    return {name: drive().resource for name, drive in _DRIVES.items()}


def _new(**fields):
    document = calibration()
    document["metadata"]["generation"] = 1
    document["spec"] |= fields.pop("spec", {})
    return ScriptedCluster(document, **fields)


def _edited():
    cluster = _served()
    cluster.edit(model=HUBER)
    return cluster


def _stopped_in(stage):
    cluster = _new()
    cluster.settle(stop_at=(stage,))
    return cluster


def _served(**spec):
    cluster = _new(spec=spec)
    cluster.settle()
    return cluster


def _failed(reason, sentence):
    cluster = _stopped_in("export")
    cluster.fail(cluster.key("Job", "export"), reason=reason, sentence=sentence)
    cluster.reconcile()
    return cluster


def _without_katib():
    cluster = _new()
    cluster.kinds = frozenset(kind for kind in cluster.kinds if kind[0] != "kubeflow.org/v1beta1")
    cluster.settle()
    return cluster


def _retraining():
    cluster = _edited()
    cluster.settle(stop_at=("training",))
    return cluster


def _rejected_first():
    cluster = _new(answers={"evaluation": REJECTED})
    cluster.settle()
    return cluster


def _rejected_while_serving():
    cluster = _served()
    cluster.answers["evaluation"] = REJECTED
    cluster.edit(model=HUBER)
    cluster.settle()
    return cluster


def _rolled_back():
    cluster = _edited()
    cluster.settle(stop_at=("verification",))
    waiting = [
        key for key in cluster.keys("Job") if "verification" in key.name and "status" not in cluster.objects[key]
    ]
    cluster.fail(waiting[0], sentence="predictions differ by 0.2 from the golden ones")
    cluster.settle()
    return cluster


def _suspended_while_serving():
    cluster = _served()
    cluster.edit(suspend=True)
    cluster.settle()
    return cluster


_DRIVES = {
    "new": _new,
    "edited": _edited,
    "dataset_running": lambda: _stopped_in("dataset"),
    "tuning_running": lambda: _stopped_in("tuning"),
    "training_running": lambda: _stopped_in("training"),
    "endpoint_starting": lambda: _stopped_in("serving"),
    "retrying": lambda: _failed("BackoffLimitExceeded", "storage does not answer"),
    "ready": _served,
    "accepted_without_serving": lambda: _served(serving=None),
    "retraining_while_serving": _retraining,
    "rejected": _rejected_first,
    "rejected_while_serving": _rejected_while_serving,
    "stalled": lambda: _failed("PodFailurePolicy", "operator Foo has no ONNX form"),
    "katib_missing": _without_katib,
    "rolled_back": _rolled_back,
    "suspended": lambda: _served(suspend=True),
    "suspended_while_serving": _suspended_while_serving,
}
