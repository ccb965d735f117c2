"""Our prepared jets as the published networks read them: six features a constituent, eight a jet, plain numbers.

Where the prepared columns differ from those of the description, the choice made is the friendlier one: the constituents
are the jet's own and fall in pT, so that the 100 slots hold the hardest ones. The
jet's azimuth is not kept, a zero stands in its place: a response does not depend on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from benchmarks.published.networks import SLOTS
from numpy.typing import NDArray
from torch import Tensor

from jetcal.data.jets import Jets, concatenate, positions
from jetcal.evaluation.comparison.derived import derived


@dataclass(frozen=True)
class Sample:
    """N jets with M constituents in all, ready to be dealt out.

    Attributes
    ----------
    constituents
        float32 (M, 6): ln pT, ln(pT / jet pT), deta, dphi, atan2(dphi, deta), sqrt(deta^2 + dphi^2).
    first, counts
        int64 (N,): where a jet's constituents begin, and how many of them fit into the slots.
    jet
        float32 (N, 8): ln pT, eta, 0 for phi, mass, area, pT-D, axis2, multiplicity; pT and mass (GeV) after the
        standard correction.
    target
        float32 (N,): ln(gen_pt / standard_pt).
    """

    constituents: NDArray[np.float32]
    first: NDArray[np.int64]
    counts: NDArray[np.int64]
    jet: NDArray[np.float32]
    target: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.target)

    def batch(self, rows: NDArray[np.integer]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features (B, 6, 100), mask (B, 1, 100), jet (B, 8) and target (B, 1) of the jets ``rows``."""
        counts = self.counts[rows]
        dense = np.zeros((len(rows) * SLOTS, self.constituents.shape[1]), np.float32)
        dense[positions(np.arange(len(rows)) * SLOTS, counts)] = self.constituents[positions(self.first[rows], counts)]
        features = torch.from_numpy(dense).view(len(rows), SLOTS, -1).transpose(1, 2)
        mask = torch.from_numpy((np.arange(SLOTS) < counts[:, None]).astype(np.float32)).unsqueeze(1)
        return features, mask, torch.from_numpy(self.jet[rows]), torch.from_numpy(self.target[rows, None])


def read(parts: Sequence[Jets]) -> Sample:
    """The jets of at least one file in memory, about 1 kB a jet."""
    jets = concatenate(parts)
    counts = np.diff(jets.offsets)
    pt, deta, dphi = (jets.constituents[name] for name in ("pt", "deta", "dphi"))
    jet_pt = jets.jet["standard_pt"]
    shape = derived(jets)
    constituents = [
        np.log(pt),
        np.log(pt / np.repeat(jet_pt, counts)),
        deta,
        dphi,
        np.arctan2(dphi, deta),
        np.hypot(deta, dphi),
    ]
    jet = [
        np.log(jet_pt),
        jets.jet["eta"],
        np.zeros_like(jet_pt),
        jets.jet["raw_mass"] * jet_pt / jets.jet["raw_pt"],
        jets.jet["area"],
        shape["pt_dispersion"],
        shape["axis2"],
        shape["qg_multiplicity"],
    ]
    return Sample(
        constituents=np.stack(constituents, axis=1, dtype=np.float32),
        first=jets.offsets[:-1],
        counts=np.minimum(counts, SLOTS),
        jet=np.stack(jet, axis=1, dtype=np.float32),
        target=np.log(jets.jet["gen_pt"] / jet_pt),
    )
