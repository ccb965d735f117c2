"""The pool of minimum-bias events that pile-up is drawn from, kept in the user's cache."""

from __future__ import annotations

import os
import tempfile
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np

from jetcal.errors import JetcalError
from jetcal.simulation.flat import offsets_of
from jetcal.simulation.generator import Generator, Particles
from jetcal.simulation.settings import COMMON_LINES, MINIMUM_BIAS_LINES, Settings, fingerprint, seed_sequence

CHUNK = 2500
"""Events of a pool that come from one Pythia; fixed, so that any number of processes makes the same pool."""

POOL_VERSION = 1


def pool_path(settings: Settings) -> Path:
    """Where the pool of these settings is cached: ``${XDG_CACHE_HOME:-~/.cache}/jetcal/minbias/<hash>.npz``."""
    document = {
        "version": POOL_VERSION,
        "seed": settings.seed,
        "size": settings.pool_size,
        "chunk": CHUNK,
        "generator": [*COMMON_LINES, *MINIMUM_BIAS_LINES],
    }
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "jetcal" / "minbias" / f"{fingerprint(document)}.npz"


def chunks(settings: Settings) -> list[int]:
    """Numbers of events of the pool's chunks."""
    full, rest = divmod(settings.pool_size, CHUNK)
    return [CHUNK] * full + ([rest] if rest else [])


def generate_chunk(settings: Settings, index: int) -> Particles:
    """Chunk ``index`` of the pool, from a seed of its own."""
    generator = Generator(MINIMUM_BIAS_LINES, seed_sequence("minimum bias", settings.seed, index))
    return generator.minimum_bias(chunks(settings)[index])


def join(parts: list[Particles]) -> Particles:
    """Events one after another."""
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(Particles)
        if field.name != "offsets"
    }
    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    return Particles(offsets=offsets_of(counts), **columns)


def save(pool: Particles, path: Path) -> None:
    """Write the pool; under its name it is always whole.

    Raises
    ------
    JetcalError
        The cache cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            try:
                np.savez(part, **{field.name: getattr(pool, field.name) for field in fields(Particles)})
            except BaseException:
                Path(part.name).unlink()
                raise
        Path(part.name).replace(path)
    except OSError as error:
        message = (
            f"the pool of minimum-bias events cannot be kept in {path.parent} ({error.strerror}): "
            "free space there, or point XDG_CACHE_HOME to a folder that can be written"
        )
        raise JetcalError(message) from error


def load(path: Path) -> Particles | None:
    """The cached pool, or None where there is none that can be read."""
    try:
        with path.open("rb") as file, np.load(file) as stored:
            return Particles(**{field.name: stored[field.name] for field in fields(Particles)})
    except (FileNotFoundError, zipfile.BadZipFile, KeyError, ValueError, EOFError):
        return None
