from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.evaluation import NETWORK_WIDTH, RAW_SCALE, STANDARD_WIDTH, evaluation_sample, gaussian_sample

from jetcal.evaluation.binning import ALL_ETA, INCLUSIVE_PT, MIN_JETS, Range
from jetcal.evaluation.measurement import INCLUSIVE, RESPONSE_EDGES, Cell, evaluate

BARREL = Range(0.0, 1.3)


@pytest.fixture(scope="module")
def sample():
    return gaussian_sample()


@pytest.fixture(scope="module")
def measurements(sample):
    return evaluate(sample, replicas=100)


def test_all_corrections_are_measured_side_by_side(measurements):
    raw, standard, network = (measurements.summary(INCLUSIVE, name) for name in ("raw", "standard", "network"))
    assert raw.median.value == pytest.approx(RAW_SCALE * standard.median.value)
    assert raw.resolution.value == pytest.approx(standard.resolution.value)
    assert standard.resolution.value == pytest.approx(STANDARD_WIDTH, rel=0.04)
    assert network.resolution.value == pytest.approx(NETWORK_WIDTH, rel=0.04)


def test_the_gain_is_relative_to_the_reference_and_paired(measurements):
    gain = measurements.gain(INCLUSIVE, "network", "standard")
    network, standard = (measurements.summary(INCLUSIVE, name).resolution for name in ("network", "standard"))
    assert gain.value == pytest.approx(1 - network.value / standard.value)
    unpaired = np.hypot(network.error / network.value, standard.error / standard.value)
    assert gain.error < unpaired * (1 - gain.value)
    assert measurements.gain(INCLUSIVE, "raw", "standard").error == pytest.approx(0, abs=1e-6)


def test_flavour_differences_are_the_ones_put_in(measurements):
    for name, factor in (("standard", 1.0), ("network", 0.25)):
        difference = measurements.flavour_difference(ALL_ETA, INCLUSIVE_PT, ("uds", "g"), name)
        assert difference.value == pytest.approx(0.04 * factor, abs=4 * difference.error)
        assert difference.error == pytest.approx(1.2533 * 0.12 * np.sqrt(1 / 7500 + 1 / 7500), rel=0.4)
        assert measurements.flavour_spread(name).value == pytest.approx(0.04 * factor, abs=0.012)


def test_ranges_of_eta_and_pt_add_up(measurements, sample):
    bins = [found.jets for cell, found in measurements.cells.items() if cell.flavour == "all" and cell.eta in BOTH]
    assert sum(bins) > 0
    for pt in (INCLUSIVE_PT, Range(57, 72)):
        assert measurements.cells[Cell(pt=pt)].jets == sum(measurements.cells[Cell(eta, pt)].jets for eta in BOTH)
        assert measurements.cells[Cell(pt=pt)].jets == pt.contains(sample.gen_pt).sum()


BOTH = (BARREL, Range(1.3, 2.5))


def test_a_bin_holds_what_a_plain_calculation_gives(measurements, sample):
    cell = Cell(BARREL, Range(120, 150), "g")
    chosen = (np.abs(sample.eta) < 1.3) & (sample.gen_pt >= 120) & (sample.gen_pt < 150) & (sample.flavour == 21)
    response = sample.response("network")[chosen]
    found = measurements.cells[cell]
    assert found.jets == chosen.sum()
    assert found.mean_gen_pt == pytest.approx(sample.gen_pt[chosen].mean())
    assert found.summaries["network"].median.value == pytest.approx(np.median(response))
    q25, q50, q75 = np.quantile(response, [0.25, 0.5, 0.75])
    assert found.summaries["network"].resolution.value == pytest.approx((q75 - q25) / 1.349 / q50)


def test_an_exact_interval_covers_68_percent(measurements):
    coverage = measurements.inclusive_coverage("network")
    assert coverage.inside.value == pytest.approx(0.68, abs=4 * coverage.inside.error)
    assert coverage.below.value == pytest.approx(0.16, abs=4 * coverage.below.error)
    assert coverage.inside.value + coverage.below.value + coverage.above.value == pytest.approx(1)


def test_an_interval_half_as_wide_covers_less(sample):
    low, high = sample.intervals["network"]
    middle = sample.corrected["network"]
    narrow = replace(sample, intervals={"network": ((low + middle) / 2, (high + middle) / 2)})
    coverage = evaluate(narrow, replicas=20).inclusive_coverage("network")
    assert coverage.inside.value == pytest.approx(0.38, abs=0.02)


def test_without_an_interval_there_is_no_coverage(sample):
    assert evaluate(replace(sample, intervals={}), replicas=5).inclusive_coverage("network") is None


def test_few_jets_are_counted_but_not_measured():
    few = evaluate(gaussian_sample(MIN_JETS - 1), replicas=5)
    assert few.cells[INCLUSIVE].jets < MIN_JETS
    assert few.summary(INCLUSIVE, "network") is None
    assert few.gain(INCLUSIVE, "network", "standard") is None
    assert few.flavour_spread("network") is None


def test_no_jets_at_all_are_no_error():
    nothing = evaluate(gaussian_sample(10).restricted(np.zeros(10, bool)), replicas=5)
    assert nothing.jets == 0
    assert nothing.eta == ()


def test_any_number_of_corrections_takes_part(sample):
    more = replace(sample, corrected={**sample.corrected, "seed-2": sample.corrected["network"] * 1.01})
    found = evaluate(more, replicas=5)
    assert found.corrections[-1] == "seed-2"
    ratio = found.summary(INCLUSIVE, "seed-2").median.value / found.summary(INCLUSIVE, "network").median.value
    assert ratio == pytest.approx(1.01)


def test_the_same_sample_gives_the_same_numbers(sample):
    first, second = (evaluate(sample, replicas=10) for _ in range(2))
    assert first.summary(INCLUSIVE, "network").median.error == second.summary(INCLUSIVE, "network").median.error


def test_flavour_improvement_and_spread_reduction_are_those_put_in(measurements):
    # the network keeps a quarter of every flavour's shift
    for found, expected in (
        (measurements.flavour_improvement("network"), 0.75),
        (measurements.spread_reduction("network"), 4.0),
    ):
        assert found.value == pytest.approx(expected, abs=3 * found.error)
        assert 0 < found.error < 0.6 * expected
    medians = [measurements.summary(Cell(flavour=group), "network").median.value for group in ("uds", "c", "b", "g")]
    reference = [measurements.summary(Cell(flavour=group), "standard").median.value for group in ("uds", "c", "b", "g")]
    distances = [np.abs(np.array(each) - np.mean(each)).sum() for each in (medians, reference)]
    assert measurements.flavour_improvement("network").value == pytest.approx(1 - distances[0] / distances[1])


def test_a_missing_flavour_is_left_out_and_one_alone_has_no_spread(sample):
    gluons = evaluate(sample.restricted(sample.flavour == 21), replicas=5)
    assert gluons.summary(Cell(flavour="uds"), "network") is None
    assert gluons.flavour_spread("network") is None
    assert gluons.flavour_improvement("network") is None


def test_coverage_is_known_by_flavour(measurements, sample):
    for group, ids in (("uds", (1, 2, 3)), ("g", (21,))):
        found = measurements.covered("network", Cell(flavour=group))
        low, high = sample.intervals["network"]
        chosen = np.isin(sample.flavour, ids) & (sample.corrected["network"] >= 30)
        inside = (sample.gen_pt >= low) & (sample.gen_pt <= high)
        assert found.inside.value == pytest.approx(inside[chosen].mean())
        assert found.inside.error == pytest.approx(np.sqrt(0.68 * 0.32 / chosen.sum()), rel=0.3)


@pytest.fixture(scope="module")
def piled_up():
    """Jets whose response falls by 0.2 % for each GeV of rho and each vertex, whose |eta| reaches the forward part."""
    sample = evaluation_sample(12_000)
    response = (1 - 0.002 * (sample.rho - 20)) * (1 - 0.002 * (sample.n_vertices - 25))
    return replace(sample, corrected={"network": sample.gen_pt * response}, intervals={})


def test_the_response_is_known_against_rho_vertices_and_narrow_eta(piled_up):
    found = evaluate(piled_up, replicas=10)
    for bins, values, cell in (
        (found.rho_bins, piled_up.rho, lambda bin_: Cell(rho=bin_)),
        (found.vertex_bins, piled_up.n_vertices, lambda bin_: Cell(vertices=bin_)),
        (found.eta_bins, np.abs(piled_up.eta), lambda bin_: Cell(eta=bin_, pt=Range(30, 50))),
    ):
        measured = [bin_ for bin_ in bins if found.summary(cell(bin_), "network")]
        assert len(measured) > 3
        for bin_ in measured:
            chosen = bin_.contains(values) & cell(bin_).pt.contains(piled_up.gen_pt)
            assert found.cells[cell(bin_)].jets == chosen.sum()
            median = np.median(piled_up.response("network")[chosen])
            assert found.summary(cell(bin_), "network").median.value == pytest.approx(median)
    low, high = (found.summary(Cell(rho=rho), "network").median for rho in (Range(10, 15), Range(30, 35)))
    assert (high - low).value == pytest.approx(-0.04, abs=0.005)
    assert found.cells[Cell(rho=Range(10, 15))].mean_rho == pytest.approx(12.9, abs=0.5)
    assert found.cells[Cell(eta=Range(2.5, 2.65))].mean_abs_eta == pytest.approx(2.575, abs=0.02)


def test_without_pile_up_known_there_are_no_bins_of_it(measurements):
    assert measurements.rho_bins == measurements.vertex_bins == ()
    assert measurements.cells[INCLUSIVE].mean_rho is None


def test_published_ranges_are_measured_too(piled_up):
    found = evaluate(piled_up, replicas=5)
    within = np.abs(piled_up.eta) < 2.5
    assert (
        found.cells[Cell(Range(0, 2.5), Range(30, 100))].jets
        == (within & (piled_up.gen_pt >= 30) & (piled_up.gen_pt < 100)).sum()
    )


def test_histograms_count_the_jets(measurements, sample):
    pt = Range(100, 300)
    response = sample.response("network")[pt.contains(sample.gen_pt)]
    inside = (response >= RESPONSE_EDGES[0]) & (response <= RESPONSE_EDGES[-1])
    assert measurements.histograms[pt]["network"].sum() == inside.sum()
