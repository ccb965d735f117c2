from __future__ import annotations

import math

import pytest
import torch

from jetcal.models.features import CONSTITUENT_FEATURES, JET_FEATURES, constituent_features, jet_features
from jetcal.models.raw import Raw
from jetcal.models.segments import Segments
from jetcal.models.standardisation import LIMIT, Standardisation

PION, PHOTON = (30.0, 0.03, -0.04, 0.1396, -211.0, 3.0), (10.0, -0.1, 0.0, 0.0, 22.0, 1.0)
JET = (50.0, -1.5, 7.5, 0.5, 20.0, 25.0)


def one_jet(*constituents, jet=JET):
    return Raw(torch.tensor(constituents).t(), torch.tensor([jet]).t(), Segments(torch.tensor([len(constituents)])))


@pytest.fixture
def raw():
    return one_jet(PION, PHOTON)


def named(features, values):
    return dict(zip([feature.name for feature in features], values.tolist(), strict=True))


def test_constituent_features_follow_their_formulas(raw):
    pion = named(CONSTITUENT_FEATURES, constituent_features(raw)[:, 0])
    assert pion["log_pt"] == pytest.approx(math.log(30))
    assert pion["log_relative_pt"] == pytest.approx(math.log(30 / 50))
    assert pion["deta"] == pytest.approx(-0.03)
    assert pion["dphi"] == pytest.approx(-0.04)
    assert pion["dr"] == pytest.approx(0.05)
    assert pion["detector_eta"] == pytest.approx(1.47)
    assert pion["log_mass"] == pytest.approx(math.log(0.1396))
    assert [name for name, value in pion.items() if value == 1] == ["is_charged_hadron", "from_pv_3"]


def test_jet_features_follow_their_formulas(raw):
    jet = named(JET_FEATURES, jet_features(raw)[:, 0])
    assert jet["log_raw_pt"] == pytest.approx(math.log(50))
    assert jet["abs_eta"] == pytest.approx(1.5)
    assert jet["log_relative_mass"] == pytest.approx(math.log(0.15))
    assert jet["pileup_share"] == pytest.approx(0.2)
    assert jet["log_multiplicity"] == pytest.approx(math.log(3))
    assert jet["pt_dispersion"] == pytest.approx(math.sqrt(1000) / 50)
    assert jet["charged_hadron_share"] == pytest.approx(0.6)
    assert jet["photon_share"] == pytest.approx(0.2)
    assert jet["muon_share"] == 0
    assert jet["width"] == pytest.approx((30 * 0.05 + 10 * 0.1) / 50)
    # Two particles lie on a line: 30^2 and 10^2 are weights 0.9 and 0.1, 0.13 apart in eta and 0.04 in phi.
    assert jet["log_major_axis"] == pytest.approx(math.log(math.sqrt(0.9 * 0.1 * (0.13**2 + 0.04**2))), abs=1e-4)
    assert jet["log_minor_axis"] == pytest.approx(math.log(0.003))
    assert jet["loose_track_share"] == 0


def test_axes_are_those_of_the_ellipse_whatever_its_direction():
    # Four equal particles at the ends of a cross with arms of 0.2 and 0.1: variances 0.02 and 0.005 along the arms.
    for angle in (0.0, 0.5, math.pi / 4):
        along, across = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))
        ends = [(sign * arm * x, sign * arm * y) for arm, (x, y) in ((0.2, along), (0.1, across)) for sign in (1, -1)]
        raw = one_jet(*((5.0, x, y, 0.0, 22.0, 0.0) for x, y in ends))
        jet = named(JET_FEATURES, jet_features(raw)[:, 0])
        assert jet["log_major_axis"] == pytest.approx(math.log(0.02) / 2, abs=1e-4)
        assert jet["log_minor_axis"] == pytest.approx(math.log(0.005) / 2, abs=1e-4)


def test_tracks_that_are_not_the_primary_vertex_s_own_are_counted_and_photons_are_not():
    tracks = [(4.0, 0.0, 0.0, 0.14, 211.0, quality) for quality in (0.0, 1.0, 2.0, 3.0)]
    muon, photon = (2.0, 0.0, 0.0, 0.1, -13.0, 1.0), (9.0, 0.0, 0.0, 0.0, 22.0, 1.0)
    raw = one_jet(*tracks, muon, photon)
    assert named(JET_FEATURES, jet_features(raw)[:, 0])["loose_track_share"] == pytest.approx((4 + 4 + 2) / 50)


def test_a_jet_and_its_mirror_image_in_eta_are_the_same():
    mirrored = [
        tuple(-value if place == 1 else value for place, value in enumerate(row)) for row in (PION, PHOTON, JET)
    ]
    one, other = one_jet(PION, PHOTON), one_jet(*mirrored[:2], jet=mirrored[2])
    torch.testing.assert_close(constituent_features(one), constituent_features(other))
    torch.testing.assert_close(jet_features(one), jet_features(other))


def test_unknown_particle_is_of_no_type():
    raw = one_jet((1.0, 0.0, 0.0, 0.0, 2212.0, 0.0))
    assert not any(
        value for name, value in named(CONSTITUENT_FEATURES, constituent_features(raw)[:, 0]).items() if "is_" in name
    )


def test_standardisation_gives_mean_zero_and_spread_one_and_leaves_indicators():
    values = torch.randn(len(CONSTITUENT_FEATURES), 5000, generator=torch.Generator().manual_seed(1)) * 3 + 7
    scale = Standardisation(CONSTITUENT_FEATURES)
    scale.learn(values.mean(1), values.var(1))
    out = scale(values)
    assert out[0].mean().item() == pytest.approx(0, abs=1e-3)
    assert out[0].std().item() == pytest.approx(1, abs=1e-2)
    indicator = [feature.standardised for feature in CONSTITUENT_FEATURES].index(False)
    assert torch.equal(out[indicator], values[indicator].clamp(-LIMIT, LIMIT))


def test_a_feature_that_never_varies_stays_finite_and_outliers_are_cut_off():
    scale = Standardisation(JET_FEATURES)
    scale.learn(torch.full((len(JET_FEATURES),), 0.5), torch.zeros(len(JET_FEATURES)))
    assert torch.equal(scale(torch.full((len(JET_FEATURES), 1), 0.5)), torch.zeros(len(JET_FEATURES), 1))
    assert scale(torch.full((len(JET_FEATURES), 1), 1e9)).max() == LIMIT
