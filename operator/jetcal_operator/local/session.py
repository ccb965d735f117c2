"""One command's stay on a storage: the lock, the cluster, the display, and an orderly end whatever happens."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from jetcal_operator.local import lock
from jetcal_operator.local.cluster import LocalCluster, state_folder
from jetcal_operator.local.display import Display
from jetcal_operator.local.errors import LocalError
from jetcal_operator.local.machine import Machine, installed

Answer = TypeVar("Answer")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):  # noqa: N818  # what the user wanted rather than a mistake
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def run_interruptibly(work: Coroutine[Any, Any, Answer], display: Display) -> Answer:
    """Run a coroutine; the first signal cancels it, a second one cuts its orderly end short.

    Raises
    ------
    Interrupted
        If a signal ended it.
    LocalError
        For what the operating system refuses, in one sentence.
    """

    async def supervised() -> Answer:
        received: list[int] = []
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # this is a coroutine

        def stop(number: int) -> None:
            task.cancel()
            received.append(number)
            if len(received) == 1:
                display.tell("stopping; the same signal again kills at once")

        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, stop, number)
        try:
            return await work
        except asyncio.CancelledError:
            if received:
                raise Interrupted(received[0]) from None
            raise
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    try:
        return asyncio.run(supervised())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        message = f"{where}{error.strerror or error}"
        raise LocalError(message) from error


@asynccontextmanager
async def opened(storage: Path, display: Display, port: int = 0) -> AsyncIterator[LocalCluster]:
    """The cluster of a storage, which nobody else uses meanwhile; at the end nothing of it is left running.

    Raises
    ------
    LocalError
        If another jetcal uses the storage.
    """
    with lock.exclusive(state_folder(storage) / "lock"):
        cluster = LocalCluster(storage, Machine(*installed(), display.tell), display.tell, port)
        cluster.begin()
        try:
            yield cluster
        finally:
            await cluster.controllers.stop()
