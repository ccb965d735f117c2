"""Storage in a bucket, against a real S3 server."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path
from threading import Thread
from typing import Self

import pytest
from tests.support.ports import free_port
from tests.support.s3 import S3Server

from jetcal import storage
from jetcal.errors import JetcalError, TransientError
from jetcal.storage import NotFoundError, StorageError


@pytest.fixture
def folder(s3: S3Server, request: pytest.FixtureRequest) -> str:  # noqa: ARG001  # must run
    return f"s3://jec/{request.node.name}"


def test_what_is_written_is_read(folder: str) -> None:
    uri = storage.join(folder, "a", "b.json")
    assert not storage.exists(uri)
    storage.write_bytes(uri, b"one")
    storage.write_bytes(uri, b"two")
    assert storage.read_bytes(uri) == b"two"
    assert storage.list_files(folder) == [storage.describe(uri)]
    assert storage.describe(uri).size == 3
    storage.remove_folder(folder)
    assert storage.list_files(folder) == []


def test_a_folder_does_not_list_its_namesakes(folder: str) -> None:
    storage.write_bytes(f"{folder}/a/x", b"1")
    storage.write_bytes(f"{folder}/ab/x", b"1")
    assert [file.uri for file in storage.list_files(f"{folder}/a")] == [f"{folder}/a/x"]


def test_more_objects_than_one_answer_holds_are_listed(folder: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda index: storage.write_bytes(f"{folder}/{index:04d}", b"x"), range(1005)))
    assert len(storage.list_files(folder)) == 1005


def test_of_many_writers_one_wins_and_its_content_stays(folder: str) -> None:
    uri = f"{folder}/result.json"
    contents = [f"writer {index}".encode() for index in range(16)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda data: storage.put_if_absent(uri, data), contents))
    assert won.count(True) == 1
    assert storage.read_bytes(uri) == contents[won.index(True)]


def test_folders_go_up_and_files_come_down_once(folder: str, tmp_path: Path) -> None:
    with storage.working_folder(folder) as work:
        (work / "repository").mkdir()
        (work / "repository" / "model.onnx").write_bytes(bytes(10_000_000))
    assert not work.exists()
    uri = f"{folder}/repository/model.onnx"
    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(lambda _: storage.localize(uri, tmp_path), range(8)))
    assert [path.stat().st_size for path in paths] == [10_000_000]
    storage.write_bytes(uri, b"changed")
    assert storage.localize(uri, tmp_path).stat().st_size == 10_000_000, "the copy is used, not fetched again"


def test_the_cache_comes_from_the_environment(folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JETCAL_CACHE", str(tmp_path / "cache"))
    storage.write_bytes(f"{folder}/a", b"x")
    assert storage.localize(f"{folder}/a").is_relative_to(tmp_path / "cache")


def test_a_failed_attempt_uploads_nothing(folder: str) -> None:
    def fail() -> None:
        with storage.working_folder(folder) as work:
            (work / "a").touch()
            message = "stop"
            raise JetcalError(message)

    with pytest.raises(JetcalError, match="stop"):
        fail()
    assert storage.list_files(folder) == []


def test_a_missing_object_is_named(folder: str, tmp_path: Path) -> None:
    uri = f"{folder}/nothing"
    calls = [storage.read_bytes, storage.describe, lambda uri: storage.localize(uri, tmp_path)]
    for call in calls:
        with pytest.raises(NotFoundError, match=f"^{uri}: no such object$"):
            call(uri)


@pytest.mark.usefixtures("s3")
def test_a_missing_bucket_is_named() -> None:
    for call in (lambda: storage.write_bytes("s3://absent/a", b"x"), lambda: storage.list_files("s3://absent/a")):
        with pytest.raises(StorageError, match="has no bucket 'absent'"):
            call()


@pytest.mark.usefixtures("s3")
def test_missing_credentials_are_asked_for_by_their_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StorageError, match=r"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY .*secretName"):
        storage.read_bytes("s3://jec/a")


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials_are_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "wrong")
    with pytest.raises(StorageError, match="does not accept the credentials"):
        storage.read_bytes("s3://jec/a")


@pytest.mark.usefixtures("s3")
def test_an_endpoint_that_is_down_is_worth_a_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("S3_ENDPOINT", address)
    with pytest.raises(TransientError, match=rf"^s3://jec/a: {address} does not answer") as caught:
        storage.read_bytes("s3://jec/a")
    assert caught.value.exit_code == 128


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(("address", "word"), [("http://", "is no address"), ("http://in valid", "is no address")])
def test_an_endpoint_that_is_no_address_is_told(address: str, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT", address)
    with pytest.raises(StorageError, match=word):
        storage.read_bytes("s3://jec/a")


@pytest.mark.parametrize("uri", ["s3://", "s3:///key"])
def test_a_uri_without_bucket_is_refused(uri: str) -> None:
    with pytest.raises(StorageError, match="names no bucket"):
        storage.read_bytes(uri)


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    ("status", "code", "kind", "word"),
    [
        (503, "SlowDown", TransientError, "cannot serve now"),
        (500, "InternalError", TransientError, "cannot serve now"),
        (403, "AccessDenied", StorageError, "access denied; the key needs s3:ListBucket"),
        (400, "IllegalLocationConstraintException", StorageError, "set AWS_DEFAULT_REGION"),
        (400, "OddRequest", StorageError, "refuses"),
    ],
)
def test_refusals_become_sentences(
    status: int, code: str, kind: type[JetcalError], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with _Scripted(repeat((status, code))) as server:
        monkeypatch.setenv("S3_ENDPOINT", server.address)
        with pytest.raises(kind, match=word):
            storage.read_bytes("s3://jec/a")


@pytest.mark.usefixtures("s3")
def test_a_store_without_conditional_writes_is_looked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with _Scripted([(404, "NoSuchKey"), (501, "NotImplemented"), (200, "")]) as server:
        monkeypatch.setenv("S3_ENDPOINT", server.address)
        assert storage.put_if_absent("s3://jec/a", b"x")
        assert [method for method, _ in server.requests] == ["HEAD", "PUT", "PUT"]
        assert [conditional for _, conditional in server.requests] == [False, True, False]


@pytest.mark.usefixtures("s3")
def test_a_repeated_put_recognises_its_own_object(monkeypatch: pytest.MonkeyPatch) -> None:
    with _Scripted([(404, "NoSuchKey"), (412, "PreconditionFailed"), (200, ""), (200, "mine")]) as server:
        monkeypatch.setenv("S3_ENDPOINT", server.address)
        assert storage.put_if_absent("s3://jec/a", b"mine")


class _Scripted(ThreadingHTTPServer):
    """A store that gives the answers of a list, for what a well-behaved real one never does."""

    def __init__(self, answers: Iterable[tuple[int, str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.answers = iter(answers)
        self.requests: list[tuple[str, bool]] = []
        self.address = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        assert isinstance(self.server, _Scripted)
        self.server.requests.append((self.command, "If-None-Match" in self.headers))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, word = next(self.server.answers)
        error = f"<Error><Code>{word}</Code><Message>no</Message></Error>".encode()
        body = error if status >= 300 else word.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_HEAD = _answer  # noqa: N815  # names of the standard library

    def log_message(self, *_: object) -> None:
        """Keep quiet."""
