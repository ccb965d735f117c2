"""Random walks: whatever is edited, fails or is killed on the way, the world ends where a fresh one would."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.calibrations import BASE, calibration
from tests.support.scripted_cluster import SUCCESS, ScriptedCluster

from jetcal_operator import naming

MODELS = [{"pfn": {"phiDim": 64}, "loss": loss} for loss in ("LogCosh", "Huber", "MaskedMAE")]
edits = st.one_of(
    st.tuples(st.just("model"), st.sampled_from(MODELS)),
    st.tuples(st.just("training"), st.sampled_from([None, {"epochs": 5}, {"epochs": 6, "runtime": "TrainJob"}])),
    st.tuples(st.just("serving"), st.sampled_from([{"maxReplicas": 3}, {"maxReplicas": 9}])),
    st.tuples(st.just("suspend"), st.booleans()),
    st.tuples(st.just("tensorboard"), st.sampled_from([{"enabled": True}, {"enabled": False}])),
)
moves = st.one_of(
    edits,
    st.tuples(st.just("kill"), st.integers(0, 4)),
    st.tuples(st.just("work"), st.integers(1, 3)),
    st.tuples(st.just("fail"), st.sampled_from(["BackoffLimitExceeded", "PodFailurePolicy"])),
    st.tuples(st.just("vanish"), st.integers(0, 20)),
    st.tuples(st.just("refuse"), st.sampled_from(["ConfigMap", "Job", "PyTorchJob", "InferenceService", None])),
)
CHAIN = {"inventory", "dataset", "tuning", "training", "export", "tensorboard"}


def make(cluster, kind, value):
    if kind == "kill":
        cluster.reconcile(calls=value)
    elif kind == "work":
        for _ in range(value):
            cluster.reconcile()
            cluster.work()
            cluster.now += timedelta(seconds=30)
    elif kind == "refuse":
        cluster.refusing = value
    elif kind == "fail":
        running = [key for key, child in cluster.objects.items() if key.kind in SUCCESS and not child.get("status")]
        for key in running[:1]:
            cluster.fail(key, reason=value)
    elif kind == "vanish":
        keys = list(cluster.objects)
        if keys:
            cluster.vanish(keys[value % len(keys)])
    elif value is None:
        cluster.resource["spec"].pop(kind, None)
        cluster.edit()
    else:
        cluster.edit(**{kind: value})


def chain_children(cluster):
    """What stands for the stages up to the export; judgement and verification depend on history."""
    return {
        key
        for key, child in cluster.objects.items()
        if naming.label(child, naming.STAGE) in CHAIN
        and key.kind not in {"Trial", "ConfigMap"}
        and not naming.label(child, naming.RECORD)
        and naming.is_owned(child, cluster.observe().resource.metadata.uid)
    }


@settings(max_examples=15, deadline=None)
@given(st.lists(moves, max_size=10))
def test_every_walk_ends_where_a_fresh_world_would(walk):
    cluster = ScriptedCluster(calibration())
    for kind, value in walk:
        make(cluster, kind, value)
    cluster.refusing = None
    cluster.edit(suspend=False)
    cluster.resource["metadata"]["annotations"] = {naming.RETRY: "last"}
    for _ in range(3):
        cluster.settle()
        cluster.now += timedelta(hours=2)
    spec = {name: cluster.resource["spec"].get(name) for name in cluster.resource["spec"].keys() | BASE["spec"].keys()}
    fresh = ScriptedCluster(calibration(**spec))
    fresh.settle()
    assert cluster.conditions()["Ready"] == ("True", "Serving")
    lost = {key for key in chain_children(fresh) - chain_children(cluster) if "-tuning-" in key.name}
    assert chain_children(cluster) == chain_children(fresh) - lost
    assert cluster.resource["status"]["model"] == fresh.resource["status"]["model"]
    cluster.log.clear()
    decided = cluster.reconcile()
    assert (decided.create, decided.apply, decided.delete) == ((), (), ())
