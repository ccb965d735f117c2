"""Stands between ``jetcal run`` and one worker, so that nothing the worker has started outlives either of them.

``python -I -S guard.py PROGRAM ARGUMENT...`` runs the program and ends with its exit code, 128 and the signal's number
if a signal ended it. Whatever the program has started is killed then, also what has moved to a session of its own, as
torchrun's workers do: the guard adopts orphans (Linux' child subreaper) and kills until it has no child left. Standard
input is the lifeline: the kernel closes it when ``jetcal run`` ends, however it ends, and the guard kills everything at
once. SIGTERM is handed to the program alone. This file is run as a script and imports only what starts quickly.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
COMMAND_NOT_FOUND = 127
KILLED = 128 + signal.SIGKILL


def main(command: list[str]) -> int:
    """Run the command; the exit code for the guard itself."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake_reader, wake_writer = os.pipe()
    os.set_blocking(wake_writer, False)
    signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
    terminations: list[int] = []
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda number, _: terminations.append(number))
    guard = os.getpid()

    def die_with_guard() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != guard:
            os._exit(KILLED)

    try:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_guard)  # noqa: PLW1509, S603
    except OSError as error:
        sys.stderr.write(f"{command[0]}: cannot be started: {error.strerror}\n")
        return COMMAND_NOT_FOUND
    exit_code = None
    while exit_code is None:
        readable, _, _ = select.select([0, wake_reader], [], [])
        if 0 in readable:
            exit_code = KILLED
        else:
            os.read(wake_reader, 512)
            exit_code = _reap(program.pid)
            while terminations:
                terminations.pop()
                if exit_code is None:
                    os.kill(program.pid, signal.SIGTERM)
    _kill_all_children()
    return exit_code


def _reap(program: int) -> int | None:
    """Collect ended children; the program's exit code if it is among them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == program:
                code = os.waitstatus_to_exitcode(ended[1])
                found = 128 - code if code < 0 else code
    return found


def _kill_all_children() -> None:
    """Kill children until none is left; those of a killed one become the guard's and are next."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for child in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children() -> list[int]:
    own = os.getpid()
    children = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == own:
                    children.append(int(entry.name))
    return children


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
