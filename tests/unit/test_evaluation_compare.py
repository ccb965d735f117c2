"""`jetcal evaluate --jets ... --model ...`: any number of models on the same jets, side by side."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper, numpy_helper
from tests.support.evaluation import write_linear_model
from tests.support.ntuples import write_ntuple
from tests.support.prepared import FINGERPRINT, prepare_toys
from tests.support.toys import toy_jets

from jetcal.cli import main

STANDARD = 1 / 0.87
RHO_SLOPE = -0.002 * STANDARD
"""The toys' response rises with 0.2 % per unit of rho above 20; a factor that falls likewise undoes it."""

MAPPING = """
inputs: {x: {of: jet, features: [rho - 20]}}
output: {kind: factor, relativeTo: standard_pt}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with test jets; beside it plain.onnx, ours.onnx, noisy.onnx and foreign.onnx with its mapping."""
    folder = tmp_path_factory.mktemp("place")
    prepare_toys(folder / "storage", train=10, validation=10, test=5000, mean=3.0)
    write_linear_model(folder / "plain.onnx", median=STANDARD)
    write_linear_model(folder / "ours.onnx", median=STANDARD - 20 * RHO_SLOPE, rho_slope=RHO_SLOPE)
    write_linear_model(folder / "noisy.onnx", median=STANDARD + 200 * RHO_SLOPE, rho_slope=-10 * RHO_SLOPE)
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "slope"], ["shift"]), helper.make_node("Add", ["shift", "one"], ["y"])],
        "foreign",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 1])],
        [numpy_helper.from_array(np.array([v], np.float32), name) for name, v in (("slope", -0.002), ("one", 1.0))],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), folder / "foreign.onnx"
    )
    (folder / "mapping.yaml").write_text(MAPPING)
    return folder


def evaluate(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)], catch_exceptions=False)


def test_models_stand_side_by_side_with_paired_gains(place: Path, tmp_path: Path) -> None:
    models = [f"{name}={place}/{name}.onnx" for name in ("ours", "plain", "noisy")]
    models.append(f"foreign={place}/foreign.onnx,{place}/mapping.yaml")
    given = [part for model in models for part in ("--model", model)]
    done = evaluate("--jets", place / "storage", *given, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    numbers = json.loads((tmp_path / "metrics.json").read_text())
    assert numbers["corrections"] == ["raw", "standard", "ours", "plain", "noisy", "foreign"]
    gains = {
        (row["correction"], row["reference"]): row
        for row in numbers["gain"]
        if (row["pt"], row["abs_eta"], row["flavour"]) == ([30.0, None], [0.0, 5.2], "all")
    }
    assert gains["plain", "standard"]["gain"] == pytest.approx(0, abs=1e-3)
    assert gains["ours", "noisy"]["gain"] > 5 * gains["ours", "noisy"]["gain_error"] > 0
    # the same function twice: the same jets, the same replicas, nothing between them
    assert gains["ours", "foreign"]["gain"] == pytest.approx(0, abs=1e-3)
    assert gains["ours", "foreign"]["gain_error"] < 1e-3
    assert {"Model ours", "Model foreign", "Jets"} <= set(numbers["provenance"])
    page = (tmp_path / "report.html").read_text()
    assert "Above 30 GeV the resolution of ours is" in page
    assert "Resolution gain of ours on the same jets" in page
    assert len(list((tmp_path / "plots").glob("*.svg"))) > 4
    said = done.output.replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"resolution of ours is \d+\.\d+ ± \d\.\d+ % better than that of noisy; of \d+ bins", said)
    assert done.output.splitlines()[-1] == f"report: {tmp_path}/report.html"


def test_root_files_are_compared_on_with_the_tree_and_the_selection_of_a_resource(place: Path, tmp_path: Path) -> None:
    written = write_ntuple(tmp_path / "a.root", 300, tree="other/jets", unmatched=0.0)
    (tmp_path / "my.yaml").write_text(
        """
apiVersion: jetcal.dev/v1alpha1
kind: JetCalibration
metadata: {name: other}
spec:
  storage: {uri: /data}
  dataset: {files: [/data/*.root], tree: other/jets, jets: {minGenPt: 100}}
  model: {pfn: {}}
  training: {}
"""
    )
    arguments = ("--model", f"ours={place}/ours.onnx", "--out", tmp_path / "out")
    done = evaluate("--jets", tmp_path / "*.root", *arguments, "--calibration", tmp_path / "my.yaml")
    assert done.exit_code == 0, done.output
    jets = json.loads((tmp_path / "out/metrics.json").read_text())["sample"]["jets"]
    assert jets == int((written.jet["gen_pt"] >= 100).sum())
    done = evaluate("--jets", tmp_path / "*.root", *arguments)
    assert done.exit_code == 1
    assert "no tree 'AK4jets/jetTree'; it has other/jets" in done.output


def test_jets_outside_the_range_of_a_training_are_told_and_another_reference_may_be_named(
    place: Path, tmp_path: Path
) -> None:
    model = onnx.load(place / "ours.onnx")
    validity = {"jet": {"raw_pt": [0, 500], "rho": [0, 100]}, "constituents": [0, 100]}
    helper.set_model_props(model, {"validity": json.dumps(validity)})
    onnx.save(model, tmp_path / "narrow.onnx")
    models = ["--model", f"narrow={tmp_path}/narrow.onnx", "--model", f"noisy={place}/noisy.onnx"]
    named = ("--reference", "noisy", "--dataset", FINGERPRINT)
    done = evaluate("--jets", place / "storage", *models, *named, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "\N{NO-BREAK SPACE}% worse than that of narrow; " in done.output.splitlines()[0]
    found = next(line for line in done.output.splitlines() if "lie outside the range" in line)
    assert "of 5000 jets lie outside the range that narrow was trained on (raw_pt of " in found
    assert "rho" not in found
    assert json.loads((tmp_path / "out/metrics.json").read_text())["provenance"]["Jets"]["Dataset"] == FINGERPRINT


def test_a_flavour_that_is_missing_is_told_and_stays_empty(place: Path, tmp_path: Path) -> None:
    jets = toy_jets(400)
    jets.jet["flavour"][:] = 21
    write_ntuple(tmp_path / "a.root", jets)
    arguments = ("--model", f"ours={place}/ours.onnx", "--out", tmp_path / "out")
    done = evaluate("--jets", tmp_path / "a.root", *arguments)
    assert done.exit_code == 0, done.output
    assert "Fewer than 50 jets of uds, c and b: nothing is known of their response." in done.output


@pytest.mark.parametrize(
    ("models", "sentence"),
    [
        (["a={place}/ours.onnx", "a={place}/plain.onnx"], "there is another model of the name a"),
        (["{place}/ours.onnx"], "write NAME=ADDRESS"),
        (["network={place}/ours.onnx"], "reports call something else network"),
        (["a={place}/foreign.onnx"], "needs a mapping: --model a={place}/foreign.onnx,mapping.yaml"),
        (["a={place}/storage"], "{place}/storage: a model.onnx, a model repository or an export is needed"),
        (["a={place}/foreign.onnx,{place}/nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_a_model_that_is_not_there_is_one_sentence(place: Path, tmp_path: Path, models, sentence: str) -> None:
    given = [part for model in models for part in ("--model", model.format(place=place))]
    done = evaluate("--jets", place / "storage", *given, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert done.output.count("\n") == 1
    assert sentence.format(place=place) in done.output
    assert not (tmp_path / "out").exists()


def test_a_model_whose_inputs_the_jets_do_not_have_names_them(place: Path, tmp_path: Path) -> None:
    (tmp_path / "mapping.yaml").write_text(MAPPING.replace("rho - 20", "jetQGl"))
    model = f"a={place}/foreign.onnx,{tmp_path}/mapping.yaml"
    done = evaluate("--jets", place / "storage", "--model", model, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "inputs.x: 'jetQGl': our jets have no jetQGl; there are raw_pt, eta, " in done.output


def test_a_server_that_is_away_is_worth_another_try(place: Path, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        done = evaluate("--jets", place / "storage", "--model", f"served={url}", "--out", tmp_path)
    assert done.exit_code == 128
    assert f"Error: {url}: does not answer" in done.output


def test_a_model_without_any_usable_answer_is_named(place: Path, tmp_path: Path) -> None:
    write_linear_model(tmp_path / "broken.onnx", median=-1.0)
    models = ["--model", f"ours={place}/ours.onnx", "--model", f"broken={tmp_path}/broken.onnx"]
    done = evaluate("--jets", place / "storage", *models, "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "no jet has a usable correction of every model; broken gives none for 5000 jets" in done.output


@pytest.mark.parametrize(
    ("jets", "more", "sentence"),
    [
        ("{place}/nothing", (), "holds no prepared dataset"),
        ("{place}/storage", ("--dataset", "f" * 16), "the stage 'dataset' must be made first"),
        ("{place}/storage", ("--tree", "x"), "is no ROOT file"),
        ("{place}/none*.root", (), "no file matches"),
        ("{place}/none*.root", ("--dataset", FINGERPRINT), "--dataset names a dataset in a calibration's storage"),
    ],
)
def test_jets_that_are_not_there_are_one_sentence(place: Path, tmp_path: Path, jets: str, more, sentence: str) -> None:
    model = ("--model", f"ours={place}/ours.onnx", "--out", tmp_path / "out")
    done = evaluate("--jets", jets.format(place=place), *model, *more)
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert done.output.count("\n") == 1
    assert sentence in done.output


def test_jets_in_a_wrong_unit_are_refused(place: Path, tmp_path: Path) -> None:
    jets = toy_jets(300)
    jets.jet["rho"] *= 1000
    write_ntuple(tmp_path / "a.root", jets)
    done = evaluate("--jets", tmp_path / "a.root", "--model", f"ours={place}/ours.onnx", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "a.root: spec.dataset.columns.jet.rho ('rhoAll') has a median of " in done.output
    assert "if it is MeV, write rhoAll / 1000" in done.output


def test_no_jets_left_tells_what_they_failed(place: Path, tmp_path: Path) -> None:
    write_ntuple(tmp_path / "a.root", 50, unmatched=1.0)
    done = evaluate("--jets", tmp_path / "a.root", "--model", f"ours={place}/ours.onnx", "--out", tmp_path / "out")
    assert done.exit_code == 1
    assert "no jets are left to compare on; these failed: 50 'matched to a generator jet'" in done.output


def test_half_a_comparison_says_what_is_missing(place: Path) -> None:
    done = evaluate("--jets", place / "storage")
    assert done.exit_code == 2
    assert "a comparison needs --model and --out" in done.output
    done = evaluate("--jets", "x", "--model", f"a={place}/ours.onnx", "--out", "y", "--reference", "b")
    assert done.exit_code == 2
    assert "--reference b: is none of the models a" in done.output


def test_without_options_it_is_the_stage_of_a_calibration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JETCAL_CALIBRATION", raising=False)
    monkeypatch.setenv("JETCAL_TERMINATION_LOG", str(tmp_path / "log"))
    done = evaluate()
    assert done.exit_code == 1
    assert "JETCAL_CALIBRATION is not set" in done.output
