"""Training speed: jets a second and core of the default networks, beside a naive loop that pads every jet to 100 slots.

``python benchmarks/training.py``. One thread; processor time is counted, not wall-clock time, so that other work on the
machine blurs the answer less.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.toys import toy_jets

from jetcal.data.jets import Jets
from jetcal.data.padding import pad_indices
from jetcal.models import Network, build
from jetcal.training.fit import Course, Fit
from jetcal.training.losses import LOSSES
from jetcal.training.optimisation import make_optimiser
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import learn_scales
from jetcal.training.weights import learn_weights
from jetcal_api.spec import ModelSpec

ALONE = Peers(0, 1, torch.device("cpu"))
NAIVE_SLOTS = 100


def measure(name: str, jets: int) -> None:
    """Print jets a second of one architecture with its defaults, ours and naively."""
    model = ModelSpec.model_validate({name: {}})
    sample = toy_jets(jets)
    share = Share([sample], 0, jets)
    share = share.weighted(learn_weights(share, model.jet_weights, ALONE))
    network = build(model)
    learn_scales(network, share, ALONE, 4096)
    fit = Fit(network, model, Course.plan(3, jets, model.optimizer.batch_size, 1, ALONE), ALONE)
    speeds = []
    for epoch in range(3):
        begin = time.process_time()
        fit.train(share, epoch, 0, lambda *_: None)
        speeds.append(jets / (time.process_time() - begin))
    naive = naive_speed(network, model, sample)
    mean = len(sample.constituents["pt"]) / jets
    print(
        f"{name:12s} {mean:4.0f} constituents a jet  {max(speeds) / 1e3:6.1f}k jets/s  "
        f"padded to {NAIVE_SLOTS}: {naive / 1e3:5.1f}k jets/s  x{max(speeds) / naive:.1f}"
    )


def naive_speed(network: Network, model: ModelSpec, sample: Jets) -> float:
    """Jets a second of random batches, every jet padded to 100 slots, plain matrix products."""
    optimiser = make_optimiser(model.optimizer, network)
    size = min(model.optimizer.batch_size, len(sample))
    order = np.random.default_rng(1).permutation(len(sample))
    network.eval()  # without dropout the same function, by plain products
    best = 0.0
    for start in range(0, min(len(order), 3 * size) - size + 1, size):
        begin = time.process_time()
        rows = order[start : start + size]
        constituents, jet = pad_indices(sample, rows, NAIVE_SLOTS)
        missing = NAIVE_SLOTS - constituents.shape[1]
        constituents = np.pad(constituents, ((0, 0), (0, missing), (0, 0)))
        y = np.log(sample.jet["gen_pt"] / sample.jet["raw_pt"])[rows]
        optimiser.zero_grad()
        prediction = network(torch.from_numpy(constituents), torch.from_numpy(jet))
        LOSSES[model.loss](prediction, torch.from_numpy(y)).mean().backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimiser.step()
        best = max(best, size / (time.process_time() - begin))
    return best


if __name__ == "__main__":
    torch.set_num_threads(1)
    measure("pfn", 20_000)
    measure("particleNet", 2_048)
