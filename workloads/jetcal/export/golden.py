"""The golden sample: padded batches with the answers of torch, which every runtime must reproduce."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from jetcal.data.jets import CONSTITUENT_COLUMNS, Jets, concatenate, take
from jetcal.data.padding import pad
from jetcal.errors import JetcalError
from jetcal.export.parity import Limits, Parity
from jetcal.serving.batches import Infer

JETS = 256
"""Test jets in the sample."""
EDGE_JETS = 4
"""Jets of each edge case."""


@dataclass(frozen=True)
class Batch:
    """One request and its answer: constituents (N, P, 6), jet (N, 6), correction (N, 3), of an ensemble (N, 4)."""

    constituents: NDArray[np.float32]
    jet: NDArray[np.float32]
    correction: NDArray[np.float32]


@dataclass(frozen=True)
class Golden:
    """The sample with what is demanded of who replays it."""

    batches: tuple[Batch, ...]
    limits: Limits

    def __len__(self) -> int:
        return sum(len(batch.jet) for batch in self.batches)

    def compare(self, infer: Infer) -> Parity:
        """Replay every batch."""
        found = np.concatenate([infer(batch.constituents, batch.jet) for batch in self.batches])
        return Parity.of(np.concatenate([batch.correction for batch in self.batches]), found)

    def to_bytes(self) -> bytes:
        """As an npz file: ``<batch>_constituents``, ``<batch>_jet``, ``<batch>_correction`` and ``limits``."""
        arrays = {
            f"{index}_{name}": getattr(batch, name)
            for index, batch in enumerate(self.batches)
            for name in ("constituents", "jet", "correction")
        }
        limits = np.array([self.limits.share_within_1e5, self.limits.max_relative])
        buffer = io.BytesIO()
        np.savez_compressed(buffer, limits=limits, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Golden:
        """Read what ``to_bytes`` wrote; raises ``JetcalError`` for anything else."""
        try:
            with np.load(io.BytesIO(data)) as arrays:
                share, largest = arrays["limits"]
                batches = tuple(
                    Batch(*(arrays[f"{index}_{name}"] for name in ("constituents", "jet", "correction")))
                    for index in range((len(arrays) - 1) // 3)
                )
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            message = f"the golden sample is damaged ({error}): delete the export's result to have it made again"
            raise JetcalError(message) from error
        return cls(batches, Limits(float(share), float(largest)))


def make(network: nn.Module, files: Sequence[Jets], longest: int, limits: Limits) -> Golden:
    """The golden sample of a network.

    Parameters
    ----------
    network
        (constituents, jet) -> factors (N, 3), of an ensemble (N, 4).
    files
        Test jets, file by file; the first ``JETS`` of them are used.
    longest
        Most constituents of a jet in training; the sample has a jet with more.
    limits
        What is demanded of a replay.
    """
    test = _first(files)
    network.eval()
    answer = _torch(network)
    inputs = [pad(test, 0, len(test)), *_edge_cases(test, longest)]
    return Golden(tuple(Batch(*padded, correction=answer(*padded)) for padded in inputs), limits)


def _first(files: Sequence[Jets]) -> Jets:
    pieces, missing = [], JETS
    for jets in files:
        pieces.append(take(jets, np.arange(min(missing, len(jets)))))
        missing -= len(pieces[-1])
        if not missing:
            break
    if missing == JETS:
        message = "the dataset has no test jets to check the exported model with: raise spec.dataset.split.test"
        raise JetcalError(message)
    return concatenate(pieces)


def _torch(network: nn.Module) -> Infer:
    def infer(constituents: NDArray[np.float32], jet: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            factors: NDArray[np.float32] = network(torch.from_numpy(constituents), torch.from_numpy(jet)).numpy()
        return factors

    return infer


def _edge_cases(test: Jets, longest: int) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    constituents, jet = pad(test, 0, min(EDGE_JETS, len(test)))
    mixed = constituents.copy()
    mixed[::2] = 0
    return [
        pad(test, 0, 1),  # a batch of one
        (np.zeros((len(jet), 1, len(CONSTITUENT_COLUMNS)), np.float32), jet),  # no constituents
        (np.ascontiguousarray(constituents[:, :1]), jet),  # one constituent
        (mixed, jet),  # jets without constituents beside others
        _crowded(test, longest),
    ]


def _crowded(test: Jets, longest: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One jet with more constituents than any in training: those of the test jets, around a common axis."""
    wanted = longest + longest // 4 + 1
    pool = np.stack([column[: 2 * wanted] for column in (test.constituents[name] for name in CONSTITUENT_COLUMNS)], -1)
    if not len(pool):
        pool = np.ones((1, len(CONSTITUENT_COLUMNS)), np.float32)
    rows = np.arange(wanted)
    crowd = pool[rows % len(pool)]
    crowd[:, 1:3] *= (1 + 0.1 * (rows // len(pool)))[:, None]  # repeated ones lie elsewhere
    crowd = crowd[np.argsort(-crowd[:, 0], kind="stable")]
    jet = pad(test, 0, 1)[1].copy()
    return crowd[None].astype(np.float32), jet
