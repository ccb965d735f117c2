"""Programs that run beside the tests and end with them, whatever happens."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest


class Daemon:
    """One program in the background; its output goes to ``log``. May be started again once it has ended."""

    def __init__(self, command: list[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.command = command
        self.log = log
        self.environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process; raises AssertionError if it has not been started."""
        assert self._process, f"{self.command[0]} has not been started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it; the kernel ends it should the tests' own process be killed."""
        bound = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*bound, *self.command],
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def stop(self, sign: signal.Signals = signal.SIGKILL) -> None:
        """End it and wait for its end."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(sign)
            self._process.wait()

    def must_live(self) -> bool:
        """True; fails the test with the end of the log if it has ended by itself."""
        if not self.alive:
            pytest.fail(f"{Path(self.command[0]).name} has ended: {self.log.read_text(errors='replace')[-2000:]}")
        return True
