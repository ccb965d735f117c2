"""kubectl as a person types it, for tests on a whole cluster."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CALL_SECONDS = 120


class Kubectl:
    """Commands against one cluster."""

    def __init__(self, kubeconfig: Path, program: Path | str = "kubectl") -> None:
        self.kubeconfig = kubeconfig
        self._command = [str(program), f"--kubeconfig={kubeconfig}"]

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """What the command prints; one that fails ends the test with its words."""
        done = self._run(arguments, stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
        return done.stdout

    def attempt(self, *arguments: str, stdin: str | None = None) -> str | None:
        """The same, None if it fails."""
        done = self._run(arguments, stdin)
        return None if done.returncode else done.stdout

    def _run(self, arguments: tuple[str, ...], stdin: str | None) -> subprocess.CompletedProcess[str]:
        command = [*self._command, *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=_CALL_SECONDS)

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Server-side apply of objects."""
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
        self("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=body)

    def items(self, kind: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """Objects of a kind, those that a label selector takes."""
        answer = self("get", kind, f"--namespace={namespace}", f"--selector={selector}", "--output=json")
        return json.loads(answer)["items"]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on, such as a watch."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        return subprocess.Popen([*self._command, *arguments], text=True, **pipes)

    @contextmanager
    def forwarded(self, target: str, namespace: str, port: int) -> Iterator[int]:
        """A port of this machine that leads to a Service or Pod."""
        with self.start("port-forward", f"--namespace={namespace}", target, f":{port}") as process:
            try:
                first = process.stdout.readline()
                assert first.startswith("Forwarding from"), f"kubectl port-forward {target} does not begin: {first}"
                yield int(first.split(" -> ")[0].rpartition(":")[2])
            finally:
                process.terminate()
