"""Steps of a long run as commands: each with a log of its own and the time that it took."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

POLL_SECONDS = 1.0


class Failure(Exception):  # noqa: N818  # a step that failed, told in one sentence
    """A step ended with an error."""


@dataclass(frozen=True)
class Step:
    """One command; it goes on where an earlier attempt was stopped and does nothing when all is done.

    Attributes
    ----------
    name, command
        How it is called, by people and by the system.
    made
        File that tells that it is done, for a command that does not know it by itself.
    """

    name: str
    command: tuple[str, ...]
    made: Path | None = None


class Times:
    """Wall-clock and processor seconds of each step, over all its attempts, kept in a file.

    Parameters
    ----------
    path
        JSON: name of a step -> ``{"wall": seconds, "processor": seconds}``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def add(self, name: str, wall: float, processor: float) -> None:
        """Count an attempt."""
        with self._lock:
            known: dict[str, dict[str, float]] = json.loads(self._path.read_text()) if self._path.exists() else {}
            before = known.get(name, {"wall": 0.0, "processor": 0.0})
            known[name] = {"wall": before["wall"] + wall, "processor": before["processor"] + processor}
            part = self._path.with_suffix(".part")
            part.write_text(json.dumps(known, indent=1) + "\n")
            part.replace(self._path)


def run(step: Step, folder: Path, times: Times) -> None:
    """Run a step with one thread to each of its processes.

    Raises
    ------
    Failure
        If its command ends with an error.
    """
    if step.made and step.made.exists():
        return
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{step.name}.log"
    click.echo(f"{step.name}: {' '.join(step.command)}")
    begin = time.monotonic()
    with log.open("a") as output:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(  # noqa: S603  # a command of our own list
            step.command, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - begin
    times.add(step.name, wall, usage.ru_utime + usage.ru_stime)
    if process.returncode:
        lines = log.read_text().splitlines()
        message = (
            f"{step.name} ended with {process.returncode}: {lines[-1] if lines else 'it said nothing'} (see {log})"
        )
        raise Failure(message)
    click.echo(f"{step.name}: done in {wall:.0f} s")


def run_all(steps: Iterable[Step], folder: Path, times: Times) -> None:
    """Run steps one after the other; the first that fails ends it.

    Raises
    ------
    Failure
        If a command ends with an error.
    """
    for step in steps:
        run(step, folder, times)


def wait_for(folder: Path, pattern: str, maker: Future[Any]) -> None:
    """Wait until a file is there; an end of its maker without it is the maker's failure."""
    while not any(folder.glob(pattern)):
        if maker.done():
            maker.result()
            message = f"{folder}: no {pattern} was made"
            raise Failure(message)
        time.sleep(POLL_SECONDS)
