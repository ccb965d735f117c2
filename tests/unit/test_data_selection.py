"""Which jets take part, and to which part of the dataset their event belongs."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.toys import toy_jets

from jetcal.data import selection
from jetcal.data.jets import Jets, concatenate, take
from jetcal.data.shards import PARTS, Events, concatenate_events
from jetcal_api.results import Cut
from jetcal_api.spec import JetSelection, Split

SELECTION = JetSelection(min_gen_pt=30, max_abs_eta=2.0)


def events(numbers: np.ndarray, run: int = 1, lumi: int = 1) -> Events:
    ones = np.ones(len(numbers), np.int64)
    return Events(run=run * ones, lumi=lumi * ones, event=numbers.astype(np.uint64))


def removed(jets: Jets, matched: np.ndarray | None = None) -> list[int]:
    everything = np.ones(len(jets), bool) if matched is None else matched
    _, cuts = selection.select(selection.requirements(jets, everything, SELECTION))
    return [cut.removed for cut in cuts]


@pytest.fixture
def good() -> Jets:
    jets = toy_jets(500)
    keep = np.flatnonzero((jets.jet["gen_pt"] >= 30) & (np.abs(jets.jet["eta"]) <= 2))
    return take(jets, keep[:100])


def test_good_jets_pass(good: Jets) -> None:
    assert removed(good) == [0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("raw_pt", np.nan, [0, 1, 0, 0, 0]),
        ("raw_pt", np.inf, [0, 1, 0, 0, 0]),
        ("raw_pt", 0.0, [0, 1, 0, 0, 0]),
        ("raw_pt", -5.0, [0, 1, 0, 0, 0]),
        ("gen_pt", 0.0, [0, 1, 0, 0, 0]),
        ("standard_pt", np.nan, [0, 1, 0, 0, 0]),
        ("rho", np.nan, [0, 1, 0, 0, 0]),
        ("gen_pt", 29.99, [0, 0, 1, 0, 0]),
        ("gen_pt", 30.0, [0, 0, 0, 0, 0]),
        ("eta", -2.01, [0, 0, 0, 1, 0]),
        ("eta", 2.0, [0, 0, 0, 0, 0]),
    ],
)
def test_each_requirement_counts_what_it_removes(good: Jets, column: str, value: float, expected: list[int]) -> None:
    good.jet[column][7] = value
    assert removed(good) == expected


def test_a_jet_is_counted_by_the_first_requirement_that_it_fails(good: Jets) -> None:
    matched = np.ones(len(good), bool)
    matched[3] = False
    good.jet["gen_pt"][3] = 0
    assert removed(good, matched) == [1, 0, 0, 0, 0]


def test_jets_without_constituents_are_removed(good: Jets) -> None:
    bare = Jets(good.jet, {name: column[:0] for name, column in good.constituents.items()}, np.zeros(101, np.int64))
    assert removed(bare) == [0, 0, 0, 0, 100]


def test_count_tables_add_up() -> None:
    tables = [
        [Cut(name="a", removed=1), Cut(name="b", removed=2)],
        [Cut(name="a", removed=10), Cut(name="b", removed=0)],
    ]
    assert selection.add_cuts(tables) == [Cut(name="a", removed=11), Cut(name="b", removed=2)]


def test_all_jets_of_an_event_go_to_one_part_whatever_their_order() -> None:
    rng = np.random.default_rng(1)
    numbers = rng.integers(0, 300, 3000)
    chosen = {name: set(numbers[indices]) for name, indices in selection.parts(events(numbers), Split()).items()}
    assert all(chosen.values())
    assert sum(map(len, chosen.values())) == len(set(numbers)), "no event is in two parts"
    alone = selection.parts(events(numbers[::-1]), Split())
    assert {name: set(numbers[::-1][indices]) for name, indices in alone.items()} == chosen


def test_parts_have_their_shares() -> None:
    split = Split(train=0.5, validation=0.3, test=0.2)
    for run in (1, 2):
        counts = [len(indices) for indices in selection.parts(events(np.arange(100_000), run), split).values()]
        np.testing.assert_allclose(counts, [50_000, 30_000, 20_000], atol=600)


def test_run_lumi_and_event_all_count() -> None:
    numbers = np.arange(2000)
    seen = [selection.event_number(events(numbers, run, lumi)) for run, lumi in [(1, 1), (2, 1), (1, 2)]]
    for one, other in [(0, 1), (0, 2), (1, 2)]:
        assert abs(np.corrcoef(seen[one], seen[other])[0, 1]) < 0.1
    assert len(np.unique(np.concatenate(seen))) == 6000


def test_the_split_never_changes() -> None:
    found = selection.event_number(events(np.array([1, 2, 2**63 + 5])))
    np.testing.assert_allclose(found, [0.4397849393639228, 0.26787322187294205, 0.7318791693244112], rtol=1e-12)


def test_taking_and_joining_jets_keeps_their_constituents() -> None:
    jets = toy_jets(50)
    back = concatenate([take(jets, np.arange(20, 50)), take(jets, np.arange(20))])
    again = take(back, np.concatenate([np.arange(30, 50), np.arange(30)]))
    np.testing.assert_array_equal(again.offsets, jets.offsets)
    for name, column in jets.constituents.items():
        np.testing.assert_array_equal(again.constituents[name], column)
    joined = concatenate_events([events(np.arange(3)), events(np.arange(2))])
    assert joined.event.tolist() == [0, 1, 2, 0, 1]


def test_parts_are_named_as_the_contract_names_them() -> None:
    assert tuple(Split.model_fields) == PARTS
