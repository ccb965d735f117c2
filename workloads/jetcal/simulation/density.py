"""rho: the median transverse momentum per unit area of an event."""

from __future__ import annotations

import numpy as np

from jetcal.simulation.flat import Floats, Ints

CELL = 0.55
"""Edge of a grid cell, as in CMS's ``fixedGridRhoFastjet``."""


def density(event: Ints, pt: Floats, eta: Floats, phi: Floats, *, events: int, max_abs_eta: float) -> Floats:
    """Median of the cells' summed pT, divided by a cell's area, in GeV for each event.

    Parameters
    ----------
    event, pt, eta, phi
        Candidates: event number, GeV, -, rad.
    events
        Number of events.
    max_abs_eta
        The grid covers this range; its cells are as near to 0.55 x 0.55 as a whole number of them allows.
    """
    columns, rows = round(2 * max_abs_eta / CELL), round(2 * np.pi / CELL)
    inside = np.abs(eta) < max_abs_eta
    column = ((eta[inside] + max_abs_eta) * columns / (2 * max_abs_eta)).astype(np.int64)
    row = ((phi[inside] + np.pi) * rows / (2 * np.pi)).astype(np.int64) % rows
    cell = (event[inside] * columns + np.minimum(column, columns - 1)) * rows + row
    sums = np.bincount(cell, pt[inside], events * columns * rows).reshape(events, columns * rows)
    area = (2 * max_abs_eta / columns) * (2 * np.pi / rows)
    return np.asarray(np.median(sums, axis=1) / area)
