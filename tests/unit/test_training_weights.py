"""Toys whose answer is known: what the spectrum does to a regression, and what weights do to the spectrum."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jetcal.data.jets import Jets
from jetcal.errors import JetcalError
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.weights import MOST, learn_weights
from jetcal_api.weights import JetWeights

ALONE = Peers(0, 1, torch.device("cpu"))
FLAT, AS_GIVEN = JetWeights(spectrum="Flat"), JetWeights(spectrum="AsGiven")
SIGMA = 0.15
SLOPE = 1.0
"""dN/dlnpT ~ pT^-SLOPE."""
INSIDE = [(90, 120), (120, 160), (160, 220), (220, 300)]
"""More than three standard deviations from the spectrum's ends, GeV."""


def share_of(**columns):
    count = len(columns["gen_pt"])
    return Share(
        [
            Jets(
                {name: np.asarray(values, np.float32) for name, values in columns.items()}, {}, np.zeros(count + 1, int)
            )
        ],
        0,
        count,
    )


def falling(count, slope, low, high, random):
    """Generator pT between low and high with dN/dlnpT ~ pT^-slope."""
    at_low, at_high = low**-slope, high**-slope
    return (at_low + random.uniform(size=count) * (at_high - at_low)) ** (-1 / slope)


@pytest.fixture(scope="module")
def power_law():
    """A power law with a log-normal response of constant width, gluons and light quarks, more central than forward."""
    random = np.random.default_rng(2)
    gen_pt = falling(400_000, SLOPE, 50, 550, random)
    return share_of(
        gen_pt=gen_pt,
        raw_pt=gen_pt * np.exp(SIGMA * random.normal(size=len(gen_pt))),
        eta=2.5 * random.uniform(size=len(gen_pt)) ** 1.5 * random.choice([-1, 1], len(gen_pt)),
        flavour=random.choice([1, 2, 21], len(gen_pt)),
    )


def weights_of(share, spec):
    return share.weighted(learn_weights(share, spec, ALONE)).column("weight").astype(np.float64)


def weighted_median(values, weight):
    order = np.argsort(values)
    below = np.cumsum(weight[order])
    return values[order][np.searchsorted(below, below[-1] / 2)]


def regression(share, weight):
    """ln(corrected pT) of the best regression on raw pT alone: the weighted median of ln(gen_pt) in fine bins of it."""
    raw, gen = np.log(share.column("raw_pt")), np.log(share.column("gen_pt"))
    edges = np.quantile(raw, np.linspace(0, 1, 200)[1:-1])
    place = np.digitize(raw, edges)
    shift = np.array(
        [weighted_median((gen - raw)[place == bin_], weight[place == bin_]) for bin_ in range(len(edges) + 1)]
    )
    return raw + shift[place]


def closure(share, weight, bins):
    """Median of ln(corrected pT / pT_gen) in bins of pT_gen."""
    gen = share.column("gen_pt")
    residual = regression(share, weight) - np.log(gen)
    return np.array([np.median(residual[(gen > low) & (gen < high)]) for low, high in bins])


def test_a_regression_on_a_power_law_is_low_at_fixed_truth_by_slope_times_variance(power_law):
    # Bayes: N(x; r, SIGMA^2) exp(-SLOPE x) is the normal distribution with mean r - SLOPE SIGMA^2.
    shift = closure(power_law, weights_of(power_law, AS_GIVEN), INSIDE)
    assert shift == pytest.approx([-SLOPE * SIGMA**2] * len(INSIDE), abs=0.003)


def test_flat_weights_take_that_shift_away(power_law):
    shift = closure(power_law, weights_of(power_law, FLAT), INSIDE)
    assert shift == pytest.approx([0] * len(INSIDE), abs=0.003)


def test_flat_weights_shift_the_answer_at_fixed_reconstructed_pt_by_as_much(power_law):
    raw, gen = power_law.column("raw_pt"), np.log(power_law.column("gen_pt"))
    for spec, expected in ((AS_GIVEN, 0.0), (FLAT, SLOPE * SIGMA**2)):
        residual = regression(power_law, weights_of(power_law, spec)) - gen
        inside = (raw > INSIDE[0][0]) & (raw < INSIDE[-1][1])
        assert np.median(residual[inside]) == pytest.approx(expected, abs=0.002)


def test_flat_weights_close_also_where_the_resolution_depends_on_pt():
    random = np.random.default_rng(2)
    gen_pt = falling(400_000, 1.0, 20, 800, random)
    sigma = 1.2 / np.sqrt(gen_pt) + 0.02
    share = share_of(
        gen_pt=gen_pt,
        raw_pt=gen_pt * np.exp(sigma * random.normal(size=len(gen_pt))),
        eta=random.uniform(-2.5, 2.5, len(gen_pt)),
        flavour=np.full(len(gen_pt), 21),
    )
    bins = [(50, 70), (70, 100), (100, 150), (150, 250), (250, 400)]
    assert abs(closure(share, weights_of(share, AS_GIVEN), bins)).max() > 0.03
    assert abs(closure(share, weights_of(share, FLAT), bins)).max() < 0.004


def test_weights_as_given_are_all_one(power_law):
    assert set(weights_of(power_law, AS_GIVEN)) == {1.0}


def test_flat_weights_even_out_pt_and_eta_and_are_one_on_average(power_law):
    weight = weights_of(power_law, FLAT)
    x, eta = np.log(power_law.column("gen_pt")), np.abs(power_law.column("eta"))
    cells = np.histogram2d(x, eta, [np.linspace(np.log(51), np.log(540), 9), np.linspace(0, 2, 6)], weights=weight)[0]
    assert cells / cells.mean() == pytest.approx(np.ones_like(cells), abs=0.1)
    assert weight.mean() == pytest.approx(1, abs=1e-5)


def test_no_weight_exceeds_the_bound_and_the_mean_stays_one():
    random = np.random.default_rng(3)
    gen_pt = falling(50_000, 4.0, 30, 3000, random)
    share = share_of(gen_pt=gen_pt, raw_pt=gen_pt, eta=np.zeros(50_000), flavour=np.ones(50_000))
    weights = learn_weights(share, FLAT, ALONE)
    weight = share.weighted(weights).column("weight")
    assert weight.max() == MOST
    assert weight.mean() == pytest.approx(1, abs=1e-5)
    effective = weight.sum() ** 2 / (weight**2).sum()
    assert effective > 50_000 / MOST
    assert f"count like {effective:.0f} equal ones" in weights.remarks[-1]


def mixture(flavour, spec):
    """Weights and remarks for jets that differ in flavour only."""
    same = np.ones(len(flavour))
    share = share_of(gen_pt=100 * same, raw_pt=90 * same, eta=same, flavour=flavour)
    weights = learn_weights(share, spec, ALONE)
    return share.weighted(weights).column("weight"), weights.remarks


def test_flavour_shares_change_the_answer_as_computed_by_hand():
    # Of ten jets six are gluons with y = 0.2, three light with y = 0.1, one is a bottom jet with y = 0.5: their mean is
    # (6 x 0.2 + 3 x 0.1 + 0.5) / 10 = 0.2, and with shares g : uds : b = 1 : 1 : 2 (0.2 + 0.1 + 2 x 0.5) / 4 = 0.325.
    flavour = np.array([21] * 6 + [1, 2, 3] + [5])
    y = np.array([0.2] * 6 + [0.1] * 3 + [0.5])
    as_they_come, _ = mixture(flavour, AS_GIVEN)
    balanced, _ = mixture(flavour, JetWeights(spectrum="AsGiven", flavours={"uds": 1, "c": 0, "b": 2, "g": 1}))
    assert np.average(y, weights=as_they_come) == pytest.approx(0.2)
    assert np.average(y, weights=balanced) == pytest.approx(0.325)
    assert balanced == pytest.approx(10 / 4 * np.array([1 / 6] * 6 + [1 / 3] * 3 + [2]))


def test_jets_of_unknown_flavour_keep_their_weight():
    weight, _ = mixture(np.array([0] * 4 + [21] * 3 + [5]), JetWeights(flavours={"uds": 0, "c": 0, "b": 1, "g": 1}))
    assert weight == pytest.approx([1] * 4 + [2 / 3] * 3 + [2])


def test_a_group_without_a_share_does_not_count_and_the_others_are_one_on_average():
    weight, _ = mixture(np.array([21] * 3 + [1]), JetWeights(flavours={"uds": 0, "c": 0, "b": 0, "g": 1}))
    assert weight == pytest.approx([1, 1, 1, 0])


def test_balancing_flavours_leaves_the_spectrum_as_it_is(power_law):
    spec = JetWeights(spectrum="AsGiven", flavours={"uds": 1, "c": 0, "b": 0, "g": 3})
    weight, gen, flavour = weights_of(power_law, spec), power_law.column("gen_pt"), power_law.column("flavour")
    for low, high in INSIDE:
        inside = (gen > low) & (gen < high)
        assert weight[inside].mean() == pytest.approx(1, abs=0.02)
        gluons = weight[inside & (flavour == 21)].sum() / weight[inside].sum()
        assert gluons == pytest.approx(0.75, abs=0.01)


def test_a_share_for_a_flavour_that_is_missing_is_said_and_goes_to_the_others():
    weight, remarks = mixture(np.array([21] * 3 + [1]), JetWeights(flavours={"uds": 1, "c": 1, "b": 0, "g": 1}))
    assert weight == pytest.approx([2 / 3] * 3 + [2])
    assert remarks[0] == "there is no training jet of flavour c: its share goes to the others"


def test_shares_that_leave_no_jet_are_refused():
    with pytest.raises(
        JetcalError, match=r"no training jet .* counts b only and the training jets are uds and g; give"
    ):
        mixture(np.array([21, 1]), JetWeights(flavours={"uds": 0, "c": 0, "b": 1, "g": 0}))


def test_any_number_of_processes_gets_the_same_weights(power_law, monkeypatch):
    columns = ("gen_pt", "raw_pt", "eta", "flavour")
    parts = [
        share_of(**{name: power_law.column(name)[rows] for name in columns})
        for rows in (slice(100_000), slice(100_000, 400_000))
    ]
    spec = JetWeights(flavours={})
    expected = weights_of(power_law, spec)
    both = in_step(parts, spec, monkeypatch)
    np.testing.assert_allclose(np.concatenate(both), expected, rtol=1e-5)


def in_step(parts, spec, monkeypatch):
    """Weights of processes that exchange their sums, each in a thread."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415
    from threading import Barrier  # noqa: PLC0415

    barrier, given = Barrier(len(parts)), {}

    def exchange(peers, values):
        given[peers.rank] = values
        barrier.wait(timeout=30)
        total = sum(given[rank] for rank in range(peers.count))
        barrier.wait(timeout=30)
        return total

    monkeypatch.setattr(Peers, "sum", exchange)
    with ThreadPoolExecutor(len(parts)) as pool:
        jobs = [
            pool.submit(learn_weights, part, spec, Peers(rank, len(parts), torch.device("cpu")))
            for rank, part in enumerate(parts)
        ]
        return [part.weighted(job.result()).column("weight") for part, job in zip(parts, jobs, strict=True)]
