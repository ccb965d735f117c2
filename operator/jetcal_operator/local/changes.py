"""The one signal that something has changed; everybody who waits looks at the whole world anew."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime


class Changes:
    """A counter that can be waited for, so that no change between a look and the wait is missed."""

    def __init__(self) -> None:
        self.count = 0
        self._next = asyncio.Event()

    def announce(self) -> None:
        """Tell that something has changed."""
        self.count += 1
        self._next.set()
        self._next = asyncio.Event()

    async def since(self, count: int, until: datetime | None = None) -> None:
        """Wait for a change after ``count``, at the latest until the given time."""
        if self.count != count:
            return
        seconds = None if until is None else max(0.0, (until - datetime.now(UTC)).total_seconds())
        try:
            async with asyncio.timeout(seconds):
                await self._next.wait()
        except TimeoutError:
            return
