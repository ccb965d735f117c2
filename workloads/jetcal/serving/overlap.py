"""Stages that work at the same time, each in a thread of its own, one item apart: memory stays at a few items."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

Item = TypeVar("Item")

SWITCH_SECONDS = 0.0001
"""How long a stage in Python keeps the interpreter from one that comes back from compiled code: by default it is longer
than the network takes for a batch, which would then wait as long as it computes."""


def ahead(items: Generator[Item]) -> Generator[Item]:
    """The items in their order, the next one being made while the caller works on this one.

    An error of ``items`` is the caller's. A caller that stops early waits for the item in the making.
    """
    with closing(items), ThreadPoolExecutor(1) as thread:
        coming: Future[Item | None] = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


@contextmanager
def quick_switches() -> Iterator[None]:
    """Let the threads of this process take turns every ``SWITCH_SECONDS``."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def behind(work: Callable[[Item], None]) -> Iterator[Callable[[Item], None]]:
    """A function that hands an item over to ``work`` and returns at once, unless the item before is not done.

    An error of ``work`` is raised at the next item or at the end.
    """
    with ThreadPoolExecutor(1) as thread:
        under_way: list[Future[None]] = []

        def hand_over(item: Item) -> None:
            if under_way:
                under_way.pop().result()
            under_way.append(thread.submit(work, item))

        yield hand_over
        if under_way:
            under_way.pop().result()
