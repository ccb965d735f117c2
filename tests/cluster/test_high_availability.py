"""Two replicas: whatever becomes of the one that leads, the other goes on as if nothing had happened."""

from __future__ import annotations

import time
from threading import Event

import pytest
from tests.support.faults import Hold, Rule
from tests.support.playground import difference, playground, small_calibration
from tests.support.replicas import LEASE, replicas
from tests.support.waiting import wait_for

LEASE_SECONDS = 5
PATIENT = ("--resync-seconds", "5", "--discovery-seconds", "5", "--lease-seconds", "30")
QUICK = ("--resync-seconds", "3", "--discovery-seconds", "5", "--lease-seconds", str(LEASE_SECONDS))


@pytest.fixture(scope="module")
def undisturbed(playing_plane, warm, tmp_path_factory):
    """A life with one operator: after it is Ready, and after an edit that makes another model."""
    with playground(playing_plane, tmp_path_factory.mktemp("calm"), warm=warm) as world:
        world.apply(small_calibration())
        world.wait_until_ready()
        world.wait_until_quiet()
        first = world.snapshot(), world.counts()
        edit(world)
        return *first, world.snapshot()


@pytest.fixture
def pair(playing_plane, warm, tmp_path):
    with replicas(playing_plane, tmp_path, warm, QUICK) as started:
        yield started


def edit(world):
    """Ask for another model and wait until it serves."""
    before = world.resource()["status"]["serving"]["revision"]
    world.edit(training=world.resource()["spec"]["training"] | {"epochs": 7})
    wait_for(
        lambda: f"another revision serves; {world.told()}",
        lambda: world.is_settled() and world.resource()["status"]["serving"]["revision"] != before,
        seconds=60,
    )
    world.wait_until_quiet()


def assert_same_end(pair, snapshot, *, but=()):
    pair.world.wait_until_quiet()
    found = difference(snapshot, pair.world.snapshot())
    assert [line for line in found if not any(word in line for word in but)] == []


def start_and_hold(pair, stage):
    """A calibration whose worker of a stage goes on running; no call is under way that a fault could cut off."""
    pair.world.hands.held.add(stage)
    pair.world.apply(small_calibration())
    wait_for(
        lambda: f"{stage} has begun; {pair.told()}",
        lambda: pair.world.resource().get("status", {}).get("stage", "").lower() == stage,
    )
    pair.world.wait_until_quiet()


def test_one_leads_and_only_it_writes(playing_plane, warm, undisturbed, tmp_path):
    with replicas(playing_plane, tmp_path, warm, PATIENT) as pair:
        leader, follower = pair.roles()
        assert all(replica.ask("/readyz") == (200, "ok\n") for replica in pair.both)
        assert pair.lease()["holderIdentity"].startswith(f"{leader.identity}_")
        pair.world.apply(small_calibration())
        pair.world.wait_until_ready()
        assert pair.changes(leader)
        assert pair.changes(follower) == []
        assert follower.metric("jetcal_reconciles_total") == 0
        assert follower.ask("/healthz") == (200, "ok\n")
        assert_same_end(pair, undisturbed[0])


def test_the_other_takes_over_from_one_that_was_killed(pair, undisturbed):
    leader, follower = pair.roles()
    start_and_hold(pair, "training")
    leader.kill()
    killed = time.monotonic()
    wait_for(lambda: f"the other leads; {pair.told()}", lambda: pair.leads(follower))
    assert time.monotonic() - killed < LEASE_SECONDS + 10
    pair.world.hands.release()
    pair.world.wait_until_ready()
    assert_same_end(pair, undisturbed[0])
    assert pair.world.counts() == undisturbed[1]


def test_one_that_ends_hands_over_at_once(playing_plane, warm, undisturbed, tmp_path):
    with replicas(playing_plane, tmp_path, warm, PATIENT) as pair:
        leader, follower = pair.roles()
        start_and_hold(pair, "training")
        leader.stop()
        wait_for(lambda: f"the other leads; {pair.told()}", lambda: pair.leads(follower), seconds=10)
        pair.world.hands.release()
        pair.world.wait_until_ready()
        assert_same_end(pair, undisturbed[0])
        assert pair.world.counts() == undisturbed[1]


LATE = {
    "creation of a job": ("create", "jobs", "-export-"),
    "creation of a record": ("create", "configmaps", "-revision-"),
    "deletion of a trial's job": ("delete", "pytorchjobs", ""),
    "status": ("patch", "jetcalibrations", ""),
    "endpoint": ("patch", "inferenceservices", ""),
}
MEANWHILE = [(what, True) for what in LATE] + [("creation of a job", False)]


@pytest.mark.parametrize(("what", "is_edited"), MEANWHILE, ids=[f"{a}{', edited' * b}" for a, b in MEANWHILE])
def test_one_that_was_frozen_does_at_most_what_it_was_about_to_do_and_no_harm(pair, undisturbed, what, is_edited):
    verb, resource, part = LATE[what]
    leader, follower = pair.roles()
    frozen, awake = Event(), Event()

    def freeze():
        leader.freeze()
        frozen.set()
        awake.wait(120)

    hold = Hold(freeze)
    is_meant = Rule(hold, lambda call: (call.verb, call.resource) == (verb, resource) and part in call.name)
    with pair.world.proxy.playing(is_meant):
        pair.world.apply(small_calibration())
        wait_for(lambda: f"the call was made; {pair.told()}", frozen.is_set)
        wait_for(lambda: f"the other leads; {pair.told()}", lambda: pair.leads(follower))
        pair.world.wait_until_ready()
        if is_edited:
            edit(pair.world)
        before = pair.changes(leader)
        leader.thaw()
        awake.set()
        (late,) = [entry for entry in pair.world.proxy.calls if entry.fault is hold]
        wait_for("the late call has arrived", lambda: late.upstream)
        wait_for(lambda: f"the frozen one knows; {pair.told()}", lambda: "has lost the lease" in leader.tail())
        pair.world.wait_until_quiet()
    assert len(pair.changes(leader)) <= len(before) + 1, pair.changes(leader)[len(before) :]
    pair.world.wait_until_ready()
    assert_same_end(pair, undisturbed[2 if is_edited else 0], but=("eneration:",))


def test_while_somebody_else_holds_the_lease_nobody_writes(pair, undisturbed):
    pair.roles()
    start_and_hold(pair, "training")
    theft = {"spec": {"holderIdentity": "a person", "leaseDurationSeconds": 3 * LEASE_SECONDS}}
    pair.world.plane.patch("leases", LEASE, pair.world.namespace, theft)
    wait_for(lambda: f"nobody leads; {pair.told()}", lambda: pair.leader() is None)
    since = len(pair.world.proxy.calls)
    pair.world.hands.release()
    pair.world.wait_until_ready()
    calls = [entry.call for entry in pair.world.proxy.calls[since:] if entry.upstream and entry.call.mutates]
    assert calls[0].resource == "leases", calls[:5]
    assert pair.lease()["holderIdentity"].startswith("operator-")
    assert_same_end(pair, undisturbed[0])
    assert pair.world.counts() == undisturbed[1]


def test_both_outlive_a_restart_of_the_api_server(pair, undisturbed, playing_plane):
    pair.roles()
    start_and_hold(pair, "training")
    playing_plane.restart_api_server()
    pair.world.hands.release()
    pair.roles()
    pair.world.wait_until_ready(seconds=60)
    assert all(replica.is_alive for replica in pair.both)
    pair.roles()
    assert_same_end(pair, undisturbed[0])
    assert pair.world.counts() == undisturbed[1]
