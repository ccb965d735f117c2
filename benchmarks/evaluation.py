"""Evaluation speed: all cells and corrections of a large sample with its bootstrap, beside a plain resampling loop.

``python benchmarks/evaluation.py [JETS [REPLICAS]]``, a million jets and 1000 replicas when left out.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.evaluation import evaluation_sample

from jetcal.evaluation.measurement import INCLUSIVE, evaluate
from jetcal.evaluation.response import NETWORK, STANDARD, Sample

PLAIN_REPLICAS = 20


def main(jets: int, replicas: int) -> None:
    """Print seconds, memory and how both errors compare."""
    sample = evaluation_sample(jets)
    before = _memory()
    begin, worked = time.perf_counter(), time.process_time()
    found = evaluate(sample, replicas)
    seconds, worked = time.perf_counter() - begin, time.process_time() - worked
    measured = sum(len(cell.summaries) for cell in found.cells.values())
    print(f"{jets} jets, {len(sample.corrected)} corrections, {replicas} replicas, {measured} distributions measured")
    print(f"all cells: {seconds:.1f} s, {worked:.1f} s of processor time")
    print(f"memory: {_memory() - before:.2f} GB above the sample, {_memory():.2f} GB at most")
    gain = found.gain(INCLUSIVE, NETWORK, STANDARD)
    if gain is None:
        sys.exit("too few jets to measure the gain; give more")
    begin = time.perf_counter()
    plain = plain_gain(sample, PLAIN_REPLICAS)
    each = (time.perf_counter() - begin) / PLAIN_REPLICAS
    print(f"one cell, two corrections, plainly: {each * replicas:.0f} s for as many replicas ({PLAIN_REPLICAS} done)")
    print(f"error of the inclusive gain: {gain.error:.2e}, plainly {plain.std(ddof=1):.2e} ({PLAIN_REPLICAS} replicas)")


def plain_gain(sample: Sample, replicas: int) -> np.ndarray:
    """The inclusive gain in resolution of samples drawn with replacement, event by event."""
    rng = np.random.default_rng(1)
    chosen = np.flatnonzero(sample.gen_pt >= INCLUSIVE.pt.low)
    event = (np.arange(len(sample)) if sample.events is None else sample.events)[chosen]
    order = np.argsort(event, kind="stable")
    chosen, event = chosen[order], event[order]
    events, first, jets = np.unique(event, return_index=True, return_counts=True)
    responses = [sample.response(name)[chosen] for name in (NETWORK, STANDARD)]
    gains = []
    for _ in range(replicas):
        drawn = rng.integers(0, len(events), len(events))
        start = np.repeat(first[drawn] - np.cumsum(jets[drawn]) + jets[drawn], jets[drawn])
        rows = start + np.arange(len(start))
        widths = []
        for response in responses:
            q25, q50, q75 = np.quantile(response[rows], (0.25, 0.5, 0.75))
            widths.append((q75 - q25) / q50)
        gains.append(1 - widths[0] / widths[1])
    return np.array(gains)


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*given, *(1_000_000, 1000)[len(given) :])
