"""Time and memory of some work in a process of its own, so that nothing before it counts."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Cost:
    """What some work took.

    Attributes
    ----------
    seconds
        By the clock on the wall, without the start of the process.
    gigabytes
        Most memory of the process, or of the largest below it, at any time, libraries and mapped files included.
    """

    seconds: float
    gigabytes: float


def cost(work: Callable[..., Any], *given: Any, forked: bool = False) -> Cost:
    """Cost of ``work(*given)``, a function of a module; what ``given`` needs is made before the clock starts.

    Parameters
    ----------
    work
        Returns the function that is timed.
    given
        Handed to it.
    forked
        Whether the process is forked from one that has imported the first such work's module, where that takes long.

    Raises
    ------
    RuntimeError
        If the process ends without an answer.
    """
    context = multiprocessing.get_context("forkserver") if forked else multiprocessing.get_context("spawn")
    context.set_forkserver_preload([work.__module__])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(theirs, work, given))
    process.start()
    theirs.close()
    try:
        return Cost(*ours.recv())
    except EOFError as ended:
        message = f"{work.__name__}{given} ended without an answer; its error stands above"
        raise RuntimeError(message) from ended
    finally:
        process.join()


def _run(answer: Connection, work: Callable[..., Callable[[], object]], given: tuple[Any, ...]) -> None:
    timed = work(*given)
    with _family() as peaks:
        begin = time.perf_counter()
        timed()
        seconds = time.perf_counter() - begin
    answer.send((seconds, max([_peak(os.getpid()), *peaks.values()]) / 1e6))


@contextmanager
def _family() -> Iterator[dict[int, int]]:
    """Peaks in kB of all processes below this one, by their ids, looked up again and again: a peak never falls."""
    peaks: dict[int, int] = {}
    over = threading.Event()

    def look() -> None:
        me = psutil.Process()
        while not over.wait(LOOK_SECONDS):
            peaks.update((child.pid, peak) for child in me.children(recursive=True) if (peak := _peak(child.pid)))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peaks
    finally:
        over.set()
        watcher.join()


def _peak(process: int) -> int:
    """In kB, 0 of one that is gone. What getrusage tells of a process begins with the peak of its parent."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
