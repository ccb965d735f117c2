"""A real Kubernetes control plane without nodes: etcd, kube-apiserver, kube-controller-manager.

Pods stay Pending until a test moves them (`tests.support.kubelet`). CRDs that are to be served are applied before the
controllers start, for the garbage collector looks for new kinds only every 30 seconds.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
from tests.support import control_plane_parts as parts
from tests.support.kube_client import KubeClient, KubeError
from tests.support.kube_objects import KubeObjects, Manifest
from tests.support.kubeflow import katib_objects
from tests.support.ports import free_port
from tests.support.programs import module_folder, program
from tests.support.waiting import wait_for

MUTATING = frozenset({"create", "update", "patch", "delete", "deletecollection"})
OWN_CRD = Path(__file__).parents[2] / "crds" / "jetcalibrations.jetcal.dev.yaml"
KSERVE = ("inferenceservices", "servingruntimes", "clusterservingruntimes", "inferencegraphs", "trainedmodels")


class ControlPlane(KubeObjects):
    """A running control plane; its methods act as ``admin`` (system:masters).

    ``url``: address of the API server. ``ca``: its certificate. ``folder``: files and logs. ``admin``: admin's token.
    ``kubeconfig``: of admin. ``client``: admin's `KubeClient`.
    """

    def __init__(self, folder: Path, controllers: Collection[str] = parts.CONTROLLERS) -> None:
        self.folder = folder
        self.admin, deputy = secrets.token_hex(16), secrets.token_hex(16)
        parts.write_settings(folder, {"admin": self.admin, "controllers": deputy})
        storage, port = free_port(), free_port()
        self.url = f"https://127.0.0.1:{port}"
        self.ca = parts.certificate(folder)
        super().__init__(KubeClient(self.url, self.admin, ca_file=str(self.ca)))
        self.kubeconfig = self.kubeconfig_for(self.admin)
        self.etcd = parts.etcd(folder, storage, free_port())
        self.api_server = parts.api_server(folder, port, storage)
        self.controllers = parts.controllers(folder, self.kubeconfig_for(deputy), controllers)

    def start(self, crds: Collection[Path | Manifest] = ()) -> None:
        """Start everything with these CRDs; fails the test if a part does not come up."""
        self.etcd.start()
        self.start_api_server()
        self.serve(*crds)
        self.controllers.start()
        wait_for("service account of the namespace default", lambda: self._account("default"))

    def stop(self) -> None:
        """End everything."""
        for part in (self.controllers, self.api_server, self.etcd):
            part.stop()

    def start_api_server(self) -> None:
        """Start the API server and wait until it is ready."""
        self.api_server.start()
        wait_for(
            "the API server is ready",
            lambda: self.api_server.must_live() and self.ca.exists() and self._answers("/readyz"),
            seconds=60,
        )

    def restart_api_server(self) -> None:
        """Kill the API server (every connection breaks) and start it again; objects stay."""
        self.api_server.stop()
        self.start_api_server()

    def restart_controllers(self) -> None:
        """Start the controllers anew: the garbage collector then knows kinds that were added meanwhile."""
        self.controllers.stop()
        self.controllers.start()

    def serve(self, *crds: Path | Manifest | str) -> None:
        """Apply CRDs and wait until their kinds are served, and found: controllers learn of kinds by discovery."""
        applied = self.apply(*crds)
        for crd in applied:
            spec = crd["spec"]
            (version, *_) = (entry["name"] for entry in spec["versions"] if entry["served"])
            path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
            wait_for(f"{path} is served", lambda path=path: self._answers(path), pause=0.02)
        names = {crd["metadata"]["name"] for crd in applied}
        wait_for("the kinds are found", lambda: names <= set(self.kubectl("api-resources", "--output=name").split()))

    def kubectl(self, *arguments: str | Path, stdin: str | None = None, check: bool = True) -> str:
        """Output of kubectl; fails the test if it fails. ``check=False``: all that it wrote, errors too, either way."""
        environment = os.environ | {"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.folder), "NO_COLOR": "1"}
        done = subprocess.run(
            [program("kubectl"), *arguments], input=stdin, env=environment, capture_output=True, text=True, check=False
        )
        if not check:
            return done.stdout + done.stderr
        if done.returncode:
            pytest.fail(f"kubectl {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout

    def namespace(self, labels: Mapping[str, str] | None = None) -> str:
        """Name of a new namespace, once it has its default service account."""
        name = f"t-{secrets.token_hex(4)}"
        meta = {"name": name, "labels": dict(labels or {})}
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        wait_for(f"service account of the namespace {name}", lambda: self._account(name), pause=0.01)
        return name

    def token(self, service_account: str, namespace: str, *, seconds: int = 3600) -> str:
        """A token of a service account, which is made if there is none."""
        meta = {"name": service_account, "namespace": namespace}
        self.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        path = self.resource("serviceaccounts").path(namespace, service_account, "token")
        return self.client.create(path, request)["status"]["token"]

    def kubeconfig_for(self, token: str, server: str | None = None, namespace: str = "default") -> Path:
        """A kubeconfig for a token, of this API server or of ``server`` (plain http, or with the same certificate)."""
        cluster = {"server": server or self.url}
        if cluster["server"].startswith("https"):
            cluster["certificate-authority"] = str(self.ca)
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": "tests", "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests", "namespace": namespace}}],
            "current-context": "tests",
        }
        path = self.folder / f"{secrets.token_hex(4)}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(content))
        return path

    def client_for(self, token: str) -> KubeClient:
        """A client with that token's rights."""
        return KubeClient(self.url, token, ca_file=str(self.ca))

    def audit(self, user: str | None = None, verbs: Collection[str] | None = None) -> list[dict[str, Any]]:
        """Audit entries (``verb``, ``user``, ``objectRef``, ``responseStatus``, ``requestURI``) of every call so far.

        ``user``: that user's only, ``system:serviceaccount:NAMESPACE:NAME`` for a service account. ``verbs``: those
        only; `MUTATING` for calls that change something.
        """
        mark = f"/version?mark={secrets.token_hex(8)}"
        self.client.get(mark)
        text = wait_for("the audit log has every call", lambda: self._audit_up_to(mark))
        entries = (json.loads(line) for line in text.splitlines())
        return [
            entry
            for entry in entries
            if user in (None, entry["user"]["username"]) and (verbs is None or entry["verb"] in verbs)
        ]

    def wait(self, condition: Callable[[], Any], deadline: float = 30, what: str = "condition") -> Any:
        """The first truthy answer of ``condition``; fails the test after ``deadline`` seconds."""
        return wait_for(what, condition, seconds=deadline)

    def _audit_up_to(self, mark: str) -> str | None:
        text = parts.audit_log(self.folder).read_text()
        return text[: text.rindex("\n")] if mark in text[: text.rfind("\n")] else None

    def _answers(self, path: str) -> bool:
        try:
            self.client.get(path)
        except (KubeError, urllib3.exceptions.HTTPError):
            return False
        return True

    def _account(self, namespace: str) -> bool:
        assert self.controllers.must_live()
        return self.client.find(f"/api/v1/namespaces/{namespace}/serviceaccounts/default") is not None


@contextmanager
def running(
    folder: Path,
    crds: Collection[Path | Manifest] = (OWN_CRD,),
    controllers: Collection[str] = parts.CONTROLLERS,
) -> Iterator[ControlPlane]:
    """A control plane that serves these CRDs, with some controllers; gone with all its processes at the end."""
    plane = ControlPlane(folder, controllers)
    try:
        plane.start(crds)
        yield plane
    finally:
        plane.stop()


def kubeflow_crds() -> list[Path | Manifest]:
    """CRDs of Katib (open schemas, as its own), training-operator's PyTorchJob and KServe, from their own modules."""
    training = module_folder("github.com/kubeflow/training-operator") / "manifests" / "base" / "crds"
    kserve = module_folder("github.com/kserve/kserve") / "config" / "crd" / "full"
    return [
        *katib_objects.crds(),
        training / "kubeflow.org_pytorchjobs.yaml",
        *(kserve / f"serving.kserve.io_{name}.yaml" for name in KSERVE),
        *sorted((kserve / "clusterstoragecontainer").glob("serving.kserve.io_*.yaml")),
    ]


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that serves our resource and all kinds that the operator makes."""
    with running(tmp_path_factory.mktemp("control-plane"), [OWN_CRD, *kubeflow_crds()]) as plane:
        yield plane


@pytest.fixture(scope="session")
def plain_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that serves our resource and nothing of Kubeflow."""
    with running(tmp_path_factory.mktemp("control-plane")) as plane:
        yield plane
