"""A queue of keys: each at most once in it, each in one pair of hands at a time, failures with growing patience."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 60.0

KeyT = TypeVar("KeyT", bound=Hashable)


class Queue(Generic[KeyT]):
    """Keys that want to be looked at.

    A key that is added while it waits is not added again; one that is added while it is worked on is handed out once
    more afterwards. To be used from one event loop.
    """

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._line: asyncio.Queue[KeyT] = asyncio.Queue()
        self._waiting: dict[KeyT, float] = {}
        self._working: set[KeyT] = set()
        self._again: set[KeyT] = set()
        self._failures: dict[KeyT, int] = {}
        self._timers: dict[KeyT, asyncio.TimerHandle] = {}
        self._jitter = jitter

    @property
    def depth(self) -> int:
        """Keys that wait."""
        return len(self._waiting)

    @property
    def oldest_seconds(self) -> float:
        """How long the first key has waited."""
        since = next(iter(self._waiting.values()), None)
        return 0.0 if since is None else asyncio.get_running_loop().time() - since

    def add(self, key: KeyT) -> None:
        """Want a key looked at."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = asyncio.get_running_loop().time()
            self._line.put_nowait(key)

    def add_after(self, key: KeyT, seconds: float) -> None:
        """Want a key looked at later; an earlier appointment holds."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        due, timer = loop.time() + seconds, self._timers.get(key)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(due, self._ring, key)

    def retry(self, key: KeyT, at_least: float = 0.0) -> float:
        """Want a key looked at after a failure; returns the pause in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        pause: float = min(FIRST_DELAY_SECONDS * 2.0**failures, LONGEST_DELAY_SECONDS)
        pause = max(at_least, pause * (0.5 + self._jitter() / 2))
        self.add_after(key, pause)
        return pause

    def succeeded(self, key: KeyT) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    async def get(self) -> KeyT:
        """The key that has waited longest; to be given back by `done`."""
        key = await self._line.get()
        del self._waiting[key]
        self._working.add(key)
        return key

    def done(self, key: KeyT) -> None:
        """Give back a key."""
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def _ring(self, key: KeyT) -> None:
        self._timers.pop(key, None)
        self.add(key)
