"""The real Kueue 0.15, for Jobs and PyTorchJobs, beside a cluster of its own.

Its kinds are kept in one version and read in another, which it converts itself: a cluster whose Kueue is gone cannot
list them, and its garbage collector stands still. So it is never started beside a cluster that other tests share.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.e2e.kubectl import Kubectl
from tests.support.kube_objects import loaded
from tests.support.kubeflow.certificates import Certificates, by_url, certificates
from tests.support.kubeflow.controller import CERTIFICATES, Controller, documents, log_in
from tests.support.ports import free_port
from tests.support.programs import module_folder, program

MODULE = "sigs.k8s.io/kueue"
NAMESPACE = "kueue-system"
VERSION = "kueue.x-k8s.io/v1beta2"
_NAME = "kueue"
_HOST = "127.0.0.1"
_CONVERTED = ("localqueues", "clusterqueues", "workloads", "cohorts", "multikueueclusters")


@dataclass(frozen=True)
class Calls:
    """Where the API server calls Kueue, which it must know before Kueue starts."""

    folder: Path
    port: int
    certificates: Certificates


def calls(folder):
    """A free port, and certificates that Kueue's own rotation finds good."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{_NAME}-webhook-service.{NAMESPACE}.svc", _HOST]
    return Calls(folder, free_port(), certificates(folder / CERTIFICATES, names, authority=f"{_NAME}-ca"))


def crds(called):
    """Its kinds, converted by the Kueue that will be called."""
    found = list(loaded([_manifests("crd/bases")]))
    url = {"url": f"https://{_HOST}:{called.port}/convert", "caBundle": called.certificates.bundle}
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": url, "conversionReviewVersions": ["v1"]}}
    for crd in found:
        if crd["spec"]["names"]["plural"] in _CONVERTED:
            crd["spec"]["conversion"] = conversion
    return found


@contextmanager
def kueue(kubeconfig, called):
    """The running `Controller`, with the rights and webhooks that it comes with."""
    kubectl = Kubectl(kubeconfig, program("kubectl"))
    made = called.certificates
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{_NAME}-webhook-server-cert", "namespace": NAMESPACE},
        "data": {name: made.encoded(name) for name in ("ca.crt", "ca.key", "tls.crt", "tls.key")},
    }
    webhooks = documents(_manifests("webhook/manifests.yaml"))
    for entry in webhooks:
        entry["metadata"]["name"] = f"{_NAME}-{entry['metadata']['name']}"
        by_url(entry, _HOST, called.port, made.bundle)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kubectl.apply(namespace, secret, *documents(_manifests("rbac"), namespace=NAMESPACE), *webhooks)
    probe = free_port()
    settings = called.folder / "configuration.yaml"
    settings.write_text(json.dumps(_configuration(called, probe)))
    own = log_in(kubectl, called.folder, NAMESPACE, "controller-manager")
    command = [program("kueue-manager"), f"--config={settings}", "--zap-log-level=2"]
    controller = Controller(command, called.folder, {"KUBECONFIG": str(own)}, f"http://{_HOST}:{probe}/readyz")
    try:
        controller.start()
        yield controller
    finally:
        controller.stop()


def queue(namespace, name, cpus):
    """A LocalQueue of that name, fed by a ClusterQueue of its own with so many processors and plenty of all else."""
    flavor = {"apiVersion": VERSION, "kind": "ResourceFlavor", "metadata": {"name": namespace}}
    quotas = {"cpu": str(cpus), "memory": "1Ti", "ephemeral-storage": "1Ti"}
    resources = [{"name": name, "nominalQuota": quota} for name, quota in quotas.items()]
    group = {"coveredResources": list(quotas), "flavors": [{"name": namespace, "resources": resources}]}
    cluster_queue = {
        "apiVersion": VERSION,
        "kind": "ClusterQueue",
        "metadata": {"name": namespace},
        "spec": {"namespaceSelector": {}, "resourceGroups": [group]},
    }
    local_queue = {
        "apiVersion": VERSION,
        "kind": "LocalQueue",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterQueue": namespace},
    }
    return [flavor, cluster_queue, local_queue]


def _configuration(called, probe):
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "namespace": NAMESPACE,
        "health": {"healthProbeBindAddress": f"{_HOST}:{probe}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"port": called.port, "host": _HOST, "certDir": str(called.certificates.folder)},
        "leaderElection": {"leaderElect": False},
        "integrations": {"frameworks": ["batch/job", "kubeflow.org/pytorchjob"]},
        "featureGates": {"VisibilityOnDemand": False},
    }


def _manifests(path):
    return module_folder(MODULE) / "config/components" / path
