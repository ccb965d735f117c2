from __future__ import annotations

import pytest
import torch
from tests.support.toys import toy_jets

from jetcal.data.padding import pad
from jetcal.errors import JetcalError
from jetcal.models import build, mixed, precision
from jetcal.models.layers import Perceptron
from jetcal.models.network import Features
from jetcal.models.segments import Grid, Segments, Slots
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import learn_scales
from jetcal_api.spec import ModelSpec

JETS = 60


@pytest.fixture(scope="module")
def padded():
    """Padded jets, one of them without constituents."""
    constituents, jet = map(torch.from_numpy, pad(toy_jets(JETS, mean_constituents=8), 0, JETS))
    constituents[7] = 0
    return constituents, jet


@pytest.fixture(scope="module")
def ragged(padded):
    constituents, jet = padded
    real = constituents[..., 0] > 0
    return constituents[real], jet, real.sum(1)


@pytest.fixture
def network():
    torch.manual_seed(3)
    network = build(ModelSpec(pfn={"phiDim": 20, "phiLayers": 3, "fcDim": 24}))
    learn_scales(network, Share([toy_jets(2000, seed=9)], 0, 2000), Peers(0, 1, torch.device("cpu")), 4096)
    return network


def answer_and_gradients(network, answer):
    network.zero_grad()
    prediction = answer()
    (prediction * torch.arange(1, 4)).square().sum().backward()
    return [prediction.detach(), *(weight.grad.clone() for weight in network.parameters())]


def both(network, padded, ragged):
    plain = answer_and_gradients(network.eval(), lambda: network(*padded))
    fast = answer_and_gradients(network.train(), lambda: network.ragged(*ragged))
    return zip(fast, plain, strict=True)


def test_features_without_padding_are_those_with_padding(padded, ragged):
    constituents, jet, counts = ragged
    dense, flat = Features.of_padded(*padded), Features.of(constituents, jet, Segments(counts))
    torch.testing.assert_close(flat.jet, dense.jet, rtol=1e-5, atol=1e-6)
    for name in ("constituents", "position"):
        rows = [features.jets.as_rows(getattr(features, name)) for features in (flat, dense)]
        torch.testing.assert_close(*rows, rtol=1e-5, atol=1e-6)


def test_without_padding_answers_and_gradients_are_those_of_the_plain_network(network, padded, ragged, monkeypatch):
    monkeypatch.setenv(precision.VARIABLE, "float32")
    for fast, plain in both(network, padded, ragged):
        torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-4 * plain.abs().max().item())


def test_bfloat16_products_stay_near_the_plain_network(network, padded, ragged, monkeypatch):
    monkeypatch.setenv(precision.VARIABLE, "bfloat16")
    prediction, *gradients = both(network, padded, ragged)
    spread = network.target_spread.item()
    assert (prediction[0] - prediction[1]).abs().max().item() < 0.05 * spread
    for fast, plain in gradients:
        assert fast.dtype == torch.float32
        assert ((fast - plain).norm() / plain.norm()).item() < 0.1


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_jets_without_a_single_constituent_are_answered(network, kind, monkeypatch):
    monkeypatch.setenv(precision.VARIABLE, kind)
    jet = torch.from_numpy(pad(toy_jets(2), 0, 2)[1])
    found = network.train().ragged(torch.zeros(0, 6), jet, torch.zeros(2, dtype=torch.int64))
    found.sum().backward()
    expected = network.eval()(torch.zeros(2, 1, 6), jet)
    torch.testing.assert_close(found, expected, rtol=0, atol=0.05 * network.target_spread.item())


def test_a_constituent_that_is_not_a_number_is_told_and_not_left_out(network, padded):
    constituents, jet = padded[0][:2].clone(), padded[1][:2]
    constituents[0, 1, 0] = torch.nan
    assert network.eval()(constituents, jet).isfinite().all(1).tolist() == [False, True]


def test_a_perceptron_in_one_step_is_the_plain_one():
    torch.manual_seed(1)
    plain = Perceptron(7, 12, 3).eval()
    rows = torch.randn(30, 7)
    results = []
    for forward in (lambda x: mixed.perceptron(x, plain.linear), plain):
        plain.zero_grad()
        inputs = rows.clone().requires_grad_()
        out = forward(inputs)
        out.square().sum().backward()
        results.append([out, inputs.grad, *(weight.grad for weight in plain.parameters())])
    for fast, expected in zip(*results, strict=True):
        torch.testing.assert_close(fast, expected, rtol=1e-5, atol=1e-6)


def test_rows_are_filled_up_with_zeros_to_few_different_shapes():
    rows = torch.ones(mixed.ROWS + 1, 3)
    found = mixed.filled(rows, torch.bfloat16)
    assert found.shape == (2 * mixed.ROWS, 3)
    assert found.sum(dtype=torch.float32) == rows.sum()
    assert mixed.filled(rows[:0], torch.float32).shape == (0, 3)


def test_dropout_cuts_its_share_keeps_the_mean_and_lets_no_gradient_through():
    layer = torch.nn.Linear(1, 50_000)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    rows = torch.tensor([[2.0]])
    torch.manual_seed(5)
    out = mixed.perceptron(rows, [layer], dropout=0.25)
    out.sum().backward()
    dropped = out[0] == 0
    assert dropped.float().mean().item() == pytest.approx(0.25, abs=0.01)
    torch.testing.assert_close(out[0][~dropped], torch.full_like(out[0][~dropped], 2 / 0.75))
    torch.testing.assert_close(layer.bias.grad, torch.where(dropped, 0.0, 1 / 0.75))
    torch.manual_seed(5)
    assert torch.equal(mixed.perceptron(rows, [layer], dropout=0.25), out)


def test_sums_of_segments_with_an_empty_one_among_them():
    segments = Segments(torch.tensor([2, 0, 1]))
    rows = torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]], requires_grad=True)
    pooled = segments.pooled(rows)
    assert pooled.tolist() == [[3.0, 30.0], [0.0, 0.0], [4.0, 40.0]]
    (pooled * torch.tensor([[1.0], [5.0], [7.0]])).sum().backward()
    assert rows.grad.tolist() == [[1.0, 1.0], [1.0, 1.0], [7.0, 7.0]]
    filled = torch.cat([rows.detach(), torch.full((2, 2), 9.0)]).requires_grad_()
    more = segments.pooled(filled)
    assert torch.equal(more, pooled)
    more.sum().backward()
    assert filled.grad.tolist() == [[1.0, 1.0]] * 3 + [[0.0, 0.0]] * 2


@pytest.mark.parametrize(
    "jets",
    [Segments(torch.tensor([2, 0, 1])), Slots(torch.tensor([[True, True], [False, False], [True, False]]))],
    ids=["counts", "slots"],
)
def test_rows_know_their_jets_and_slots(jets):
    rows = torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    assert jets.counts.tolist() == [2, 0, 1]
    assert jets.pooled(rows).tolist() == [[3.0, 30.0], [0.0, 0.0], [4.0, 40.0]]
    nothing = [0.0, 0.0]
    assert jets.padded(rows).tolist() == [[[1.0, 10.0], [2.0, 20.0]], [nothing, nothing], [[4.0, 40.0], nothing]]
    assert (jets.slot.tolist(), jets.place.tolist(), jets.row.tolist()) == ([0, 1, 0], [0, 1, 4], [1, 2, 0, 0, 3, 0])


def test_rows_and_slots_know_the_sums_and_the_values_of_their_jets():
    real = torch.tensor([[True, True], [False, False], [True, False]])
    rows, slots = torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[[1.0, 2.0], [0.0, 0.0], [4.0, 0.0]]])
    values = torch.tensor([[5.0, 6.0, 7.0]])
    for jets, given in ((Segments(real.sum(1)), rows), (Grid(real), slots)):
        assert jets.counts.tolist() == [2, 0, 1]
        assert jets.total(given).tolist() == [[3.0, 0.0, 4.0]]
        assert jets.total(given * jets.of_rows(values)).tolist() == [[15.0, 0.0, 28.0]]


def test_rows_move_together_where_padding_stands_among_them():
    jets = Slots(torch.tensor([[False, True, True], [True, False, True]]))
    rows = jets.as_rows(torch.tensor([[[0.0, 1.0, 2.0], [3.0, 0.0, 4.0]]]))
    assert rows.tolist() == [[1.0], [2.0], [3.0], [4.0]]
    assert jets.padded(rows).squeeze(2).tolist() == [[1.0, 2.0, 0.0], [3.0, 4.0, 0.0]]
    assert jets.row.tolist() == [1, 2, 0, 3, 4, 0]


@pytest.mark.parametrize(("capability", "expected"), [("avx512_bf16", torch.bfloat16), ("avx2", torch.float32)])
def test_the_processor_decides_on_the_precision_unless_the_environment_does(capability, expected, monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.delenv(precision.VARIABLE, raising=False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {capability: True})
    precision.is_quick_at_bfloat16.cache_clear()
    assert precision.training_type(cpu) == expected
    for kind in (torch.float32, torch.bfloat16):
        monkeypatch.setenv(precision.VARIABLE, str(kind).removeprefix("torch."))
        assert precision.training_type(cpu) == kind
    precision.is_quick_at_bfloat16.cache_clear()


def test_another_precision_is_refused(monkeypatch):
    monkeypatch.setenv(precision.VARIABLE, "float16")
    with pytest.raises(JetcalError, match="JETCAL_PRECISION is 'float16'; it can be float32 or bfloat16"):
        precision.training_type(torch.device("cpu"))
