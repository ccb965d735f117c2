"""Training a published network: its optimiser, its schedule, stops, and what it leaves for a comparison."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.published import inputs
from benchmarks.published.course import Course, Plan, constant_loss, masked_mae
from benchmarks.published.ranger import Ranger
from benchmarks.published.schedule import fitting_epochs, learning_rate
from benchmarks.published.train import main
from click.testing import CliRunner, Result
from tests.support.prepared import FINGERPRINT, prepare_toys

from jetcal.data import shards
from jetcal.evaluation.comparison import foreign_mapping
from jetcal.evaluation.comparison.datasets import find_dataset
from jetcal.evaluation.comparison.foreign import ForeignModel


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("storage")
    prepare_toys(folder, train=1200, validation=300, test=200, mean=6.0)
    return folder


def train(storage: Path, out: Path, *arguments: str, network: str = "pfn") -> Result:
    given = [network, "--dataset", str(storage), "--out", str(out), *arguments]
    return CliRunner().invoke(main, given, catch_exceptions=False)


def test_ranger_is_radam_until_it_looks_ahead() -> None:
    start, gradient = torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0])
    ours, plain = start.clone().requires_grad_(), start.clone().requires_grad_()
    ranger = Ranger([ours], lr=0.1)
    radam = torch.optim.RAdam([plain], lr=0.1, betas=(0.95, 0.999), eps=1e-5)
    for step in range(1, 7):
        for weight, optimiser in ((ours, ranger), (plain, radam)):
            weight.grad = gradient.clone()
            optimiser.step()
        if step < 6:
            torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(ours.detach(), start + 0.5 * (plain.detach() - start))


def test_the_rate_is_flat_and_then_falls_to_a_hundredth() -> None:
    rates = [learning_rate(2.0, epoch, 10) for epoch in range(10)]
    assert rates[:7] == [2.0] * 7
    assert rates[7:] == pytest.approx([2.0 * 0.01 ** (1 / 3), 2.0 * 0.01 ** (2 / 3), 0.02])
    assert learning_rate(1.0, 0, 1) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("seconds", "spent", "done", "most", "expected"),
    [(100, 10, 1, 50, 10), (100, 10, 1, 8, 8), (5, 10, 1, 50, 1), (100, 60, 3, 50, 5), (10, 60, 3, 50, 3)],
)
def test_epochs_fit_into_the_time(seconds: float, spent: float, done: int, most: int, expected: int) -> None:
    assert fitting_epochs(seconds, spent, done, most) == expected


def test_the_loss_leaves_out_wrong_matches() -> None:
    loss = masked_mae(torch.tensor([[0.2], [0.0], [0.1]]), torch.tensor([[0.5], [1.2], [0.0]]))
    assert loss.item() == pytest.approx((0.3 + 0 + 0.1) / 3)


@pytest.mark.parametrize("network", ["pfn", "particlenet"])
def test_a_training_leaves_a_model_that_a_comparison_can_ask(storage: Path, tmp_path: Path, network: str) -> None:
    epochs = "3" if network == "pfn" else "1"
    done = train(storage, tmp_path, "--epochs", epochs, network=network)
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "training.json").read_text())
    assert (told["epochs"], told["jets"]) == (int(epochs), {"train": 1200, "validation": 300})
    assert told["dataset"] == FINGERPRINT
    assert told["validation_loss"] == min(each["validation_loss"] for each in told["history"])
    assert "jets/s" in done.output

    part = shards.open_part(find_dataset(str(storage)), "test")[0]
    model = ForeignModel(tmp_path / "model.onnx", foreign_mapping.read(tmp_path / "mapping.yaml"), threads=1)
    plan = Plan(network, FINGERPRINT, int(epochs), None, 1)
    trained = Course.begin(plan, tmp_path / "checkpoint.pt")
    trained.network.load_state_dict(trained.best)
    sample = inputs.read([part])
    with torch.no_grad():
        features, mask, jet, _ = sample.batch(np.arange(len(part)))
        points = (features[:, 2:4],) if network == "particlenet" else ()
        answer = trained.network.eval()(*points, features, mask, jet).numpy()[:, 0]
    expected = np.exp(answer) * part.jet["standard_pt"] / part.jet["raw_pt"]
    np.testing.assert_allclose(model.predict(part), np.stack([expected] * 3, axis=1), rtol=1e-5)


def test_a_stopped_training_ends_as_one_that_was_left_alone(storage: Path, tmp_path: Path) -> None:
    train(storage, tmp_path / "whole", "--epochs", "3")
    prepared = find_dataset(str(storage))
    samples = [inputs.read(shards.open_part(prepared, part)) for part in ("train", "validation")]
    (tmp_path / "stopped").mkdir()
    for _ in range(2):
        begun = Course.begin(Plan("pfn", FINGERPRINT, 3, None, 1), tmp_path / "stopped/checkpoint.pt")
        lines = begun.run(*samples)
        assert [next(lines), next(lines)][1].startswith("epoch ")
        lines.close()
    done = train(storage, tmp_path / "stopped", "--epochs", "3")
    assert [line[:7] for line in done.output.splitlines() if line.startswith("epoch")] == ["epoch 3"]
    whole, stopped = (json.loads((tmp_path / name / "training.json").read_text()) for name in ("whole", "stopped"))
    for one, other in zip(whole["history"], stopped["history"], strict=True):
        assert (one["loss"], one["validation_loss"]) == (other["loss"], other["validation_loss"])
    first, second = (tmp_path / name / "model.onnx" for name in ("whole", "stopped"))
    assert first.read_bytes() == second.read_bytes()
    assert "epoch 1 of" not in train(storage, tmp_path / "stopped", "--epochs", "3").output


def test_a_folder_of_another_training_is_refused(storage: Path, tmp_path: Path) -> None:
    train(storage, tmp_path, "--epochs", "1")
    done = train(storage, tmp_path, "--epochs", "2")
    assert done.exit_code == 1
    assert "checkpoint.pt: belongs to another training" in done.output
    assert done.output.count("\n") == 1


def test_a_storage_without_dataset_is_one_sentence(tmp_path: Path) -> None:
    done = train(tmp_path / "nowhere", tmp_path / "out")
    assert done.exit_code == 1
    assert "holds no prepared dataset" in done.output


def test_the_best_constant_is_the_median(storage: Path) -> None:
    sample = inputs.read(shards.open_part(find_dataset(str(storage)), "validation"))
    best = constant_loss(sample)
    kept = np.abs(sample.target) < 1
    for constant in np.linspace(-0.2, 0.2, 21):
        assert best <= np.mean(kept * np.abs(sample.target - constant)) + 1e-6
