"""Messages along edges, tile by tile and with a gradient of our own, against plain operations on all edges."""

from __future__ import annotations

import pytest
import torch

from jetcal.models import messages
from jetcal.models.graph import Jets
from jetcal.models.layers import linear
from jetcal.models.messages import mean_messages

COUNTS = torch.tensor([12, 1, 7, 0, 5])
WIDTH = 6


@pytest.fixture
def graph():
    points = torch.randn(int(COUNTS.sum()), 3, generator=torch.Generator().manual_seed(4))
    return Jets(COUNTS).nearest(points, 4)


def layers(count):
    torch.manual_seed(count)
    made = [linear(WIDTH, WIDTH) for _ in range(count)]
    for layer in made:
        torch.nn.init.normal_(layer.bias, std=0.3)
    return made


def plainly(centre, other, graph, steps):
    edges = torch.relu(centre[graph.owner] + other[graph.source])
    for step in steps:
        edges = torch.relu(step(edges))
    total = torch.zeros_like(centre).index_add(0, graph.owner, edges)
    return total / graph.first.diff().clamp(min=1).unsqueeze(1)


def answer_and_gradients(function, graph, steps, kind=torch.float32):
    random = torch.Generator().manual_seed(8)
    centre, other, weight = (torch.randn(int(COUNTS.sum()), WIDTH, generator=random) for _ in range(3))
    inputs = [centre.to(kind).requires_grad_(), other.to(kind).requires_grad_()]
    answer = function(*inputs, graph, steps)
    parameters = [parameter for step in steps for parameter in step.parameters()]
    return answer, torch.autograd.grad((answer * weight).sum(), [*inputs, *parameters])


@pytest.mark.parametrize("edges", [messages.EDGES, 9])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_answer_and_gradients_are_those_of_plain_operations(graph, count, edges, monkeypatch):
    monkeypatch.setattr(messages, "EDGES", edges)
    steps = layers(count)
    ours, gradients = answer_and_gradients(mean_messages, graph, steps)
    plain, expected = answer_and_gradients(plainly, graph, steps)
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-6)
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-5)


def test_bfloat16_is_off_by_its_rounding_only(graph):
    steps = layers(2)
    ours, gradients = answer_and_gradients(mean_messages, graph, steps, torch.bfloat16)
    plain, expected = answer_and_gradients(plainly, graph, steps)
    assert ours.dtype == torch.float32
    for value, other in zip((ours, *gradients), (plain, *expected), strict=True):
        assert (value.float() - other).norm() < 0.03 * other.norm()
    assert {gradient.dtype for gradient in gradients[2:]} == {torch.float32}


@pytest.mark.parametrize("counts", [[], [1, 0, 1]])
def test_no_edges_bring_zeros_and_no_gradient(counts):
    graph = Jets(torch.tensor(counts, dtype=torch.int64)).nearest(torch.zeros(sum(counts), 3), 4)
    steps = layers(1)
    rows = torch.ones(sum(counts), WIDTH, requires_grad=True)
    answer = mean_messages(rows, rows, graph, steps)
    answer.sum().backward()
    assert answer.shape == rows.shape
    assert not answer.any()
    assert not rows.grad.any()
    assert not steps[0].weight.grad.any()


def test_a_row_without_edges_is_zero(graph):
    answer, _ = answer_and_gradients(mean_messages, graph, layers(1))
    alone = int(COUNTS[0])
    assert not answer[alone].any()
    assert answer[:alone].any(1).all()
