from __future__ import annotations

import pytest
import torch

from jetcal.models.relu import linear_relu, relu_, through_relu, through_relu_


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float32])
def test_relu_by_bits_is_relu_and_so_is_its_gradient(kind):
    values = torch.tensor([-2.0, -0.0, 0.0, 1e-30, 3.0, -torch.inf, torch.inf], dtype=kind)
    output = values.clone()
    relu_(output)
    assert torch.equal(output, values.relu())
    gradient = torch.arange(1.0, 8.0, dtype=kind)
    expected = torch.where(values > 0, gradient, 0)
    assert torch.equal(through_relu(output, gradient), expected)
    assert torch.equal(through_relu_(output, gradient), expected)


@pytest.mark.parametrize("there", [True, False])
def test_a_layer_with_its_relu_is_the_same_with_and_without_onednn(there, monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: there)
    random = torch.Generator().manual_seed(2)
    rows, weight, bias = (torch.randn(size, generator=random) for size in ((9, 5), (4, 5), (4,)))
    torch.testing.assert_close(linear_relu(rows, weight, bias), (rows @ weight.T + bias).relu())
