"""Time and memory of some work in a process of its own, so that nothing before it counts."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Cost:
    """What some work took.

    Attributes
    ----------
    seconds
        By the clock on the wall, without the start of the process.
    gigabytes
        Most memory of the process, or of the largest that it starts, at any time, libraries and mapped files included.
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
    begin = time.perf_counter()
    timed()
    seconds = time.perf_counter() - begin
    answer.send((seconds, max(_own_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1e6))


def _own_peak() -> int:
    """In kB; what getrusage tells of a process begins with the peak of the one that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
