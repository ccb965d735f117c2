"""Training steps of a PFN beside the published one: rate, and what both have learned after the same epochs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from benchmarks.fitting import MANY, fitting
from benchmarks.jets import selected, split
from benchmarks.pairs import in_turns
from benchmarks.published import inputs
from benchmarks.published.course import BATCH, NETWORKS, masked_mae
from benchmarks.published.networks import Pfn
from benchmarks.published.ranger import Ranger
from benchmarks.rows import Row
from torch import Tensor

from jetcal.data.jets import Jets
from jetcal.models.precision import VARIABLE
from jetcal.training.memory import keep_freed_memory
from jetcal.training.shares import Share
from jetcal_api.spec import ModelSpec

WANTED = 6
PEER = "published PFN"
TUNED = {"phiLayers": 5, "phiDim": 50, "fcLayers": 3, "fcDim": 400, "dropout": 0.0094}
"""The published network's own hyperparameters: 360 653 parameters with our features, beside its 355 351."""
EPOCHS = 3
PEER_STEPS = 6
"""Steps of the peer in a round; ours makes a whole epoch."""


def measure(quick: bool) -> Iterator[Row]:  # noqa: FBT001  # every measurement is asked the same
    """Whole steps: batches of the same jets, forward, loss, backward, optimiser; other forms in a whole run."""
    torch.set_num_threads(1)
    keep_freed_memory()
    train, validation = split(selected())
    rounds = 3 if quick else 9
    peer = Published(train)
    own = Ours(train, TUNED)
    yield in_turns(own.epoch, peer.steps, rounds).row("PFN training step", "jets/s", PEER, target=WANTED)
    if quick:
        return
    with in_float32():
        yield in_turns(own.epoch, peer.steps, rounds).row("PFN training step, float32", "jets/s", PEER)
    yield in_turns(Ours(train, {}).epoch, peer.steps, rounds).row("PFN training step, default sizes", "jets/s", PEER)
    yield learned(train, validation)


def learned(train: Jets, validation: Jets) -> Row:
    """Mean abs(ln(corrected pT / generator's)) over the validation jets, after as many epochs of each."""
    own, peer = Ours(train, TUNED, epochs=EPOCHS), Published(train)
    for _ in range(EPOCHS):
        own.epoch()
        peer.epoch()
    ours, theirs = own.error(validation), peer.error(validation)
    return Row(f"PFN error after {EPOCHS} epochs", "mean abs(ln response)", ours, theirs, PEER, theirs / ours, 1.0)


class Ours:
    """Our training of a PFN with these hyperparameters, all jets of the same weight as the published one has them."""

    def __init__(self, jets: Jets, pfn: dict[str, float], epochs: int = MANY) -> None:
        model = ModelSpec.model_validate({"pfn": pfn, "optimizer": {"batchSize": BATCH}})
        self._fit, self._share = fitting(model, jets, epochs)
        self._epoch = 0

    def epoch(self) -> float:
        """One epoch; tells how many jets."""
        self._fit.train(self._share, self._epoch, 0, lambda *_: None)
        self._epoch += 1
        return len(self._share)

    def error(self, jets: Jets) -> float:
        """Mean absolute error of the median over the jets."""
        share = Share([jets], 0, len(jets))
        return self._fit.validate(share, lambda: None)[1]


class Published:
    """The published training of the published network."""

    def __init__(self, jets: Jets) -> None:
        torch.manual_seed(1)
        self._sample = inputs.read([jets])
        self._network = Pfn()
        self._optimiser = Ranger(self._network.parameters(), NETWORKS["pfn"][1])
        self._random = np.random.default_rng(1)
        self._order = np.zeros(0, np.int64)

    def steps(self, count: int = PEER_STEPS) -> float:
        """Some steps; tells how many jets."""
        self._network.train()
        for _ in range(count):
            if len(self._order) < BATCH:
                self._order = self._random.permutation(len(self._sample))
            rows, self._order = self._order[:BATCH], self._order[BATCH:]
            self._optimiser.zero_grad()
            answer, target = self._answer(rows)
            loss = masked_mae(answer, target)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self._optimiser.step()
            loss.item()
        return count * BATCH

    def epoch(self) -> float:
        """As many steps as make an epoch."""
        return self.steps(len(self._sample) // BATCH)

    @torch.no_grad()
    def error(self, jets: Jets) -> float:
        """Mean absolute error over the jets."""
        self._network.eval()
        sample = inputs.read([jets])
        total = 0.0
        for start in range(0, len(sample), BATCH):
            features, mask, jet, target = sample.batch(np.arange(start, min(start + BATCH, len(sample))))
            total += (self._network(features, mask, jet) - target).abs().sum().item()
        return total / len(sample)

    def _answer(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        features, mask, jet, target = self._sample.batch(rows)
        return self._network(features, mask, jet), target


@contextmanager
def in_float32() -> Iterator[None]:
    """Products of trainings in float32 meanwhile."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "float32"
    try:
        yield
    finally:
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before
