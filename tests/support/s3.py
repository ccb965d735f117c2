"""A real S3 server for tests: versitygw over a folder."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from tests.support.ports import free_port
from tests.support.programs import program

ACCESS_KEY, SECRET_KEY = "jetcal-tests", "jetcal-tests-secret"
BUCKET = "jec"
_DEADLINE = 20


@dataclass
class S3Server:
    """A running server with the bucket ``jec``; its files lie in ``folder``."""

    endpoint: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a worker needs to reach it."""
        return {
            "S3_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    @property
    def bucket(self) -> Path:
        """Folder of the bucket's objects."""
        return self.folder / BUCKET


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all tests of the session."""
    with serving(tmp_path_factory.mktemp("s3"), tmp_path_factory.mktemp("s3-metadata")) as server:
        yield server


@contextmanager
def serving(folder: Path, sidecar: Path, host: str = "127.0.0.1") -> Iterator[S3Server]:
    """A server on one of the machine's addresses, over ``folder``, with the objects' metadata in ``sidecar``."""
    address = f"{host}:{free_port()}"
    server = S3Server(f"http://{address}", folder)
    keys = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
    command = [program("versitygw"), "--port", address, "posix", "--sidecar", sidecar, folder]
    log = folder.with_suffix(".log")
    with log.open("w") as output:
        process = subprocess.Popen(command, env=os.environ | keys, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait(server.endpoint, process, log)
        client(server).create_bucket(Bucket=BUCKET)
        yield server
    finally:
        process.terminate()
        process.wait()


def client(server: S3Server):
    """A client of the test's own, apart from the code under test."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name="us-east-1",
    )


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, with the environment that a worker needs and a bucket ``jec`` to use."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server


def _wait(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(endpoint, timeout=1).close()  # noqa: S310  # our own server
        except urllib.error.HTTPError as refusal:
            refusal.close()
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"versitygw did not start: {log.read_text()[-2000:]}")
