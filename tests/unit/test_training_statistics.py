from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.toys import toy_jets

from jetcal.data.jets import Jets
from jetcal.models import build
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import constant_error, learn_scales, learn_spectrum
from jetcal_api.spec import ModelSpec

ALONE = Peers(0, 1, torch.device("cpu"))


def share_of(gen_pt, raw_pt):
    columns = {"gen_pt": gen_pt, "raw_pt": raw_pt}
    return Share(
        [Jets({name: value.astype(np.float32) for name, value in columns.items()}, {}, np.zeros(len(gen_pt) + 1, int))],
        0,
        len(gen_pt),
    )


@pytest.fixture(scope="module")
def falling():
    """A spectrum falling like pT^-2, with a resolution that improves with pT: generator and raw pT."""
    random = np.random.default_rng(2)
    gen_pt = 20 / (1 - random.uniform(0, 1 - 20 / 800, 400_000))
    sigma = 1.2 / np.sqrt(gen_pt) + 0.02
    return gen_pt, gen_pt * np.exp(sigma * random.normal(size=len(gen_pt)))


def worst_closure(gen_pt, raw_pt, weight):
    """Largest abs(median response - 1) above 50 GeV of the best regression on raw pT alone: its weighted median."""
    edges = np.quantile(np.log(raw_pt), np.linspace(0, 1, 200))
    place = np.digitize(np.log(raw_pt), edges)
    median = np.zeros(len(edges) + 1)
    for bin_ in np.unique(place):
        inside = place == bin_
        order = np.argsort(gen_pt[inside] / raw_pt[inside])
        below = np.cumsum(weight[inside][order])
        median[bin_] = (gen_pt[inside] / raw_pt[inside])[order][np.searchsorted(below, below[-1] / 2)]
    response = median[place] * raw_pt / gen_pt
    bins = [(50, 70), (70, 100), (100, 150), (150, 250), (250, 400)]
    return max(abs(np.median(response[(gen_pt > low) & (gen_pt < high)]) - 1) for low, high in bins)


def test_the_weights_make_a_regression_close_in_bins_of_generator_pt(falling):
    gen_pt, raw_pt = falling
    spectrum = learn_spectrum(share_of(gen_pt, raw_pt), ALONE)
    assert worst_closure(gen_pt, raw_pt, np.ones(len(gen_pt))) > 0.03
    assert worst_closure(gen_pt, raw_pt, spectrum(gen_pt)) < 0.01


def test_weights_are_one_on_average_and_bounded(falling):
    gen_pt, raw_pt = falling
    weight = learn_spectrum(share_of(gen_pt, raw_pt), ALONE)(gen_pt)
    assert weight.mean() == pytest.approx(1, rel=0.02)
    assert weight.max() / weight.min() <= 26


def test_scales_make_features_and_target_of_order_one():
    share = Share([toy_jets(3000)], 0, 3000)
    network = build(ModelSpec(pfn={}))
    learn_scales(network, share, learn_spectrum(share, ALONE), ALONE, 4096)
    y = np.log(share.column("gen_pt") / share.column("raw_pt"))
    assert network.target_centre.item() == pytest.approx(np.median(y), abs=0.01)
    assert network.target_spread.item() == pytest.approx(y.std(), rel=0.2)
    assert network.jet_scale.centre[0].item() == pytest.approx(np.log(share.column("raw_pt")).mean(), abs=0.05)


def test_constant_error_is_the_weighted_mean_distance(falling):
    gen_pt, raw_pt = falling
    share = share_of(gen_pt, raw_pt)
    spectrum = learn_spectrum(share, ALONE)
    expected = np.average(np.abs(np.log(gen_pt / raw_pt) - 0.1), weights=spectrum(gen_pt))
    assert constant_error(share, spectrum, 0.1, ALONE) == pytest.approx(expected, rel=1e-4)
