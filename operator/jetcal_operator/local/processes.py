"""Processes of workers: started behind a guard, watched without polling, never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from jetcal_operator.local import guard

SIGNALLED = 128
"""Exit codes above this are 128 and the number of the signal that ended the process."""


class Process:
    """A worker's process with all that it starts."""

    def __init__(self, process: asyncio.subprocess.Process, lifeline: int) -> None:
        self._process = process
        self._lifeline: int | None = lifeline

    @classmethod
    async def start(
        cls, command: Sequence[str], variables: Mapping[str, str], log: Path, folder: Path | None = None
    ) -> Self:
        """Start a command in a session of its own.

        Parameters
        ----------
        command
            Program and arguments.
        variables
            The whole environment.
        log
            File that its output is appended to.
        folder
            Working directory; the caller's when left out.
        """
        held, lifeline = os.pipe()
        try:
            with log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-S", guard.__file__, *command),
                    stdin=held,
                    stdout=output,
                    stderr=asyncio.subprocess.STDOUT,
                    env=dict(variables),
                    cwd=folder,
                    start_new_session=True,
                )
        except BaseException:
            os.close(lifeline)
            raise
        finally:
            os.close(held)
        return cls(process, lifeline)

    @property
    def pid(self) -> int:
        """Process id of the guard, whose only child is the program."""
        return self._process.pid

    async def wait(self) -> int:
        """Exit code of the program; 128 and the signal's number if a signal ended it."""
        code = await self._process.wait()
        self.kill()
        return SIGNALLED - code if code < 0 else code

    def terminate(self) -> None:
        """Ask the program to end."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the program and all that it has started."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    async def stop(self, grace: float) -> None:
        """Ask the program to end and kill it after ``grace`` seconds, or at once when cancelled meanwhile."""
        self.terminate()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._process.wait()
        finally:
            self.kill()
            await self._process.wait()


def explain_exit(code: int) -> str:
    """An exit code in words."""
    if code == SIGNALLED + signal.SIGKILL:
        return "was killed (SIGKILL; out of memory?)"
    if code > SIGNALLED:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(code - SIGNALLED).name}"
    return f"ended with exit code {code}"
