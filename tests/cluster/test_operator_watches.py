"""What a watch does not tell, tells twice, in disorder or not at all delays the work, and never spoils it."""

from __future__ import annotations

import pytest
from tests.support import faults
from tests.support.faults import Rule
from tests.support.playground import playground, small_calibration

EAGER = ("--resync-seconds", "1", "--discovery-seconds", "1", "--lease-seconds", "3")


@pytest.fixture(scope="module")
def undisturbed(playing_plane, warm, tmp_path_factory):
    with playground(playing_plane, tmp_path_factory.mktemp("watches"), warm=warm) as world:
        world.apply(small_calibration())
        world.wait_until_ready()
        world.wait_until_quiet()
        return world.snapshot(), world.counts()


WATCHES = {
    "breaks at every event": faults.cut(),
    "ends with ERROR 410 at every event": faults.error(410),
    "ends with ERROR 500 at every event": faults.error(500),
    "says everything twice": faults.double(),
    "says the second before the first": faults.reorder(),
    "loses every event": faults.drop(),
    "falls silent at its first event": faults.stall(),
}


@pytest.mark.parametrize("fault", WATCHES.values(), ids=WATCHES)
def test_a_calibration_gets_ready_while_every_watch(playing_plane, warm, undisturbed, tmp_path, fault):
    with playground(playing_plane, tmp_path, warm=warm, options=EAGER) as world:
        rule = Rule(fault, times=None)
        with world.proxy.playing(rule):
            world.proxy.cut_watches()
            world.apply(small_calibration())
            world.must_end_like(undisturbed[0])
        assert rule.fired
        assert world.counts() == undisturbed[1]
