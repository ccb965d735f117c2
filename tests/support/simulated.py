"""Ntuples of simulated jets that are made once and kept in the user's cache."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from jetcal.simulation.settings import Settings, fingerprint
from jetcal.simulation.simulate import manifest

_JETCAL = Path(sys.executable).with_name("jetcal")


def simulated(purpose: str, settings: Settings) -> list[Path]:
    """The ROOT files of these settings, made by two processes unless they are there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jetcal"
    folder = cache / f"{purpose}-{fingerprint(manifest(settings))}"
    options = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(settings).items()]
    command = [str(_JETCAL), "simulate", str(folder), *options, "--processes=2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return sorted(folder.glob("*.root"))
