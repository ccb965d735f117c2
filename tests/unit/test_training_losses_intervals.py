"""Each loss on jets whose answer is known: a network learns the quantiles that they were drawn from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jetcal.data.jets import Jets
from jetcal.data.padding import pad
from jetcal.models import build
from jetcal.training.fit import Course, Fit
from jetcal.training.losses import HIGH, LOW
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import learn_scales
from jetcal_api.spec import ModelSpec

ALONE = Peers(0, 1, torch.device("cpu"))
GLUON, QUARK = 21, 1
SHAPE = 4.0
"""Of the gamma distribution that y is drawn from: skewed, with mean, median and mode apart."""
JETS, EPOCHS = 24_000, 8


def scale(raw_pt, eta, flavour):
    """Standard deviation of y: worse for soft, forward and gluon jets."""
    return (1.0 / np.sqrt(raw_pt) + 0.03) * (1 + 0.3 * np.abs(eta)) * np.where(flavour == GLUON, 1.3, 1.0)


def centre(flavour):
    """Mean of y; gluon jets lose more."""
    return np.where(flavour == GLUON, 0.15, 0.05)


def draw(count, seed):
    """Jets with four constituents of equal pT for gluons and two for quarks, and nothing else to see."""
    random = np.random.default_rng(seed)
    raw_pt = np.exp(random.uniform(np.log(30), np.log(1000), count))
    eta, flavour = random.uniform(-2.4, 2.4, count), random.choice([GLUON, QUARK], count)
    z = (random.gamma(SHAPE, size=count) - SHAPE) / np.sqrt(SHAPE)
    y = centre(flavour) + scale(raw_pt, eta, flavour) * z
    lengths = np.where(flavour == GLUON, 4, 2)
    zeros = np.zeros(lengths.sum(), np.float32)
    constituents = dict.fromkeys(("deta", "dphi", "mass", "from_pv"), zeros)
    constituents |= {"pt": np.repeat(raw_pt / lengths, lengths).astype(np.float32), "id": zeros + 22}
    same = np.ones(count)
    jet = {"raw_pt": raw_pt, "eta": eta, "raw_mass": 0.1 * raw_pt, "area": same, "rho": same, "n_vertices": same}
    jet |= {"gen_pt": raw_pt * np.exp(y), "flavour": flavour}
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Jets({name: np.asarray(values, np.float32) for name, values in jet.items()}, constituents, offsets)


def trained(loss):
    spec = {"pfn": {"phiLayers": 1, "phiDim": 4, "fcLayers": 2, "fcDim": 24}, "loss": loss}
    model = ModelSpec.model_validate(spec | {"optimizer": {"learningRate": 0.01, "batchSize": 500}})
    share = Share([draw(JETS, 1)], 0, JETS)
    torch.manual_seed(1)
    network = build(model)
    learn_scales(network, share, ALONE, 4096)
    fit = Fit(network, model, Course.plan(EPOCHS, JETS, 500, 1, ALONE), ALONE)
    for epoch in range(EPOCHS):
        fit.train(share, epoch, 0, lambda *_: None)
    return network.eval()


@torch.no_grad()
def answers(network, jets):
    """Median, low and high of y, each (N,)."""
    return network(*map(torch.from_numpy, pad(jets, 0, len(jets)))).numpy().T.astype(np.float64)


REGIONS = {
    "soft": lambda jet: jet["raw_pt"] < 60,
    "medium": lambda jet: (jet["raw_pt"] >= 60) & (jet["raw_pt"] < 200),
    "hard": lambda jet: jet["raw_pt"] >= 200,
    "central": lambda jet: np.abs(jet["eta"]) < 1.2,
    "forward": lambda jet: np.abs(jet["eta"]) >= 1.2,
    "gluons": lambda jet: jet["flavour"] == GLUON,
    "quarks": lambda jet: jet["flavour"] == QUARK,
}


@pytest.fixture(scope="module")
def others():
    """Jets that no network has seen, with the standard deviation that each was drawn with."""
    jets = draw(40_000, 2)
    return jets, scale(*(jets.jet[name] for name in ("raw_pt", "eta", "flavour")))


@pytest.mark.parametrize("loss", ["LogCoshQuantiles", "MaskedMAE"])
def test_the_interval_covers_68_percent_of_the_jets_in_every_region_and_has_the_known_width(loss, others):
    jets, sigma = others
    y = np.log(jets.jet["gen_pt"] / jets.jet["raw_pt"])
    median, low, high = answers(trained(loss), jets)
    z = (np.random.default_rng(3).gamma(SHAPE, size=400_000) - SHAPE) / np.sqrt(SHAPE)
    known = np.quantile(z, [0.5, LOW, HIGH])[:, np.newaxis] * sigma + centre(jets.jet["flavour"])
    for name, region in REGIONS.items():
        inside = region(jets.jet)
        covered = ((low < y) & (y < high))[inside].mean()
        assert covered == pytest.approx(HIGH - LOW, abs=0.025), name
        assert (y < low)[inside].mean() == pytest.approx(LOW, abs=0.025), name
        assert np.mean((median - known[0])[inside]) == pytest.approx(0, abs=0.01), name
        width = np.mean((high - low)[inside]) / np.mean((known[2] - known[1])[inside])
        assert width == pytest.approx(1, abs=0.06), name


def test_the_gaussian_likelihood_learns_mean_and_standard_deviation_in_every_region(others):
    jets, sigma = others
    mean, low, high = answers(trained("GaussianNLL"), jets)
    for name, region in REGIONS.items():
        inside = region(jets.jet)
        assert np.mean((mean - centre(jets.jet["flavour"]))[inside]) == pytest.approx(0, abs=0.012), name
        assert np.mean((high - low)[inside] / 2) / sigma[inside].mean() == pytest.approx(1, abs=0.06), name
