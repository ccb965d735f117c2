"""The dataset stage as real processes: on a real S3 server, from web and XRootD servers, parts side by side, killed."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.support.ntuples import TREE, write_ntuple
from tests.support.ports import free_port
from tests.support.s3 import S3Server, client
from tests.support.servers import web_server, xrootd_server

from jetcal import storage, worker
from jetcal.data import inventory, prepare, shards
from jetcal_api.documents import InventoryInput, PrepareInput
from jetcal_api.results import InventoryResult, PrepareResult
from jetcal_api.spec import JetSelection, Split

JETCAL = [sys.executable, "-m", "jetcal.cli"]
FILES = 4


@pytest.fixture(scope="module")
def ntuples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ntuples")
    for index in range(FILES):
        write_ntuple(folder / f"jets_{index}.root", 400, index, first_event=1 + 1000 * index)
    return folder


def environment(document: InventoryInput | PrepareInput, message: Path, **more: str) -> dict[str, str]:
    given = {"JETCAL_CALIBRATION": document.to_json(), "JETCAL_TERMINATION_LOG": str(message), "OMP_NUM_THREADS": "1"}
    return os.environ | given | more


def run(
    command: str, document: InventoryInput | PrepareInput, message: Path, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*JETCAL, command], env=environment(document, message, **more), capture_output=True, text=True, check=False
    )


def start(document: PrepareInput, message: Path, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*JETCAL, "prepare"],
        env=environment(document, message, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def take_stock(place: str, files: list[str], message: Path) -> InventoryResult:
    done = run("inventory", InventoryInput(storage=place, files=files), message)
    assert done.returncode == 0, done.stderr
    return InventoryResult.model_validate_json(message.read_text())


def dataset(place: str, files: list[str], message: Path, parts: int | None = None) -> PrepareInput:
    found = take_stock(place, files, message)
    message.unlink()
    return prepare_input(place, found, parts or found.shards)


def prepare_input(place: str, found: InventoryResult, parts: int) -> PrepareInput:
    return PrepareInput(
        storage=place, sources=found.sources, shards=parts, tree=TREE, jets=JetSelection(), split=Split()
    )


def columns(document: PrepareInput, cache: Path) -> dict[str, np.ndarray]:
    result = prepare.merge(document)
    assert result is not None
    return {
        part: np.concatenate([jets.jet["raw_pt"] for jets in shards.open_part(result, part, cache)])
        for part in shards.PARTS
    }


@pytest.fixture(scope="module")
def expected(ntuples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """The jets of an undisturbed run in a folder, from local files."""
    place = tmp_path_factory.mktemp("undisturbed")
    found = inventory.take(InventoryInput(storage=str(place), files=[f"{ntuples}/*.root"]))
    document = prepare_input(str(place), found, 1)
    prepare.prepare_part(document, 0)
    return columns(document, place)


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    for part in shards.PARTS:
        np.testing.assert_array_equal(found[part], expected[part], err_msg=part)


@pytest.fixture
def bucket(s3: S3Server, ntuples: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A folder in the bucket with the ntuples below ``ntuples/``; the environment is that of a worker."""
    prefix = f"s3://jec/{request.node.name}"
    for path in ntuples.iterdir():
        client(s3).upload_file(str(path), "jec", f"{request.node.name}/ntuples/{path.name}")
    yield prefix
    storage.remove_folder(prefix)


def test_parts_side_by_side_make_exactly_one_dataset(
    bucket: str, expected: dict[str, np.ndarray], tmp_path: Path
) -> None:
    document = dataset(f"{bucket}/calibration", [f"{bucket}/ntuples/jets_*.root"], tmp_path / "message", FILES)
    running = [
        start(document, tmp_path / f"message-{index}", JOB_COMPLETION_INDEX=str(index), JETCAL_POD_UID=f"pod-{index}")
        for index in range(FILES)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0] * FILES, outputs
    messages = {path.read_text() for path in tmp_path.glob("message-*")}
    assert len(messages) == 1, "every index that saw the whole tells of the same dataset"
    assert len(list(tmp_path.glob("message-*"))) >= 1
    result = worker.find_result(document, PrepareResult)
    assert result is not None
    assert json.loads(messages.pop())["fingerprint"] == result.fingerprint == document.fingerprint
    assert_same(columns(document, tmp_path / "cache"), expected)


def test_a_machine_makes_all_parts_in_a_bucket_at_once(
    bucket: str, expected: dict[str, np.ndarray], tmp_path: Path
) -> None:
    document = dataset(f"{bucket}/calibration", [f"{bucket}/ntuples/*.root"], tmp_path / "message")
    done = run("prepare", document, tmp_path / "message", JETCAL_CACHE=str(tmp_path / "scratch"))
    assert done.returncode == 0, done.stderr
    assert PrepareResult.model_validate_json((tmp_path / "message").read_text()).read == 400 * FILES
    assert not list((tmp_path / "scratch").iterdir()), "copies of the sources are gone"
    assert_same(columns(document, tmp_path / "cache"), expected)


def test_killed_at_any_moment_it_goes_on_to_the_same_dataset(
    ntuples: Path, expected: dict[str, np.ndarray], tmp_path: Path
) -> None:
    document = dataset(str(tmp_path / "killed"), [f"{ntuples}/*.root"], tmp_path / "message", FILES)
    with start(document, tmp_path / "message") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.kill()
        rest = process.stdout.read()
    assert first.startswith("part "), first + rest
    assert process.returncode == -9, "its output has ended, so no process of it lives on"
    assert not (tmp_path / "message").exists()
    done = run("prepare", document, tmp_path / "message")
    assert done.returncode == 0, done.stderr
    assert_same(columns(document, tmp_path), expected)


def test_sources_on_a_web_server(ntuples: Path, expected: dict[str, np.ndarray], tmp_path: Path) -> None:
    with web_server(ntuples) as address:
        uris = [f"{address}/jets_{index}.root" for index in range(FILES)]
        document = dataset(str(tmp_path / "web"), uris, tmp_path / "message")
        done = run("prepare", document, tmp_path / "message")
        assert done.returncode == 0, done.stderr
        assert_same(columns(document, tmp_path), expected)
        for uri, words in [(f"{address}/*.root", "cannot be searched"), (f"{address}/no.root", "no file matches")]:
            refused = run("inventory", InventoryInput(storage=str(tmp_path), files=[uri]), tmp_path / "message")
            assert refused.returncode == 1
            assert words in refused.stderr
    away = run("inventory", InventoryInput(storage=str(tmp_path), files=[uris[0]]), tmp_path / "message")
    assert away.returncode == 128
    assert f"{uris[0]}: the server does not answer" in away.stderr


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user may read, as an XRootD server started by root is one."""
    folder = Path(tempfile.mkdtemp(prefix="jetcal-xrootd-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_sources_on_an_xrootd_server(
    ntuples: Path, open_folder: Path, expected: dict[str, np.ndarray], tmp_path: Path
) -> None:
    shutil.copytree(ntuples, open_folder / "data", copy_function=shutil.copy)
    (open_folder / "data").chmod(0o755)
    with xrootd_server(open_folder, open_folder / "work") as address:
        document = dataset(str(tmp_path / "xrootd"), [f"{address}/{open_folder}/d*/*.root"], tmp_path / "message")
        done = run("prepare", document, tmp_path / "message")
        assert done.returncode == 0, done.stderr
        refused = run("inventory", InventoryInput(storage=str(tmp_path), files=[f"{address}//x"]), tmp_path / "message")
        assert (refused.returncode, "the server refuses" in refused.stderr) == (1, True)
    assert_same(columns(document, tmp_path), expected)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"S3_ENDPOINT": ""}, 128, "does not answer"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, 1, "does not accept the credentials"),
    ],
)
def test_failures_of_the_object_store_end_in_one_sentence(
    bucket: str, tmp_path: Path, change: dict[str, str], code: int, words: str
) -> None:
    if "S3_ENDPOINT" in change:
        change = {"S3_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    document = InventoryInput(storage=f"{bucket}/calibration", files=[f"{bucket}/ntuples/*.root"])
    done = run("inventory", document, tmp_path / "message", **change)
    assert done.returncode == code
    assert done.stderr == f"Error: {(tmp_path / 'message').read_text()}\n"
    assert words in done.stderr


@pytest.mark.usefixtures("bucket")
def test_a_wrong_bucket_is_named(ntuples: Path, tmp_path: Path) -> None:
    done = run("inventory", InventoryInput(storage="s3://typo/x", files=[f"{ntuples}/*"]), tmp_path / "message")
    assert done.returncode == 1
    assert "has no bucket 'typo'" in done.stderr


def test_a_shard_beyond_the_file_size_limit_leaves_no_half_file(ntuples: Path, tmp_path: Path) -> None:
    document = dataset(str(tmp_path / "s"), [f"{ntuples}/*.root"], tmp_path / "message", 1)
    done = subprocess.run(
        [*JETCAL, "prepare"],
        env=environment(document, tmp_path / "message"),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),  # one thread
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {tmp_path}/s/dataset/")
    assert "ulimit -f" in done.stderr
    assert not [path for path in (tmp_path / "s" / "dataset").rglob("*") if path.is_file()]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no small disk to fill: mounting one needs root")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_told_with_what_is_free(ntuples: Path, small_disk: Path, tmp_path: Path) -> None:
    document = dataset(str(small_disk), [f"{ntuples}/*.root"], tmp_path / "message", 1)
    done = run("prepare", document, tmp_path / "message")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {small_disk}/dataset/")
    assert "the disk is full (0." in done.stderr
    assert not list(small_disk.rglob("*.arrow"))


def test_a_cache_that_fills_up_is_told_and_left_as_it_was(bucket: str, small_disk: Path, tmp_path: Path) -> None:
    document = dataset(f"{bucket}/calibration", [f"{bucket}/ntuples/*.root"], tmp_path / "message", 1)
    done = run("prepare", document, tmp_path / "message", JETCAL_CACHE=str(small_disk))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"Error: {small_disk}/source-")
    assert "the disk is full (" in done.stderr
    assert not [path for path in small_disk.rglob("*") if path.is_file()]
