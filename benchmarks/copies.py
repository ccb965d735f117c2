"""One of torchrun's processes: a training that all of them share, in turns with independent ones of the same jets.

``torchrun --nproc-per-node=2 -m benchmarks.copies NETWORK ROUNDS``; the one that leads prints what it found as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass

import torch
from benchmarks.jets import selected, split

from jetcal.models import build
from jetcal.training.fit import CPU_SLOTS, Course, Fit
from jetcal.training.memory import keep_freed_memory
from jetcal.training.peers import Peers, join
from jetcal.training.shares import Share, split_evenly
from jetcal.training.statistics import learn_scales
from jetcal_api.spec import ModelSpec

SEED = 1


@dataclass(frozen=True)
class Found:
    """Rates of each round over all processes, in jets a second, and validation losses after all of them."""

    together: list[float]
    apart: list[float]
    loss: float
    loss_of_one: float
    """Of one process that has trained on all jets as often."""


class Training:
    """A training that goes on epoch by epoch."""

    def __init__(self, model: ModelSpec, share: Share, steps: int, epochs: int, peers: Peers) -> None:
        torch.manual_seed(SEED)
        network = build(model)
        learn_scales(network, share, peers, CPU_SLOTS)
        self.fit = Fit(network, model, Course(epochs, steps, SEED), peers)
        self._share = share
        self._epoch = 0

    def epoch(self) -> float:
        """Make one epoch; tells its seconds."""
        begin = time.perf_counter()
        self.fit.train(self._share, self._epoch, 0, lambda *_: None)
        self._epoch += 1
        return time.perf_counter() - begin


def compare(name: str, rounds: int, peers: Peers) -> Found:
    """Epochs in turns, after one of each that does not count."""
    model = ModelSpec.model_validate({name: {}})
    train, validation = split(selected())
    alone = Peers(0, 1, peers.device)
    own = Share([train], *split_evenly(len(train), peers.rank, peers.count))
    epochs = rounds + 1
    steps = Course.plan(epochs, len(train), model.optimizer.batch_size, SEED, peers).steps
    shared, copy = Training(model, own, steps, epochs, peers), Training(model, own, steps, epochs, alone)
    together: list[float] = []
    apart: list[float] = []
    for number in range(epochs):
        for training in (shared, copy) if number % 2 else (copy, shared):
            peers.wait()
            rate = len(own) / training.epoch()
            (together if training is shared else apart).append(peers.sum(torch.tensor([rate])).item())
    part = Share([validation], *split_evenly(len(validation), peers.rank, peers.count))
    loss, _ = shared.fit.validate(part, lambda: None)
    loss_of_one = 0.0
    if peers.leads:
        whole = Training(model, Share([train], 0, len(train)), steps, epochs, alone)
        for _ in range(epochs):
            whole.epoch()
        loss_of_one, _ = whole.fit.validate(Share([validation], 0, len(validation)), lambda: None)
    peers.wait()
    return Found(together[1:], apart[1:], loss, loss_of_one)


def main() -> None:
    """Measure as one of the processes."""
    torch.set_num_threads(1)
    keep_freed_memory()
    with join() as peers:
        found = compare(sys.argv[1], int(sys.argv[2]), peers)
        if peers.leads:
            sys.stdout.write(json.dumps(asdict(found)) + "\n")


if __name__ == "__main__":
    main()
