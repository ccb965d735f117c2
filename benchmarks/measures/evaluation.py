"""Evaluation of a large sample with its bootstrap: all cells and corrections, beside a plain bootstrap of one cell."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator

from benchmarks.peers.bootstrap import inclusive_gains
from benchmarks.rows import Row, within
from tests.support.evaluation import evaluation_sample

from jetcal.evaluation.measurement import INCLUSIVE, evaluate
from jetcal.evaluation.response import NETWORK, STANDARD

REPLICAS = 1000
SECONDS_A_MILLION = 20.0
PLAIN_REPLICAS = 20
"""Replicas of the plain loop, which is too slow for more; the time for all of them follows."""
PLAIN = "plain bootstrap, one cell"
SIZES = {"100 k jets": 100_000, "1 M jets": 1_000_000}
"""The cells' share of the time falls with the jets, so that a size is compared with itself alone."""


def measure(quick: bool) -> Iterator[Row]:  # noqa: FBT001  # every measurement is asked the same
    """Time and memory of each size, and of the plain loop on the same jets; the small one alone in a quick run."""
    for size, jets in SIZES.items():
        if not quick or jets == min(SIZES.values()):
            yield from _size(f"evaluation of {size}, {REPLICAS} bootstraps", jets)


def _size(name: str, jets: int) -> Iterator[Row]:
    sample = evaluation_sample(jets)
    before = _peak_memory()
    begin = time.perf_counter()
    found = evaluate(sample, REPLICAS)
    seconds = time.perf_counter() - begin
    if jets >= 1_000_000:  # noqa: PLR2004  # what the limit is meant for
        yield within(name, "s", seconds, SECONDS_A_MILLION, better="less")
    yield Row(f"{name}: memory above the sample", "GB", _peak_memory() - before)
    begin = time.perf_counter()
    gains = inclusive_gains(sample, PLAIN_REPLICAS)
    plain = (time.perf_counter() - begin) / PLAIN_REPLICAS * REPLICAS
    yield Row(f"{name}: all cells", "s", seconds, plain, PLAIN, plain / seconds)
    gain = found.gain(INCLUSIVE, NETWORK, STANDARD)
    if gain is not None:
        yield Row(f"{name}: error of the inclusive gain", "", gain.error, float(gains.std(ddof=1)), PLAIN)


def _peak_memory() -> float:
    """The most that this process has held, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
