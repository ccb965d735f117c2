"""Parity judges as the architecture demands; the golden sample survives its file."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.exports import SPECS, fitted
from tests.support.toys import toy_jets

from jetcal.data.jets import take
from jetcal.errors import JetcalError
from jetcal.export import golden
from jetcal.export.graph import Factors
from jetcal.export.parity import LIMITS, Parity

EXPECTED = np.full((200, 3), 1.1, np.float32)


def moved(jets: int, relative: float) -> np.ndarray:
    found = EXPECTED.copy()
    found[:jets, 1] *= 1 + relative
    return found


@pytest.mark.parametrize(
    ("architecture", "jets", "relative", "agrees"),
    [
        ("pfn", 0, 0.0, True),
        ("pfn", 200, 5e-6, True),
        ("pfn", 1, 2e-5, False),
        ("particleNet", 2, 9e-4, True),
        ("particleNet", 3, 9e-4, False),
        ("particleNet", 1, 2e-3, False),
        ("particleNet", 1, np.nan, False),
        ("pfn", 1, np.inf, False),
    ],
)
def test_limits(architecture, jets, relative, agrees):
    parity = Parity.of(EXPECTED, moved(jets, relative))
    if agrees:
        parity.require(LIMITS[architecture], "somebody")
    else:
        with pytest.raises(JetcalError, match="somebody does not reproduce the golden predictions"):
            parity.require(LIMITS[architecture], "somebody")


def test_the_spread_of_an_ensemble_is_compared_as_it_stands() -> None:
    expected = np.concatenate([EXPECTED, np.full((200, 1), 1e-4, np.float32)], axis=1)
    found = expected.copy()
    found[0, 3] += 5e-6  # 5 % of the spread, but 5e-6 of the correction
    assert Parity.of(expected, found).max_relative == pytest.approx(5e-6, rel=1e-3)


def test_answers_of_another_shape_agree_with_nothing() -> None:
    assert Parity.of(EXPECTED, EXPECTED[:, :2]) == Parity(0.0, np.inf)


@pytest.mark.parametrize("data", [b"", b"no zip", golden.Golden((), LIMITS["pfn"]).to_bytes()[:-30]])
def test_a_damaged_sample_is_told(data: bytes) -> None:
    with pytest.raises(JetcalError, match="the golden sample is damaged"):
        golden.Golden.from_bytes(data)


def test_a_sample_is_taken_over_several_files_and_needs_one_jet() -> None:
    jets = toy_jets(300)
    factors = Factors(fitted(SPECS["pfn"], jets))
    files = [take(jets, np.arange(0)), take(jets, np.arange(100)), take(jets, np.arange(100, 300))]
    sample = golden.make(factors, files, 60, LIMITS["pfn"])
    assert len(sample.batches[0].jet) == golden.JETS
    np.testing.assert_array_equal(sample.batches[0].jet[:, 0], jets.jet["raw_pt"][: golden.JETS])
    assert len(golden.make(factors, [take(jets, np.arange(1))], 60, LIMITS["pfn"]).batches) == 6
    with pytest.raises(JetcalError, match="no test jets"):
        golden.make(factors, files[:1], 60, LIMITS["pfn"])
