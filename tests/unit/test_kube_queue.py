from __future__ import annotations

import asyncio

import pytest

from jetcal_operator.kube.queue import FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, Queue


def run(play):
    return asyncio.run(asyncio.wait_for(play(), 10))


def test_a_key_that_waits_is_not_added_again():
    async def play():
        queue = Queue()
        for key in ("a", "b", "a"):
            queue.add(key)
        return [await queue.get() for _ in range(queue.depth)]

    assert run(play) == ["a", "b"]


def test_a_key_that_is_worked_on_is_handed_out_once_more_and_only_afterwards():
    async def play():
        queue = Queue()
        queue.add("a")
        key = await queue.get()
        queue.add("a")
        queue.add("a")
        before = queue.depth
        queue.done(key)
        return before, await queue.get(), queue.depth

    assert run(play) == (0, "a", 0)


def test_a_waiting_reader_is_woken():
    async def play():
        queue = Queue()
        reader = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.add("a")
        return await reader

    assert run(play) == "a"


def test_the_earlier_of_two_appointments_holds():
    async def play():
        queue = Queue()
        loop = asyncio.get_running_loop()
        began = loop.time()
        queue.add_after("a", 30)
        queue.add_after("a", 0.02)
        queue.add_after("a", 60)
        await queue.get()
        return loop.time() - began

    assert 0.02 <= run(play) < 5


def test_an_appointment_in_the_past_is_due_at_once():
    async def play():
        queue = Queue()
        queue.add_after("a", -1)
        return queue.depth

    assert run(play) == 1


@pytest.mark.parametrize("luck", [0.0, 0.5, 1.0])
def test_patience_doubles_up_to_a_bound_and_is_forgotten_after_success(luck):
    async def play():
        queue = Queue(jitter=lambda: luck)
        pauses = [queue.retry("a") for _ in range(12)]
        queue.succeeded("a")
        return pauses, queue.retry("a")

    pauses, after_success = run(play)
    share = 0.5 + luck / 2
    assert pauses[0] == after_success == pytest.approx(FIRST_DELAY_SECONDS * share)
    assert pauses[3] == pytest.approx(FIRST_DELAY_SECONDS * 8 * share)
    assert pauses[-1] == pytest.approx(LONGEST_DELAY_SECONDS * share)


def test_the_api_server_may_ask_for_a_longer_pause():
    async def play():
        return Queue().retry("a", at_least=7.0)

    assert run(play) == 7.0


def test_the_age_of_the_oldest_key_is_known():
    async def play():
        queue = Queue()
        empty = queue.oldest_seconds
        queue.add("a")
        await asyncio.sleep(0.02)
        queue.add("b")
        return empty, queue.oldest_seconds

    empty, oldest = run(play)
    assert empty == 0
    assert oldest >= 0.02
