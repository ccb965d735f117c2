"""How time and memory grow with jets, batches, constituents, parameters and trials: figures without a peer.

Each point is measured in a process of its own; docs/performance.md draws them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from benchmarks.exported import model_file
from benchmarks.measures.planner import plans_a_second, worlds
from benchmarks.preparing import once, prepared
from benchmarks.probe import cost
from benchmarks.rows import Row
from benchmarks.sample import SIMULATED, many_ntuples, ntuples
from benchmarks.scaling.evaluation import judge
from benchmarks.scaling.inference import infer
from benchmarks.scaling.jets import simulated, toys
from benchmarks.scaling.points import Point
from benchmarks.scaling.reading import deal_out
from benchmarks.scaling.training import train, validate

from jetcal.models import build
from jetcal_api.spec import ModelSpec

PREPARED = (10_000, 100_000, 1_000_000)
DEALT_OUT = (10_000, 100_000, 1_000_000, 10_000_000)
JUDGED = (10_000, 100_000, 1_000_000)
BATCHES = (64, 256, 1024, 4096)
ASKED = (1, 16, 64, 256, 1024)
CONSTITUENTS = (10, 30, 100, 300)
WIDTHS = {
    "PFN": [{"phiDim": width, "fcDim": width} for width in (50, 150, 450)],
    "ParticleNet": [{"convDim": width} for width in (16, 48, 144)],
}
TRIALS = (3, 10, 30, 100, 300)
FIELDS = {"PFN": "pfn", "ParticleNet": "particleNet"}
BATCH = 1024
"""Where the size of the batch is not the subject."""
WORK = {"PFN": 1_500_000, "ParticleNet": 160_000}
"""Constituents of an epoch: some seconds."""
CONSTITUENTS_OF_SAMPLE = 40
"""About as many as a simulated jet has."""


def measure(quick: bool) -> Iterator[Row]:  # noqa: FBT001  # every measurement is asked the same
    """Each step at each size, in one thread unless it says otherwise; nothing in a quick run."""
    if quick:
        return
    yield from _data()
    for name in FIELDS:
        yield from _training(name)
        yield from _inference(name)
    yield from _plans()


def _data() -> Iterator[Row]:
    per_file = SIMULATED.jets // SIMULATED.files
    cost(once, ntuples())  # from here on the files are in the system's cache
    for processes, shown in ((1, "one process"), (2, "two processes")):
        for jets in PREPARED:
            with many_ntuples(jets // per_file) as files:
                yield from Point(f"prepare, {shown}", jets, "jets").rows(cost(once, files, processes))
    with TemporaryDirectory(prefix="jetcal-benchmark-") as folder:
        dataset = prepared(ntuples(), Path(folder))
        for jets in DEALT_OUT:
            yield from Point("training input", jets, "jets").rows(cost(deal_out, dataset, jets))
    for jets in JUDGED:
        yield from Point("evaluation", jets, "jets").rows(cost(judge, jets))


def _training(name: str) -> Iterator[Row]:
    some = WORK[name] // CONSTITUENTS_OF_SAMPLE
    for batch in BATCHES:
        jets = max(some, batch)
        spent = cost(train, _spec(name, batch), simulated(jets), forked=True)
        yield from Point(f"{name} training", batch, "jets a batch").rows(spent, jets)
    yield from Point(f"{name} validation", BATCH, "jets a batch").rows(
        cost(validate, _spec(name), simulated(some), forked=True), some
    )
    for constituents in CONSTITUENTS:
        jets = WORK[name] // constituents
        spent = cost(train, _spec(name), toys(jets, constituents), forked=True)
        yield from Point(f"{name} training", constituents, "constituents a jet").rows(spent, jets)
    for widths in WIDTHS[name]:
        spec = _spec(name, **widths)
        point = Point(f"{name} training", sum(weight.numel() for weight in build(spec).parameters()), "parameters")
        yield from point.rows(cost(train, spec, simulated(some), forked=True), some)


def _inference(name: str) -> Iterator[Row]:
    with TemporaryDirectory(prefix="jetcal-benchmark-") as folder:
        path = model_file(_spec(name), Path(folder))
        some = WORK[name] // CONSTITUENTS_OF_SAMPLE // 2
        for batch in ASKED:
            jets = some if batch > 1 else some // 10
            point = Point(f"{name} inference", batch, "jets a batch")
            yield from point.rows(cost(infer, path, simulated(jets), batch), jets)
        for constituents in CONSTITUENTS:
            jets = WORK[name] // constituents // 2
            point = Point(f"{name} inference", constituents, "constituents a jet")
            yield from point.rows(cost(infer, path, toys(jets, constituents), BATCH), jets)


def _plans() -> Iterator[Row]:
    for trials in TRIALS:
        rates = plans_a_second(worlds("search", trials), rounds=5, seconds=0.2)
        yield Point("plan", trials, "trials").row("time", "s", 1 / float(np.median(rates)))


def _spec(name: str, batch: int = BATCH, **widths: int) -> ModelSpec:
    described: dict[str, Any] = {FIELDS[name]: widths, "optimizer": {"batchSize": batch}}
    return ModelSpec.model_validate(described)
