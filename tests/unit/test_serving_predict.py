"""`jetcal predict`: ntuples in, the same jets with their corrections out."""

from __future__ import annotations

import dataclasses
import errno
import json
import socket
from pathlib import Path

import awkward as ak
import numpy as np
import pyarrow.parquet as pq
import pytest
import uproot
from click.testing import CliRunner, Result
from tests.support import pfnano
from tests.support.calibrations import EXAMPLES, example
from tests.support.exports import SPECS, fitted
from tests.support.ntuples import TREE, write_ntuple
from tests.support.toys import toy_jets

from jetcal.cli import main
from jetcal.data import ntuples
from jetcal.data.jets import OUTPUTS, take
from jetcal.export.ensemble import Ensemble
from jetcal.export.graph import to_onnx
from jetcal.export.validity import Validity
from jetcal.serving import writers
from jetcal.serving.inference import OnnxModel


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(to_onnx(fitted(SPECS["pfn"], toy_jets(200)), 17, 8, {}).SerializeToString())
    return path


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, arguments)], catch_exceptions=False)


def read_root(path: Path, tree: str = TREE) -> dict[str, np.ndarray]:
    with uproot.open(path) as file:
        columns: dict[str, np.ndarray] = file[tree].arrays(library="np")
    return columns


def read_parquet(path: Path) -> dict[str, np.ndarray]:
    table = pq.read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


def test_all_jets_keep_their_flat_branches_and_order(tmp_path: Path, model: Path, monkeypatch) -> None:
    monkeypatch.setattr(ntuples, "STEP", 50_000)  # several pieces
    write_ntuple(tmp_path / "in.root", 400, unmatched=0.2)
    done = predict(tmp_path / "in.root", "--model", model, "-o", tmp_path / "out.root")
    assert (done.exit_code, done.output) == (0, f"{tmp_path}/out.root: 400 jets\n")
    before, after = read_root(tmp_path / "in.root"), read_root(tmp_path / "out.root")
    flat = {name for name, values in before.items() if values.dtype != object}
    assert set(after) == flat | {*OUTPUTS, "correction_valid", "jetPtCorrected", "jetMassCorrected"}
    for name in flat:
        np.testing.assert_array_equal(after[name], before[name])
        assert after[name].dtype == before[name].dtype
    pieces = list(ntuples.read(tmp_path / "in.root", TREE))
    assert len(pieces) > 1
    expected = np.concatenate([OnnxModel(model).predict(piece.jets) for piece in pieces])
    np.testing.assert_allclose(np.stack([after[name] for name in OUTPUTS], 1), expected, rtol=1e-5)
    np.testing.assert_allclose(after["jetPtCorrected"], after["correction"] * before["jetRawPt"], rtol=1e-6)


def test_several_files_make_one_parquet(tmp_path: Path, model: Path) -> None:
    write_ntuple(tmp_path / "a.root", 50, seed=1)
    write_ntuple(tmp_path / "b.root", 70, seed=2)
    done = predict(tmp_path / "?.root", "--model", model, "-o", tmp_path / "out.parquet")
    assert done.exit_code == 0, done.output
    table = pq.read_table(tmp_path / "out.parquet")
    wanted = np.concatenate([read_root(tmp_path / name)["jetRawPt"] for name in ("a.root", "b.root")])
    np.testing.assert_array_equal(table["jetRawPt"].to_numpy(), wanted)
    assert np.isfinite(table["correction_up"].to_numpy()).all()


def test_data_without_generator_jets_is_corrected(tmp_path: Path, model: Path) -> None:
    write_ntuple(tmp_path / "in.root", 30, without=("genJetPt", "jetGenMatch", "hadronFlav", "partonFlav"))
    done = predict(tmp_path / "in.root", "--model", model, "-o", tmp_path / "out.root")
    assert done.exit_code == 0, done.output
    assert np.isfinite(read_root(tmp_path / "out.root")["correction"]).all()


def test_jets_that_make_no_sense_are_counted(tmp_path: Path, model: Path) -> None:
    write_ntuple(tmp_path / "in.root", 30, overwrite={"jetRawPt": -1.0})
    done = predict(tmp_path / "in.root", "--model", model, "-o", tmp_path / "out.root")
    without = int(np.isnan(read_root(tmp_path / "out.root")["correction"]).sum())
    assert without > 0
    assert f"{without} of them have no correction" in done.output


@pytest.mark.parametrize("ending", ["root", "parquet"])
def test_jets_outside_the_training_are_counted_and_flagged(tmp_path: Path, ending: str) -> None:
    write_ntuple(tmp_path / "in.root", 60)
    (piece,) = ntuples.read(tmp_path / "in.root", TREE)
    validity = Validity.of([take(piece.jets, np.arange(40))])
    ensemble = Ensemble([fitted(SPECS["pfn"], toy_jets(200), seed) for seed in (1, 2)])
    path = tmp_path / "model.onnx"
    path.write_bytes(to_onnx(ensemble, 17, 8, {"validity": validity.to_json()}).SerializeToString())
    output = tmp_path / f"out.{ending}"
    done = predict(tmp_path / "in.root", "--model", path, "-o", output)
    outside = ~validity.covers(piece.jets)
    count = int(outside.sum())
    assert 0 < count < 20
    assert done.stderr == (
        f"Warning: {count} of 60 jets lie outside the range of the training and keep their raw pT "
        "(correction 1, correction_valid false)\n"
    )
    found = read_root(output) if ending == "root" else read_parquet(output)
    np.testing.assert_array_equal(found["correction_valid"], ~outside)
    assert (found["correction"][outside] == 1).all()
    np.testing.assert_array_equal(found["jetPtCorrected"][outside], found["jetRawPt"][outside])
    np.testing.assert_array_equal(np.isfinite(found["correction_spread"]), ~outside)
    np.testing.assert_array_equal(np.isfinite(found["correction_up"]), ~outside)


def test_empty_and_huge_jets_are_corrected(tmp_path: Path, model: Path) -> None:
    write_ntuple(tmp_path / "in.root", 30, empty_jets=3, huge_jets=1)
    done = predict(tmp_path / "in.root", "--model", model, "-o", tmp_path / "out.root")
    assert done.exit_code == 0, done.output
    assert np.isfinite(read_root(tmp_path / "out.root")["correction"]).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"without": ("jetRawPt",)}, "has no branch jetRawPt"),
        ({"truncate": 0.5}, "is truncated"),
        ({"tree": "other/tree"}, "no tree 'AK4jets/jetTree'"),
    ],
)
def test_a_bad_file_leaves_no_output(tmp_path: Path, model: Path, change: dict, sentence: str) -> None:
    write_ntuple(tmp_path / "in.root", 50, **change)
    (tmp_path / "out").mkdir()
    done = predict(tmp_path / "in.root", "--model", model, "-o", tmp_path / "out/out.root")
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: {tmp_path}/in.root: ")
    assert sentence in done.output
    assert not list((tmp_path / "out").iterdir())


def test_a_bad_second_file_keeps_the_old_output(tmp_path: Path, model: Path) -> None:
    write_ntuple(tmp_path / "a.root", 20)
    write_ntuple(tmp_path / "b.root", 20, without=("rhoAll",))
    (tmp_path / "out.parquet").write_text("old")
    done = predict(tmp_path / "a.root", tmp_path / "b.root", "--model", model, "-o", tmp_path / "out.parquet")
    assert done.exit_code == 1
    assert (tmp_path / "out.parquet").read_text() == "old"


def test_files_of_different_branches_are_not_mixed(tmp_path: Path, model: Path) -> None:
    write_ntuple(tmp_path / "a.root", 20)
    write_ntuple(tmp_path / "b.root", 20, without=("genJetPt",))
    done = predict(tmp_path / "a.root", tmp_path / "b.root", "--model", model, "-o", tmp_path / "out.root")
    assert done.exit_code == 1
    assert "b.root: its branches differ from the first file's in genJetPt" in done.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "give either --model"),
        (("--model", "m", "--url", "http://localhost:1"), "give either --model"),
        (("--url", "localhost:8000"), "is no address of a Triton server"),
    ],
)
def test_the_model_is_named_once(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    done = predict(tmp_path / "in.root", "-o", tmp_path / "out.root", *arguments)
    assert done.exit_code != 0
    assert sentence in done.output


def test_output_is_root_or_parquet(tmp_path: Path, model: Path) -> None:
    done = predict(tmp_path / "in.root", "--model", model, "-o", tmp_path / "out.csv")
    assert done.exit_code == 1
    assert "ends in .root or .parquet" in done.output


def test_a_server_that_is_away_is_worth_another_try(tmp_path: Path) -> None:
    write_ntuple(tmp_path / "in.root", 5)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        done = predict(tmp_path / "in.root", "--url", url, "-o", tmp_path / "out.root")
    assert done.exit_code == 128
    assert f"Error: {url}: does not answer" in done.output


PFNANO = EXAMPLES / "pfnano.yaml"
JET_LISTS = {
    f"Jet_{name}"
    for name in ("pt", "eta", "phi", "mass", "rawFactor", "area", "hadronFlavour", "partonFlavour", "genJetIdx")
}
FLAT = {"run", "luminosityBlock", "event", "fixedGridRhoFastjetAll", "PV_npvsGood"}
COUNTERS = {"nJet", "nGenJet", "nPFCands", "nJetPFCands"}
ADDED = {*OUTPUTS, "correction_valid", "jetPtCorrected", "jetMassCorrected"}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same 120 jets as the record has them, and as events of three."""
    folder = tmp_path_factory.mktemp("both")
    jets, event = toy_jets(120), np.arange(120) // 3
    shared = {name: jets.jet[name][3 * event] for name in ("rho", "n_vertices")}
    write_ntuple(folder / "record.root", dataclasses.replace(jets, jet=jets.jet | shared), jets_per_event=3)
    (piece,) = ntuples.read(folder / "record.root", TREE)
    pfnano.write_pfnano(folder / "events.root", piece)
    return folder / "record.root", folder / "events.root"


def read_events(path: Path) -> ak.Array:
    if path.suffix == ".parquet":
        return ak.from_parquet(path)
    with uproot.open(path) as file:
        return file[pfnano.TREE].arrays()


@pytest.mark.parametrize("ending", ["root", "parquet"])
def test_jets_of_events_are_corrected_as_those_of_the_record(
    tmp_path: Path, model: Path, both: tuple[Path, Path], ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ntuples, "STEP", 30_000)  # several pieces
    record, nano = both
    assert predict(record, "--model", model, "-o", tmp_path / "jets.root").exit_code == 0
    output = tmp_path / f"events.{ending}"
    done = predict(nano, "--calibration", PFNANO, "--model", model, "-o", output)
    assert (done.exit_code, done.output) == (0, f"{output}: 120 jets\n")
    before, after, expected = read_events(nano), read_events(output), read_root(tmp_path / "jets.root")
    assert set(after.fields) - {"nJetCorrected"} == FLAT | COUNTERS | JET_LISTS | ADDED
    for name in FLAT | COUNTERS | JET_LISTS:
        assert after[name].to_list() == before[name].to_list()
    for name in ADDED:
        assert ak.num(after[name]).to_list() == [3] * 40
        np.testing.assert_allclose(ak.flatten(after[name]), expected[name], rtol=2e-5, err_msg=name)


@pytest.mark.parametrize("stored", ["TTree", "RNTuple"])
def test_events_without_jets_stay_and_lists_of_jets_are_known_by_their_counter(
    tmp_path: Path, model: Path, both: tuple[Path, Path], stored: str
) -> None:
    whole = read_events(both[1])
    there = np.arange(40) % 5 > 0
    lists = {
        name: whole[name][ak.broadcast_arrays(there, whole[name])[0]] for name in whole.fields if whole[name].ndim > 1
    }
    branches = {name: whole[name] for name in FLAT} | lists
    with uproot.recreate(tmp_path / "in.root") as file:
        if stored == "TTree":  # each list with a counter of its own
            file.mktree(pfnano.TREE, {name: array.type.content for name, array in branches.items()}).extend(branches)
        else:
            file.mkrntuple(pfnano.TREE, branches)
    done = predict(tmp_path / "in.root", "--calibration", PFNANO, "--model", model, "-o", tmp_path / "out.parquet")
    assert done.exit_code == 0, done.output
    found = read_events(tmp_path / "out.parquet")
    assert found["event"].to_list() == whole["event"].to_list()
    assert ak.num(found["correction"]).to_list() == np.where(there, 3, 0).tolist()
    assert np.isfinite(ak.to_numpy(ak.flatten(found["correction"]))).all()
    assert not JET_LISTS & set(found.fields)


def test_the_columns_of_a_resource_give_the_raw_pt_and_the_tree_can_be_another(tmp_path: Path, model: Path) -> None:
    written = write_ntuple(tmp_path / "in.root", 40, tree="other/jets")
    resource = example("quickstart")
    resource["spec"]["dataset"]["columns"] = {"jet": {"rawPt": "2 * jetRawPt"}}
    (tmp_path / "my.yaml").write_text(json.dumps(resource))
    arguments = ("--calibration", tmp_path / "my.yaml", "--model", model, "-o", tmp_path / "out.root")
    assert "no tree 'AK4jets/jetTree'" in predict(tmp_path / "in.root", *arguments).output
    done = predict(tmp_path / "in.root", *arguments, "--tree", "other/jets")
    assert done.exit_code == 0, done.output
    found = read_root(tmp_path / "out.root", "other/jets")
    np.testing.assert_allclose(found["jetPtCorrected"], 2 * written.jet["raw_pt"] * found["correction"], rtol=1e-5)
    np.testing.assert_allclose(found["jetMassCorrected"], written.jet["raw_mass"] * found["correction"], rtol=1e-5)


def test_a_pt_in_mev_is_told_and_nothing_is_written(tmp_path: Path, model: Path) -> None:
    write_ntuple(tmp_path / "in.root", 80, without=("genJetPt", "jetGenMatch", "hadronFlav", "partonFlav"))
    resource = example("quickstart")
    resource["spec"]["dataset"]["columns"] = {"jet": {"rawPt": "1000 * jetRawPt"}}
    (tmp_path / "my.yaml").write_text(json.dumps(resource))
    (tmp_path / "out").mkdir()
    arguments = ("--calibration", tmp_path / "my.yaml", "--model", model, "-o", tmp_path / "out/out.root")
    done = predict(tmp_path / "in.root", *arguments)
    assert done.exit_code == 1
    told = f"Error: {tmp_path}/in.root: spec.dataset.columns.jet.rawPt ('1000 * jetRawPt') has a median of "
    assert done.output.startswith(told)
    assert "if it is MeV, write (1000 * jetRawPt) / 1000" in done.output
    assert not list((tmp_path / "out").iterdir())


def test_a_full_disk_ends_it_in_one_sentence(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writers.pq.ParquetWriter, "write_table", refuse)
    monkeypatch.setattr(ntuples, "STEP", 50_000)  # several pieces
    write_ntuple(tmp_path / "in.root", 200)
    (tmp_path / "out").mkdir()
    done = predict(tmp_path / "in.root", "--model", model, "-o", tmp_path / "out/out.parquet")
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: {tmp_path}/out/out.parquet: the disk is full (")
    assert done.output.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())


def test_a_missing_branch_is_named_with_its_columns(tmp_path: Path, model: Path, both: tuple[Path, Path]) -> None:
    done = predict(both[0], "--calibration", PFNANO, "--tree", TREE, "--model", model, "-o", tmp_path / "out.root")
    assert done.exit_code == 1
    assert done.output.count("\n") == 1
    assert "has no branch JetPFCands_jetIdx (for " in done.output
    assert "constituent.member" in done.output
    assert not (tmp_path / "out.root").exists()
