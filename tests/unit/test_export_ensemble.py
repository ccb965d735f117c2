"""Several networks become one graph: their mean, their spread, their features computed once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tests.support.exports import SPECS, export_input, fitted, trained_storage
from tests.support.toys import toy_jets
from torch import Tensor, nn

from jetcal.data.jets import take
from jetcal.export import golden, graph
from jetcal.export.ensemble import Ensemble
from jetcal.export.parity import LIMITS
from jetcal.export.stage import export
from jetcal.models.network import Features
from jetcal.serving.inference import OnnxModel
from jetcal_api.results import ExportResult

JETS = toy_jets(100, seed=5)


class Told(nn.Module):
    """A network whose answer is told beforehand."""

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer

    def quantiles(self, _: Features) -> Tensor:
        return self.answer


def asked(*answers: Tensor) -> Tensor:
    """What an ensemble of networks with these answers (N, 3) says."""
    jets = len(answers[0])
    return Ensemble([Told(answer) for answer in answers])(torch.zeros(jets, 1, 6), torch.ones(jets, 6))


def test_mean_and_spread_are_those_of_the_members() -> None:
    one = torch.tensor([[0.1, 0.0, 0.3], [0.2, 0.1, 0.3]])
    two = torch.tensor([[0.3, 0.1, 0.4], [0.2, 0.0, 0.6]])
    three = torch.tensor([[0.2, -0.1, 0.5], [0.2, 0.2, 0.3]])
    # spread of 0.1, 0.3, 0.2 with n - 1: sqrt((0.01 + 0.01 + 0) / 2)
    expected = torch.tensor([[0.2, 0.0, 0.4, 0.1], [0.2, 0.1, 0.4, 0.0]])
    torch.testing.assert_close(asked(one, two, three), expected, atol=1e-6, rtol=0)


def test_the_interval_covers_the_jets_better_than_one_network_and_than_all_distributions_together() -> None:
    rng = np.random.default_rng(7)
    jets, members, resolution, scatter = 40_000, 4, 0.1, 0.05
    y = rng.normal(0, resolution, jets)
    centres = rng.normal(0, scatter, (members, jets))
    widths = 0.99446 * resolution * np.array([[0.0], [-1.0], [1.0]])
    answers = [torch.from_numpy((centre + widths).T) for centre in centres]
    answer = asked(*answers).numpy()
    few = centres[:, :5000, None]
    draws = (few + rng.normal(0, resolution, (members, 1, 250))).transpose(1, 0, 2).reshape(few.shape[1], -1)
    together = np.quantile(draws, [0.16, 0.84], axis=1)

    def covered(low: np.ndarray, high: np.ndarray) -> float:
        return float(((y[: len(low)] > low) & (y[: len(low)] < high)).mean())

    found = covered(answer[:, 1], answer[:, 2])
    # erf(0.99446 / sqrt(2 (1 + scatter^2 / (members resolution^2))))
    assert found == pytest.approx(0.665, abs=0.008)
    assert abs(found - 0.68) < abs(covered(*answers[0].numpy().T[1:]) - 0.68)
    assert abs(found - 0.68) < abs(covered(*together) - 0.68)
    assert np.mean(answer[:, 3] ** 2) == pytest.approx(scatter**2, rel=0.02)


@pytest.mark.parametrize(("kind", "opset", "ir"), [("pfn", 17, 8), ("particleNet", 20, 10)])
def test_one_graph_answers_as_the_networks_do_and_computes_their_features_once(
    tmp_path: Path, kind: str, opset: int, ir: int
) -> None:
    networks = [fitted(SPECS[kind], JETS, seed) for seed in (1, 2, 3)]
    ensemble = Ensemble(networks)
    model = graph.to_onnx(ensemble, opset, ir, {})
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    served = OnnxModel(path, 1)
    sample = golden.make(graph.Factors(ensemble), [JETS], 60, LIMITS[kind])
    sample.compare(served.infer).require(LIMITS[kind], "ONNX Runtime")

    batch = sample.batches[0]
    inputs = torch.from_numpy(batch.constituents), torch.from_numpy(batch.jet)
    logs = np.stack([network(*inputs).detach().double().numpy() for network in networks])
    found = served.infer(batch.constituents, batch.jet)
    np.testing.assert_allclose(found[:, :3], np.exp(logs.mean(axis=0)), rtol=1e-5)
    np.testing.assert_allclose(found[:, 3], logs[:, :, 0].std(axis=0, ddof=1), atol=1e-6)

    assert logarithms(model) == logarithms(graph.to_onnx(networks[0], opset, ir, {})) > 0


def logarithms(model: onnx.ModelProto) -> int:
    """How often the graph takes a logarithm: only features do."""
    return sum(node.op_type == "Log" for node in model.graph.node)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("storage")
    trained_storage(folder, SPECS["pfn"], members=3)
    return folder


@pytest.fixture(scope="module")
def result(storage: Path) -> ExportResult:
    return export(export_input(storage, opset=17, ir=8))


def test_result_model_and_configuration_tell_the_members(result: ExportResult) -> None:
    assert result.members == 3
    model = Path(result.repository, "jetcal/1/model.onnx")
    told = OnnxModel(model).metadata
    assert told["members"] == "3"
    assert told["correction"] == "correction correction_down correction_up spread"
    configuration = Path(result.repository, "jetcal/config.pbtxt").read_text()
    assert 'name: "correction" data_type: TYPE_FP32 dims: [ 4 ]' in configuration


def test_the_golden_sample_holds_the_spread(result: ExportResult) -> None:
    sample = golden.Golden.from_bytes(Path(result.golden).read_bytes())
    assert all(batch.correction.shape == (len(batch.jet), 4) for batch in sample.batches)
    assert (sample.batches[0].correction[:, 3] > 0).all()
    assert result.parity["max_relative"] <= LIMITS["pfn"].max_relative


def test_the_card_lists_the_members_and_their_spread(result: ExportResult) -> None:
    card = Path(result.card).read_text()
    spread = golden.Golden.from_bytes(Path(result.golden).read_bytes()).batches[0].correction[:, 3]
    assert "The mean of 3 pfn networks" in card
    assert "`correction` [N, 4]" in card
    assert f"{np.median(spread):.2%} at the median, " in card
    assert [f"| {seed} | 20 | 0.1 |" in card for seed in (1, 2, 3)] == [True] * 3


def test_no_jets_get_no_answers_of_the_same_width(result: ExportResult) -> None:
    model = OnnxModel(Path(result.repository, "jetcal/1/model.onnx"), 1)
    assert model.predict(toy_jets(30, seed=8)).shape == (30, 4)
    assert model.predict(take(JETS, np.arange(0))).shape == (0, 4)
