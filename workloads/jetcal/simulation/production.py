"""Makes the jets of one file, batch by batch, in one process."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jetcal.errors import JetcalError
from jetcal.simulation.entries import jet_entries
from jetcal.simulation.generator import Generator, Particles
from jetcal.simulation.ntuple import JetTable, Writer, concatenate
from jetcal.simulation.overlay import overlay
from jetcal.simulation.reconstruction import reconstruct_events
from jetcal.simulation.settings import QCD_LINES, Settings, seed_sequence
from jetcal.simulation.standard import StandardCorrection
from jetcal.simulation.variations import VARIATIONS

BATCH = 50
"""Events that are worked on together; part of the model, as it decides the order of random numbers."""

JETS_PER_WRITE = 2500
EVENTS_PER_FILE = 10**8


@dataclass
class Stopwatch:
    """Seconds of processor time by part of the work."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what is done within as ``name``."""
        begin = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - begin


def generate_jets(settings: Settings, index: int, pool: Particles, stopwatch: Stopwatch) -> Iterator[JetTable]:
    """The jets of file ``index``, a batch of events at a time; exactly as many as the settings give that file."""
    generator_seed, detector_seed = seed_sequence("file", settings.seed, index).spawn(2)
    rng = np.random.default_rng(detector_seed)
    standard, variation = StandardCorrection.load(), VARIATIONS[settings.variation]
    with stopwatch.part("generator"):
        generator = Generator((*QCD_LINES, *variation.generator), generator_seed)
    missing, event = settings.jets_in(index), index * EVENTS_PER_FILE
    while missing > 0:
        with stopwatch.part("generator"):
            hard = generator.hard_events(BATCH)
        with stopwatch.part("overlay"):
            particles = overlay(hard.particles, pool, settings.pileup, rng)
        with stopwatch.part("detector and clustering"):
            reconstructed = reconstruct_events(particles, rng, variation.detector)
        numbers = {
            "run": np.full(len(hard), settings.seed),
            "lumi": np.full(len(hard), index + 1),
            "event": event + 1 + np.arange(len(hard)),
        }
        with stopwatch.part("entries"):
            table = jet_entries(hard, reconstructed, standard, settings.min_pt, numbers).first(missing)
        event += len(hard)
        missing -= len(table)
        yield table


def write_file(settings: Settings, index: int, pool: Particles, path: Path, stopwatch: Stopwatch | None = None) -> int:
    """Simulate file ``index`` into ``path``; under its name the file is always whole.

    Returns
    -------
    The number of jets.

    Raises
    ------
    JetcalError
        The file cannot be written.
    """
    stopwatch = stopwatch or Stopwatch()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with Writer(part) as writer:
            for block in _blocks(generate_jets(settings, index, pool, stopwatch)):
                with stopwatch.part("writing"):
                    writer.write(block)
        part.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        part.unlink(missing_ok=True)
    return settings.jets_in(index)


def _blocks(tables: Iterator[JetTable]) -> Iterator[JetTable]:
    """Joins tables to blocks that are worth a write."""
    waiting: list[JetTable] = []
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= JETS_PER_WRITE:
            yield concatenate(waiting)
            waiting = []
    if waiting:
        yield concatenate(waiting)


def _unwritable(path: Path, error: OSError) -> JetcalError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return JetcalError(
            f"no room for {path} ({error.strerror}): free some space and start again, the files that are whole are kept"
        )
    return JetcalError(f"{path} cannot be written: {error.strerror or error}")
