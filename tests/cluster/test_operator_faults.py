"""Whatever happens to a call or to the process, the end is that of an undisturbed life: nothing twice, nothing lost."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.support.faults import Interrupt, Refuse, Reset, Rule, Truncate, mutating
from tests.support.playground import playground, small_calibration
from tests.support.waiting import wait_for

CALM = "calm"


@pytest.fixture(scope="module")
def world(playing_plane, warm, tmp_path_factory):
    with playground(playing_plane, tmp_path_factory.mktemp("faults"), warm=warm) as place:
        yield place


@pytest.fixture(scope="module")
def undisturbed(world):
    """End and history of a life without faults."""
    world.apply(small_calibration(CALM))
    world.wait_until_ready(CALM)
    world.wait_until_quiet()
    return world.snapshot(CALM), world.counts(CALM)


def assert_same_life(world, undisturbed, name):
    """Same objects with the same fields, and each made and deleted as often as without faults."""
    snapshot, counts = undisturbed
    world.must_end_like(snapshot, name)
    assert world.counts(name) == counts


def every_other(of):
    """Matches a call that is alike to none before, then every second of its like: each step is hit, none for ever."""
    met: Counter[str] = Counter()

    def hit(call):
        if not mutating(call) or not call.name.startswith(of):
            return False
        met[str(call)] += 1
        return met[str(call)] % 2 == 1

    return hit


@pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])
def test_an_operator_killed_at_every_call_that_changes_something_does_nothing_twice(
    playing_plane, warm, undisturbed, tmp_path, committed
):
    with playground(playing_plane, tmp_path, warm=warm) as world:
        kill = Rule(Interrupt(world.operator.kill, committed), every_other("ak4"), times=None)

        def lives_on():
            if not world.operator.is_alive:
                world.free_lease()
                world.operator.start(wait=False)
            return world.is_settled()

        with world.proxy.playing(kill):
            world.apply(small_calibration())
            wait_for(lambda: f"ak4 is Ready; {world.told()}", lives_on, seconds=200, pause=0.02)
        if not world.operator.is_alive:
            world.free_lease()
            world.operator.start()
        assert kill.fired >= len(undisturbed[1])
        assert_same_life(world, undisturbed, "ak4")


FAULTS = {
    "conflict": Refuse(409),
    "too-many": Refuse(429, retry_after=1),
    "broken": Refuse(500),
    "away": Refuse(503),
    "late": Refuse(504),
    "done-late": Refuse(504, committed=True),
    "reset": Reset(),
    "done-reset": Reset(committed=True),
    "cut-short": Truncate(),
}


def test_every_call_may_fail_in_every_way(world, undisturbed):
    rules = [Rule(fault, every_other(name), times=None) for name, fault in FAULTS.items()]
    with world.proxy.playing(*rules):
        for name in FAULTS:
            world.apply(small_calibration(name))
        for name in FAULTS:
            world.wait_until_ready(name, seconds=150)
        world.wait_until_quiet()
    assert all(rule.fired >= len(undisturbed[1]) for rule in rules)
    for name in FAULTS:
        assert_same_life(world, undisturbed, name)
