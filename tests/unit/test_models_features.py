from __future__ import annotations

import math

import pytest
import torch

from jetcal.models.features import CONSTITUENT_FEATURES, JET_FEATURES, RawJets, constituent_features, jet_features
from jetcal.models.standardisation import LIMIT, Standardisation

PION, PHOTON = (30.0, 0.03, -0.04, 0.1396, -211.0, 3.0), (10.0, -0.1, 0.0, 0.0, 22.0, 1.0)
PADDING = (0.0,) * 6
JET = (50.0, -1.5, 7.5, 0.5, 20.0, 25.0)


@pytest.fixture
def raw():
    return RawJets(torch.tensor([[PION, PHOTON, PADDING]]), torch.tensor([JET]))


def named(features, values):
    return dict(zip([feature.name for feature in features], values.tolist(), strict=True))


def test_constituent_features_follow_their_formulas(raw):
    pion = named(CONSTITUENT_FEATURES, constituent_features(raw)[0, 0])
    assert pion["log_pt"] == pytest.approx(math.log(30))
    assert pion["log_relative_pt"] == pytest.approx(math.log(30 / 50))
    assert pion["dr"] == pytest.approx(0.05)
    assert pion["log_mass"] == pytest.approx(math.log(0.1396))
    assert [name for name, value in pion.items() if value == 1] == ["is_charged_hadron", "from_pv_3"]


def test_jet_features_follow_their_formulas(raw):
    jet = named(JET_FEATURES, jet_features(raw)[0])
    assert jet["log_raw_pt"] == pytest.approx(math.log(50))
    assert jet["abs_eta"] == pytest.approx(1.5)
    assert jet["log_relative_mass"] == pytest.approx(math.log(0.15))
    assert jet["pileup_share"] == pytest.approx(0.2)
    assert jet["log_multiplicity"] == pytest.approx(math.log(3))
    assert jet["pt_dispersion"] == pytest.approx(math.sqrt(1000) / 50)
    assert jet["charged_hadron_share"] == pytest.approx(0.6)
    assert jet["photon_share"] == pytest.approx(0.2)
    assert jet["muon_share"] == 0


def test_unknown_particle_is_of_no_type():
    raw = RawJets(torch.tensor([[(1.0, 0.0, 0.0, 0.0, 2212.0, 0.0)]]), torch.tensor([JET]))
    assert not any(
        value for name, value in named(CONSTITUENT_FEATURES, constituent_features(raw)[0, 0]).items() if "is_" in name
    )


def test_standardisation_gives_mean_zero_and_spread_one_and_leaves_indicators():
    rows = torch.randn(5000, len(CONSTITUENT_FEATURES), generator=torch.Generator().manual_seed(1)) * 3 + 7
    scale = Standardisation(CONSTITUENT_FEATURES)
    scale.learn(rows.mean(0), rows.var(0))
    out = scale(rows)
    assert out[:, 0].mean().item() == pytest.approx(0, abs=1e-3)
    assert out[:, 0].std().item() == pytest.approx(1, abs=1e-2)
    indicator = [feature.standardised for feature in CONSTITUENT_FEATURES].index(False)
    assert torch.equal(out[:, indicator], rows[:, indicator].clamp(-LIMIT, LIMIT))


def test_a_feature_that_never_varies_stays_finite_and_outliers_are_cut_off():
    scale = Standardisation(JET_FEATURES)
    scale.learn(torch.full((len(JET_FEATURES),), 0.5), torch.zeros(len(JET_FEATURES)))
    assert torch.equal(scale(torch.full((1, len(JET_FEATURES)), 0.5)), torch.zeros(1, len(JET_FEATURES)))
    assert scale(torch.full((1, len(JET_FEATURES)), 1e9)).max() == LIMIT
