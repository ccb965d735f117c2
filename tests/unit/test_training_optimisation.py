from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import nn

from jetcal.training.optimisation import FINAL, learning_rate, make_optimiser
from jetcal_api.hyperparameters import Optimizer, OptimizerName


def test_rate_rises_to_its_peak_then_falls_to_its_end():
    rates = [learning_rate(0.01, step, 200) for step in range(200)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.01)
    assert rates[:10] == sorted(rates[:10])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == pytest.approx(0.01 * FINAL, rel=0.02)


def test_a_training_of_one_step_has_a_rate():
    assert learning_rate(0.01, 0, 1) == 0.01


@pytest.mark.parametrize("name", get_args(OptimizerName))
def test_each_optimiser_fits_a_line(name):
    torch.manual_seed(1)
    layer = nn.Linear(3, 1)
    inputs = torch.randn(200, 3)
    goal = inputs @ torch.tensor([[1.0], [-0.5], [0.2]]) + 0.3
    optimiser = make_optimiser(Optimizer(name=name, learning_rate=0.05), layer)
    losses = []
    for _ in range(150):
        optimiser.zero_grad()
        loss = ((layer(inputs) - goal) ** 2).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_biases_do_not_decay():
    layer = nn.Linear(2, 2)
    decay = {
        id(weight): group["weight_decay"]
        for group in make_optimiser(Optimizer(), layer).param_groups
        for weight in group["params"]
    }
    assert decay == {id(layer.weight): 1e-4, id(layer.bias): 0.0}
