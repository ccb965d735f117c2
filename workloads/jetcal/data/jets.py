"""Jets as columns: the one in-memory form that dataset, training, evaluation and prediction share."""

from __future__ import annotations

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
