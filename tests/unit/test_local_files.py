"""YAML files of users: read as version 1.2, refused in one sentence with its place, paths made absolute."""

from __future__ import annotations

import json
import os

import pytest

from jetcal_api.documents import InventoryInput, fingerprint
from jetcal_operator.local.errors import LocalError
from jetcal_operator.local.files import localised, parse, read_document
from jetcal_operator.local.freshness import forget_stale_inventory

VALID = """\
apiVersion: jetcal.dev/v1alpha1
kind: JetCalibration
metadata: {name: toy}
spec:
  storage: {uri: results}
  dataset: {files: [data/*.root, "https://cern.ch/x.root", /abs/y.root]}
  model: {pfn: {}}
  training: {epochs: 1}
"""


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "calibration.yaml"
        path.write_text(text)
        return path

    return write


def test_numbers_are_those_of_yaml_1_2(file):
    document = read_document(file("a: 1e-5\nb: 0o17\nc: yes\nd: 1_000\n"))
    assert document == {"a": 1e-5, "b": 15, "c": "yes", "d": 1000}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", r"calibration\.yaml:3:2: .*flow sequence"),
        ("a: 1\na: 2\n", r"calibration\.yaml:2:1: .*duplicate key"),
        ("a: !!python/object:os.system x\n", r"calibration\.yaml:1:4: could not determine a constructor"),
        ("", "must hold one JetCalibration, found nothing"),
        ("- 1\n", "found a list"),
        ("a: 1\n---\nb: 2\n", "found 2 documents"),
        ("a: \x01\n", r"calibration\.yaml: is no YAML|calibration\.yaml:1"),
    ],
)
def test_what_is_no_document_is_refused_with_its_place(file, text, words):
    with pytest.raises(LocalError, match=words) as refused:
        read_document(file(text))
    assert "\n" not in refused.value.message


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(LocalError, match=r"missing\.yaml: cannot be read: No such file"):
        read_document(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"a: \xff")
    with pytest.raises(LocalError, match=r"binary\.yaml: is no text in UTF-8"):
        read_document(tmp_path / "binary.yaml")


def test_every_problem_gets_a_line_with_its_path(file):
    path = file(VALID.replace("pfn: {}", "pfn: {phiDimm: 3}").replace("epochs: 1", "epochs: many"))
    with pytest.raises(LocalError) as refused:
        parse(path, read_document(path))
    lines = refused.value.message.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{path}: spec.") for line in lines)
    assert "phiDimm" in lines[0]


def test_paths_are_relative_to_the_file(file, tmp_path):
    path = file(VALID)
    document = localised(read_document(path), path.parent)
    assert document["spec"]["storage"]["uri"] == str(tmp_path / "results")
    assert document["spec"]["dataset"]["files"] == [
        str(tmp_path / "data/*.root"),
        "https://cern.ch/x.root",
        "/abs/y.root",
    ]
    assert parse(path, document).metadata.namespace == "default"


def test_the_storage_can_be_given_beside_the_file(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = file(VALID.replace("uri: results", "uri: s3://bucket/x, secretName: s3"))
    document = read_document(path)
    with pytest.raises(LocalError, match="not on this machine; give a folder with --storage DIR"):
        localised(document, path.parent)
    there = tmp_path / "elsewhere"
    assert localised(document, path.parent, there)["spec"]["storage"] == {"uri": str(there), "secretName": "s3"}


@pytest.fixture
def listed(tmp_path):
    """A storage whose inventory lists the file of a folder."""
    folder, storage = tmp_path / "data", tmp_path / "storage"
    folder.mkdir()
    (folder / "a.root").write_bytes(b"1234")
    patterns = [str(folder / "*.root")]
    found = (folder / "a.root").stat()
    files = [{"uri": str(folder / "a.root"), "size": 4, "version": str(found.st_mtime_ns)}]
    name = fingerprint({"files": files})
    result = storage / "inventory" / InventoryInput(storage=str(storage), files=patterns).fingerprint / "result.json"
    for path, text in ((storage / "sources" / f"{name}.json", {"files": files}), (result, {"sources": name})):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(text))
    return folder, storage, patterns, result


def test_an_inventory_of_unchanged_files_is_kept(listed):
    _, storage, patterns, result = listed
    assert not forget_stale_inventory(storage, patterns)
    assert result.exists()


@pytest.mark.parametrize("change", ["new", "gone", "touched", "list lost"])
def test_an_inventory_of_changed_files_is_forgotten(listed, change):
    folder, storage, patterns, result = listed
    if change == "new":
        (folder / "b.root").write_bytes(b"1")
    elif change == "gone":
        (folder / "a.root").unlink()
    elif change == "touched":
        os.utime(folder / "a.root", ns=(1, 1))
    else:
        next((storage / "sources").iterdir()).unlink()
    assert forget_stale_inventory(storage, patterns)
    assert not result.exists()


def test_files_that_lie_elsewhere_are_not_looked_at(tmp_path):
    assert not forget_stale_inventory(tmp_path, ["https://cern.ch/x.root"])
