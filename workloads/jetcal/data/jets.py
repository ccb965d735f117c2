"""Jets as columns: the one in-memory form that dataset, training, evaluation and prediction share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONSTITUENT_COLUMNS = ("pt", "deta", "dphi", "mass", "id", "from_pv")
"""Raw constituent columns in the order of the network's input: GeV, -, rad, GeV, |PDG id| with sign, 0-3."""

JET_COLUMNS = ("raw_pt", "eta", "raw_mass", "area", "rho", "n_vertices")
"""Raw jet columns in the order of the network's input: GeV, -, GeV, -, GeV per unit area, -."""

TRUTH_COLUMNS = ("gen_pt", "standard_pt", "flavour")
"""Generator pT (GeV), pT after the standard correction (GeV), flavour (hadron flavour, else |parton flavour|)."""

OUTPUTS = ("correction", "correction_down", "correction_up")
"""The network's answer in its order: median, 16 % and 84 % quantile of pT_gen / pT_raw."""

MAX_CONSTITUENTS = 1000
"""Constituents that a jet keeps, the hardest: far more than a real jet has, so that one broken jet harms no batch."""


@dataclass(frozen=True)
class Jets:
    """N jets with their constituents, ordered by falling pT, in flat arrays.

    Attributes
    ----------
    jet
        float32 columns of shape (N,), by name: ``JET_COLUMNS``, for simulation also ``TRUTH_COLUMNS``.
    constituents
        float32 columns of shape (M,), by name: ``CONSTITUENT_COLUMNS``.
    offsets
        int64 of shape (N + 1,): jet i has the constituents ``offsets[i]:offsets[i + 1]``.
    """

    jet: dict[str, NDArray[np.float32]]
    constituents: dict[str, NDArray[np.float32]]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1


def take(jets: Jets, indices: NDArray[np.integer]) -> Jets:
    """The jets ``indices``, in that order, as a copy."""
    first, counts = jets.offsets[indices], np.diff(jets.offsets)[indices]
    source = positions(first, counts)
    return Jets(
        jet={name: column[indices] for name, column in jets.jet.items()},
        constituents={name: column[source] for name, column in jets.constituents.items()},
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
    )


def concatenate(pieces: Sequence[Jets]) -> Jets:
    """The jets of all ``pieces``, at least one, in their order; the pieces have the same columns."""
    counts = np.concatenate([np.diff(piece.offsets) for piece in pieces])
    return Jets(
        jet={name: np.concatenate([piece.jet[name] for piece in pieces]) for name in pieces[0].jet},
        constituents={
            name: np.concatenate([piece.constituents[name] for piece in pieces]) for name in pieces[0].constituents
        },
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
    )


def positions(first: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions ``first[i], first[i] + 1, ...``, ``counts[i]`` of them, one i after the other."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - ends + counts, counts)


def falling_order(jet_of: NDArray[np.int64], pt: NDArray[np.float32]) -> NDArray[np.int64]:
    """The order of jets, and of falling pT above 0 in each; equal ones stay as they are.

    The bits of a positive number rise with it (IEEE 754), so that one number says both, and candidates that lie sorted
    already, as most files have them, cost a single pass.
    """
    falling = np.uint64(2**32 - 1) - pt.view(np.uint32)
    return np.argsort((jet_of.astype(np.uint64) << np.uint64(32)) | falling, kind="stable")
