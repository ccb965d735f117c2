"""Runs tasks in child processes, one process for each task, and never leaves one behind.

Children are killed when they are no longer wanted, as Pythia's loops know no signals; so a task publishes its files by
renaming them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from jetcal.errors import JetcalError


def run_tasks(work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], processes: int) -> Iterator[tuple[int, Any]]:
    """Call ``work(*task)`` for each task in a fresh process, at most ``processes`` at a time.

    A fresh interpreter for each task keeps Pythia's state of one task away from the next, so a task's result depends on
    its arguments alone.

    Parameters
    ----------
    work
        A function of a module; what it raises as a `JetcalError` is raised here.
    tasks
        Arguments of each call.
    processes
        Number of processes.

    Yields
    ------
    Number of the task and what it returned, in the order in which tasks end.

    Raises
    ------
    JetcalError
        A task failed, or its process died. However this generator ends, all its processes have ended then.
    """
    context = multiprocessing.get_context("spawn")
    running: dict[Connection, tuple[int, BaseProcess]] = {}
    waiting = list(enumerate(tasks))[::-1]
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                number, task = waiting.pop()
                receiver, sender = context.Pipe(duplex=False)
                child: BaseProcess = context.Process(target=_child, args=(sender, work, task), daemon=True)
                _start(child)
                sender.close()
                running[receiver] = (number, child)
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)  # noqa: S101  # wait gives back what it got
                number, child = running[ready]
                result = _result(ready, child)
                child.join()
                del running[ready]
                yield number, result
    finally:
        _end([child for _, child in running.values()])


def _result(receiver: Connection, child: BaseProcess) -> Any:
    try:
        succeeded, result = receiver.recv()
    except EOFError:
        child.join()
        message = (
            f"a simulation process died (exit code {child.exitcode}), perhaps for want of memory: "
            "start again with fewer --processes, the files that are whole are kept"
        )
        raise JetcalError(message) from None
    if not succeeded:
        raise result
    return result


def _start(child: BaseProcess) -> None:
    """Start a child that Ctrl-C in the terminal does not reach: it inherits the mask, and this process ends it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        child.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(children: list[BaseProcess]) -> None:
    for child in children:
        child.kill()
    for child in children:
        child.join()


def _child(sender: Connection, work: Callable[..., Any], task: tuple[Any, ...]) -> None:
    threading.Thread(target=_follow_parent, daemon=True).start()
    try:
        answer = True, work(*task)
    except JetcalError as error:
        answer = False, error
    sender.send(answer)


def _follow_parent() -> None:
    """End when the parent is gone, even if it was killed and could not say so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
