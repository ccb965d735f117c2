"""Which Pods belong to an object, and which of them answers for it."""

from __future__ import annotations

import pytest
from tests.support.pods import OLD, RECENT, container, exited, owner, pod

from jetcal_operator.kube.answers import answer, pods_of


def names(found):
    return [entry["metadata"]["name"] for entry in found]


def test_pods_are_found_by_owner_master_and_lowest_index_first():
    job = owner("PyTorchJob")
    kind, index = "training.kubeflow.org/replica-type", "training.kubeflow.org/replica-index"
    pods = [
        pod(name="w1", labels={kind: "worker", index: "1"}),
        pod(name="w0", labels={kind: "worker", index: "0"}),
        pod(name="m", labels={kind: "master", index: "0"}),
        pod(name="x", of="another"),
    ]
    assert names(pods_of(job, pods)) == ["m", "w0", "w1"]


def test_pods_of_an_indexed_job_come_by_index_the_newest_try_first():
    index = "batch.kubernetes.io/job-completion-index"
    pods = [
        pod(name="b", labels={index: "10"}),
        pod(name="a-old", labels={index: "2"}),
        pod(name="a-new", labels={index: "2"}, created=RECENT),
    ]
    assert names(pods_of(owner(), pods)) == ["a-new", "a-old", "b"]


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("TrainJob", {"jobset.sigs.k8s.io/jobset-name": "ak4"}),
        ("InferenceService", {"serving.kserve.io/inferenceservice": "ak4"}),
        ("Experiment", {"katib.kubeflow.org/suggestion": "ak4"}),
        ("Deployment", {"jetcal.dev/stage": "tensorboard"}),
    ],
)
def test_pods_that_hang_below_other_objects_are_found_by_their_labels(kind, labels):
    job = owner(kind, "ak4", spec={"selector": {"matchLabels": labels}})
    pods = [pod(name="ours", labels=labels), pod(name="other", labels=dict.fromkeys(labels, "another"))]
    assert names(pods_of(job, pods)) == ["ours"]


def test_pods_of_an_earlier_trainjob_of_the_same_name_are_not_its():
    labels = {"jobset.sigs.k8s.io/jobset-name": "ak4"}
    job = owner("TrainJob", "ak4", created=RECENT)
    assert pods_of(job, [pod(labels=labels, created=OLD)]) == []


RESULT = '{"uri": "s3://jec/result.json", "jets": 3}'


@pytest.mark.parametrize(
    ("found", "answered"),
    [
        (pod(exited(0, RESULT, reason="Completed"), phase="Succeeded"), True),
        (pod(exited(0, RESULT, name="pytorch"), phase="Succeeded"), True),
        (pod(exited(0, RESULT, name="node"), phase="Succeeded"), True),
        (pod(exited(0, RESULT), exited(1, name="metrics-logger-and-collector"), phase="Failed"), True),
        (pod(exited(1, RESULT), phase="Failed"), False),
        (pod(exited(0, RESULT, name="istio-proxy"), phase="Succeeded"), False),
        (pod(init=[exited(0, RESULT)], phase="Running"), False),
        (pod(container(running={}), phase="Running"), False),
        (pod(exited(0, ""), phase="Succeeded"), False),
        (pod(exited(0, "done"), phase="Succeeded"), False),
        (pod(exited(0, '["uri"]'), phase="Succeeded"), False),
        (pod(exited(0, '{"jets": 3}'), phase="Succeeded"), False),
        (pod(exited(0, '{"uri": 3}'), phase="Succeeded"), False),
    ],
)
def test_only_a_workers_good_end_is_an_answer(found, answered):
    assert answer([found]) == (RESULT if answered else None)


def test_the_part_that_merged_answers_for_all():
    silent = pod(exited(0, ""), name="a", phase="Succeeded")
    merged = pod(exited(0, RESULT), name="b", phase="Succeeded")
    assert answer([silent, merged]) == RESULT
