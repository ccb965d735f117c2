from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from tests.support.toys import toy_jets

from jetcal.errors import JetcalError
from jetcal.evaluation.predictions import score


@dataclass
class Constant:
    factors: tuple[float, float, float]
    broken: int = 0

    def predict(self, jets):
        answer = np.tile(np.array(self.factors, np.float32), (len(jets), 1))
        answer[: self.broken, 0] = np.nan
        return answer


def test_the_correction_multiplies_the_raw_pt():
    jets = toy_jets(50)
    sample = score([jets], {"network": Constant((1.2, 1.1, 1.3))}).sample
    assert list(sample.corrected) == ["raw", "standard", "network"]
    assert sample.corrected["network"] == pytest.approx(1.2 * jets.jet["raw_pt"])
    low, high = sample.intervals["network"]
    assert low == pytest.approx(1.1 * jets.jet["raw_pt"])
    assert high == pytest.approx(1.3 * jets.jet["raw_pt"])


def test_parts_are_joined_in_their_order():
    parts = [toy_jets(30, seed=1), toy_jets(20, seed=2)]
    sample = score(parts, {"network": Constant((1, 1, 1))}).sample
    assert sample.gen_pt.tolist() == [*parts[0].jet["gen_pt"], *parts[1].jet["gen_pt"]]


def test_a_model_without_quantiles_has_no_interval():
    assert score([toy_jets(10)], {"network": Constant((1.2, 1.2, 1.2))}).sample.intervals == {}


def test_jets_without_a_usable_correction_are_counted_and_left_out_for_all():
    models = {"network": Constant((1, 0.9, 1.1), broken=3), "baseline": Constant((1, 0.9, 1.1), broken=5)}
    scored = score([toy_jets(40)], models, events=np.arange(40))
    assert scored.invalid == {"network": 3, "baseline": 5}
    assert len(scored.sample) == 35
    assert scored.sample.events.tolist() == list(range(5, 40))
    assert len(scored.sample.intervals["network"][0]) == 35


def test_a_factor_of_zero_is_no_correction():
    assert score([toy_jets(4)], {"network": Constant((0, 0, 1))}).invalid == {"network": 4}


def test_no_parts_make_an_empty_sample():
    assert len(score([], {"network": Constant((1, 1, 1))}).sample) == 0


@pytest.mark.parametrize("column", ["gen_pt", "standard_pt", "flavour"])
def test_a_missing_column_is_named(column):
    jets = toy_jets(5)
    del jets.jet[column]
    with pytest.raises(JetcalError, match=f"no column {column}"):
        score([jets], {})


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_senseless_pt_is_named(value):
    jets = toy_jets(5)
    jets.jet["standard_pt"][2] = value
    with pytest.raises(JetcalError, match="standard_pt of 1 test jets"):
        score([jets], {})
