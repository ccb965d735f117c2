"""The chart as helm renders it, with values that use little, some and all of it."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path

from ruamel.yaml import YAML
from tests.support.programs import program

CHART = Path(__file__).parents[2] / "helm" / "jetcal"
NAMESPACE = "jetcal-system"
KUBERNETES = "1.36.0"
DIGEST = "sha256:" + "0123456789abcdef" * 4

VARIANTS = {
    "default": {},
    "namespaced": {"watchNamespaces": ["jec", "top"], "crds": {"enabled": False}, "rbac": {"aggregate": False}},
    "everything": {
        "image": {"repository": "registry.example/jetcal/operator", "digest": DIGEST, "pullPolicy": "Always"},
        "pullSecrets": ["registry"],
        "replicas": 3,
        "operator": {"workers": 8, "resyncSeconds": 120, "logFormat": "plain", "logLevel": "debug"},
        "priorityClassName": "platform",
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists", "effect": "NoSchedule"}],
        "podAnnotations": {"example/annotation": "yes"},
        "podLabels": {"example/label": "yes"},
        "serviceAccount": {"annotations": {"example/annotation": "yes"}},
        "crds": {"annotations": {"argocd.argoproj.io/sync-wave": "-1"}},
        "platform": {
            "workerImage": {"repository": "registry.example/jetcal/worker", "digest": DIGEST},
            "tensorboardImage": {"repository": "registry.example/jetcal/tensorboard", "tag": "2.20"},
            "tritonReleases": {"26.08": {"runtime": "1.27.0", "opset": 26, "ir": 13}},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "nodeSelector": {"pool": "jec"},
            "pullSecrets": ["registry"],
            "caBundle": "corporate-ca",
            "trainRuntime": "torch-jec",
            "servingInMesh": True,
            "restrictedAdditions": True,
            "jobResources": {"cpu": "500m", "memory": "2Gi"},
            "cacheSize": "50Gi",
            "parallelPrepares": 16,
            "backoffLimit": 0,
            "retryDelaySeconds": 30,
            "longestRetryDelaySeconds": 600,
            "metricsDeadlineSeconds": 300,
        },
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}, "interval": "15s"},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "networkPolicy": {
            "enabled": True,
            "apiServerCidrs": ["10.96.0.1/32"],
            "apiServerPorts": [443, 6443],
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
        },
    },
}
"""Values by what they are to show."""

_MADE = {"get", "list", "watch", "create", "patch", "delete"}
_SEEN = {"get", "list", "watch"}
RIGHTS = {
    ("jetcal.dev", "jetcalibrations"): _SEEN,
    ("jetcal.dev", "jetcalibrations/status"): {"get", "patch"},
    ("jetcal.dev", "jetcalibrations/finalizers"): {"update"},
    ("kubeflow.org", "experiments"): _MADE,
    ("kubeflow.org", "pytorchjobs"): _MADE,
    ("kubeflow.org", "trials"): _SEEN,
    ("trainer.kubeflow.org", "trainjobs"): _MADE,
    ("batch", "jobs"): _MADE,
    ("serving.kserve.io", "inferenceservices"): _MADE,
    ("apps", "deployments"): _MADE,
    ("", "configmaps"): _MADE,
    ("", "services"): _MADE,
    ("", "pods"): _SEEN,
    ("", "events"): {"list", "create", "patch"},
    ("", "namespaces"): {"get"},
    ("kueue.x-k8s.io", "workloads"): {"list", "patch"},
}
"""All that the operator may do where it looks after calibrations, by API group and resource."""


def helm(*arguments, values=None, check=True):
    """What helm says on stdout, or on stderr where it fails and ``check`` is false."""
    given = ["--values", "-"] if values is not None else []
    text = json.dumps(values) if values is not None else None
    command = [str(program("helm")), *map(str, arguments), *given]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if check:
        assert done.returncode == 0, done.stderr
    return done.stdout if done.returncode == 0 else done.stderr


def render(values, *options, release="jetcal", namespace=NAMESPACE, check=True):
    """Text of all objects."""
    head = ("template", release, CHART, "--namespace", namespace, "--kube-version", KUBERNETES)
    return helm(*head, *options, values=values, check=check)


def objects(text):
    """Parsed objects of rendered text."""
    return [document for document in YAML(typ="safe", pure=True).load_all(text) if document]


def of_kind(manifests, kind):
    """Those of one kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def pod_specs(manifests):
    """Specs of the operator's Pod and of that of `helm test`."""
    (deployment,), (test,) = of_kind(manifests, "Deployment"), of_kind(manifests, "Pod")
    return deployment["spec"]["template"]["spec"], test["spec"]


def allowed(rules):
    """Verbs by API group and resource."""
    table = {}
    for rule in rules:
        for thing in itertools.product(rule["apiGroups"], rule["resources"]):
            table.setdefault(thing, set()).update(rule["verbs"])
    return table
