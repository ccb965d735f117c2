"""The real training-operator 1.9.4, for PyTorchJobs, beside any cluster."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

from tests.support.e2e.kubectl import Kubectl
from tests.support.kubeflow.certificates import by_url, certificates
from tests.support.kubeflow.controller import CERTIFICATES, Controller, documents, install, log_in
from tests.support.ports import free_port
from tests.support.programs import module_folder, program

MODULE = "github.com/kubeflow/training-operator"
NAMESPACE = "kubeflow"
_NAME = "training-operator"
_WEBHOOK = "validator.training-operator.kubeflow.org"
_ASKED_FOR = Path("/tmp/k8s-webhook-server/serving-certs/tls.crt")
"""A constant in the program, which is not ready before there is such a file, whatever its content."""
_RESTRICTED_INIT = """
- name: init-pytorch
  image: {{.InitContainerImage}}
  imagePullPolicy: IfNotPresent
  command: [sh, -c, "for i in $(seq {{.MaxTries}}); do nslookup {{.MasterAddr}} && exit 0; sleep 1; done; exit 1"]
  resources: {requests: {cpu: 50m, memory: 10Mi}, limits: {cpu: 100m, memory: 20Mi}}
  securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""
"""What an installation gives the operator so that workers may run under the restricted Pod Security level."""


def crds():
    """File of the one kind that is served."""
    return [module_folder(MODULE) / "manifests/base/crds/kubeflow.org_pytorchjobs.yaml"]


@contextmanager
def training_operator(kubeconfig, folder, *, host="127.0.0.1", init_image=None, restricted=False):
    """The running `Controller`.

    Parameters
    ----------
    host
        Where the API server reaches this machine.
    init_image
        Image, with nslookup, of the init container that waits in workers for the master.
    restricted
        Whether that init container meets the restricted Pod Security level.
    """
    kubectl = Kubectl(kubeconfig, program("kubectl"))
    folder.mkdir(parents=True, exist_ok=True)
    webhook, metrics, probe = free_port(), free_port(), free_port()
    _install(kubectl, folder, host, webhook)
    template = folder / "initContainer.yaml"
    template.write_text(_RESTRICTED_INIT)
    command = [
        program("training-operator"),
        "--enable-scheme=pytorchjob",
        f"--webhook-server-port={webhook}",
        f"--metrics-bind-address=127.0.0.1:{metrics}",
        f"--health-probe-bind-address=127.0.0.1:{probe}",
        *([f"--pytorch-init-container-image={init_image}"] if init_image else []),
        *([f"--pytorch-init-container-template-file={template}"] if restricted else []),
    ]
    own = log_in(kubectl, folder, NAMESPACE, _NAME)
    environment = {"KUBECONFIG": str(own), "MY_POD_NAMESPACE": NAMESPACE}
    controller = Controller(command, folder, environment, f"http://127.0.0.1:{probe}/readyz")
    try:
        controller.start()
        yield controller
    finally:
        controller.stop()
        kubectl.attempt("delete", "validatingwebhookconfiguration", _WEBHOOK)


def _install(kubectl, folder, host, port):
    manifests = module_folder(MODULE) / "manifests/base"
    install(kubectl, crds())
    names = [f"{_NAME}.{NAMESPACE}.svc", host]
    made = certificates(folder / CERTIFICATES, names, authority=f"{_NAME}-ca")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{_NAME}-webhook-cert", "namespace": NAMESPACE},
        "data": {name: made.encoded(name) for name in ("ca.crt", "ca.key", "tls.crt", "tls.key")},
    }
    (webhooks,) = documents(manifests / "webhook/manifests.yaml")
    webhooks["metadata"]["name"] = _WEBHOOK
    webhooks["webhooks"] = [entry for entry in webhooks["webhooks"] if "pytorchjob" in entry["name"]]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    rights = documents(manifests / "rbac", namespace=NAMESPACE)
    kubectl.apply(namespace, secret, *rights, by_url(webhooks, host, port, made.bundle))
    _ASKED_FOR.parent.mkdir(parents=True, exist_ok=True)
    _ASKED_FOR.touch()
