"""Groups of jet flavours and the pairs whose response is compared."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

ALL = "all"
"""Every jet, also those of unknown flavour."""

GROUPS = {"uds": (1, 2, 3), "c": (4,), "b": (5,), "g": (21,)}
"""Flavour group -> PDG ids (1 = d, 2 = u, 3 = s, 4 = c, 5 = b, 21 = g)."""

PAIRS = tuple(combinations(GROUPS, 2))
"""Pairs (a, b) whose difference of median responses R_a - R_b is quoted."""


def members(flavour: NDArray[np.floating] | NDArray[np.integer], group: str) -> NDArray[np.bool_]:
    """Whether each jet is of the group, ``all`` or one of ``GROUPS``; ``flavour``: absolute PDG ids, shape (N,)."""
    if group == ALL:
        return np.ones(len(flavour), dtype=np.bool_)
    return np.isin(flavour, GROUPS[group])


def places(flavour: NDArray[np.floating] | NDArray[np.integer]) -> NDArray[np.int64]:
    """Number of each jet's group in the order of ``GROUPS``, their count for any other flavour; shape (N,)."""
    chosen = [members(flavour, group) for group in GROUPS]
    return np.select(chosen, [np.int64(number) for number in range(len(GROUPS))], np.int64(len(GROUPS)))
