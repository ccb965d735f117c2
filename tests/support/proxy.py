"""A proxy between operator and API server that sees every call and plays the faults of `tests.support.faults`."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from tests.support.faults import Call, Fault, Hang, Hold, Interrupt, Refuse, Replace, Rule, Stream, Truncate, read_call

_HOP_BY_HOP = {"connection", "content-length", "host", "transfer-encoding", "accept-encoding", "content-encoding"}


@dataclass
class Logged:
    """One call and what came of it."""

    call: Call
    code: int | None = None
    """What the operator was told; None as long as there is no answer, and for ever if the connection was dropped."""
    upstream: int | None = None
    """What the API server said; None if it was not asked."""
    fault: Fault | None = None
    at: float = field(default_factory=time.monotonic)


class Proxy:
    """An HTTP server in a thread of its own; `rules` and `calls` may be read and changed at any time."""

    def __init__(self, upstream: str, *, ca_file: str | None) -> None:
        self.upstream = upstream.rstrip("/")
        self.ca_file = ca_file
        self.rules: list[Rule] = []
        self.calls: list[Logged] = []
        self.streams: set[asyncio.Task[None]] = set()
        self.url = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        """The proxy at work."""
        ready = Event()
        thread = Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True, name="proxy")
        thread.start()
        assert ready.wait(10), "the proxy did not start"
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join(10)

    @contextmanager
    def playing(self, *rules: Rule) -> Iterator[Proxy]:
        """The proxy while some rules hold; older rules come first."""
        self.rules = [*self.rules, *rules]
        try:
            yield self
        finally:
            self.rules = [rule for rule in self.rules if rule not in rules]

    def mutations(self, *, since: int = 0) -> list[Logged]:
        """Calls that reached the API server and may have changed an object, but for the lease's."""
        calls = self.calls[since:]
        return [entry for entry in calls if entry.upstream and entry.call.mutates and entry.call.resource != "leases"]

    def cut_watches(self) -> None:
        """Every open watch ends now."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in list(self.streams)])

    async def _serve(self, ready: Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        context = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else False
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
            self._session = session
            runner = web.ServerRunner(web.Server(self._answer), access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # noqa: SLF001  # no public way
            ready.set()
            await self._stop.wait()
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        call = read_call(request.method, request.path_qs, request.headers.get("User-Agent", ""))
        body = await request.read()
        if call.verb == "create" and not call.name:
            call = call._replace(name=json.loads(body)["metadata"].get("name", ""))
        fault = next((rule.fault for rule in self.rules if rule.applies(call)), None)
        logged = Logged(call, fault=fault)
        self.calls.append(logged)
        if isinstance(fault, Hold):
            await asyncio.get_running_loop().run_in_executor(None, fault.act)
            fault = None
        if getattr(fault, "committed", None) is False:
            return await self._play(request, logged, fault)
        try:
            answer = await self._session.request(
                request.method,
                self.upstream + request.path_qs,
                headers=_asked(request.headers),
                data=body or None,
                read_bufsize=2**22,
            )
        except aiohttp.ClientError as problem:
            logged.code = 502
            return web.Response(status=502, text=f"API server: {problem}")
        logged.upstream = answer.status
        async with answer:
            if call.verb == "watch" and answer.status == 200:
                logged.code = 200
                return await self._stream(request, answer, fault)
            content = await answer.read()
        if fault is not None:
            return await self._play(request, logged, fault, web.Response(body=content, status=answer.status))
        logged.code = answer.status
        return web.Response(body=content, status=answer.status, headers=_passed(answer.headers))

    async def _play(
        self, request: web.BaseRequest, logged: Logged, fault: Fault, answer: web.Response | None = None
    ) -> web.Response:
        if isinstance(fault, Refuse):
            logged.code = fault.code
            retry = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
            return web.json_response(fault.body, status=fault.code, headers=retry)
        if isinstance(fault, Truncate):
            logged.code = answer.status
            half = answer.body[: len(answer.body) // 2]
            return web.Response(body=half, status=answer.status, content_type="application/json")
        if isinstance(fault, Replace):
            logged.code = answer.status
            changed = fault.change(json.loads(answer.body)) if answer.status == 200 else json.loads(answer.body)
            return web.json_response(changed, status=answer.status)
        if isinstance(fault, Interrupt):
            await asyncio.get_running_loop().run_in_executor(None, fault.act)
        if isinstance(fault, Hang):
            await self._stop.wait()
        _abort(request)
        return web.Response(status=500)

    async def _stream(
        self, request: web.BaseRequest, answer: aiohttp.ClientResponse, fault: Stream | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers=_passed(answer.headers))
        response.enable_chunked_encoding()
        await response.prepare(request)
        task = asyncio.current_task()
        self.streams.add(task)
        listener = fault.begin() if fault else None
        try:
            async for line in answer.content:
                for step in listener(json.loads(line), line) if listener else (line,):
                    if step == "stall":
                        await self._stop.wait()
                    if step in {"cut", "stall"}:
                        _abort(request)
                        return response
                    await response.write(step)
            await response.write_eof()
        except asyncio.CancelledError:
            _abort(request)
        except (ConnectionError, aiohttp.ClientError):
            _abort(request)
        finally:
            self.streams.discard(task)
        return response


def _asked(headers: Any) -> CIMultiDict[str]:
    asked = _passed(headers)
    asked["Accept-Encoding"] = "identity"
    return asked


def _passed(headers: Any) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()
