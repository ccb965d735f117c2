"""apps/v1 Deployment: a service beside the calibration, such as TensorBoard, as a process on a free port."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Hashable
from typing import Any

from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.local.changes import Changes
from jetcal_operator.local.containers import command_line
from jetcal_operator.local.controllers.retry import pause
from jetcal_operator.local.kubelet import Kubelet
from jetcal_operator.local.objects import ObjectStore
from jetcal_operator.local.processes import Process, explain_exit
from jetcal_operator.local.status import with_condition

HOST = "127.0.0.1"
ADDRESS = "jetcal.dev/address"
"""Annotation of a Deployment: where its process is reached while it runs."""
_PORT = re.compile(r"--port=\d+")
_HOST = re.compile(r"--host=\S+")
_GRACE_SECONDS = 5.0
_ATTEMPTS = 3


def free_port(wanted: int) -> int:
    """The wanted port if nobody listens there, else any free one."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    message = f"no free port on {HOST}"
    raise OSError(message)


class DeploymentController:
    """Runs the first container of a Deployment once, on this machine only, as soon as any worker has been started."""

    kinds = frozenset({("apps/v1", "Deployment")})

    def __init__(
        self, store: ObjectStore, kubelet: Kubelet, changes: Changes, tell: Callable[[str], None], retry_seconds: float
    ) -> None:
        self._store = store
        self._kubelet = kubelet
        self._changes = changes
        self._tell = tell
        self._retry_seconds = retry_seconds

    def wants(self, manifest: Manifest) -> Hashable | None:
        """The command; replicas do not matter here."""
        return tuple(_container(manifest)["command"])

    def is_settled(self, manifest: Manifest) -> bool:  # noqa: ARG002  # the protocol's signature
        """Nothing waits for it."""
        return True

    async def run(self, manifest: Manifest) -> None:
        """Keep the process up, unless it ends again and again."""
        while not self._kubelet.has_worked:
            await self._changes.since(self._changes.count)
        name = manifest["metadata"]["name"]
        log = self._kubelet.log(name)
        container = _container(manifest)
        ports = container.get("ports") or [{"containerPort": 0}]
        key = ObjectKey.of(manifest)
        for attempt in range(1, _ATTEMPTS + 1):
            port = free_port(ports[0]["containerPort"])
            address = f"http://{HOST}:{port}/"
            process = await Process.start(_local(command_line(container, os.environ), port), os.environ, log)
            try:
                self._store.annotate(key, ADDRESS, address)
                self._report(manifest, available=True)
                self._tell(f"{name}: {address}")
                code = await process.wait()
            finally:
                await process.stop(_GRACE_SECONDS)
                self._store.annotate(key, ADDRESS, None)
                self._report(manifest, available=False)
            self._tell(f"{name} {explain_exit(code)} (log: {log})")
            await pause(self._retry_seconds, attempt)

    def _report(self, manifest: Manifest, *, available: bool) -> None:
        current = self._store.get(ObjectKey.of(manifest)) or manifest
        status: dict[str, Any] = {
            **current.get("status", {}),
            "observedGeneration": current["metadata"].get("generation", 1),
            "replicas": 1,
            "updatedReplicas": 1,
            "availableReplicas": int(available),
        }
        self._store.write_status(current, with_condition(status, "Available", str(available), "MinimumReplicas"))


def _container(manifest: Manifest) -> dict[str, Any]:
    container: dict[str, Any] = manifest["spec"]["template"]["spec"]["containers"][0]
    return container


def _local(command: list[str], port: int) -> list[str]:
    """The command, listening on this machine only, at the given port."""
    return [_HOST.sub(f"--host={HOST}", _PORT.sub(f"--port={port}", word)) for word in command]
