from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager

import aiohttp
import pytest
from tests.support.lease_api import LeaseClient, LeaseStore
from tests.support.virtual_time import run

from jetcal_operator.kube.lease import Lease, NotLeaderError

NAME = "jetcal-operator"


class Process:
    """A candidate with its own way to the API server and its own clock."""

    def __init__(self, store, name, rate=1.0):
        self.is_cut_off = False
        self.thawed = asyncio.Event()
        self.thawed.set()
        loop = asyncio.get_running_loop()
        client = LeaseClient(store, self._on_the_way)
        self.lease = Lease(client, "jec", NAME, name, clock=lambda: loop.time() * rate)
        self._task = asyncio.create_task(self.lease.run())

    async def _on_the_way(self):
        await asyncio.sleep(0.01)
        await self.thawed.wait()
        if self.is_cut_off:
            raise aiohttp.ClientConnectionError

    async def lost(self):
        while self.lease.is_held:
            await passed(0.01)

    async def stop(self):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def die(self):
        """End without a word, as by SIGKILL."""
        self.is_cut_off = True
        await self.stop()


@asynccontextmanager
async def processes(store, *names):
    started = [Process(store, name) for name in names]
    await started[0].lease.held()
    yield started
    for process in started:
        await process.stop()


def leaders(started):
    return [process for process in started if process.lease.is_held]


async def passed(seconds):
    await asyncio.sleep(seconds)


def test_the_first_comes_to_lead_and_the_second_waits():
    async def story():
        store = LeaseStore()
        async with processes(store, "a", "b") as (a, b):
            await passed(100)
            assert leaders([a, b]) == [a]
            a.lease.require()
            with pytest.raises(NotLeaderError, match="does not hold the lease jec/jetcal-operator"):
                b.lease.require()
            spec = store.leases[NAME]["spec"]
            assert spec["holderIdentity"].startswith("a_")
            assert spec["leaseDurationSeconds"] == 15
            assert spec["leaseTransitions"] == 0
            assert spec["renewTime"] > spec["acquireTime"]

    run(story())


def test_two_that_start_at_the_same_moment_agree():
    async def story():
        store = LeaseStore()
        async with processes(store, "a", "b") as started:
            await passed(3)
            assert len(leaders(started)) == 1
            assert ("POST", 409) in store.calls

    run(story())


def test_a_holder_renews_with_one_call_each_five_seconds():
    async def story():
        store = LeaseStore()
        async with processes(store, "a"):
            before = len(store.calls)
            await passed(100)
            assert store.calls[before:] == [("PUT", 200)] * 19

    run(story())


def test_a_dead_leader_is_followed_after_the_duration_and_not_before():
    async def story():
        store = LeaseStore()
        async with processes(store, "a", "b") as (a, b):
            await passed(7)
            await a.die()
            died = asyncio.get_running_loop().time()
            await b.lease.held()
            assert 15 - 5 <= asyncio.get_running_loop().time() - died <= 15 + 2
            assert store.leases[NAME]["spec"]["leaseTransitions"] == 1

    run(story())


def test_a_leader_that_ends_properly_is_followed_at_once():
    async def story():
        store = LeaseStore()
        async with processes(store, "a", "b") as (a, b):
            await passed(7)
            await a.stop()
            assert not a.lease.is_held
            assert store.holder(NAME) is None
            async with asyncio.timeout(1.1):
                await b.lease.held()

    run(story())


def test_a_frozen_leader_may_not_act_after_it_wakes():
    async def story():
        store = LeaseStore()
        async with processes(store, "a", "b") as (a, b):
            a.thawed.clear()
            await b.lease.held()
            assert not a.lease.is_held
            a.thawed.set()
            with pytest.raises(NotLeaderError):
                a.lease.require()
            await passed(30)
            assert leaders([a, b]) == [b]

    run(story())


def test_a_leader_stops_trusting_itself_before_another_may_start():
    async def story():
        store = LeaseStore()
        async with processes(store, "a", "b") as (a, b):
            loop = asyncio.get_running_loop()
            a.is_cut_off = True
            await a.lost()
            lost = loop.time()
            await b.lease.held()
            assert loop.time() - lost >= 3

    run(story())


def test_a_short_fault_costs_nothing():
    async def story():
        store = LeaseStore()
        async with processes(store, "a", "b") as (a, b):
            term = store.leases[NAME]["spec"]["acquireTime"]
            for _ in range(10):
                a.is_cut_off = True
                await passed(6)
                a.is_cut_off = False
                await passed(6)
                assert leaders([a, b]) == [a]
            assert store.leases[NAME]["spec"]["acquireTime"] == term

    run(story())


def test_a_renewal_whose_answer_was_lost_does_not_lengthen_the_trust():
    async def story():
        store = LeaseStore()
        async with processes(store, "a") as (a,):
            await passed(0.5)
            calls = len(store.calls)
            while len(store.calls) == calls:
                await passed(0.001)
            a.is_cut_off = True
            async with asyncio.timeout(12.01 - 5):
                await a.lost()

    run(story())


def test_a_stolen_lease_is_lost_and_won_back_when_the_thief_does_not_renew():
    async def story():
        store = LeaseStore()
        async with processes(store, "a") as (a,):
            store.edit(NAME, holderIdentity="thief")
            async with asyncio.timeout(5.1):
                await a.lost()
            await passed(10)
            assert not a.lease.is_held
            async with asyncio.timeout(8):
                await a.lease.held()
            assert store.leases[NAME]["spec"]["leaseTransitions"] == 1

    run(story())


def test_an_edit_that_leaves_the_holder_does_not_interrupt_it():
    async def story():
        store = LeaseStore()
        async with processes(store, "a") as (a,):
            for _ in range(5):
                store.leases[NAME]["metadata"]["labels"] = {"edited": "by hand"}
                store.edit(NAME, leaseTransitions=7)
                await passed(5)
                a.lease.require()
            assert store.leases[NAME]["metadata"]["labels"] == {"edited": "by hand"}
            assert store.leases[NAME]["spec"]["leaseTransitions"] == 7

    run(story())


def test_a_deleted_lease_is_made_anew_by_who_held_it():
    async def story():
        store = LeaseStore()
        async with processes(store, "a", "b") as (a, b):
            await passed(3)
            del store.leases[NAME]
            for _ in range(80):
                await passed(0.1)
                assert leaders([a, b]) == [a]
            assert store.holder(NAME) == a.lease.identity

    run(story())


def test_a_restarted_container_of_the_same_name_is_another_process():
    async def story():
        store = LeaseStore()
        async with processes(store, "pod") as (before,):
            after = Process(store, "pod")
            await passed(100)
            assert leaders([before, after]) == [before]
            await after.stop()
            assert store.holder(NAME) == before.lease.identity

    run(story())


def test_the_holders_duration_counts_not_the_candidates():
    async def story():
        store = LeaseStore()
        async with processes(store, "a") as (a,):
            store.edit(NAME, holderIdentity="patient", leaseDurationSeconds=60)
            await a.lost()
            await passed(58)
            assert not a.lease.is_held
            async with asyncio.timeout(5):
                await a.lease.held()

    run(story())


def test_wall_clocks_do_not_matter():
    async def story():
        store = LeaseStore()
        async with processes(store, "a") as (a,):
            store.edit(NAME, holderIdentity="other", renewTime="2001-01-01T00:00:00.000000Z")
            await a.lost()
            await passed(13)
            assert not a.lease.is_held
            store.edit(NAME, renewTime="2099-01-01T00:00:00.000000Z")
            async with asyncio.timeout(17):
                await a.lease.held()

    run(story())


def test_a_refused_call_is_told_once_with_its_reason(caplog):
    async def story():
        store = LeaseStore()
        store.handle = lambda *_: (403, {"message": 'leases.coordination.k8s.io "jetcal-operator" is forbidden'})
        process = Process(store, "a")
        await passed(20)
        assert not process.lease.is_held
        await process.stop()

    run(story())
    refusals = [line for line in caplog.messages if "403" in line and "is forbidden" in line]
    assert len([line for line in refusals if "given back" not in line]) == 1


async def disturb(store, started, chance):
    process = chance.choice(started)
    match chance.randrange(7):
        case 0 | 1:
            process.is_cut_off = not process.is_cut_off
        case 2:
            process.thawed.clear()
        case 3 | 4:
            process.thawed.set()
        case 5:
            await process.stop()
            started[started.index(process)] = Process(store, "new", rate=chance.uniform(0.92, 1.08))


@pytest.mark.parametrize("seed", range(10))
def test_whatever_fails_two_never_lead_and_in_the_end_one_does(seed):
    async def story():
        chance = random.Random(seed)  # noqa: S311  # the same walk each time
        store = LeaseStore()
        started = [Process(store, name, rate=chance.uniform(0.92, 1.08)) for name in "abc"]
        for _ in range(80):
            await disturb(store, started, chance)
            for _ in range(chance.randrange(1, 40)):
                await passed(0.25)
                assert len(leaders(started)) <= 1
        for process in started:
            process.is_cut_off = False
            process.thawed.set()
        await passed(20)
        assert len(leaders(started)) == 1
        for process in started:
            await process.stop()
        assert store.holder(NAME) is None

    run(story())
