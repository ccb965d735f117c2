"""Inference in one thread of ONNX Runtime, beside the published graphs there.

Both see the same jets. The published graphs find their 100 slots filled in memory. Of batches ours pays for padding: it
starts from ragged jets and sorts, splits and pads them as ``jetcal predict`` does. A single jet needs no padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import onnxruntime
import torch
from benchmarks.exported import SPECS, onnx_bytes, some_jets
from benchmarks.pairs import Work, in_turns
from benchmarks.published import export, inputs, networks
from benchmarks.rows import Row
from numpy.typing import NDArray
from torch import nn

from jetcal.data.jets import Jets, take
from jetcal.data.padding import pad
from jetcal.serving import batches
from jetcal.serving.inference import OnnxModel
from jetcal.serving.sessions import open_session

JETS = 2048
SLOW = "ParticleNet"
PEER = "published graph, 100 slots"


class Subject(NamedTuple):
    """The published network beside ours, and the ratios that are asked for: of one jet, of more jets."""

    published: Callable[[], nn.Module]
    targets: tuple[float, float]


SUBJECTS = {"PFN": Subject(networks.Pfn, (1.5, 2)), "ParticleNet": Subject(networks.ParticleNet, (4, 4))}


class Batch(NamedTuple):
    """How many jets are asked for at once, how often in a round of each network, and rounds."""

    jets: int
    asked: Mapping[str, int]
    rounds: int


BATCHES = (
    Batch(1, {"PFN": 400, "ParticleNet": 50}, 15),
    Batch(64, {"PFN": 16, "ParticleNet": 2}, 9),
    Batch(1024, {"PFN": 1, "ParticleNet": 1}, 5),
)


def measure(quick: bool) -> Iterator[Row]:  # noqa: FBT001  # every measurement is asked the same
    """Jets a second of one core; the largest batch of the slow network in a whole run alone."""
    jets = some_jets(JETS)
    for name, subject in SUBJECTS.items():
        torch.manual_seed(1)
        with TemporaryDirectory(prefix="jetcal-benchmark-") as folder:
            theirs, ours = Path(folder, "published.onnx"), Path(folder, "ours.onnx")
            theirs.write_bytes(export.to_onnx(subject.published().eval()).SerializeToString())
            ours.write_bytes(onnx_bytes(SPECS[name]))
            published, own = open_session(theirs, threads=1), OnnxModel(ours, threads=1)
        for batch in BATCHES:
            if quick and name == SLOW and batch is BATCHES[-1]:
                continue
            times, rounds = batch.asked[name], batch.rounds
            if quick:
                times, rounds = max(times // 8, 1), 2 if batch.jets > 1 else 5
            asked = [
                np.arange(start, start + batch.jets) % len(jets) for start in range(0, times * batch.jets, batch.jets)
            ]
            rates = in_turns(_ours(own, jets, asked), _published(published, jets, asked), rounds)
            yield rates.row(
                f"{name} inference, batch {batch.jets}", "jets/s", PEER, target=subject.targets[batch.jets > 1]
            )


def _ours(model: OnnxModel, jets: Jets, asked: Sequence[NDArray[np.int64]]) -> Work:
    chosen = [take(jets, rows) for rows in asked]
    singles = [pad(each, 0, 1) for each in chosen] if len(asked[0]) == 1 else []

    def work() -> float:
        for single in singles:
            model.infer(*single)
        for each in [] if singles else chosen:
            batches.predict(each, model.infer, len(each))
        return len(asked) * len(asked[0])

    return work


def _published(session: onnxruntime.InferenceSession, jets: Jets, asked: Sequence[NDArray[np.int64]]) -> Work:
    sample = inputs.read([jets])
    feeds = [_feed(session, sample, rows) for rows in asked]

    def work() -> float:
        for feed in feeds:
            session.run(None, feed)
        return len(asked) * len(asked[0])

    return work


def _feed(
    session: onnxruntime.InferenceSession, sample: inputs.Sample, rows: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    features, mask, jet, _ = sample.batch(rows)
    every = {"pf_points": features[:, 2:4], "pf_features": features, "pf_mask": mask, "jet_features": jet}
    return {each.name: every[each.name].contiguous().numpy() for each in session.get_inputs()}
