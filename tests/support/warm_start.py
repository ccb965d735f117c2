"""Operators that start in a tenth of a second: forked from a process that has imported all they need.

For tests that start one at every call; a forked operator runs the same command as one that is started from a shell.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PRELOADED = ("kopf", "kubernetes.aio.client", "jetcal_operator.kube.commands", "jetcal_operator.kube.connection")


class Forked:
    """A process that is not a child of this one, with the part of `subprocess.Popen` that tests use."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    @property
    def returncode(self) -> str:
        """Not told by a process of another parent."""
        return "an unknown status"

    def poll(self) -> int | None:
        """None while it runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self, timeout: float = 30) -> int:
        """Until it has ended."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            assert time.monotonic() < deadline, f"process {self.pid} does not end"
            time.sleep(0.005)
        return 0


class WarmStart:
    """Starts `jetcal` commands by forking."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(
        self, arguments: list[str], log: Path, environment: dict[str, str], constants: dict[str, dict[str, Any]]
    ) -> Forked:
        """A process that runs `jetcal operator`, with constants of modules replaced."""
        task = {"arguments": arguments, "log": str(log), "environment": environment, "constants": constants}
        print(json.dumps(task), file=self._process.stdin, flush=True)
        return Forked(int(self._process.stdout.readline()))


@contextmanager
def warm_start() -> Iterator[WarmStart]:
    """The process to fork from."""
    command = [sys.executable, "-m", __name__]
    folder = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stdout.readline() == "ready\n", "the process to fork operators from did not start"
        try:
            yield WarmStart(process)
        finally:
            process.stdin.close()


def _serve() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)  # noqa: T201  # the other process reads it
    for line in sys.stdin:
        task = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(task)
        print(pid, flush=True)  # noqa: T201  # the same


def _become(task: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(task["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ |= task["environment"]
    kube_config = importlib.import_module("kubernetes.aio.config.kube_config")
    kube_config.KUBE_CONFIG_DEFAULT_LOCATION = os.environ["KUBECONFIG"]  # the library has read it at its import
    for module, constants in task["constants"].items():
        vars(importlib.import_module(module)).update(constants)
    command = importlib.import_module("jetcal_operator.kube.commands").operator
    command.main(task["arguments"], prog_name="jetcal operator")
    os._exit(0)


if __name__ == "__main__":
    _serve()
