"""The range of the training: found, stored, and asked of other jets."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.toys import toy_jets

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, Jets, take
from jetcal.export.validity import Validity


def jets_of(*rows: tuple[float, ...]) -> Jets:
    """Jets of raw pT, eta, mass, area, rho, vertices and number of constituents."""
    lengths = np.array([int(row[-1]) for row in rows])
    columns = np.array([row[:-1] for row in rows], np.float32).T
    return Jets(
        jet=dict(zip(JET_COLUMNS, columns, strict=True)),
        constituents={name: np.ones(lengths.sum(), np.float32) for name in CONSTITUENT_COLUMNS},
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
    )


TRAINING = jets_of((20, -2.4, 3, 0.5, 10, 15, 2), (900.5, 1.0, 90, 0.6, 40, 50, 30))


def test_the_ranges_are_those_of_the_training_over_all_files() -> None:
    validity = Validity.of(
        [take(TRAINING, np.array([0])), take(TRAINING, np.array([], np.int64)), take(TRAINING, np.array([1]))]
    )
    assert validity == Validity.of([TRAINING])
    assert validity.jet["raw_pt"] == (20, 900.5)
    assert validity.constituents == (2, 30)


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({}, True),
        ({0: 20}, True),
        ({0: 19.9}, False),
        ({0: 900.5}, True),
        ({0: 901}, False),
        ({1: 2.4}, True),
        ({1: -2.4}, True),
        ({1: 2.5}, False),
        ({1: -2.5}, False),
        ({1: 0.0}, True),
        ({2: 500}, True),
        ({4: 41}, False),
        ({5: 14}, False),
        ({6: 30}, True),
        ({6: 31}, False),
        ({6: 1}, False),
        ({6: 0}, False),
        ({0: np.nan}, False),
    ],
)
def test_a_jet_is_judged_by_kinematics_surroundings_and_multiplicity(change: dict[int, float], answer: object) -> None:
    row = [100.0, 0.5, 10, 0.5, 20, 30, 10]
    for column, value in change.items():
        row[column] = value
    assert Validity.of([TRAINING]).covers(jets_of(tuple(row))).tolist() == [answer]


def test_a_stored_range_judges_alike() -> None:
    training, others = toy_jets(100, seed=1), toy_jets(500, seed=2)
    validity = Validity.of([training])
    again = Validity.from_json(validity.to_json())
    assert again == validity
    assert again.covers(training).all()
    inside = again.covers(others)
    assert 0.5 < inside.mean() < 1
    np.testing.assert_array_equal(inside, validity.covers(others))
