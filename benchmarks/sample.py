"""The jets that every measurement takes: simulated once, kept in the user's cache, repeated where more are wanted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from jetcal.data.jets import Jets
from jetcal.simulation.settings import Settings, fingerprint
from jetcal.simulation.simulate import manifest

SIMULATED = Settings(jets=20_000, files=4, pool_size=2000, seed=6)
_JETCAL = Path(sys.executable).with_name("jetcal")


def cache() -> Path:
    """Where what takes long to make is kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jetcal"


def ntuples() -> list[Path]:
    """Four ROOT files of 5000 simulated jets each: about a minute on two cores, the first time."""
    folder = cache() / f"benchmark-{fingerprint(manifest(SIMULATED))}"
    options = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(SIMULATED).items()]
    command = [str(_JETCAL), "simulate", str(folder), *options, "--processes=2"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # our own command
    return sorted(folder.glob("*.root"))


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
