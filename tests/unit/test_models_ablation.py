"""The script that measures what groups of features are worth."""

from __future__ import annotations

import torch
from benchmarks.ablation import ALL, GROUPS, Outcome, table, without

from jetcal.models import build
from jetcal.models.features import CONSTITUENT_FEATURES, JET_FEATURES
from jetcal_api.spec import ModelSpec

NAMES = {feature.name for feature in (*CONSTITUENT_FEATURES, *JET_FEATURES)}


def test_every_group_names_features_that_there_are_and_every_feature_is_in_one():
    assert {name for names in GROUPS.values() for name in names} == NAMES


def test_what_is_left_out_is_zero_and_the_rest_as_it_was():
    network = build(ModelSpec(pfn={}))
    values = torch.randn(len(JET_FEATURES), 7, generator=torch.Generator().manual_seed(1))
    before = network.jet_scale(values)
    without(network, ("area", "rho"))
    after = network.jet_scale(values)
    gone = torch.tensor([feature.name in {"area", "rho"} for feature in JET_FEATURES])
    assert (after[gone] == 0).all()
    assert torch.equal(after[~gone], before[~gone])


def test_the_table_tells_differences_to_all_features_seed_by_seed():
    everything = [Outcome(0.1, (0.10, 0.2, 0.3, 0.4)), Outcome(0.2, (0.14, 0.2, 0.3, 0.4))]
    less = [Outcome(0.3, (0.08, 0.2, 0.3, 0.4)), Outcome(0.6, (0.12, 0.2, 0.3, 0.4))]
    rows = table({ALL: everything, "area": less}).splitlines()
    assert rows[2].startswith("| nothing | 0.15000 ± 0.05000 | 12.00 ± 2.00 |")
    assert rows[3].startswith("| area | +0.30000 ± 0.10000 | -2.00 ± 0.00 |")
