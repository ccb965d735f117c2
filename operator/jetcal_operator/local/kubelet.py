"""Runs Pods as processes: each with a folder, a log, a share of the machine, and a status as the kubelet writes it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.local.changes import Changes
from jetcal_operator.local.containers import REDIRECTED, command_line, environment
from jetcal_operator.local.machine import Amounts, Machine
from jetcal_operator.local.objects import ObjectStore, new_uid, timestamp
from jetcal_operator.local.processes import Process, explain_exit

GRACE_SECONDS = 30.0
"""Time that a Pod gets to end after SIGTERM, if its manifest does not say otherwise."""
COMMAND_NOT_RUN = 126
"""Exit code of a container that could not be started."""
MESSAGE_LIMIT = 4096
"""Bytes of a termination message."""
_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Ended:
    """What became of a Pod."""

    exit_code: int
    pod: str


class Kubelet:
    """Runs the Pods of one storage.

    Parameters
    ----------
    folder
        Of logs and Pods.
    """

    def __init__(self, store: ObjectStore, machine: Machine, changes: Changes, folder: Path) -> None:
        self._store = store
        self._machine = machine
        self._changes = changes
        self._folder = folder
        self._running: dict[str, Process] = {}
        self._ended_early: set[str] = set()
        self.has_worked = False
        """Whether any Pod has been started since this program started."""

    def pod_folder(self, name: str) -> Path:
        """Folder of one Pod's own files."""
        return self._folder / "pods" / name

    def metrics_file(self, pod: str) -> Path:
        """Where a Pod's worker reports its metrics."""
        return self.pod_folder(pod) / REDIRECTED["JETCAL_METRICS_FILE"]

    def log(self, name: str) -> Path:
        """Log of a Pod or a service."""
        return self._folder / "logs" / f"{name}.log"

    def clean(self) -> None:
        """Forget Pods that an earlier program left running: they have ended with it, and do not count as failed."""
        for pod in self._store.list("Pod"):
            if pod["status"]["phase"] not in _ENDED:
                self._store.delete(ObjectKey.of(pod))
        known = {pod["metadata"]["name"] for pod in self._store.list("Pod")}
        pods = self._folder / "pods"
        for folder in pods.iterdir() if pods.exists() else ():
            if folder.name not in known:
                shutil.rmtree(folder)

    async def run(
        self,
        owner: Manifest,
        template: Mapping[str, Any],
        *,
        role: str = "",
        labels: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        replicas: int = 1,
    ) -> Ended:
        """Run one Pod to its end.

        Parameters
        ----------
        owner
            The job.
        template
            Of the Pod; its first container is run.
        role
            Goes into the Pod's name.
        labels, variables
            Added to the template's.
        replicas
            How many Pods of the manifest this one stands for; their requests add up.

        Notes
        -----
        When cancelled, the worker is asked to end, then killed, and the Pod is deleted: an interruption is no failure.
        """
        pod = self._store.create(_pod(owner, template, role, labels or {}, variables or {}))
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        container = pod["spec"]["containers"][0]
        try:
            async with self._machine.reserve(Amounts.requested(container, replicas)) as share:
                folder = self.pod_folder(name)
                folder.mkdir(parents=True)
                self.log(name).parent.mkdir(parents=True, exist_ok=True)
                try:
                    known = environment(container, pod, folder, share, self._store.get)
                except LookupError as error:
                    code, message = COMMAND_NOT_RUN, str(error.args[0])
                else:
                    code = await self._execute(pod, command_line(container, known), known)
                    message = self._message(name)
        except BaseException:
            self._store.delete(ObjectKey.of(pod), uid)
            shutil.rmtree(self.pod_folder(name), ignore_errors=True)
            raise
        finally:
            early = uid in self._ended_early
            self._ended_early.discard(uid)
        if early:
            code, message = 0, ""
        self._store.write_status(pod, _ended_status(container, code, message))
        return Ended(code, name)

    def end_early(self, owner: Manifest) -> None:
        """Ask the worker of a job to end; its Pod then counts as succeeded, without a message."""
        for pod in self._store.owned(owner, "Pod"):
            uid = pod["metadata"]["uid"]
            if process := self._running.get(uid):
                self._ended_early.add(uid)
                process.terminate()

    async def _execute(self, pod: Manifest, command: list[str], variables: Mapping[str, str]) -> int:
        uid = pod["metadata"]["uid"]
        process = await Process.start(command, variables, self.log(pod["metadata"]["name"]))
        self._running[uid] = process
        self.has_worked = True
        self._store.write_status(pod, {"phase": "Running", "startTime": timestamp()})
        try:
            return await process.wait()
        finally:
            await process.stop(pod["spec"].get("terminationGracePeriodSeconds", GRACE_SECONDS))
            del self._running[uid]

    def _message(self, pod: str) -> str:
        path = self.pod_folder(pod) / REDIRECTED["JETCAL_TERMINATION_LOG"]
        return path.read_bytes()[:MESSAGE_LIMIT].decode(errors="replace") if path.exists() else ""

    def failure(self, pod: Manifest) -> str:
        """Why a failed Pod failed: the worker's own last sentence, how its process ended, and its log."""
        terminated = _terminated(pod)
        name = pod["metadata"]["name"]
        code = terminated["exitCode"]
        sentence = terminated["message"].strip().rstrip(".")
        if not sentence:
            last = self._last_line(name) if code <= 128 else ""  # noqa: PLR2004  # above it a signal tells enough
            sentence = f"{explain_exit(code)}: {last}" if last else explain_exit(code)
        return f"{sentence} (log: {self.log(name)})"

    def _last_line(self, pod: str) -> str:
        path = self.log(pod)
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def answer(pod: Manifest) -> str | None:
    """What a succeeded Pod's worker answered; None if it said nothing, or if what it made is no longer there."""
    if pod["status"]["phase"] != "Succeeded":
        return None
    message: str = _terminated(pod)["message"]
    try:
        parsed = json.loads(message)
    except ValueError:
        return None
    if not isinstance(parsed, dict):
        return None
    uri = str(parsed.get("uri", ""))
    return None if uri.startswith("/") and not Path(uri).exists() else message


def _pod(
    owner: Manifest, template: Mapping[str, Any], role: str, labels: Mapping[str, str], variables: Mapping[str, str]
) -> Manifest:
    metadata = template.get("metadata") or {}
    spec = {**template["spec"]}
    container = {**spec["containers"][0]}
    extra = [{"name": name, "value": value} for name, value in variables.items()]
    kept = [entry for entry in container.get("env", []) if entry["name"] not in variables]
    parts = [owner["metadata"]["name"], *([role] if role else []), new_uid()[-5:]]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "-".join(parts),
            "namespace": owner["metadata"].get("namespace", "default"),
            "labels": {**metadata.get("labels", {}), **labels},
            "ownerReferences": [reference(owner)],
        },
        "spec": spec | {"containers": [container | {"env": [*kept, *extra]}]},
        "status": {"phase": "Pending"},
    }


def reference(owner: Manifest) -> dict[str, Any]:
    """The entry in ``ownerReferences`` of what ``owner`` controls."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _ended_status(container: Mapping[str, Any], code: int, message: str) -> dict[str, Any]:
    reason = "Completed" if code == 0 else "Error"
    terminated = {"exitCode": code, "reason": reason, "message": message, "finishedAt": timestamp()}
    return {
        "phase": "Failed" if code else "Succeeded",
        "containerStatuses": [{"name": container["name"], "state": {"terminated": terminated}}],
    }


def _terminated(pod: Manifest) -> dict[str, Any]:
    state: dict[str, Any] = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    return state


def exit_code(pod: Manifest) -> int:
    """Exit code of an ended Pod."""
    code: int = _terminated(pod)["exitCode"]
    return code
