from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from tests.support.ports import free_port

from jetcal_operator.kube.probes import Health, Probes


def test_all_is_well():
    health = Health(ages={"Job": 299.0}, queue_oldest=599.0)
    assert health.alive() == (True, ())
    assert health.ready() == (True, ())


def test_a_silent_watch_and_a_stuck_queue_are_named():
    verdict = Health(ages={"Pod": 301.0, "Job": 5.0}, queue_oldest=601.0).alive()
    assert not verdict.ok
    silent, stuck = verdict.sentences
    assert "the watch of Pod has given no sign of life for 301 s" in silent
    assert "a resource has waited 601 s" in stuck


def test_a_silent_watch_does_not_make_it_unready():
    assert Health(ages={"Pod": 1e6}).ready().ok


def test_unfilled_caches_make_it_unready_but_not_dead():
    health = Health(unfilled=frozenset({"Job", "Experiment"}))
    assert health.alive().ok
    assert health.ready().sentences == (
        "Experiment was not listed completely yet",
        "Job was not listed completely yet",
    )


@asynccontextmanager
async def served(health, port):
    probes = Probes(health, lambda: b"jetcal_leader 1.0\n", "text/plain; version=1.0.0", port)
    task = asyncio.create_task(probes.run())
    async with asyncio.timeout(20), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        while not task.done():
            with suppress(aiohttp.ClientConnectionError):
                await ask(session, "/healthz")
                break
        yield session
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def ask(session, path):
    async with session.get(path) as answer:
        return answer.status, await answer.text(), answer.headers["Content-Type"]


def test_the_answers_over_http_follow_the_judgement():
    async def story():
        now = Health(unfilled=frozenset({"Job"}))
        async with served(lambda: now, free_port()) as session:
            assert (await ask(session, "/healthz"))[:2] == (200, "ok\n")
            assert (await ask(session, "/readyz"))[:2] == (503, "Job was not listed completely yet\n")
            now = Health(queue_oldest=1000)
            status, text, _ = await ask(session, "/healthz")
            assert status == 503
            assert "1000 s" in text
            assert (await ask(session, "/readyz"))[0] == 200
            assert await ask(session, "/metrics") == (200, "jetcal_leader 1.0\n", "text/plain; version=1.0.0")
            assert (await ask(session, "/other"))[0] == 404

    asyncio.run(story())


def test_a_taken_port_is_an_error():
    async def story():
        port = free_port()
        async with served(Health, port):
            with pytest.raises(OSError, match="address already in use"):
                await Probes(Health, bytes, "text/plain", port).run()

    asyncio.run(story())
