"""Why a Pod failed or does not start, read from its status as kubelet and scheduler write it."""

from __future__ import annotations

import pytest
from tests.support.pods import NOW, RECENT, container, exited, owner, pod, unscheduled, waiting

from jetcal_operator.kube.answers import pods_of
from jetcal_operator.kube.diagnosis import failure, wants_events

PULL = 'failed to resolve reference "registry/worker:1": not found'
POD_TROUBLES = {
    "the worker's own sentence and its code": (
        pod(exited(1, "s3://jec/*.root: no file matches"), phase="Failed"),
        "Pod p: s3://jec/*.root: no file matches (exit code 1)",
    ),
    "an exit without a sentence names the log": (
        pod(exited(3), phase="Failed"),
        "Pod p ended with exit code 3; see kubectl logs -n jec p -c worker",
    ),
    "a kill": (pod(exited(137), phase="Failed"), "Pod p was killed (exit code 137; out of memory"),
    "a request to stop": (pod(exited(143), phase="Failed"), "Pod p was asked to stop (exit code 143)"),
    "out of memory in a job of the installation": (
        pod(exited(137, reason="OOMKilled"), phase="Failed"),
        "Pod p was killed because it used all its memory (4Gi): raise platform.jobResources.memory of the chart",
    ),
    "out of memory in training": (
        pod(exited(137, reason="OOMKilled"), phase="Failed", stage="training"),
        "raise spec.training.resources.memory",
    ),
    "out of memory in a trial": (
        pod(exited(137, reason="OOMKilled"), phase="Failed", stage="tuning"),
        "raise spec.tuning.resources.memory",
    ),
    "out of memory in Katib's sidecar": (
        pod(
            container(terminated={"exitCode": 0}),
            exited(137, reason="OOMKilled", name="metrics-logger-and-collector"),
            phase="Failed",
            stage="tuning",
        ),
        (
            "container metrics-logger-and-collector of Katib was killed because it used all its memory (4Gi): raise "
            "runtime.metricsCollectors in Katib's ConfigMap katib-config"
        ),
    ),
    "Katib's sidecar fails": (
        pod(container(terminated={"exitCode": 0}), exited(1, name="metrics-logger-and-collector"), phase="Failed"),
        "Pod p, container metrics-logger-and-collector of Katib ended with exit code 1; see kubectl logs -n jec p -c",
    ),
    "a program that is not in the image": (
        pod(exited(128, 'exec: "jetcal": executable file not found in $PATH', reason="StartError"), phase="Failed"),
        'Pod p cannot be started: exec: "jetcal": executable file not found in $PATH: check platform.workerImage',
    ),
    "evicted for its disk": (
        pod(phase="Failed", reason="Evicted", message="The node was low on resource: ephemeral-storage."),
        (
            "Pod p was taken from its node: Evicted (The node was low on resource: ephemeral-storage): raise "
            "platform.cacheSize of the chart"
        ),
    ),
    "a drained node, whatever the exit code": (
        pod(
            exited(137),
            phase="Failed",
            conditions=[
                {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drained"}
            ],
        ),
        "Pod p was taken from its node: EvictionByEvictionAPI (drained)",
    ),
    "an image that cannot be pulled": (
        pod(waiting("ImagePullBackOff", PULL)),
        (
            f"Pod p: image registry/worker:1 cannot be pulled ({PULL}): check platform.workerImage of the chart, and "
            "platform.pullSecrets"
        ),
    ),
    "an image name that is none": (
        pod(waiting("InvalidImageName", "couldn't parse image name")),
        "image registry/worker:1 is no valid image name",
    ),
    "the image of the training operator's container": (
        pod(init=[waiting("ErrImagePull", name="init-pytorch")]),
        (
            "container init-pytorch of the Kubeflow Training Operator: image registry/init-pytorch:1 cannot be pulled: "
            "check --pytorch-init-container-image"
        ),
    ),
    "Triton's image": (
        pod(
            waiting("ErrImagePull", name="kserve-container"),
            labels={"serving.kserve.io/inferenceservice": "ak4"},
        ),
        "check spec.serving.tritonVersion",
    ),
    "a Secret that is not there": (
        pod(waiting("CreateContainerConfigError", 'secret "s3-credentials" not found')),
        (
            "Pod p cannot be configured: Secret s3-credentials does not exist: create it with the keys "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (optional: S3_ENDPOINT, AWS_DEFAULT_REGION, AWS_CA_BUNDLE)"
        ),
    ),
    "a Secret without a key": (
        pod(
            waiting("CreateContainerConfigError", "couldn't find key AWS_ACCESS_KEY_ID in Secret jec/s3-credentials"),
        ),
        "Secret s3-credentials has no key AWS_ACCESS_KEY_ID: give it the keys AWS_ACCESS_KEY_ID",
    ),
    "a ConfigMap that is not there": (
        pod(waiting("CreateContainerConfigError", 'configmap "ak4-export-1" not found')),
        "ConfigMap ak4-export-1 does not exist",
    ),
    "an image that runs as root": (
        pod(waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root (pod: p)")),
        "use an image whose user is not root",
    ),
    "a container that ends again and again": (
        pod(
            waiting("CrashLoopBackOff", "back-off", last={"exitCode": 1, "message": "no bucket"}, restarts=4),
            phase="Running",
        ),
        "Pod p: no bucket (exit code 1); restarted 4 times",
    ),
    "a container between two crashes": (
        pod(container(running={}, last={"exitCode": 2, "message": ""}, restarts=3), phase="Running"),
        "Pod p ended with exit code 2; see kubectl logs -n jec p -c worker; restarted 3 times",
    ),
    "no cores": (
        pod(**unscheduled("0/3 nodes are available: 3 Insufficient cpu, 2 Insufficient memory."), stage="training"),
        (
            "Pod p finds no node: 0/3 nodes are available: 3 Insufficient cpu, 2 Insufficient memory: lower "
            "spec.training.resources.cpu or add nodes with more cpu; lower spec.training.resources.memory or add"
        ),
    ),
    "no graphics cards": (
        pod(**unscheduled("0/1 nodes are available: 1 Insufficient nvidia.com/gpu."), stage="tuning"),
        "lower spec.tuning.resources.gpus or add nodes with more nvidia.com/gpu",
    ),
    "no claim": (
        pod(**unscheduled('persistentvolumeclaim "jec-cache" not found')),
        "create PersistentVolumeClaim jec-cache or correct spec.dataset.cache.claimName",
    ),
    "a taint": (
        pod(**unscheduled("0/1 nodes are available: 1 node(s) had untolerated taint {gpu: }.")),
        "set platform.tolerations of the chart",
    ),
    "a gate": (pod(**unscheduled("held by kueue", "SchedulingGated")), "Pod p is held back: held by kueue"),
    "the training operator's container finds no master": (
        pod(phase="Failed", init=[exited(1, name="init-pytorch")]),
        (
            "container init-pytorch of the Kubeflow Training Operator ended with exit code 1: the name of the master "
            "was not found"
        ),
    ),
    "a Pod that tells nothing but a reason": (
        pod(phase="Failed", reason="UnexpectedAdmissionError", message="no devices"),
        "Pod p failed: UnexpectedAdmissionError: no devices",
    ),
}


@pytest.mark.parametrize(("found", "sentence"), POD_TROUBLES.values(), ids=POD_TROUBLES)
def test_the_trouble_of_a_pod_is_told_with_its_cause_and_remedy(found, sentence):
    told = failure(owner(), [found])
    assert sentence in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("botocore.exceptions.NoCredentialsError: Unable to locate credentials", "check the keys of the Secret"),
        ("An error occurred (403) when calling HeadObject: Forbidden", "check the keys of the Secret"),
        ("urllib3: Max retries exceeded: Name or service not known", "check S3_ENDPOINT"),
        ("RuntimeError: Failed to fetch model", "see kubectl logs -n jec p -c storage-initializer"),
    ],
)
def test_a_model_that_kserve_cannot_fetch_is_told_by_the_last_line_of_its_log(said, remedy):
    service = owner("InferenceService", "ak4")
    crashed = waiting(
        "CrashLoopBackOff",
        name="storage-initializer",
        last={"exitCode": 1, "message": f"Traceback:\n  File\n{said}\n"},
        restarts=2,
    )
    found = pod(init=[crashed], labels={"serving.kserve.io/inferenceservice": "ak4"})
    told = failure(service, pods_of(service, [found]))
    assert f"cannot fetch the model: {said} (exit code 1): {remedy}" in told


@pytest.mark.parametrize(
    "found",
    [
        pod(container(running={}), phase="Running"),
        pod(waiting("ContainerCreating")),
        pod(container(terminated={"exitCode": 0}), phase="Succeeded"),
        pod(phase="Pending"),
    ],
)
def test_a_pod_on_its_way_is_no_trouble(found):
    assert failure(owner(), [found]) is None


def test_a_failure_before_the_try_that_works_now_is_not_told():
    failed = pod(exited(128, "storage does not answer"), name="a", phase="Failed")
    works = pod(container(running={}), name="b", phase="Running", created=RECENT)
    assert failure(owner(), [failed, works]) is None
    assert "storage does not answer" in failure(owner(), [failed])


def test_of_several_pods_the_root_of_the_trouble_is_told():
    master = pod(
        exited(128, "a peer was lost", name="pytorch"),
        name="m",
        phase="Failed",
        labels={"training.kubeflow.org/replica-type": "master"},
    )
    worker = pod(
        exited(1, "the loss is not finite", name="pytorch"),
        name="w",
        phase="Failed",
        labels={"training.kubeflow.org/replica-type": "worker"},
    )
    job = owner("PyTorchJob", conditions=["Failed"])
    assert failure(job, [master, worker]) == "Pod w: the loss is not finite (exit code 1)"


@pytest.mark.parametrize(
    ("job", "found"),
    [
        (owner(conditions=["Complete"]), pod(exited(1, "an early try"), phase="Failed")),
        (owner(spec={"suspend": True}), pod(waiting("ImagePullBackOff"))),
        (owner("PyTorchJob", spec={"runPolicy": {"suspend": True}}), pod(waiting("ImagePullBackOff"))),
    ],
)
def test_what_has_succeeded_or_is_held_has_no_trouble(job, found):
    assert failure(job, [found]) is None
    assert not wants_events(job, [found], NOW)
