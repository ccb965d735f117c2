"""How long a controller waits before it tries again."""

from __future__ import annotations

import asyncio

LONGEST_SECONDS = 60.0


async def pause(seconds: float, failures: int) -> None:
    """Wait before the next try: ``seconds`` after the first failure, doubled after each further one."""
    await asyncio.sleep(min(seconds * 2 ** max(0, failures - 1), LONGEST_SECONDS))
