"""The real KServe 0.20 manager in Standard mode, with Triton as its runtime, beside any cluster."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.e2e.kubectl import Kubectl
from tests.support.kubeflow.certificates import by_url, certificates
from tests.support.kubeflow.controller import CERTIFICATES, Controller, documents, install, log_in
from tests.support.ports import free_port
from tests.support.programs import module_folder, program

MODULE = "github.com/kserve/kserve"
NAMESPACE = "kserve"
_ACCOUNT = "kserve-controller-manager"
_RIGHTS = ("service_account", "role", "role_binding", "leader_election_role", "leader_election_role_binding")
_KINDS = tuple(
    f"serving.kserve.io_{plural}"
    for plural in ("inferenceservices", "servingruntimes", "clusterservingruntimes", "inferencegraphs", "trainedmodels")
)


@dataclass(frozen=True)
class Images:
    """What KServe puts into Pods; defaults for where none runs. An InferenceService replaces Triton's tag."""

    triton: str = "triton.invalid/tritonserver:23.05-py3"
    storage_initializer: str = "kserve.invalid/storage-initializer:v0.20.0"
    restricted: bool = False
    """Whether the storage initializer meets the restricted Pod Security level, which it does not as shipped."""


def crds():
    """Files of all kinds that the manager wants to see, with their whole schemas."""
    folder = module_folder(MODULE) / "config/crd/full"
    kinds = [*_KINDS, "clusterstoragecontainer/serving.kserve.io_clusterstoragecontainers"]
    return [folder / f"{name}.yaml" for name in kinds]


@contextmanager
def kserve(kubeconfig, folder, *, host="127.0.0.1", images=None):
    """The running `Controller`; ``host`` is where the API server reaches this machine."""
    kubectl = Kubectl(kubeconfig, program("kubectl"))
    folder.mkdir(parents=True, exist_ok=True)
    webhook, metrics, probe = free_port(), free_port(), free_port()
    config = module_folder(MODULE) / "config"
    install(kubectl, crds())
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    rights = documents(*(config / f"rbac/{name}.yaml" for name in _RIGHTS), namespace=NAMESPACE)
    kubectl.apply(namespace, *rights, _settings(config))
    made = certificates(folder / CERTIFICATES, [f"kserve-webhook-server-service.{NAMESPACE}.svc", host])
    command = [
        program("kserve-manager"),
        f"--webhook-port={webhook}",
        f"--metrics-addr=127.0.0.1:{metrics}",
        f"--health-probe-addr=127.0.0.1:{probe}",
    ]
    own = log_in(kubectl, folder, NAMESPACE, _ACCOUNT)
    environment = {"KUBECONFIG": str(own), "POD_NAMESPACE": NAMESPACE}
    controller = Controller(command, folder, environment, f"http://127.0.0.1:{probe}/readyz")
    webhooks = [by_url(entry, host, webhook, made.bundle) for entry in documents(config / "webhook/manifests.yaml")]
    try:
        controller.start()
        kubectl.apply(*webhooks)
        kubectl.apply(*_runtime(config, images or Images()))
        yield controller
    finally:
        controller.stop()
        for entry in webhooks:
            kubectl.attempt("delete", entry["kind"], entry["metadata"]["name"])


def _settings(config):
    """The shipped ConfigMap, for a cluster without Knative, Istio and Ingress controller."""
    (settings,) = documents(config / "configmap/inferenceservice.yaml", namespace=NAMESPACE)
    data = settings["data"]
    data["deploy"] = json.dumps({"defaultDeploymentMode": "Standard"})
    switches = {"disableIstioVirtualHost": True, "disableIngressCreation": True}
    data["ingress"] = json.dumps(json.loads(data["ingress"]) | switches)
    return settings


def _runtime(config, images):
    (runtime,) = documents(config / "runtimes/kserve-tritonserver.yaml")
    (storage,) = documents(config / "storagecontainers/default.yaml")
    runtime["spec"]["containers"][0]["image"] = images.triton
    storage["spec"]["container"]["image"] = images.storage_initializer
    if images.restricted:
        context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        storage["spec"]["container"]["securityContext"] = context
    return runtime, storage
