"""The process of one local tritonserver."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from jetcal_operator.local.processes import Process, explain_exit
from jetcal_operator.local.triton.environment import TritonEnvironment

HOST = "127.0.0.1"
READY_SECONDS = 60.0
STOP_SECONDS = 20.0
_POLL_SECONDS = 0.05
_BACKEND = Path(__file__).with_name("backend") / "model.py"
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # where Linux keeps it
_REGIONS = "jetcal-triton-"
"""The names of all local servers' shared memory begin so."""


class TritonError(Exception):
    """The server cannot start or has ended; the message is one sentence that names the log."""


@dataclass(frozen=True)
class Ports:
    """Where the server listens on this machine; 0 stands for a free port."""

    http: int = 0
    grpc: int = 0
    metrics: int = 0


class TritonServer:
    """A running tritonserver; as an asynchronous context manager it stops at the end.

    Use ``start`` to make one. It ends with the process that started it, also when that one is killed.
    """

    def __init__(self, process: Process, ports: Ports, log: Path) -> None:
        self.process = process
        self.ports = ports
        self.log = log
        self._end = asyncio.create_task(process.wait())

    @classmethod
    async def start(
        cls, environment: TritonEnvironment, repository: Path, folder: Path, ports: Ports | None = None
    ) -> Self:
        """Start a server on a local model repository; it is not ready yet.

        Parameters
        ----------
        environment
            From ``prepare_environment``.
        repository
            Folder of the models.
        folder
            Of the server's own files: ``tritonserver.log`` and the backends.
        ports
            Where to listen.

        Raises
        ------
        TritonError
            If a port is in use.
        """
        ports = _bound(ports or Ports())
        log = folder / "tritonserver.log"
        command = _prepare(environment, repository, folder, ports)
        log.unlink(missing_ok=True)
        return cls(await Process.start(command, environment.variables, log), ports, log)

    @property
    def url(self) -> str:
        """HTTP address."""
        return f"http://{HOST}:{self.ports.http}"

    async def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until every model is loaded.

        Raises
        ------
        TritonError
            If the server ends, or is not ready after ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while not await self.ready():
            if self._end.done():
                message = f"tritonserver {explain_exit(self._end.result())}: {self._complaint()} (log: {self.log})"
                raise TritonError(message)
            if time.monotonic() > deadline:
                message = f"tritonserver was not ready after {seconds:g} s: {self._complaint()} (log: {self.log})"
                raise TritonError(message)
            await asyncio.sleep(_POLL_SECONDS)

    async def ready(self) -> bool:
        """Whether every model answers."""
        return await asyncio.to_thread(self._get, "/v2/health/ready") is not None

    async def version(self) -> str:
        """Version that the server reports of itself.

        Raises
        ------
        TritonError
            If it does not answer.
        """
        body = await asyncio.to_thread(self._get, "/v2")
        if body is None:
            message = f"tritonserver at {self.url} does not answer (log: {self.log})"
            raise TritonError(message)
        version: str = json.loads(body)["version"]
        return version

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Let requests end, then stop; kill what is still there after ``seconds``."""
        try:
            await self.process.stop(seconds)
            await self._end
        finally:
            _forget(_regions(self.ports))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _get(self, path: str) -> bytes | None:
        connection = http.client.HTTPConnection(HOST, self.ports.http, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        return body if response.status == http.HTTPStatus.OK else None

    def _complaint(self) -> str:
        return complaint(self.log.read_text(errors="replace").splitlines())


def complaint(lines: Iterable[str]) -> str:
    """What a log of Triton gives as the cause: a model that failed to load, else its last error, else its last line."""
    told = [re.sub(r"^[A-Z]\d{4} [\d:.]+ \d+ \S+\] ", "", line.strip()) for line in lines if line.strip()]
    for sign in ("failed to load '", "error while loading", "error:"):
        if found := [line for line in told if sign in line]:
            return found[0].split(r"\n\nAt:")[0].strip('"')
    return told[-1] if told else "it wrote nothing"


def _bound(ports: Ports) -> Ports:
    sockets = {name: socket.socket() for name in ("http", "grpc", "metrics")}
    try:
        for name, probe in sockets.items():
            wanted = getattr(ports, name)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, wanted))
            except OSError as error:
                message = (
                    f"port {wanted}, wanted for Triton's {name} service, cannot be had ({error.strerror}): "
                    "stop what listens there or choose another port"
                )
                raise TritonError(message) from error
        return Ports(**{name: probe.getsockname()[1] for name, probe in sockets.items()})
    finally:
        for probe in sockets.values():
            probe.close()


def _prepare(environment: TritonEnvironment, repository: Path, folder: Path, ports: Ports) -> list[str]:
    _forget_abandoned()
    return [
        str(environment.server),
        f"--model-repository={repository.resolve()}",
        f"--backend-directory={_backends(environment, folder)}",
        f"--backend-config=python,shm-region-prefix-name={_regions(ports)}",
        "--disable-auto-complete-config",
        *(f"--{service}-address={HOST}" for service in ("http", "grpc", "metrics")),
        f"--http-port={ports.http}",
        f"--grpc-port={ports.grpc}",
        f"--metrics-port={ports.metrics}",
    ]


def _regions(ports: Ports) -> str:
    """How the names of the shared memory of this process' server on these ports begin."""
    return f"{_REGIONS}{os.getpid()}-{ports.http}-"


def _forget(regions: str) -> None:
    for region in _SHARED_MEMORY.glob(f"{regions}*"):
        region.unlink(missing_ok=True)


def _forget_abandoned() -> None:
    """Remove the shared memory of servers whose starter was killed, so that nobody else will."""
    for region in _SHARED_MEMORY.glob(f"{_REGIONS}*"):
        starter = region.name.removeprefix(_REGIONS).split("-")[0]
        if not Path("/proc", starter).exists():
            region.unlink(missing_ok=True)


def _backends(environment: TritonEnvironment, folder: Path) -> Path:
    backends = folder.resolve() / "backends"
    shutil.rmtree(backends, ignore_errors=True)
    (backends / "onnxruntime").mkdir(parents=True)
    (backends / "onnxruntime" / "model.py").symlink_to(_BACKEND)
    (backends / "python").symlink_to(environment.python_backend)
    return backends
