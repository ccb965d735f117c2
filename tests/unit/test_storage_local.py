"""Storage in a folder: atomic, first writer wins, and a sentence for each refusal."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jetcal import storage
from jetcal.errors import TransientError
from jetcal.storage import NotFoundError, StorageError, local


def test_what_is_written_is_read(tmp_path: Path) -> None:
    uri = storage.join(str(tmp_path), "a", "b.json")
    assert not storage.exists(uri)
    storage.write_bytes(uri, b"one")
    storage.write_bytes(uri, b"two")
    assert storage.read_bytes(uri) == b"two"
    assert [file.uri for file in storage.list_files(str(tmp_path))] == [uri]


@pytest.mark.parametrize(("parts", "expected"), [((), "/a"), (("b",), "/a/b"), (("b/", "/c"), "/a/b/c")])
def test_join(parts: tuple[str, ...], expected: str) -> None:
    assert storage.join("/a/", *parts) == expected


def test_of_many_writers_one_wins_and_its_content_stays(tmp_path: Path) -> None:
    uri = str(tmp_path / "result.json")
    contents = [f"writer {index}".encode() * 1000 for index in range(32)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda data: storage.put_if_absent(uri, data), contents))
    assert won.count(True) == 1
    assert storage.read_bytes(uri) == contents[won.index(True)]
    assert len(storage.list_files(str(tmp_path))) == 1, "no temporary file is left"


def test_without_hard_links_the_first_still_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    uri = str(tmp_path / "result.json")
    assert storage.put_if_absent(uri, b"first")
    assert not storage.put_if_absent(uri, b"second")
    assert storage.read_bytes(uri) == b"first"


def test_a_reader_never_sees_a_part_when_the_writer_is_killed(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    storage.write_bytes(str(target), b"old")
    code = (
        "import sys\nfrom pathlib import Path\nfrom jetcal.storage import local\n"
        f"with local.replacing(Path({str(target)!r})) as path:\n"
        "    path.write_bytes(b'half'); print('written', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
    assert storage.read_bytes(str(target)) == b"old"


def test_upload_and_download_whole_folders(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep").mkdir(parents=True)
    (source / "a.txt").write_text("a")
    (source / "deep" / "b.txt").write_text("b")
    storage.upload_folder(source, str(target))
    storage.download(str(target / "deep" / "b.txt"), tmp_path / "copy.txt")
    assert (target / "a.txt").read_text() + (tmp_path / "copy.txt").read_text() == "ab"


def test_local_files_are_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    path.write_bytes(b"x")
    assert storage.localize(str(path)) == path
    with storage.working_folder(str(tmp_path / "work")) as folder:
        assert folder == tmp_path / "work"


@pytest.mark.parametrize("uri", ["relative/path", "gs://bucket/key", ""])
def test_other_places_are_refused(uri: str) -> None:
    with pytest.raises(StorageError, match=r"storage is s3://bucket/prefix or an absolute path"):
        storage.read_bytes(uri)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for call in (storage.read_bytes, storage.localize, storage.describe):
        with pytest.raises(NotFoundError, match=rf"^{tmp_path}/a: no such file$"):
            call(f"{tmp_path}/a")
    with pytest.raises(NotFoundError, match="no such file"):
        storage.download(f"{tmp_path}/a", tmp_path / "b")


def test_a_path_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for call in (storage.write_bytes, storage.put_if_absent):
        with pytest.raises(StorageError, match=r"file/x: a part of the path is a file, not a folder"):
            call(f"{tmp_path}/file/x", b"data")
    with pytest.raises(StorageError, match="not a folder"), storage.working_folder(f"{tmp_path}/file/x"):
        pass


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_forbidden_folder_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match=rf"{tmp_path}/x: no permission"):
            storage.write_bytes(f"{tmp_path}/x", b"data")
    finally:
        tmp_path.chmod(0o700)


def test_a_read_only_place_cannot_be_written() -> None:
    with pytest.raises(StorageError, match=r"/proc/.*: ") as caught:
        storage.write_bytes("/proc/jetcal/result.json", b"data")
    assert not isinstance(caught.value, TransientError)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_tells_how_much_is_free(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=r"a.bin: the disk is full \([0-9.]+ MB free\)"),
        local.sentences(tmp_path / "a.bin"),
        Path("/dev/full").open("wb", buffering=0) as file,
    ):
        file.write(b"x")


def test_a_file_beyond_the_limit_leaves_nothing_behind(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(StorageError, match="ulimit -f"):
            storage.write_bytes(f"{tmp_path}/x", bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_network_file_system_that_is_away_is_worth_a_retry() -> None:
    with pytest.raises(TransientError, match="does not answer") as caught, local.sentences("/nfs/x"):
        raise OSError(116, "Stale file handle")
    assert caught.value.exit_code == 128


def test_remove_folder_is_content_with_a_missing_one(tmp_path: Path) -> None:
    storage.write_bytes(f"{tmp_path}/a/b/c", b"x")
    for _ in range(2):
        storage.remove_folder(f"{tmp_path}/a")
    assert storage.list_files(f"{tmp_path}/a") == []
