"""Pruning takes what nothing refers to, and only after a while."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.s3 import S3Server

from jetcal import storage
from jetcal.cli import main


def lay(place: str) -> None:
    for path, content in {
        "training/aa/attempts/winner/best.pt": "x",
        "training/aa/attempts/killed/last.pt": "xx",
        "training/aa/result.json": f'{{"checkpoint": "{place}/training/aa/attempts/winner/best.pt"}}',
        "training/bb/attempts/running/last.pt": "x",
        "dataset/cc/attempts/one/train.arrow": "x",
        "dataset/cc/attempts/two/train.arrow": "x",
        "dataset/cc/parts/0.json": '{"path": "attempts/one/train.arrow"}',
        "dataset/cc/result.json": '{"path": "attempts/one/train.arrow"}',
        "tuning/dd/attempts/lost/trial-1/last.pt": "x",
        "tuning/dd/attempts/suspended/trial-2/last.pt": "x",
        "tuning/dd/trial-1/result.json": '{"checkpoint": "attempts/kept/trial-1/best.pt"}',
    }.items():
        storage.write_bytes(storage.join(place, path), content.encode())


GONE = ["dataset/cc/attempts/two", "training/aa/attempts/killed", "tuning/dd/attempts/lost"]


def prune(*arguments: str) -> Result:
    done = CliRunner().invoke(main, ["prune", *arguments])
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path)
    server: S3Server = request.getfixturevalue("s3")
    assert server.endpoint
    return f"s3://jec/{request.node.name}"


def test_only_what_nothing_refers_to_goes_and_only_when_told(place: str) -> None:
    lay(place)
    before = storage.list_files(place)
    listed = prune(place, "--older-than", "-1").output
    assert [line.split("  ")[0] for line in sorted(listed.splitlines()[:-1])] == [f"{place}/{path}" for path in GONE]
    assert "would be deleted" in listed
    assert storage.list_files(place) == before
    prune(place, "--older-than", "-1", "--yes")
    kept = [file for file in before if not any(f"{path}/" in file.uri for path in GONE)]
    assert storage.list_files(place) == kept


def test_a_young_attempt_stays(tmp_path: Path) -> None:
    lay(str(tmp_path))
    old = tmp_path / "training" / "aa" / "attempts" / "killed" / "last.pt"
    os.utime(old, (1, 1))
    assert prune(str(tmp_path), "--yes").output.splitlines()[-1] == "1 attempts, 0.0 MB deleted"
    assert not old.exists()
