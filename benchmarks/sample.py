"""The jets that every measurement takes: simulated once, kept in the user's cache, repeated where more are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from tests.support.simulated import simulated

from jetcal.data.jets import Jets
from jetcal.simulation.settings import Settings

SIMULATED = Settings(jets=20_000, files=4, pool_size=2000, seed=6)


def ntuples() -> list[Path]:
    """Four ROOT files of 5000 simulated jets each: about a minute on two cores, the first time."""
    return simulated("benchmark", SIMULATED)


@contextmanager
def many_ntuples(files: int) -> Iterator[list[Path]]:
    """As many ROOT files, by links to the simulated ones: the content repeats every 20 000 jets, the files do not."""
    originals = ntuples()
    with TemporaryDirectory(prefix="jetcal-benchmark-") as folder:
        links = [Path(folder) / f"ntuple_{number:04d}.root" for number in range(files)]
        for number, link in enumerate(links):
            link.symlink_to(originals[number % len(originals)])
        yield links


def repeated(jets: Jets, times: int) -> Jets:
    """The same jets several times, one after the other."""
    ends = [jets.offsets[1:] + number * jets.offsets[-1] for number in range(times)]
    return Jets(
        jet={name: np.tile(column, times) for name, column in jets.jet.items()},
        constituents={name: np.tile(column, times) for name, column in jets.constituents.items()},
        offsets=np.concatenate([jets.offsets[:1], *ends]),
    )
