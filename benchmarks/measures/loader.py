"""From Arrow to batches for a network: rate beside weaver-core's loader, and how long a training waits for them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from benchmarks.measures.prepare import PEER
from benchmarks.pairs import Rates, in_turns, spread
from benchmarks.peers.weaver import Reader
from benchmarks.preparing import prepared
from benchmarks.rows import Row, within
from benchmarks.sample import ntuples

from jetcal.data import shards
from jetcal.models import build
from jetcal.training.fit import CPU_SLOTS, Course, Fit
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import learn_scales
from jetcal.training.weights import learn_weights
from jetcal_api.spec import ModelSpec

WANTED = 10
JETS_A_SECOND = 1e6
MAX_WAITING = 3
BATCH = 512
_ROWS = 32_768
_ALONE = Peers(0, 1, torch.device("cpu"))


def measure(quick: bool) -> Iterator[Row]:  # noqa: FBT001  # every measurement is asked the same
    """An epoch of shuffled batches of 512 jets, from more jets than are kept in memory at a time."""
    rounds, times = (3, 6) if quick else (7, 60)
    with TemporaryDirectory(prefix="jetcal-benchmark-") as place:
        folder = Path(place)
        jets = shards.open_part(prepared(ntuples(), folder), "train")
        files = jets * times
        share = Share(files, 0, sum(map(len, files)))
        own = padded(share)
        if not quick:
            reader = Reader(ntuples(), folder, truth=False, fetch_by_files=True, fetch_step=1)
            rates = in_turns(own, _batches(reader), rounds)
            yield rates.row("input: batches of 512, jets on disk", "jets/s", f"{PEER}, from ROOT", target=WANTED)
        reader = Reader(ntuples(), folder, truth=False, fetch_step=1.0, in_memory=True)
        rates = in_turns(own, _batches(reader, most=10 if quick else 31), rounds)
        yield rates.row("input: batches of 512", "jets/s", f"{PEER}, jets kept in memory", target=WANTED)
        yield _absolute("input: padded, from page cache", rates)
        yield _absolute("input: without padding, from page cache", in_turns(ragged(share), own, rounds))
        yield waiting(Share(jets, 0, sum(map(len, jets))), epochs=1 if quick else 2)


def padded(share: Share) -> Callable[[], float]:
    """An epoch of batches in chunks; tells how many jets."""
    return lambda: sum(
        len(chunk.target) for batch in share.batches(_steps(share), CPU_SLOTS, _random()) for chunk in batch
    )


def ragged(share: Share) -> Callable[[], float]:
    """The same without padding."""
    return lambda: sum(
        len(piece.target) for batch in share.ragged_batches(_steps(share), _ROWS, _random()) for piece in batch
    )


def waiting(share: Share, epochs: int) -> Row:
    """The share of a training's time in which the default PFN waits for its next batch."""
    model = ModelSpec.model_validate({"pfn": {}, "optimizer": {"batchSize": BATCH}})
    share = share.weighted(learn_weights(share, model.jet_weights, _ALONE))
    network = build(model)
    learn_scales(network, share, _ALONE, CPU_SLOTS)
    fit = Fit(network, model, Course.plan(epochs, len(share), BATCH, 1, _ALONE), _ALONE)
    clock = _Clock()
    for name in ("batches", "ragged_batches"):
        setattr(share, name, clock.watched(getattr(share, name)))
    begin = time.perf_counter()
    for epoch in range(epochs):
        fit.train(share, epoch, 0, lambda *_: None)
    share_of_time = 100 * clock.seconds / (time.perf_counter() - begin)
    return within(
        "input: time that a PFN step of 512 jets waits for it", "%", share_of_time, MAX_WAITING, better="less"
    )


class _Clock:
    """Seconds that are spent on the next item of iterators."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watched(self, make: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def iterate(*given: Any, **named: Any) -> Iterator[Any]:
            iterator = make(*given, **named)
            while True:
                begin = time.perf_counter()
                found = next(iterator, None)
                self.seconds += time.perf_counter() - begin
                if found is None:
                    return
                yield found

        return iterate


def _batches(reader: Reader, most: int | None = None) -> Callable[[], float]:
    return lambda: reader.batches(BATCH, most)


def _absolute(name: str, rates: Rates) -> Row:
    median = float(np.median(rates.ours))
    return within(name, "jets/s", median, JETS_A_SECOND, better="more", spread=spread(rates.ours))


def _steps(share: Share) -> int:
    return len(share) // BATCH


def _random() -> np.random.Generator:
    return np.random.default_rng(1)
