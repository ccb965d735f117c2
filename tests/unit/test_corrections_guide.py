"""What the guide to the corrections tells analyses to type does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from tests.support.evaluation import gaussian_sample, write_linear_model
from tests.support.toys import toy_jets

from jetcal import Corrector
from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS
from jetcal.evaluation.corrections import delivery, residual, resolution, uncertainty

GUIDE = Path(__file__).parents[2] / "docs/corrections.md"
EVENTS, PER_EVENT = 40, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("analysis")
    write_linear_model(place / "model.onnx", median=1.2, down=1.1, up=1.3)
    found = residual.derive(gaussian_sample(20_000, 1, scale=0.97))
    test = found.applied(gaussian_sample(20_000, 2, scale=0.97))
    delivery.write(str(place / "corrections"), "toy", found, uncertainty.estimate(test, found), resolution.derive(test))
    return place


@pytest.fixture(scope="module")
def events():
    jets = toy_jets(EVENTS * PER_EVENT, seed=3)
    jets.jet["eta"][0] = 3.1
    columns = {name: jets.jet[name] for name in JET_COLUMNS}
    lengths = np.diff(jets.offsets)
    constituents = ak.zip({name: ak.unflatten(jets.constituents[name], lengths) for name in CONSTITUENT_COLUMNS})
    records = ak.zip({**columns, "constituents": constituents}, depth_limit=1)
    return ak.Array({"jets": ak.unflatten(records, PER_EVENT)})


@pytest.fixture
def analysis(folder, events, monkeypatch):
    monkeypatch.chdir(folder)
    tree = ak.Array({"jetEta": [0.1, -2.4, 2.9], "jetPtCorrected": [50.0, 300.0, 80.0]})
    names = {"events": events, "tree": tree}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        exec(compile(block, str(GUIDE), "exec"), names)  # noqa: S102  # the guide's own code
    return names


def test_jets_get_network_and_residual_in_that_order(analysis, events):
    answer = analysis["answer"]
    assert ak.flatten(answer.calibrated_pt) == pytest.approx(
        ak.to_numpy(ak.flatten(events.jets.raw_pt * answer.correction * answer.residual)), rel=1e-6
    )
    assert ak.to_numpy(ak.flatten(answer.residual))[1:] == pytest.approx(1 / 0.97, rel=0.01)


def test_the_jet_outside_keeps_its_pt_and_is_left_out(analysis):
    answer = analysis["answer"]
    assert not answer.valid[0, 0]
    assert answer.residual[0, 0] == 1
    assert answer.calibrated_pt[0, 0] == pytest.approx(answer.pt[0, 0])
    assert ak.count(analysis["jets"].pt) == EVENTS * PER_EVENT - 1


def test_up_and_down_lie_around_the_nominal_pt_and_jets_have_a_resolution(analysis):
    shifted, jets = analysis["shifted"], analysis["jets"]
    assert ak.all(shifted["nominal"] == jets.pt)
    assert ak.all((shifted["down"] < jets.pt) & (jets.pt < shifted["up"]))
    assert ak.to_numpy(ak.flatten(analysis["sigma"])) == pytest.approx(0.1, abs=0.03)


def test_correctionlib_alone_does_as_the_corrector(analysis):
    assert ak.to_numpy(analysis["calibrated_pt"]) == pytest.approx([50 / 0.97, 300 / 0.97], rel=0.01)


def test_without_a_residual_the_answer_is_the_networks_alone(folder, events):
    answer = Corrector.load(str(folder / "model.onnx"))(events.jets)
    assert "calibrated_pt" not in answer.fields
    assert "residual" not in answer.fields


def test_a_jet_that_is_no_jet_has_no_calibrated_pt(folder):
    jets = toy_jets(3)
    jets.jet["raw_pt"][0] = np.nan
    answer = Corrector.load(str(folder / "model.onnx"), residual=str(folder / "corrections"))(jets)
    assert np.isnan(answer.calibrated_pt).tolist() == [True, False, False]
    assert answer.valid.tolist() == [False, True, True]
