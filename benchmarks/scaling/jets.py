"""Jets in memory, as many as a point wants."""

from __future__ import annotations

import numpy as np
from benchmarks.jets import selected
from benchmarks.sample import repeated
from tests.support.toys import toy_jets

from jetcal.data.jets import Jets, take

_QUARKS_AND_GLUONS = 1.15
"""Mean multiplicity of toy jets in units of the mean that is asked for."""


def simulated(count: int) -> Jets:
    """Simulated jets, repeated where they do not suffice."""
    once = selected()
    return take(repeated(once, -(-count // len(once))), np.arange(count))


def toys(count: int, constituents: int) -> Jets:
    """Toy jets with so many constituents in the mean."""
    return toy_jets(count, mean_constituents=constituents / _QUARKS_AND_GLUONS)
