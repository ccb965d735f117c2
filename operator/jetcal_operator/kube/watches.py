"""kopf as the bringer of news: it lists and watches, and hands on every raw event. It writes nothing anywhere.

kopf ends unknown tasks of its event loop when it stops, so it has a thread and a loop of its own.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import kopf

from jetcal_operator import naming
from jetcal_operator.cluster import Manifest
from jetcal_operator.kube.kinds import RESOURCE, Kind

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
REQUEST_TIMEOUT_SECONDS = 60.0

Deliver = Callable[[Kind, str | None, Manifest], None]

log = logging.getLogger(__name__)


class Watches:
    """Watches a set of kinds, until another set is asked for.

    Parameters
    ----------
    namespaces
        Namespaces to watch; none for all.
    deliver
        Called in the event loop of `run` with kind, event type (None for a list's items) and object.
    """

    def __init__(self, namespaces: Sequence[str], deliver: Deliver) -> None:
        self._namespaces = namespaces
        self._deliver = deliver

    async def run(self, kinds: Iterable[Kind]) -> None:
        """Watch until cancelled; a watcher that dies is started again, with growing patience."""
        pause, wanted = FIRST_PAUSE_SECONDS, tuple(kinds)
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await self._watch(wanted)
                log.warning("the watches have ended; starting them again")
            except Exception:
                log.exception("the watches have failed; starting them again in %.0f s", pause)
            if loop.time() - began > LONGEST_PAUSE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _watch(self, kinds: Sequence[Kind]) -> None:
        loop, stop = asyncio.get_running_loop(), threading.Event()
        ended: asyncio.Future[None] = loop.create_future()

        def hand_on(kind: Kind, event: str | None, manifest: Manifest) -> None:
            if not stop.is_set():
                loop.call_soon_threadsafe(self._deliver, kind, event, manifest)

        def body() -> None:
            error: Exception | None = None
            try:
                asyncio.run(_operate(kinds, self._namespaces, hand_on, stop))
            except Exception as caught:  # noqa: BLE001  # whatever it is, it is raised again in the other loop
                error = caught
            with suppress(RuntimeError):  # the other loop is closed: the process ends, nobody waits any more
                loop.call_soon_threadsafe(_settle, ended, error)

        thread = threading.Thread(target=body, name="watches", daemon=True)
        thread.start()
        try:
            await asyncio.shield(ended)
        finally:
            stop.set()


def _settle(ended: asyncio.Future[None], error: Exception | None) -> None:
    if ended.done():
        return
    if error:
        ended.set_exception(error)
    else:
        ended.set_result(None)


async def _operate(kinds: Sequence[Kind], namespaces: Sequence[str], hand_on: Deliver, stop: threading.Event) -> None:
    await kopf.operator(
        registry=_registry(kinds, hand_on),
        settings=_settings(kinds),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop,
    )


def _registry(kinds: Sequence[Kind], hand_on: Deliver) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    def log_in(**details: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**details) or kopf.login_with_kubeconfig(**details)

    for kind in kinds:
        _listen(registry, kind, hand_on)
    return registry


def _listen(registry: kopf.OperatorRegistry, kind: Kind, hand_on: Deliver) -> None:
    head = {"apiVersion": kind.api_version, "kind": kind.kind}

    @kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)
    async def seen(event: Any, **_: Any) -> None:
        hand_on(kind, event["type"], head | dict(event["object"]))


def _settings(kinds: Sequence[Kind]) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.request_timeout = REQUEST_TIMEOUT_SECONDS
    for kind in kinds:
        if kind != RESOURCE:
            settings.watching.label_selectors[kind.group, kind.version, kind.plural] = naming.CALIBRATION
    return settings
