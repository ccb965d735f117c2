"""Why Pods do not appear, read from the Events that controllers write, and when those are worth asking for."""

from __future__ import annotations

import pytest
from tests.support.pods import NOW, OLD, RECENT, container, event, exited, owner, pod, waiting

from jetcal_operator.kube.diagnosis import failure, newest_first, wants_events

CREATION_TROUBLES = {
    "exceeded quota": (
        'pods "x" is forbidden: exceeded quota: team, requested: cpu=2, used: cpu=9, limited: cpu=10',
        "ResourceQuota team of the namespace is used up (requested: cpu=2, used: cpu=9, limited: cpu=10): raise",
    ),
    "a quota on what is not set": (
        'pods "x" is forbidden: failed quota: team: must specify limits.cpu for: init-pytorch',
        "ResourceQuota team of the namespace wants every container to specify limits.cpu for: init-pytorch",
    ),
    "Pod Security and the training operator": (
        (
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
            '(container "init-pytorch" must set securityContext.allowPrivilegeEscalation=false)'
        ),
        (
            'level restricted forbids it (allowPrivilegeEscalation != false (container "init-pytorch" must set '
            "securityContext.allowPrivilegeEscalation=false)); the Kubeflow Training Operator adds init-pytorch: give"
        ),
    ),
    "Pod Security and Katib": (
        (
            'violates PodSecurity "restricted:v1.30": unrestricted capabilities (containers "a", '
            '"metrics-logger-and-collector" must set securityContext.capabilities.drop=["ALL"])'
        ),
        "Katib adds metrics-logger-and-collector: set init.controller.injectSecurityContext: true",
    ),
    "a webhook that refuses": (
        'admission webhook "policy.example" denied the request: images must be signed',
        "admission webhook policy.example refused it: images must be signed",
    ),
    "a webhook that is away": (
        (
            'Internal error occurred: failed calling webhook "mutator.pod.katib.kubeflow.org": failed to call webhook: '
            'Post "https://katib-controller.kubeflow.svc:443/mutate-pod?timeout=10s": connection refused'
        ),
        "admission webhook mutator.pod.katib.kubeflow.org (katib-controller.kubeflow.svc) does not answer",
    ),
    "no ServiceAccount": (
        'pods "x" is forbidden: error looking up service account jec/default: serviceaccount "default" not found',
        "ServiceAccount jec/default does not exist",
    ),
    "something else": ("the moon is full", "the moon is full"),
}


@pytest.mark.parametrize(("message", "sentence"), CREATION_TROUBLES.values(), ids=CREATION_TROUBLES)
@pytest.mark.parametrize(("kind", "reason"), [("Job", "FailedCreate"), ("PyTorchJob", "FailedCreatePod")])
def test_why_no_pod_could_be_made_is_told_from_the_controllers_event(kind, reason, message, sentence):
    job = owner(kind, spec={"pytorchReplicaSpecs": {"Master": {"replicas": 1}}})
    told = failure(job, [], [event(job, reason, f"Error creating: {message}")])
    assert told.startswith(f"no Pod of {kind} ak4-export can be made: ")
    assert sentence in told


def test_a_missing_worker_is_told_although_the_master_runs():
    job = owner("PyTorchJob", spec={"pytorchReplicaSpecs": {"Master": {"replicas": 1}, "Worker": {"replicas": 1}}})
    master = pod(container(running={}, name="pytorch"), phase="Running")
    told = failure(job, [master], [event(job, "FailedCreatePod", "Error creating: exceeded quota: team, x", seen=OLD)])
    assert told.startswith("a Pod of PyTorchJob ak4-export cannot be made: ResourceQuota team")
    assert wants_events(job, [master], NOW)


def test_an_old_refusal_is_not_told_once_the_pod_is_there():
    job = owner()
    refused = event(job, "FailedCreate", "Error creating: exceeded quota: team, x", seen=OLD)
    assert failure(job, [pod(container(running={}), phase="Running")], [refused]) is None


def test_a_refusal_after_a_failed_try_is_told_before_the_failure():
    job = owner()
    failed = pod(exited(128, "storage does not answer"), phase="Failed")
    refused = event(job, "FailedCreate", "Error creating: exceeded quota: team, x")
    assert "ResourceQuota team" in failure(job, [failed], [refused])


def test_the_newest_event_speaks_and_those_about_others_do_not():
    job, other = owner(), owner(name="another")
    events = [
        event(job, "FailedCreate", "Error creating: first", seen=OLD),
        event(job, "FailedCreate", "Error creating: second", seen=RECENT),
        event(other, "FailedCreate", "Error creating: third", seen="2026-11-21T09:09:59Z"),
    ]
    assert failure(job, [], events).endswith("second")


@pytest.mark.parametrize(
    ("kind", "maker", "name"),
    [
        ("TrainJob", "Job", "ak4-node-0"),
        ("TrainJob", "JobSet", "ak4"),
        ("InferenceService", "ReplicaSet", "ak4-predictor-5d9f"),
        ("Experiment", "ReplicaSet", "ak4-random-5d9f"),
        ("Deployment", "ReplicaSet", "ak4-5d9f"),
    ],
)
def test_events_about_what_stands_between_an_object_and_its_pods_count(kind, maker, name):
    between = {"kind": maker, "metadata": {"name": name, "uid": "between"}}
    told = failure(owner(kind, "ak4"), [], [event(between, "FailedCreate", "Error creating: exceeded quota: team, x")])
    assert "ResourceQuota team" in told


def test_events_about_another_child_of_the_same_calibration_are_not_the_endpoints():
    job = {"kind": "Job", "metadata": {"name": "ak4-export-1", "uid": "other"}}
    assert (
        failure(owner("InferenceService", "ak4"), [], [event(job, "FailedCreate", "exceeded quota: team, x")]) is None
    )


@pytest.mark.parametrize(
    ("reason", "message", "sentence"),
    [
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "ca" : configmap "corporate-ca" not found',
            "Pod p cannot mount a volume: ConfigMap corporate-ca does not exist: if the chart",
        ),
        ("FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.", "Pod p finds no node: 0/1 nodes"),
        ("FailedCreatePodSandBox", "no network", "Pod p does not start: no network"),
    ],
)
def test_a_pod_that_waits_without_a_word_is_told_from_its_events(reason, message, sentence):
    silent = pod(waiting("ContainerCreating"))
    assert wants_events(owner(), [silent], NOW)
    assert sentence in failure(owner(), [silent], [event(silent, reason, message)])


def test_a_replaced_pod_of_a_failed_training_is_known_by_its_event():
    job = owner("PyTorchJob", conditions=["Failed"])
    noted = event(job, "ExitedWithCode", "Pod: jec.ak4-master-0 exited with code 137", kind="Normal")
    assert wants_events(job, [], NOW)
    assert failure(job, [], [noted]) == "Pod: jec.ak4-master-0 exited with code 137"


def test_where_nothing_tells_more_the_newest_warning_does():
    service = owner("InferenceService", "ak4")
    warning = event(service, "InternalError", "fails to reconcile predictor: no such runtime")
    assert failure(service, [], [warning]) == (
        "InferenceService ak4: InternalError: fails to reconcile predictor: no such runtime"
    )


def test_of_an_endpoint_the_pods_of_the_newest_revision_count():
    service = owner("InferenceService", "ak4")
    labels = {"serving.kserve.io/inferenceservice": "ak4"}
    old = pod(exited(1, "old"), name="old", labels=labels | {"pod-template-hash": "1"})
    new = pod(
        container(running={}, ready=True, name="kserve-container"),
        name="new",
        phase="Running",
        labels=labels | {"pod-template-hash": "2"},
        created=RECENT,
    )
    assert failure(service, [old, new]) is None
    new["status"]["containerStatuses"] = [waiting("CrashLoopBackOff", name="kserve-container", last={"exitCode": 1})]
    assert failure(service, [old, new]).startswith("Pod new, container kserve-container ended with exit code 1")


@pytest.mark.parametrize(
    ("job", "pods", "wanted"),
    [
        (owner(created=RECENT), [], False),
        (owner(), [], True),
        (owner(), [pod(waiting("ContainerCreating"), created=RECENT)], False),
        (owner(), [pod(waiting("ContainerCreating"))], True),
        (owner(), [pod(waiting("ImagePullBackOff"))], False),
        (owner(), [pod(container(running={}), phase="Running")], False),
        (owner(conditions=["Failed"]), [pod(exited(1, "no"), phase="Failed")], False),
        (owner() | {"metadata": owner()["metadata"] | {"deletionTimestamp": RECENT}}, [], False),
    ],
)
def test_events_are_asked_for_only_where_they_can_tell_more(job, pods, wanted):
    assert wants_events(job, pods, NOW) is wanted


def test_events_are_ordered_by_when_they_were_last_seen():
    events = [
        {"reason": "a", "lastTimestamp": "2026-11-21T09:00:01Z"},
        {"reason": "b", "eventTime": "2026-11-21T09:00:03.000000Z"},
        {
            "reason": "c",
            "eventTime": "2026-11-21T09:00:00.000000Z",
            "series": {"lastObservedTime": "2026-11-21T09:00:04.000000Z"},
        },
        {"reason": "d"},
    ]
    assert [entry["reason"] for entry in newest_first(events)] == ["c", "b", "a", "d"]
