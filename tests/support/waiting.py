"""Waiting for conditions, never for time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest


def wait_for(what: str | Callable[[], str], ask: Callable[[], Any], *, seconds: float = 30, pause: float = 0.05) -> Any:
    """The first truthy answer; fails with ``what``, asked only then, and the last answer once the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            told = what() if callable(what) else what
            pytest.fail(f"{told}: not within {seconds:.0f} s; last answer: {answer!r}")
        time.sleep(pause)
