from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.toys import toy_jets

from jetcal.errors import JetcalError
from jetcal.models import build
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import constant_error, learn_scales, target
from jetcal_api.spec import ModelSpec

ALONE = Peers(0, 1, torch.device("cpu"))


@pytest.fixture
def share():
    return Share([toy_jets(3000)], 0, 3000)


def test_scales_make_features_and_target_of_order_one(share):
    network = build(ModelSpec(pfn={}))
    learn_scales(network, share, ALONE, 4096)
    y = target(share)
    assert network.target_centre.item() == pytest.approx(np.median(y), abs=0.01)
    assert network.target_spread.item() == pytest.approx(y.std(), rel=0.2)
    assert network.jet_scale.centre[0].item() == pytest.approx(np.log(share.column("raw_pt")).mean(), abs=0.05)


def test_the_scale_of_the_target_follows_the_weights(share):
    network = build(ModelSpec(pfn={}))
    gluons = share.weighted(lambda jet: (jet["flavour"] == 21).astype(np.float32))
    learn_scales(network, gluons, ALONE, 4096)
    expected = np.median(target(share)[share.column("flavour") == 21])
    assert network.target_centre.item() == pytest.approx(expected, abs=0.002)


def test_constant_error_is_the_weighted_mean_distance(share):
    weighted = share.weighted(lambda jet: jet["raw_pt"])
    expected = np.average(np.abs(target(share) - 0.1), weights=share.column("raw_pt"))
    assert constant_error(weighted, 0.1, ALONE) == pytest.approx(expected, rel=1e-4)


def test_validation_jets_that_count_nothing_are_told(share):
    nothing = share.weighted(lambda jet: 0 * jet["raw_pt"])
    with pytest.raises(JetcalError, match="no validation jet has a weight above 0"):
        constant_error(nothing, 0.1, ALONE)
