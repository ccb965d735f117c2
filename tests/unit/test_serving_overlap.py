"""Stages that work at the same time, and end together."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from threading import Event

import pytest

from jetcal.serving.overlap import SWITCH_SECONDS, ahead, behind, quick_switches

PATIENCE = 20.0
"""Seconds after which what should happen at the same time counts as not happening."""


def test_items_keep_their_order() -> None:
    assert list(ahead(number for number in range(1, 6))) == [1, 2, 3, 4, 5]


def test_the_next_item_is_made_while_the_caller_works() -> None:
    second = Event()

    def items() -> Iterator[str]:
        yield "first"
        second.set()
        yield "second"

    found = ahead(items())
    assert next(found) == "first"
    assert second.wait(PATIENCE)
    assert list(found) == ["second"]


def test_no_more_than_one_item_is_made_ahead() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(1, 10):
            made.append(number)
            yield number

    found = ahead(items())
    next(found)
    found.close()
    assert made == [1, 2]


def test_an_error_comes_after_the_items_before_it_and_a_caller_that_stops_closes_the_items() -> None:
    ended = []

    def items() -> Iterator[str]:
        try:
            yield "first"
            message = "broken"
            raise ValueError(message)
        finally:
            ended.append(True)

    found = ahead(items())
    assert next(found) == "first"
    with pytest.raises(ValueError, match="broken"):
        next(found)
    assert ended == [True]

    found = ahead(items())
    next(found)
    found.close()
    assert ended == [True, True]


def test_work_is_done_behind_the_caller_in_order_and_is_done_at_the_end() -> None:
    begin, done = Event(), []

    def work(item: str) -> None:
        assert begin.wait(PATIENCE)
        done.append(item)

    with behind(work) as hand_over:
        hand_over("first")
        assert done == []
        begin.set()
        hand_over("second")
        assert done[0] == "first"
    assert done == ["first", "second"]


def test_an_error_behind_is_raised_at_the_end() -> None:
    with pytest.raises(OSError, match="no room for last"), behind(refuse) as hand_over:
        hand_over("last")


def test_an_error_behind_is_raised_at_the_next_item() -> None:
    with behind(refuse) as hand_over:
        hand_over("first")
        with pytest.raises(OSError, match="no room for first"):
            hand_over("second")


def refuse(item: str) -> None:
    message = f"no room for {item}"
    raise OSError(message)


def test_threads_take_turns_more_often_for_a_while_only() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(OSError, match=f"no room for an interval of {SWITCH_SECONDS:g}"), quick_switches():
        refuse(f"an interval of {sys.getswitchinterval():g}")
    assert sys.getswitchinterval() == before
