"""The sample's jets in memory, as a training takes them."""

from __future__ import annotations

from functools import cache

import numpy as np
from benchmarks.sample import ntuples

from jetcal.data import ntuples as files
from jetcal.data import selection
from jetcal.data.jets import Jets, concatenate, take
from jetcal.simulation.ntuple import TREE
from jetcal_api.spec import JetSelection


@cache
def selected() -> Jets:
    """The jets that a calibration would take; read once, for all who ask."""
    kept = []
    for path in ntuples():
        for piece in files.read(path, TREE):
            wanted = selection.requirements(piece.jets, piece.matched, JetSelection())
            kept.append(take(piece.jets, selection.select(wanted)[0]))
    return concatenate(kept)


def split(jets: Jets) -> tuple[Jets, Jets]:
    """Four fifths to learn from and the rest."""
    last = np.arange(len(jets)) % 5 == 4  # noqa: PLR2004  # the last of every five
    return take(jets, np.flatnonzero(~last)), take(jets, np.flatnonzero(last))
