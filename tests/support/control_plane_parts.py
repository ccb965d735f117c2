"""The programs of a control plane with their settings and options."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

from tests.support.daemons import Daemon
from tests.support.programs import program

_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata"}],
}
CONTROLLERS = (
    *("cronjob", "deployment", "garbage-collector", "job", "namespace", "replicaset", "resourcequota"),
    *("serviceaccount", "ttl-after-finished"),
)


def write_settings(folder: Path, tokens: Mapping[str, str]) -> None:
    """What the programs read: audit policy, key of the service accounts, and the ``tokens`` of almighty users."""
    (folder / "audit.yaml").write_text(json.dumps(_AUDIT))
    rows = (f'{token},{user},{user},"system:masters"\n' for user, token in tokens.items())
    (folder / "tokens.csv").write_text("".join(rows))
    command = ["openssl", "genrsa", "-out", folder / "accounts.key", "2048"]
    subprocess.run(command, capture_output=True, check=True)


def certificate(folder: Path) -> Path:
    """Where the API server will write the certificate that it makes for itself."""
    return folder / "certificates" / "apiserver.crt"


def audit_log(folder: Path) -> Path:
    """Where the API server writes a line of JSON for each call."""
    return folder / "audit.log"


def etcd(folder: Path, port: int, peer_port: int) -> Daemon:
    """The store; a machine that loses power would lose it."""
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    command = [
        *(program("etcd"), "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--log-level=warn"),
        *("--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer),
        *("--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"),
    ]
    return Daemon(command, folder / "etcd.log")


def api_server(folder: Path, port: int, store: int) -> Daemon:
    """The API server. Owner references need the right to the owner's finalizers, as on hardened clusters."""
    key = folder / "accounts.key"
    command = [
        *(program("kube-apiserver"), f"--etcd-servers=http://127.0.0.1:{store}"),
        *("--bind-address=127.0.0.1", f"--secure-port={port}", f"--cert-dir={certificate(folder).parent}"),
        *("--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://kubernetes.default.svc"),
        *(f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"),
        *(f"--token-auth-file={folder / 'tokens.csv'}", "--authorization-mode=RBAC", "--allow-privileged"),
        *(
            "--disable-admission-plugins=ServiceAccount",
            "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        ),
        *(f"--audit-policy-file={folder / 'audit.yaml'}", f"--audit-log-path={audit_log(folder)}"),
        "--audit-log-maxsize=10000",
    ]
    return Daemon(command, folder / "kube-apiserver.log")


def controllers(folder: Path, kubeconfig: Path, chosen: Collection[str] = CONTROLLERS) -> Daemon:
    """Those of Kubernetes' own controllers that need no nodes, or fewer."""
    names = ",".join(f"{name}-controller" for name in chosen)
    command = [
        *(program("kube-controller-manager"), f"--kubeconfig={kubeconfig}", f"--controllers={names}"),
        *("--leader-elect=false", "--secure-port=0"),
    ]
    return Daemon(command, folder / "kube-controller-manager.log")
