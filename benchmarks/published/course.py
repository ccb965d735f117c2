"""A training that can be stopped after any epoch and goes on from there."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from benchmarks.published import ragged
from benchmarks.published.inputs import Sample
from benchmarks.published.networks import ParticleNet, Pfn
from benchmarks.published.ranger import Ranger
from benchmarks.published.schedule import decaying_epochs, fitting_epochs, learning_rate
from numpy.typing import NDArray
from torch import Tensor

from jetcal.errors import JetcalError
from jetcal.storage import local

BATCH = 500
MASK = 1.0
"""abs(target) from which a jet counts nothing."""
NETWORKS: dict[str, tuple[type[Pfn | ParticleNet], float]] = {
    "pfn": (Pfn, 1.078e-3),
    "particlenet": (ParticleNet, 8.72e-3),
}
"""Name -> network and learning rate of its best trial."""


@dataclass(frozen=True)
class Plan:
    """What was asked for: network, dataset (its fingerprint), most epochs, processor seconds, seed."""

    network: str
    dataset: str
    epochs: int
    seconds: float | None
    seed: int


@dataclass
class Course:
    """A training under way.

    Attributes
    ----------
    plan
        What was asked for.
    path
        Where the checkpoint lies.
    network, optimiser
        What moves.
    epochs
        Epochs planned now: with a limit of time, those that will fit.
    spent
        Processor seconds of the finished epochs, validation included.
    best, best_epoch
        Weights of the epoch (from 1) with the least validation loss.
    history
        Figures of each finished epoch.
    """

    plan: Plan
    path: Path
    network: Pfn | ParticleNet
    optimiser: Ranger
    epochs: int
    spent: float = 0.0
    best: dict[str, Tensor] = field(default_factory=dict)
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    @classmethod
    def begin(cls, plan: Plan, path: Path) -> Self:
        """A new training, or the one that the checkpoint holds.

        Raises
        ------
        JetcalError
            If the checkpoint is of another training.
        """
        kind, rate = NETWORKS[plan.network]
        torch.manual_seed(plan.seed)
        network = kind()
        course = cls(plan, path, network, Ranger(network.parameters(), rate), plan.epochs)
        if path.exists():
            course._restore(torch.load(path, weights_only=True))
        return course

    def run(self, train: Sample, validation: Sample) -> Iterator[str]:
        """The epochs that are left, with a line about each."""
        yield f"{self.plan.network}: {len(train)} jets to train, {len(validation)} to validate"
        rate = NETWORKS[self.plan.network][1]
        for epoch in range(len(self.history), self.plan.epochs):
            if epoch >= self.epochs:
                break
            begin = time.process_time()
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(rate, epoch, self.epochs)
            loss = self._train(train, epoch)
            trained = time.process_time() - begin
            validation_loss = self._validate(validation)
            seconds = time.process_time() - begin
            self._finish(loss, validation_loss, seconds)
            yield (
                f"epoch {epoch + 1} of {self.epochs}: loss {loss:.5f}, validation {validation_loss:.5f}, "
                f"{seconds:.0f} s, {len(train) / trained:.0f} jets/s"
            )

    def _train(self, sample: Sample, epoch: int) -> float:
        self.network.train()
        torch.manual_seed(self.plan.seed + epoch)  # dropout is the same after a stop
        order = np.random.default_rng([self.plan.seed, epoch]).permutation(len(sample))
        whole = len(order) // BATCH * BATCH or len(order)  # a short last batch would upset the batch's statistics
        total = 0.0
        for start in range(0, whole, BATCH):
            rows = order[start : start + BATCH]
            self.optimiser.zero_grad()
            loss = masked_mae(*self._answer(sample, rows))
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self.optimiser.step()
            total += loss.item() * len(rows)
        return total / whole

    @torch.no_grad()
    def _validate(self, sample: Sample) -> float:
        self.network.eval()
        rows = np.arange(len(sample))
        batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
        return sum(masked_mae(*self._answer(sample, each)).item() * len(each) for each in batches) / len(sample)

    def _answer(self, sample: Sample, rows: NDArray[np.integer]) -> tuple[Tensor, Tensor]:
        features, mask, jet, target = sample.batch(rows)
        if isinstance(self.network, ParticleNet) and self.network.training:
            return ragged.forward(self.network, features, mask, jet), target
        if isinstance(self.network, ParticleNet):
            return self.network(features[:, 2:4], features, mask, jet), target
        return self.network(features, mask, jet), target

    def _finish(self, loss: float, validation_loss: float, seconds: float) -> None:
        if not self.history or validation_loss < min(each["validation_loss"] for each in self.history):
            self.best = {name: weight.clone() for name, weight in self.network.state_dict().items()}
            self.best_epoch = len(self.history) + 1
        rate = self.optimiser.param_groups[0]["lr"]
        self.history.append(
            {"loss": loss, "validation_loss": validation_loss, "learning_rate": rate, "seconds": seconds}
        )
        self.spent += seconds
        done = len(self.history)
        if self.plan.seconds and done <= self.epochs - decaying_epochs(self.epochs):
            self.epochs = fitting_epochs(self.plan.seconds, self.spent, done, self.plan.epochs)
        buffer = io.BytesIO()
        torch.save(self._state(), buffer)
        local.write_bytes(self.path, buffer.getvalue())

    def _state(self) -> dict[str, Any]:
        return {
            "plan": asdict(self.plan),
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "epochs": self.epochs,
            "spent": self.spent,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "history": self.history,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        if state["plan"] != asdict(self.plan):
            message = f"{self.path}: belongs to another training ({Plan(**state['plan'])}); choose another folder"
            raise JetcalError(message)
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epochs, self.spent = state["epochs"], state["spent"]
        self.best, self.best_epoch, self.history = state["best"], state["best_epoch"], state["history"]


def masked_mae(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of abs(prediction - target) over (N, 1), where jets with abs(target) of 1 or more add nothing."""
    return ((prediction - target).abs() * (target.abs() < MASK)).mean()


def constant_loss(sample: Sample) -> float:
    """The loss of the best constant, the median: a network that does not beat it has learned nothing."""
    target = torch.from_numpy(sample.target)
    return float(masked_mae(target[target.abs() < MASK].median(), target))
