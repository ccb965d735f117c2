"""A real tritonserver for tests; skipped with one line where it cannot run, but never in CI."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.parts import missing

from jetcal_operator.local.triton.environment import TritonEnvironment, TritonUnavailable, prepare_environment
from jetcal_operator.local.triton.server import Ports, TritonServer


async def environment() -> TritonEnvironment:
    """The server's environment, made on first use."""
    try:
        return await prepare_environment(print)
    except TritonUnavailable as error:
        missing(str(error))


async def start(repository: Path, folder: Path, ports: Ports | None = None) -> TritonServer:
    """A server on a repository, not ready yet."""
    return await TritonServer.start(await environment(), repository, folder, ports)


@contextmanager
def serving(repository: Path, folder: Path) -> Iterator[TritonServer]:
    """A ready server on a repository."""
    with asyncio.Runner() as runner:
        server = runner.run(start(repository, folder))
        try:
            runner.run(server.wait_ready())
            yield server
        finally:
            runner.run(server.stop())
