"""The process of the local tritonserver: ready, refused, stopped, and gone with its parent."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.exports import SPECS, fitted
from tests.support.toys import toy_jets
from tests.support.triton import environment, start

from jetcal.export import repository
from jetcal.export.graph import to_onnx
from jetcal_operator.local.triton.environment import prepare_environment
from jetcal_operator.local.triton.server import Ports, TritonError

pytestmark = [pytest.mark.triton]

PARENT = """
import asyncio, sys
from pathlib import Path
from jetcal_operator.local.triton.environment import prepare_environment
from jetcal_operator.local.triton.server import TritonServer

async def main():
    server = await TritonServer.start(await prepare_environment(print), Path(sys.argv[1]), Path(sys.argv[2]))
    await server.wait_ready()
    print(server.ports.http, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    repository.write(
        folder, to_onnx(fitted(SPECS["pfn"], toy_jets(50)), 17, 8, {}).SerializeToString(), {"revision": "r1"}
    )
    return folder


def shared_memory() -> set[Path]:
    return set(Path("/dev/shm").glob("jetcal-triton-*"))


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_server_starts_tells_its_version_and_leaves_nothing_behind(models: Path, tmp_path: Path) -> None:
    async def run() -> None:
        before = shared_memory()
        async with await start(models, tmp_path) as server:
            await server.wait_ready()
            assert (await server.version()).startswith("2.")
            assert await server.ready()
            pid = server.process.pid
        assert shared_memory() <= before
        with pytest.raises(ProcessLookupError):
            os.killpg(pid, 0)
        assert "successfully unloaded 'jetcal'" in server.log.read_text()

    asyncio.run(run())


def test_a_port_in_use_is_named(models: Path, tmp_path: Path) -> None:
    async def run() -> None:
        async with await start(models, tmp_path) as server:
            await server.wait_ready()
            with pytest.raises(TritonError, match=rf"port {server.ports.http}, wanted for Triton's http service"):
                await start(models, tmp_path, Ports(http=server.ports.http))

    asyncio.run(run())


def test_a_model_that_does_not_load_is_told_with_its_log(tmp_path: Path) -> None:
    repository.write(tmp_path / "models", b"no model", {"revision": "r1"})

    async def run() -> None:
        async with await start(tmp_path / "models", tmp_path) as server:
            with pytest.raises(TritonError, match=r"failed to load 'jetcal' version 1: .*INVALID_PROTOBUF") as failure:
                await server.wait_ready()
            assert str(server.log) in str(failure.value)

    asyncio.run(run())


def test_a_server_that_is_never_ready_ends_at_the_deadline(models: Path, tmp_path: Path) -> None:
    async def run() -> None:
        async with await start(models, tmp_path) as server:
            with pytest.raises(TritonError, match=r"was not ready after 0 s"):
                await server.wait_ready(0)

    asyncio.run(run())


def test_a_server_ends_when_its_parent_is_killed(models: Path, tmp_path: Path) -> None:
    asyncio.run(environment())
    parent = subprocess.Popen([sys.executable, "-c", PARENT, models, tmp_path], stdout=subprocess.PIPE, text=True)
    with parent:
        port = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 30
    while is_listening(port):
        assert time.monotonic() < deadline, "the server outlives its parent"
        time.sleep(0.1)
    assert {path for path in shared_memory() if f"-{parent.pid}-" in path.name}
    asyncio.run(start_and_stop(models, tmp_path))
    assert not {path for path in shared_memory() if f"-{parent.pid}-" in path.name}


async def start_and_stop(models: Path, folder: Path) -> None:
    async with await start(models, folder):
        pass


def test_the_environment_is_made_once(tmp_path: Path) -> None:
    told: list[str] = []

    async def run() -> None:
        await environment()
        first, second = await asyncio.gather(*(prepare_environment(told.append, tmp_path) for _ in range(2)))
        assert first == second
        assert first.server.exists()
        told.clear()
        assert await prepare_environment(told.append, tmp_path) == first

    asyncio.run(run())
    assert told == []
    assert len(list(tmp_path.iterdir())) == 1
