"""From files to a published dataset: inventory, parts in any order, twins, and bad input."""

from __future__ import annotations

import os
import shutil
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import uproot
from click.testing import CliRunner, Result
from tests.support.ntuples import TREE, write_ntuple
from tests.support.toys import toy_jets

from jetcal import worker
from jetcal.cli import main
from jetcal.data import inventory, ntuples, prepare, shards, sources
from jetcal.data.jets import concatenate, take
from jetcal.errors import JetcalError
from jetcal_api.documents import InventoryInput, PrepareInput
from jetcal_api.results import InventoryResult, PrepareResult, Source
from jetcal_api.spec import JetSelection, Split

CUTS = [
    "matched to a generator jet",
    "finite values and pT above 0",
    "generator pT of 20 GeV or more",
    "|eta| of 2.5 or less",
    "at least one constituent",
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for index in range(5):
        write_ntuple(tmp_path / "data" / f"jets_{index}.root", 200 + 10 * index, index, first_event=1 + 1000 * index)
    return tmp_path / "data"


def take_stock(folder: Path, storage: Path) -> InventoryResult:
    return inventory.take(InventoryInput(storage=str(storage), files=[f"{folder}/*.root"]))


def dataset(folder: Path, storage: Path, **fields: object) -> PrepareInput:
    found = take_stock(folder, storage)
    given = {"shards": found.shards, "tree": TREE, "jets": JetSelection(), "split": Split()} | fields
    return PrepareInput(storage=str(storage), sources=found.sources, **given)


def make(document: PrepareInput) -> PrepareResult:
    for index in range(document.shards):
        prepare.prepare_part(document, index)
    result = prepare.merge(document)
    assert result is not None
    return result


class TestInventory:
    def test_files_are_listed_once_and_in_order(self, data: Path, tmp_path: Path) -> None:
        globs = [f"{data}/jets_[3-4].root", f"{data}/*.root", f"{data}/jets_0.root"]
        result = inventory.take(InventoryInput(storage=str(tmp_path / "s"), files=globs))
        files = inventory.load(str(tmp_path / "s"), result.sources)
        assert [Path(file.uri).name for file in files] == [f"jets_{index}.root" for index in range(5)]
        assert (result.files, result.size, result.shards) == (5, sum(file.size for file in files), 4)

    def test_the_fingerprint_follows_the_content(self, data: Path, tmp_path: Path) -> None:
        first = take_stock(data, tmp_path / "one")
        assert take_stock(data, tmp_path / "two").sources == first.sources
        write_ntuple(data / "jets_5.root", 10)
        assert take_stock(data, tmp_path / "three").sources != first.sources

    @pytest.mark.parametrize("name", ["*.rot", "nothing.root"])
    def test_a_pattern_without_match_is_named(self, data: Path, tmp_path: Path, name: str) -> None:
        patterns = [f"{data}/*.root", f"{data}/{name}"]
        with pytest.raises(JetcalError) as caught:
            inventory.take(InventoryInput(storage=str(tmp_path / "s"), files=patterns))
        assert str(caught.value) == f"{data}/{name}: no file matches; mend spec.dataset.files"

    @pytest.mark.parametrize("uri", ["gs://bucket/*.root", "relative/*.root"])
    def test_other_sources_are_refused(self, tmp_path: Path, uri: str) -> None:
        with pytest.raises(JetcalError, match=r"is no source; write an absolute path or s3://, http://"):
            inventory.take(InventoryInput(storage=str(tmp_path), files=[uri]))

    def test_a_star_stays_in_its_folder(self, data: Path) -> None:
        (data / "deep").mkdir()
        shutil.copy(data / "jets_0.root", data / "deep" / "jets_9.root")
        assert len(sources.find([f"{data}/*"])) == 5
        assert len(sources.find([f"{data}/*/*.root"])) == 1

    def test_a_file_named_with_brackets_is_found_and_read(self, data: Path) -> None:
        odd = data / "jets[1].root"
        shutil.copy(data / "jets_0.root", odd)
        (source,) = sources.find([str(odd)])
        with sources.local_copy(source) as path:
            assert path == odd

    @pytest.mark.parametrize(
        ("files", "size", "expected"),
        [(1, 1, 1), (3, 1, 3), (10, 1, 4), (122, 85 * 10**6, 20), (5000, 10**9, 256), (2, 10**12, 2)],
    )
    def test_parts_follow_files_and_bytes(self, files: int, size: int, expected: int) -> None:
        assert inventory.count_shards([Source(uri="/a", size=size, version="")] * files) == expected

    @pytest.mark.parametrize("shards", [1, 3, 7, 12])
    def test_groups_are_consecutive_and_even(self, shards: int) -> None:
        sizes = np.random.default_rng(1).integers(50, 150, 50)
        files = [Source(uri=f"/{index:03d}", size=int(size), version="") for index, size in enumerate(sizes)]
        groups = inventory.groups(files, shards)
        assert [file for group in groups for file in group] == files
        assert len(groups) == shards
        weights = [sum(file.size for file in group) for group in groups]
        assert max(weights) - min(weights) < 2 * 150

    def test_empty_files_do_not_vanish(self) -> None:
        files = [Source(uri=f"/{index}", size=0, version="") for index in range(3)]
        assert sum(map(len, inventory.groups(files, 3))) == 3


class TestPrepare:
    def test_every_selected_jet_is_in_one_part_with_all_its_event(self, data: Path, tmp_path: Path) -> None:
        result = make(dataset(data, tmp_path / "s"))
        numbers = {part: np.concatenate([e.event for e in shards.open_events(result, part)]) for part in shards.PARTS}
        counts = {part: sum(map(len, shards.open_part(result, part))) for part in shards.PARTS}
        assert counts == result.jets.model_dump() == {part: len(found) for part, found in numbers.items()}
        for one, other in pairwise([*shards.PARTS, shards.PARTS[0]]):
            assert not set(numbers[one]) & set(numbers[other])
        assert result.read == 1100
        assert {source.uri for source in result.sources} == {str(path) for path in data.glob("*.root")}
        assert [cut.name for cut in result.cuts] == CUTS
        assert sum(counts.values()) == 1100 - sum(cut.removed for cut in result.cuts)

    def test_the_jets_are_those_of_the_files(self, data: Path, tmp_path: Path) -> None:
        result = make(dataset(data, tmp_path / "s"))
        prepared = np.concatenate(
            [jets.jet["raw_pt"] for part in shards.PARTS for jets in shards.open_part(result, part)]
        )
        matched = []
        for path in data.glob("*.root"):
            with uproot.open(path) as file:
                columns = file[TREE].arrays(["jetRawPt", "jetGenMatch", "genJetPt"], library="np")
            matched.append(columns["jetRawPt"][(columns["jetGenMatch"] == 1) & (columns["genJetPt"] >= 20)])
        np.testing.assert_array_equal(np.sort(prepared), np.sort(np.concatenate(matched)))

    def test_the_division_into_parts_does_not_change_the_jets(self, data: Path, tmp_path: Path) -> None:
        seen = []
        for count in (1, 5, 8):
            result = make(dataset(data, tmp_path / "s", shards=count))
            jets = shards.open_part(result, "train")
            seen.append((result.jets, np.concatenate([piece.jet["gen_pt"] for piece in jets])))
        assert seen[0][0] == seen[1][0] == seen[2][0]
        np.testing.assert_array_equal(seen[0][1], seen[1][1])
        np.testing.assert_array_equal(seen[0][1], seen[2][1])

    def test_files_are_written_as_they_fill(self, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = make(dataset(data, tmp_path / "one", shards=1))
        monkeypatch.setattr(prepare, "CONSTITUENTS_PER_FILE", 1000)
        pieces = make(dataset(data, tmp_path / "two", shards=1))
        assert len(whole.shards["train"]) == 1 < len(pieces.shards["train"])
        assert pieces.jets == whole.jets
        one, two = (
            np.concatenate([jets.constituents["pt"] for jets in shards.open_part(result, "train")])
            for result in (whole, pieces)
        )
        np.testing.assert_array_equal(one, two)

    def test_the_last_part_makes_the_dataset_in_whatever_order(self, data: Path, tmp_path: Path) -> None:
        document = dataset(data, tmp_path / "s")
        for index in (2, 0, 3):
            prepare.prepare_part(document, index)
            assert prepare.merge(document) is None
        prepare.prepare_part(document, 1)
        first = prepare.merge(document)
        assert first is not None
        assert prepare.merge(document) == first == worker.find_result(document, PrepareResult)

    def test_a_twin_adopts_the_published_part(
        self, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        document = dataset(data, tmp_path / "s")
        monkeypatch.setenv("JETCAL_POD_UID", "first")
        first = prepare.prepare_part(document, 0)
        monkeypatch.setenv("JETCAL_POD_UID", "second")
        monkeypatch.setattr(prepare, "find_part", lambda *_: None)
        assert prepare.prepare_part(document, 0) == first
        assert all("attempts/first/" in shard.path for shard in first.shards["train"])

    def test_oddities_are_counted(self, tmp_path: Path) -> None:
        write_ntuple(
            tmp_path / "data" / "a.root", 300, unmatched=0, empty_jets=3, huge_jets=1, overwrite={"PF_pT": np.nan}
        )
        write_ntuple(tmp_path / "data" / "b.root", 300, 2, unmatched=0, overwrite={"jetRawPt": -1.0})
        result = make(dataset(tmp_path / "data", tmp_path / "s"))
        assert [cut.removed for cut in result.cuts] == [0, 1, 0, 0, 3]
        assert (result.dropped_constituents, result.truncated_jets) == (1, 1)

    def test_the_message_fits_whatever_the_number_of_files(self, data: Path, tmp_path: Path) -> None:
        result = make(dataset(data, tmp_path / "s"))
        many = result.model_copy(update={"shards": {part: result.shards[part] * 500 for part in shards.PARTS}})
        assert PrepareResult.model_validate_json(many.message()).jets == result.jets

    def test_the_message_does_not_pass_for_the_dataset(self, data: Path, tmp_path: Path) -> None:
        short = PrepareResult.model_validate_json(make(dataset(data, tmp_path / "s")).message())
        with pytest.raises(JetcalError, match=r"lists 0 of the .* train jets; read the result there"):
            shards.open_part(short, "train")

    def test_nothing_left_gives_the_count_table(self, data: Path, tmp_path: Path) -> None:
        document = dataset(data, tmp_path / "s", jets=JetSelection(min_gen_pt=5000))
        with pytest.raises(JetcalError) as caught:
            make(document)
        text = str(caught.value)
        assert text.startswith("no jet for train, validation, test: 0 of 1100 jets are left; these failed: ")
        assert all(f"'{name}'" in text for name in (CUTS[0], "generator pT of 5000 GeV or more", CUTS[4]))
        assert worker.find_result(document, PrepareResult) is None

    def test_an_empty_part_is_told(self, tmp_path: Path) -> None:
        write_ntuple(tmp_path / "data" / "a.root", 100, jets_per_event=100, unmatched=0)
        with pytest.raises(JetcalError, match=r"no jet for .*: 100 of 100 jets are left"):
            make(dataset(tmp_path / "data", tmp_path / "s"))

    def test_files_without_entries_are_told(self, tmp_path: Path) -> None:
        write_ntuple(tmp_path / "data" / "a.root", take(toy_jets(5), np.arange(0)))
        with pytest.raises(JetcalError, match="hold no jets at all"):
            make(dataset(tmp_path / "data", tmp_path / "s"))

    @pytest.mark.parametrize("change", ["grown", "rewritten", "gone"])
    def test_a_file_that_changed_since_the_inventory_is_refused(self, data: Path, tmp_path: Path, change: str) -> None:
        document = dataset(data, tmp_path / "s")
        path = data / "jets_0.root"
        if change == "grown":
            path.write_bytes(path.read_bytes() + b"x")
        elif change == "rewritten":
            os.utime(path, ns=(1, 1))
        else:
            path.unlink()
        with pytest.raises(JetcalError, match=rf"^{path}: .*delete <storage>/inventory and run again"):
            prepare.prepare_part(document, 0)

    def test_a_missing_file_list_is_named(self, data: Path, tmp_path: Path) -> None:
        document = dataset(data, tmp_path / "s").model_copy(update={"sources": "0" * 16})
        with pytest.raises(JetcalError, match=r"sources/0{16}.json: no file list"):
            prepare.prepare_part(document, 0)

    def test_a_bad_file_is_named_by_its_uri_and_leaves_no_part(self, data: Path, tmp_path: Path) -> None:
        write_ntuple(data / "jets_3.root", 100, without=("jetArea",))
        document = dataset(data, tmp_path / "s", shards=1)
        with pytest.raises(JetcalError, match=rf"^{data}/jets_3.root: tree .* has no branch jetArea"):
            prepare.prepare_part(document, 0)
        assert prepare.find_part(document, 0) is None

    def test_a_damaged_shard_is_made_again_once_the_folder_is_deleted(self, data: Path, tmp_path: Path) -> None:
        document = dataset(data, tmp_path / "s")
        result = make(document)
        expected = concatenate(shards.open_part(result, "train")).jet["raw_pt"].copy()
        path = Path(result.folder, result.shards["train"][1].path)
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(JetcalError, match=rf"^{path}: is damaged .*; delete the dataset's folder"):
            shards.open_part(result, "train")
        shutil.rmtree(result.folder)
        again = concatenate(shards.open_part(make(document), "train")).jet["raw_pt"]
        np.testing.assert_array_equal(again, expected)

    def test_memory_does_not_grow_with_the_input(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ntuples, "STEP", 100_000)
        monkeypatch.setattr(prepare, "CONSTITUENTS_PER_FILE", 2000)
        peaks = []
        for copies in (1, 1, 6):
            folder = tmp_path / str(len(peaks))
            write_ntuple(folder / "0.root", 600, baskets=6)
            for index in range(1, copies):
                shutil.copy(folder / "0.root", folder / f"{index}.root")
            document = dataset(folder, tmp_path / "s", shards=1)
            tracemalloc.start()
            prepare.prepare_part(document, 0)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        _, one, six = peaks
        assert six < 1.3 * one


class TestCommands:
    @pytest.fixture
    def log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("JETCAL_TERMINATION_LOG", str(tmp_path / "message"))
        return tmp_path / "message"

    @staticmethod
    def run(command: str, document: InventoryInput | PrepareInput, index: int | str | None = None) -> Result:
        environment = {"JETCAL_CALIBRATION": document.to_json()}
        environment |= {} if index is None else {"JOB_COMPLETION_INDEX": str(index)}
        return CliRunner().invoke(main, [command], env=environment)

    def test_inventory_hands_over_its_result(self, data: Path, tmp_path: Path, log: Path) -> None:
        document = InventoryInput(storage=str(tmp_path / "s"), files=[f"{data}/*.root"])
        done = self.run("inventory", document)
        assert done.exit_code == 0, done.output
        result = InventoryResult.model_validate_json(log.read_text())
        assert "5 files" in done.output
        (data / "jets_0.root").unlink()
        assert self.run("inventory", document).exit_code == 0
        assert InventoryResult.model_validate_json(log.read_text()) == result, "a finished stage is not made again"

    def test_all_parts_in_one_go_in_parallel(self, data: Path, tmp_path: Path, log: Path) -> None:
        document = dataset(data, tmp_path / "s")
        done = self.run("prepare", document)
        assert done.exit_code == 0, done.output
        assert PrepareResult.model_validate_json(log.read_text()).jets.train > 0
        assert "of 1100 jets read these failed:" in done.output

    def test_only_the_index_that_finds_all_parts_has_a_message(self, data: Path, tmp_path: Path, log: Path) -> None:
        document = dataset(data, tmp_path / "s")
        for index in (3, 1, 0):
            done = self.run("prepare", document, index)
            assert done.exit_code == 0, done.output
            assert "other parts are still being made" in done.output
            assert not log.exists()
        self.run("prepare", document, 2)
        result = PrepareResult.model_validate_json(log.read_text())
        log.unlink()
        self.run("prepare", document, 3)
        assert PrepareResult.model_validate_json(log.read_text()) == result, "who comes later sees the result"

    @pytest.mark.parametrize("index", [4, "x", -1])
    def test_an_index_out_of_range_is_refused(self, data: Path, tmp_path: Path, log: Path, index: int | str) -> None:
        done = self.run("prepare", dataset(data, tmp_path / "s"), index)
        assert done.exit_code == 1
        assert log.read_text() == f"JOB_COMPLETION_INDEX is '{index}', the dataset has parts 0 to 3"

    def test_a_failure_in_a_parallel_part_is_one_sentence(self, data: Path, tmp_path: Path, log: Path) -> None:
        write_ntuple(data / "jets_2.root", 100, truncate=0.5)
        done = self.run("prepare", dataset(data, tmp_path / "s"))
        assert done.exit_code == 1
        assert log.read_text().startswith(f"{data}/jets_2.root: ")
        assert done.stderr == f"Error: {log.read_text()}\n"

    def test_a_storage_that_cannot_be_written_is_named(self, data: Path, tmp_path: Path, log: Path) -> None:
        (tmp_path / "file").touch()
        done = self.run("inventory", InventoryInput(storage=f"{tmp_path}/file/s", files=[f"{data}/*.root"]))
        assert done.exit_code == 1
        assert "is a file, not a folder" in log.read_text()
