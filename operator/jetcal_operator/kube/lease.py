"""Leadership of one process among replicas, by a Lease of coordination.k8s.io.

``Lease(api_client, namespace, name, identity)``; ``run()`` is a task for the whole life of the process, ``held()`` is
waited for before any work, ``require()`` is asked before each call that changes anything. End all work before
cancelling ``run()``: that hands the lease back, and the successor starts at once.

Nobody's wall clock is compared with anybody else's. A holder trusts its lease for a while after it *began* the last
renewal that succeeded; a candidate takes over when it has itself seen the record unchanged for the whole duration. The
second span begins later and lasts longer than the first, so at no time two processes believe that they hold it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiClient

from jetcal_operator.cluster import Manifest

log = logging.getLogger(__name__)


def seconds() -> float:
    """A clock that only goes forward, also while the machine sleeps where the system has such a clock."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class NotLeaderError(Exception):
    """The process does not hold the lease, or cannot be sure of it any more."""


class _CallError(Exception):
    """The API server refused a call."""


_TROUBLE = (_CallError, aiohttp.ClientError, OSError, ValueError)
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
_SURPRISES = {"GET": HTTPStatus.NOT_FOUND, "POST": HTTPStatus.CONFLICT, "PUT": HTTPStatus.CONFLICT}


class Lease:
    """One process' part in the election.

    Parameters
    ----------
    api_client
        Connected client of the official library; its calls are never asked whether they may write.
    identity
        Names the process for people (the Pod's name); a random part is added: a restarted container is another process.
    duration_seconds
        How long a record holds that nobody renews.
    renew_seconds
        Pause between renewals; a candidate looks, and a failed renewal is repeated, five times as often.
    """

    def __init__(
        self,
        api_client: ApiClient,
        namespace: str,
        name: str,
        identity: str,
        *,
        duration_seconds: int = 15,
        renew_seconds: float = 5,
        clock: Callable[[], float] = seconds,
    ) -> None:
        self.identity = f"{identity}_{uuid.uuid4().hex[:8]}"
        self._client = api_client
        self._place = {"namespace": namespace, "name": name}
        self._duration = duration_seconds
        self._trusted = duration_seconds * 0.8  # the rest is for clocks that run at different speeds
        self._renew = renew_seconds
        self._retry = renew_seconds / 5
        self._patience = renew_seconds / 2
        self._clock = clock
        self._deadline = -math.inf
        self._was_held = False
        self._record: Manifest | None = None
        self._unchanged_since = -math.inf
        self._news = asyncio.Event()
        self._complaint = ""

    @property
    def is_held(self) -> bool:
        """Whether this process may act, at this moment."""
        return self._clock() < self._deadline

    def require(self) -> None:
        """Return if the lease is held.

        Raises
        ------
        NotLeaderError
            If it is not.
        """
        if not self.is_held:
            message = f"{self.identity} does not hold the lease {self._title}: it may not change anything"
            raise NotLeaderError(message)

    async def held(self) -> None:
        """Wait until the lease is held."""
        while not self.is_held:
            await self._news.wait()

    async def run(self) -> None:
        """Acquire the lease and renew it, again and again; when cancelled, give it back."""
        try:
            while True:
                pause = await self._try()
                await asyncio.sleep(pause)
        finally:
            self._deadline = -math.inf
            self._tell()
            await self._release()

    @property
    def _title(self) -> str:
        return f"{self._place['namespace']}/{self._place['name']}"

    @property
    def _spec(self) -> dict[str, Any]:
        return (self._record or {}).get("spec") or {}

    @property
    def _is_ours(self) -> bool:
        return self._spec.get("holderIdentity") == self.identity

    async def _try(self) -> float:
        """Acquire or renew once; returns the pause until the next time."""
        pause = self._retry
        try:
            if await self._attempt():
                pause = self._renew
            self._complaint = ""
        except _TROUBLE as error:
            self._complain(str(error))
        self._tell()
        return pause

    async def _attempt(self) -> bool:
        if not self._is_ours:
            await self._look()
        if self._is_free():
            if await self._take():
                return True
            await self._look()
        if self._record is not None and not self._is_ours:
            self._deadline = -math.inf
        return False

    def _is_free(self) -> bool:
        """Whether nobody else can believe to hold it; the holder of a deleted Lease may not know yet."""
        is_unclaimed = self.is_held if self._record is None else not self._spec.get("holderIdentity")
        if self._is_ours or is_unclaimed:
            return True
        lasts = self._spec.get("leaseDurationSeconds") or self._duration
        return self._clock() >= self._unchanged_since + lasts

    async def _look(self) -> None:
        before = self._spec
        self._record = await self._call("GET")
        if self._spec != before:
            self._unchanged_since = self._clock()

    async def _take(self) -> bool:
        begun = self._clock()
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec = self._spec | {"holderIdentity": self.identity, "leaseDurationSeconds": self._duration, "renewTime": now}
        if not self._is_ours:
            transitions = self._spec.get("leaseTransitions") or 0
            spec |= {"acquireTime": now, "leaseTransitions": transitions + (1 if self._record else 0)}
        is_taken = await self._write(spec)
        if is_taken:
            self._deadline = begun + self._trusted
        return is_taken

    async def _write(self, spec: dict[str, Any]) -> bool:
        """Write over the very record that was seen; whether nobody else was first."""
        if self._record is None:
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": self._place, "spec": spec}
            answer = await self._call("POST", body)
        else:
            answer = await self._call("PUT", self._record | {"spec": spec})
        self._record = answer or self._record
        return answer is not None

    async def _release(self) -> None:
        try:
            await self._look()
            if self._is_ours:
                await self._write({name: value for name, value in self._spec.items() if name != "holderIdentity"})
        except _TROUBLE as error:
            self._complain(f"not given back, the successor waits {self._duration} s: {error}")

    async def _call(self, method: str, body: Manifest | None = None) -> Manifest | None:
        """One call; None if the Lease is not as it was thought to be: missing, or another was first.

        Plain JSON: the library's own models refuse fields that they do not know, and write times without microseconds
        that the API server refuses.
        """
        path = _LEASES.format(**self._place) + ("" if method == "POST" else f"/{self._place['name']}")
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        request = await self._client.param_serialize(
            method, path, header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._client.call_api(*request)
                text = await answer.read()
        except TimeoutError as error:
            message = f"{method} {path}: no answer within {self._patience:.1f} s"
            raise _CallError(message) from error
        if answer.status == _SURPRISES[method]:
            return None
        found: Manifest = json.loads(text)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            message = f"{method} {path}: {answer.status} {found.get('message', '')}"
            raise _CallError(message)
        return found

    def _complain(self, problem: str) -> None:
        if problem != self._complaint:
            log.warning("lease %s: %s", self._title, problem)
        self._complaint = problem

    def _tell(self) -> None:
        if self.is_held != self._was_held:
            self._was_held = not self._was_held
            log.info("%s %s the lease %s", self.identity, "holds" if self._was_held else "has lost", self._title)
        self._news.set()
        self._news = asyncio.Event()
