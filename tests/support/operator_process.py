"""`jetcal operator` as a process of its own, with the rights of a ServiceAccount, behind a proxy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
from tests.support.charts import objects, render
from tests.support.control_plane import ControlPlane
from tests.support.ports import free_port
from tests.support.waiting import wait_for
from tests.support.warm_start import Forked, WarmStart

JETCAL = Path(sys.executable).with_name("jetcal")
FAST = ("--resync-seconds", "3", "--discovery-seconds", "1", "--lease-seconds", "3")
"""Options that let what only a resync heals be seen within a test."""


def kubeconfig(path: Path, *, server: str, token: str, namespace: str, ca: Path | None = None) -> Path:
    """A kubeconfig for one server and one token; JSON is YAML."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server} | ({"certificate-authority": str(ca)} if ca else {})}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": namespace}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    return path


@dataclass
class OperatorProcess:
    """One replica; may be started again after it has ended."""

    folder: Path
    server: str
    token: str
    namespace: str
    """Where it keeps its lease."""
    platform: dict[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = FAST
    identity: str = "operator-0"
    namespaced: bool = True
    """Whether it watches its own namespace only, and not all of them."""
    warm: WarmStart | None = None
    """Where it is forked from, if it is to start quickly."""
    constants: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Values of modules' constants, by module and name; only for one that is forked."""
    ca: Path | None = None
    """Certificate of the server, if it is not a proxy."""
    process: subprocess.Popen[bytes] | Forked | None = None
    port: int = 0

    @property
    def log(self) -> Path:
        """What it has said so far, in all its lives."""
        return self.folder / f"{self.identity}.log"

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """Number of the process; it must have been started."""
        return self.process.pid

    def start(self, *, wait: bool = True) -> OperatorProcess:
        """Start it and wait until its caches are filled."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = kubeconfig(
            self.folder / f"{self.identity}.kubeconfig",
            server=self.server,
            token=self.token,
            namespace=self.namespace,
            ca=self.ca,
        )
        platform = self.folder / "platform.yaml"
        platform.write_text(json.dumps(self.platform))
        self.port = free_port()
        arguments = ["--namespace", self.namespace] if self.namespaced else []
        arguments += ["--lease-namespace", self.namespace, "--platform", str(platform), "--identity", self.identity]
        arguments += ["--port", str(self.port), *self.options]
        environment = {"KUBECONFIG": str(config), "HOME": str(self.folder)}
        if self.warm:
            self.process = self.warm.start(arguments, self.log, environment, self.constants)
        else:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    [JETCAL, "operator", *arguments], stdout=log, stderr=log, env=os.environ | environment
                )
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        """Until /readyz says so; fails when the process ends first."""

        def ready() -> bool:
            assert self.is_alive, f"the operator ended with {self.process.returncode}:\n{self.tail()}"
            return self.ask("/readyz")[0] == 200

        wait_for(lambda: f"the operator is ready; its log:\n{self.tail()}", ready)

    def ask(self, path: str) -> tuple[int, str]:
        """What its HTTP port answers; code 0 if it does not."""
        try:
            answer = urllib3.request("GET", f"http://127.0.0.1:{self.port}{path}", retries=False, timeout=2)
        except urllib3.exceptions.HTTPError as error:
            return 0, str(error)
        return answer.status, answer.data.decode()

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of one metric that have the labels."""
        total = 0.0
        for line in self.ask("/metrics")[1].splitlines():
            sample, _, value = line.rpartition(" ")
            if sample.split("{")[0] == name and all(f'{key}="{text}"' in sample for key, text in labels.items()):
                total += float(value)
        return total

    def kill(self) -> None:
        """SIGKILL, as a node that loses power would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, seconds: float = 15) -> int:
        """SIGTERM and wait; returns the exit status."""
        self.process.terminate()
        return self.process.wait(seconds)

    def freeze(self) -> None:
        """SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)

    def last_line(self, word: str) -> str:
        """The last line of its log that has a word; empty if there is none."""
        lines = [line for line in self.tail(100_000).splitlines() if word in line]
        return lines[-1] if lines else ""

    def tail(self, characters: int = 4000) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else "no log"

    @contextmanager
    def running(self) -> Iterator[OperatorProcess]:
        """The process while the block runs; its log is shown when the test fails."""
        self.start()
        try:
            yield self
        finally:
            self.kill()
            print(self.tail())  # noqa: T201  # pytest shows it with a failure, and only then


def log_in(plane: ControlPlane, namespace: str, *, everywhere: bool = False) -> str:
    """Token of the chart's ServiceAccount with the chart's rights, in one namespace or everywhere."""
    values = {} if everywhere else {"watchNamespaces": [namespace]}
    rendered = objects(render(values, namespace=namespace))
    kinds = {"ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
    plane.apply(*(manifest for manifest in rendered if manifest["kind"] in kinds))
    account = next(manifest for manifest in rendered if manifest["kind"] == "ServiceAccount")
    return plane.token(account["metadata"]["name"], namespace)
