"""Systematic samples come from their own files, through the same selection and the same network."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.ntuples import TREE, write_ntuple
from tests.support.toys import toy_jets

from jetcal.errors import JetcalError
from jetcal.evaluation.corrections.residual import derive
from jetcal.evaluation.corrections.systematics import calibrated_samples, read
from jetcal.evaluation.response import Sample
from jetcal_api.columns import Columns
from jetcal_api.documents import Reading
from jetcal_api.spec import JetSelection, SystematicSample

MIN_PT, MAX_ETA = 40.0, 1.5


class Model:
    """Corrects by a known factor and gives up above 800 GeV."""

    def predict(self, jets, /):
        factor = np.where(jets.jet["raw_pt"] > 800, np.nan, 1 / 0.87)
        return np.stack([factor, 0.9 * factor, 1.1 * factor], axis=1).astype(np.float32)


def reading(**change):
    settings = {"tree": TREE, "columns": Columns(), "jets": JetSelection(min_gen_pt=MIN_PT, max_abs_eta=MAX_ETA)}
    return Reading(**{**settings, **change})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detuned")
    first = 1
    for number in (1, 2):
        write_ntuple(folder / f"jets_{number}.root", 500, seed=number, unmatched=0, first_event=first, baskets=3)
        first += 250
    return folder


def sample(folder, pattern="*.root", name="detuned"):
    return SystematicSample(name=name, files=[f"{folder}/{pattern}"])


def test_every_selected_jet_of_every_file_is_there(files):
    found = read(sample(files), reading(), Model())
    expected = [toy_jets(500, seed) for seed in (1, 2)]
    gen_pt, eta, raw_pt = (
        np.concatenate([each.jet[name] for each in expected]) for name in ("gen_pt", "eta", "raw_pt")
    )
    kept = (gen_pt >= MIN_PT) & (np.abs(eta) <= MAX_ETA) & (raw_pt <= 800)
    assert found.gen_pt == pytest.approx(gen_pt[kept])
    assert found.corrected["network"] == pytest.approx(raw_pt[kept] / 0.87, rel=1e-5)
    number = np.repeat(np.arange(500), 2)[kept]
    assert (np.diff(found.events) == 0).tolist() == (np.diff(number) == 0).tolist()


def test_the_same_residual_follows_the_network(files):
    rng = np.random.default_rng(1)
    gen_pt, eta = np.exp(rng.uniform(3, 7, 5000)), rng.uniform(-2.4, 2.4, 5000)
    residual = derive(Sample(gen_pt, eta, np.zeros(5000), {"network": 1.05 * gen_pt}))
    found = calibrated_samples([sample(files)], reading(), Model(), residual)
    assert list(found) == ["detuned"]
    assert list(found["detuned"].corrected) == ["raw", "standard", "network", "calibrated"]
    assert found["detuned"].corrected["calibrated"] == pytest.approx(found["detuned"].corrected["network"] / 1.05)


def test_no_samples_need_no_reading():
    assert calibrated_samples([], None, Model(), derive(Sample(*np.empty((3, 0)), {"network": np.empty(0)}))) == {}


def test_samples_without_a_reading_are_refused(files):
    with pytest.raises(JetcalError, match="reading"):
        calibrated_samples([sample(files)], None, Model(), derive(Sample(*np.empty((3, 0)), {"network": np.empty(0)})))


def test_a_glob_that_matches_nothing_is_named_with_its_sample(files):
    with pytest.raises(JetcalError, match=r"other_\*\.root: no file matches; .*'detuned'"):
        read(sample(files, "other_*.root"), reading(), Model())


def test_a_sample_without_a_selected_jet_is_named(files):
    with pytest.raises(JetcalError, match=r"'detuned': none of the jets in its 2 files"):
        read(sample(files), reading(jets=JetSelection(min_gen_pt=5000)), Model())


def test_a_wrong_tree_names_the_file(files):
    with pytest.raises(JetcalError, match=r"jets_1\.root: no tree 'Events'"):
        read(sample(files), reading(tree="Events"), Model())


def test_a_wrong_unit_is_told_before_anything_is_measured(files):
    columns = Columns.model_validate({"jet": {"rho": "rhoAll * 1000"}})
    with pytest.raises(JetcalError, match=r"jets_1\.root: spec\.dataset\.columns\.jet\.rho .* if it is MeV"):
        read(sample(files), reading(columns=columns), Model())
