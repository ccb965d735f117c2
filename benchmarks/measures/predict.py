"""``jetcal predict`` from ROOT to ROOT, beside the inference in it alone: the same session, the same padded batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import awkward as ak
import numpy as np
import uproot
from benchmarks.exported import SPECS, model_file
from benchmarks.pairs import in_turns
from benchmarks.rows import Row
from benchmarks.sample import ntuples

from jetcal.data import ntuples as reading
from jetcal.data.padding import Padder
from jetcal.documents import find_reading
from jetcal.serving import batches
from jetcal.serving.inference import OnnxModel
from jetcal.serving.prediction import predict
from jetcal.simulation.ntuple import LISTS, TREE, JetTable, Writer, branches

TIMES = {"PFN": 28, "ParticleNet": 4}
"""Simulated files of 5000 jets that are put together to one: the published ones hold 140 thousand jets each."""
SLOW = "ParticleNet"
"""Left out of a quick run; fewer jets would show the start and the end, where nothing overlaps."""
BATCH = 1024


def measure(quick: bool) -> Iterator[Row]:  # noqa: FBT001  # every measurement is asked the same
    """The rate of the whole as a share of that of its inference."""
    tables = [_table(path) for path in ntuples()]
    for name, times in TIMES.items():
        if quick and name == SLOW:
            continue
        with TemporaryDirectory(prefix="jetcal-benchmark-") as folder:
            path = Path(folder, "jets.root")
            with Writer(path) as writer:
                for number in range(times):
                    writer.write(tables[number % len(tables)])
            model = OnnxModel(model_file(SPECS[name], Path(folder)), threads=1)
            yield _row(name, model, path, Path(folder, "corrected.root"), rounds=2 if quick else 3)


def _row(name: str, model: OnnxModel, path: Path, output: Path, rounds: int) -> Row:
    given = find_reading(None, TREE)
    pieces = [piece.jets for piece in reading.read(path, TREE, truth=False)]
    padders = [(Padder(jets), batches.split(jets, BATCH)) for jets in pieces]
    padded = [padder(rows) for padder, split in padders for rows in split]

    def whole() -> float:
        return predict([str(path)], given, model, output).jets

    def inference() -> float:
        for constituents, jet in padded:
            model.infer(constituents, jet)
        return sum(map(len, pieces))

    rates = in_turns(whole, inference, rounds)
    what = f"jetcal predict, {name}, one thread infers while others read and write on a second core"
    return rates.row(what, "jets/s", "its inference alone, padded batches ready", target=0.9)


def _table(path: Path) -> JetTable:
    """All that a simulated file holds."""
    with uproot.open(path) as file:
        arrays = file[TREE].arrays(library="ak")
    lists = {}
    for prefix, columns in LISTS.items():
        found = {name: arrays[f"{prefix}_{name}"] for name in columns}
        counts = ak.to_numpy(ak.num(next(iter(found.values()))))
        flat = {name: ak.to_numpy(ak.flatten(values)) for name, values in found.items()}
        lists[prefix] = (np.concatenate([[0], np.cumsum(counts)]), flat)
    return JetTable({name: ak.to_numpy(arrays[name]) for name in branches()}, lists)
