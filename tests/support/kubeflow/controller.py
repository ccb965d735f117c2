"""A real controller of Kubeflow as a process beside a cluster, with the rights that its own manifests give it."""

from __future__ import annotations

import json

import urllib3
from tests.support.daemons import Daemon
from tests.support.kube_objects import loaded
from tests.support.waiting import wait_for

CERTIFICATES = "k8s-webhook-server/serving-certs"
"""Where both controllers look for their certificate, below TMPDIR."""
_NAMESPACED = {"ServiceAccount", "Role", "RoleBinding", "ConfigMap"}


class Controller:
    """One controller that can be stopped and started; its webhooks refuse everything in between."""

    def __init__(self, command, folder, environment, probe, *, ca_file=None):
        self._daemon = Daemon(command, folder / "log", {"TMPDIR": str(folder)} | environment)
        self._probe = probe
        self._pool = urllib3.PoolManager(ca_certs=ca_file, timeout=2, retries=False)

    def start(self):
        """Start it and wait until it is ready."""
        self._daemon.start()
        wait_for("the controller is ready", lambda: self._daemon.must_live() and self._is_ready(), seconds=60)

    def stop(self):
        """Kill it: one of the two panics when it is asked kindly."""
        self._daemon.stop()

    @property
    def log(self):
        """All that it has written."""
        return self._daemon.log.read_text(errors="replace")

    def _is_ready(self):
        try:
            return self._pool.request("GET", self._probe).status == 200
        except urllib3.exceptions.HTTPError:
            return False


def install(kubectl, crds):
    """Serve the kinds of these files, named ``GROUP_PLURAL.yaml``, and wait until they are there."""
    names = {"crd/{2}.{0}".format(*file.stem.partition("_")): file for file in crds}
    for name, file in names.items():
        if not kubectl.attempt("get", name):
            kubectl("apply", "--server-side", "--force-conflicts", f"--filename={file}")
    # One that has no conditions yet is an error to kubectl, not a reason to wait.
    established = ("wait", "--for=condition=Established", "--timeout=10s", *names)
    wait_for("the kinds are served", lambda: kubectl.attempt(*established), seconds=60)


def log_in(kubectl, folder, namespace, account):
    """A kubeconfig in the folder that acts as a service account."""
    settings = json.loads(kubectl("config", "view", "--raw", "--minify", "--flatten", "--output=json"))
    token = kubectl("create", "token", account, f"--namespace={namespace}", "--duration=24h").strip()
    settings["users"] = [{"name": entry["name"], "user": {"token": token}} for entry in settings["users"]]
    path = folder / "kubeconfig"
    path.touch(mode=0o600)
    path.write_text(json.dumps(settings))
    return path


def documents(*paths, namespace=None):
    """The objects of YAML files and folders, in a namespace if they belong into one."""
    found = [entry for entry in loaded(paths) if entry.get("kind", "Kustomization") != "Kustomization"]
    for entry in found:
        if entry["kind"] in _NAMESPACED:
            entry["metadata"]["namespace"] = namespace
        for subject in entry.get("subjects", []):
            subject["namespace"] = namespace
    return found
