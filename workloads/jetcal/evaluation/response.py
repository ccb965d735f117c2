"""The test sample as the evaluation sees it: generator truth and pT after each correction, side by side."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

RAW = "raw"
STANDARD = "standard"
NETWORK = "network"
CALIBRATED = "calibrated"
"""The network followed by the residual correction that was derived from the validation jets."""
BASELINE = "baseline"


def response(pt: NDArray[np.floating], gen_pt: NDArray[np.floating]) -> NDArray[np.float64]:
    """Response R = pT / pT_gen of each jet (no unit), shapes (N,), both pT in GeV."""
    return np.asarray(pt, dtype=np.float64) / np.asarray(gen_pt, dtype=np.float64)


@dataclass(frozen=True)
class Sample:
    """N matched jets with every correction that is compared.

    Attributes
    ----------
    gen_pt
        pT of the matched generator jet, GeV, shape (N,).
    eta
        Pseudorapidity of the reconstructed jet, shape (N,).
    flavour
        Hadron flavour, else absolute parton flavour, as PDG ids (1 = d, 2 = u, ..., 21 = g, 0 = unknown), shape (N,).
    corrected
        Name of a correction -> pT after it, GeV, shape (N,); the order is that of tables and plots.
    intervals
        Name of a correction -> lower and upper end of the central 68 % interval that it predicts for pT_gen, GeV,
        shapes (N,); only for corrections that predict one.
    events
        Number of each jet's event, shape (N,); None where it is not known.
    rho, n_vertices
        The event's pT density (GeV per unit area) and its vertices, shape (N,); None where they are not known.
    spreads
        Name of a correction -> standard deviation of ln(correction) over the members of its ensemble, shape (N,); only
        for ensembles.
    """

    gen_pt: NDArray[np.floating]
    eta: NDArray[np.floating]
    flavour: NDArray[np.floating] | NDArray[np.integer]
    corrected: dict[str, NDArray[np.floating]]
    intervals: dict[str, tuple[NDArray[np.floating], NDArray[np.floating]]] = field(default_factory=dict)
    events: NDArray[np.int64] | None = None
    rho: NDArray[np.floating] | None = None
    n_vertices: NDArray[np.floating] | None = None
    spreads: dict[str, NDArray[np.floating]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.gen_pt)

    def response(self, correction: str) -> NDArray[np.float64]:
        """Response of each jet after the correction of that name (no unit), shape (N,)."""
        return response(self.corrected[correction], self.gen_pt)

    def restricted(self, keep: NDArray[np.bool_]) -> Sample:
        """The jets for which ``keep`` of shape (N,) holds."""
        return Sample(
            gen_pt=self.gen_pt[keep],
            eta=self.eta[keep],
            flavour=self.flavour[keep],
            corrected={name: pt[keep] for name, pt in self.corrected.items()},
            intervals={name: (low[keep], high[keep]) for name, (low, high) in self.intervals.items()},
            events=None if self.events is None else self.events[keep],
            rho=None if self.rho is None else self.rho[keep],
            n_vertices=None if self.n_vertices is None else self.n_vertices[keep],
            spreads={name: spread[keep] for name, spread in self.spreads.items()},
        )
