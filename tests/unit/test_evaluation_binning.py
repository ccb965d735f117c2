from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from jetcal.evaluation.binning import ABS_ETA_EDGES, ALL_ETA, PT_BINS, WIDE_PT_RANGES, Range, eta_ranges
from jetcal.evaluation.flavour import GROUPS, members, places


def test_a_jet_on_an_edge_belongs_to_the_upper_bin():
    values = np.array([57.0, 71.99, 72.0])
    assert Range(57, 72).contains(values).tolist() == [True, True, False]


def test_bins_follow_each_other_without_a_gap():
    assert all(low.high == high.low for low, high in pairwise(PT_BINS))
    assert (PT_BINS[0].low, PT_BINS[-1].high) == (15, 5000)


def test_only_ranges_of_eta_with_jets_are_looked_at():
    assert eta_ranges(np.array([-0.4, 2.0])) == (Range(0, 1.3), Range(1.3, 2.5))
    assert eta_ranges(np.array([-4.0])) == (Range(3.0, 5.0),)
    assert eta_ranges(np.array([])) == ()


def test_ranges_of_eta_are_those_of_the_collaboration():
    assert ABS_ETA_EDGES == (0.0, 1.3, 2.5, 2.7, 3.0, 5.0)
    assert ALL_ETA.contains(np.array([0.0, 5.191])).all()


def test_ranges_read_well():
    assert str(WIDE_PT_RANGES[0]) == "30-50"
    assert str(WIDE_PT_RANGES[-1]) == "> 1000"


@pytest.mark.parametrize(
    ("pdg", "group"), [(1, "uds"), (2, "uds"), (3, "uds"), (4, "c"), (5, "b"), (21, "g"), (0, None)]
)
def test_each_flavour_is_in_its_group_and_in_all(pdg, group):
    flavour = np.array([pdg], np.float32)
    assert [name for name in GROUPS if members(flavour, name)[0]] == ([group] if group else [])
    assert members(flavour, "all")[0]
    assert places(flavour)[0] == (list(GROUPS).index(group) if group else len(GROUPS))
