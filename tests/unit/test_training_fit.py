from __future__ import annotations

import pytest
import torch
from tests.support.toys import toy_jets

from jetcal.errors import JetcalError
from jetcal.models import build
from jetcal.models.pfn import PfnEncoder
from jetcal.models.precision import VARIABLE
from jetcal.training import fit as fitting
from jetcal.training.fit import Course, Fit
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import constant_error, learn_scales
from jetcal.training.weights import learn_weights
from jetcal_api.spec import ModelSpec
from jetcal_api.weights import JetWeights

ALONE = Peers(0, 1, torch.device("cpu"))
SMALL = {"pfn": {"phiDim": 16, "fcDim": 16}, "optimizer": {"batchSize": 200, "learningRate": 0.01}}

PADDED = {"particleNet": {"convDim": 4, "neighbours": 2, "blocks": 1, "fcDim": 8}, "optimizer": {"batchSize": 500}}


@pytest.fixture(scope="module")
def share():
    return weighted(Share([toy_jets(2000, mean_constituents=8)], 0, 2000))


def weighted(share):
    return share.weighted(learn_weights(share, JetWeights(), ALONE))


def prepared(share, spec=SMALL, *, epochs=2, seed=1):
    model = ModelSpec(**spec)
    torch.manual_seed(seed)
    network = build(model)
    learn_scales(network, share, ALONE, 4096)
    return Fit(network, model, Course.plan(epochs, len(share), model.optimizer.batch_size, seed, ALONE), ALONE)


def nothing(*_):
    pass


def weights(fit):
    return torch.cat([weight.detach().flatten() for weight in fit.network.parameters()])


@pytest.mark.parametrize("loss", ["LogCoshQuantiles", "GaussianNLL"])
def test_a_network_learns_what_the_toys_hide(share, loss):
    fit = prepared(share, SMALL | {"loss": loss}, epochs=6)
    for epoch in range(6):
        fit.train(share, epoch, 0, nothing)
    other = weighted(Share([toy_jets(1000, seed=77, mean_constituents=8)], 0, 1000))
    error = fit.validate(other, nothing)[1]
    assert error < 0.95 * constant_error(other, fit.network.target_centre.item(), ALONE)


def test_the_same_seed_gives_the_same_weights_and_another_one_others(share):
    runs = []
    for seed in (1, 1, 2):
        fit = prepared(share, SMALL | {"pfn": SMALL["pfn"] | {"dropout": 0.2}}, seed=seed)
        fit.train(share, 0, 0, nothing)
        runs.append(weights(fit))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize("spec", [SMALL, PADDED], ids=["pfn", "particleNet"])
def test_pieces_make_no_difference_to_a_step(share, spec, monkeypatch):
    monkeypatch.setenv(VARIABLE, "float32")
    results = []
    for size in (100, 1_000_000):
        monkeypatch.setattr(fitting, "CPU_SLOTS", size)
        monkeypatch.setattr(PfnEncoder, "constituents_at_once", size)
        fit = prepared(share, spec)
        fit.train(share, 0, 0, nothing)
        results.append(weights(fit))
    torch.testing.assert_close(*results, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("seed", [1, 2])
def test_bfloat16_learns_as_well_as_float32(share, seed, monkeypatch):
    other = weighted(Share([toy_jets(2000, seed=77, mean_constituents=8)], 0, 2000))
    losses = []
    for kind in ("bfloat16", "float32"):
        monkeypatch.setenv(VARIABLE, kind)
        fit = prepared(share, SMALL, epochs=4, seed=seed)
        for epoch in range(4):
            fit.train(share, epoch, 0, nothing)
        losses.append(fit.validate(other, nothing)[0])
    assert losses[0] == pytest.approx(losses[1], rel=0.01)


def test_an_epoch_taken_up_in_its_middle_ends_as_if_undisturbed(share):
    whole, parts = prepared(share), prepared(share)
    whole.train(share, 0, 0, nothing)

    class Interrupted(Exception):  # noqa: N818
        pass

    def stop_after_four(step, *_):
        if step == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        parts.train(share, 0, 0, stop_after_four)
    parts.train(share, 0, 4, nothing)
    assert torch.equal(weights(whole), weights(parts))


def test_a_loss_that_is_no_number_names_epoch_and_step(share):
    fit = prepared(share)

    def poison(step, *_):
        if step == 2:
            fit.network.answer.weight.data.fill_(float("nan"))

    with pytest.raises(JetcalError, match=r"the loss became nan in epoch 1, step 3 of 10 .*learningRate"):
        fit.train(share, 0, 0, poison)


@pytest.mark.parametrize(
    "spec", [SMALL, {"particleNet": {"convDim": 8, "neighbours": 4}, "optimizer": {"batchSize": 256}}]
)
def test_every_process_makes_the_same_number_of_steps(spec):
    for count in (1, 2, 3, 8):
        course = Course.plan(3, 1001, ModelSpec(**spec).optimizer.batch_size, 1, Peers(0, count, torch.device("cpu")))
        assert course.steps == -(-1001 // ModelSpec(**spec).optimizer.batch_size)


def test_fewer_jets_than_processes_are_refused():
    with pytest.raises(JetcalError, match="3 training jets cannot be shared among 4 processes"):
        Course.plan(1, 3, 10, 1, Peers(0, 4, torch.device("cpu")))
