"""How the operator is asked how it is: ``/healthz``, ``/readyz`` and ``/metrics`` on one port.

``Health`` judges, purely; ``Probes(health, page, page_type, port)`` asks ``health()`` at each request and serves while
its ``run()`` runs. That is a task of the event loop that reconciles: a loop that hangs is told by its silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from aiohttp import web

LONGEST_SILENCE_SECONDS = 5 * 60
LONGEST_WAIT_SECONDS = 10 * 60


class Verdict(NamedTuple):
    """Whether all is well, and a sentence for each thing that is not."""

    ok: bool
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Health:
    """How the operator is, at one moment."""

    ages: Mapping[str, float] = field(default_factory=dict)
    """Seconds since the watch of a kind last gave a sign of life."""
    queue_oldest: float = 0.0
    """Seconds that the oldest key of the queue has waited."""
    unfilled: frozenset[str] = frozenset()
    """Kinds that were never listed completely yet."""

    def alive(self) -> Verdict:
        """Whether a restart would not help."""
        silent = [
            f"the watch of {kind} has given no sign of life for {age:.0f} s (at most {LONGEST_SILENCE_SECONDS} s)"
            for kind, age in sorted(self.ages.items())
            if age > LONGEST_SILENCE_SECONDS
        ]
        stuck = (
            [f"a resource has waited {self.queue_oldest:.0f} s to be looked at (at most {LONGEST_WAIT_SECONDS} s)"]
            if self.queue_oldest > LONGEST_WAIT_SECONDS
            else []
        )
        return _verdict(silent + stuck)

    def ready(self) -> Verdict:
        """Whether the caches are filled; a replica that does not lead is ready too."""
        return _verdict([f"{kind} was not listed completely yet" for kind in sorted(self.unfilled)])


class Probes:
    """A small web server for the kubelet and for Prometheus.

    Parameters
    ----------
    health
        Asked at each probe.
    page, page_type
        Text and content type of ``/metrics``.
    port
        On all addresses.
    """

    def __init__(self, health: Callable[[], Health], page: Callable[[], bytes], page_type: str, port: int) -> None:
        self._health = health
        self._page = page
        self._page_type = page_type
        self._port = port

    async def run(self) -> None:
        """Serve until cancelled.

        Raises
        ------
        OSError
            If the port is taken.
        """
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._alive),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._metrics),
            ]
        )
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, port=self._port).start()
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _alive(self, _: web.Request) -> web.Response:
        return _answer(self._health().alive())

    async def _ready(self, _: web.Request) -> web.Response:
        return _answer(self._health().ready())

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._page(), headers={"Content-Type": self._page_type})


def _verdict(problems: list[str]) -> Verdict:
    return Verdict(ok=not problems, sentences=tuple(problems))


def _answer(verdict: Verdict) -> web.Response:
    return web.Response(status=200 if verdict.ok else 503, text="\n".join(verdict.sentences or ("ok",)) + "\n")
