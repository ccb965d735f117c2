"""SIGTERM as a question that the training loop asks between two steps."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from jetcal.errors import TERMINATED, JetcalError


class StoppedError(JetcalError):
    """Asked to stop by SIGTERM; what was made is saved."""

    exit_code = TERMINATED


class Stop:
    """While the block runs, SIGTERM only raises a flag."""

    def __init__(self) -> None:
        self.asked = False
        self._previous: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True
