"""Makes a whole sample: the pool of minimum-bias events, the files that are still missing, and the manifest."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jetcal.errors import JetcalError
from jetcal.simulation import minbias
from jetcal.simulation.processes import run_tasks
from jetcal.simulation.production import write_file
from jetcal.simulation.settings import MODEL_VERSION, Settings, fingerprint
from jetcal.simulation.standard import StandardCorrection, provenance

MANIFEST = "simulation.json"
LOCK = ".simulation.lock"


def simulate(folder: Path, settings: Settings, processes: int = 1, report: Callable[[str], None] = print) -> list[Path]:
    """Make the files ``JetNtuple_1.root`` ... of a sample in ``folder``; whole files of the same settings are kept.

    The same settings give the same arrays, whatever the number of processes and however often the work was interrupted.

    Parameters
    ----------
    folder
        Made if it is missing.
    settings
        What to simulate.
    processes
        Number of processes; each works on one file at a time.
    report
        Is given one line for each step.

    Returns
    -------
    Paths of all files.

    Raises
    ------
    JetcalError
        The folder cannot be written, holds another sample or is being written by another process, or the disk is full.
    """
    if processes < 1:
        message = f"--processes must be at least 1, not {processes}"
        raise JetcalError(message)
    folder = folder.absolute()
    paths = [folder / f"JetNtuple_{index + 1}.root" for index in range(settings.files)]
    with _writable(folder):
        _claim(folder, settings)
        missing = [index for index, path in enumerate(paths) if not path.exists()]
        if not missing:
            report(f"{settings.jets} jets in {settings.files} files are there already: {folder}")
            return paths
        pool = _pool(settings, processes, report)
        tasks = [(settings, index, pool, paths[index]) for index in missing]
        for number, (jets, seconds) in run_tasks(_timed_file, tasks, processes):
            report(f"{paths[missing[number]].name}: {jets} jets in {seconds:.1f} s, {jets / seconds:.0f} jets/s a core")
    return paths


def manifest(settings: Settings) -> dict[str, Any]:
    """What determines the content of the files, as plain JSON: the settings, the models, the standard correction."""
    return {
        **asdict(settings),
        "model": MODEL_VERSION,
        "generator and detector": provenance(settings.variation)["fingerprint"],
        "standard correction": fingerprint(StandardCorrection.load().document()),
    }


def _timed_file(settings: Settings, index: int, pool: Path, path: Path) -> tuple[int, float]:
    begin = time.monotonic()
    events = minbias.load(pool)
    if events is None:
        message = f"the pool of minimum-bias events {pool} cannot be read: start again, it will be made anew"
        raise JetcalError(message)
    return write_file(settings, index, events, path), time.monotonic() - begin


def _pool(settings: Settings, processes: int, report: Callable[[str], None]) -> Path:
    path = minbias.pool_path(settings)
    if minbias.load(path) is None:
        report(f"making {settings.pool_size} minimum-bias events for the pile-up (once; kept in {path.parent})")
        tasks = [(settings, index) for index in range(len(minbias.chunks(settings)))]
        parts = dict(run_tasks(minbias.generate_chunk, tasks, processes))
        minbias.save(minbias.join([parts[number] for number in sorted(parts)]), path)
    return path


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    """Hold the folder for this process alone; what an interrupted one left half-written is removed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        message = f"{folder} cannot be written ({error.strerror}): choose another folder for the files"
        raise JetcalError(message) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"another simulation is writing to {folder}: wait for it or choose another folder"
            raise JetcalError(message) from error
        _remove_parts(folder)
        try:
            yield
        finally:
            _remove_parts(folder)
    finally:
        os.close(lock)


def _remove_parts(folder: Path) -> None:
    for part in folder.glob(".JetNtuple_*.part"):
        part.unlink()


def _claim(folder: Path, settings: Settings) -> None:
    """Write the manifest, or check that the one in the folder says the same."""
    path = folder / MANIFEST
    document = manifest(settings)
    try:
        found: Any = json.loads(path.read_text())
    except FileNotFoundError:
        if strangers := sorted(folder.glob("JetNtuple_*.root")):
            message = f"{strangers[0]} was not made by this command: choose another folder"
            raise JetcalError(message) from None
        part = path.with_name(f".{MANIFEST}.part")
        try:
            part.write_text(json.dumps(document, indent=1) + "\n")
            part.replace(path)
        except OSError as error:
            message = f"{path} cannot be written: {error.strerror}"
            raise JetcalError(message) from error
        return
    except ValueError as error:
        message = f"{path} is no JSON: remove {folder} or choose another folder"
        raise JetcalError(message) from error
    if found != document:
        differing = [name for name in document if not isinstance(found, dict) or found.get(name) != document[name]]
        message = (
            f"{folder} holds jets of other settings ({', '.join(differing)} differ): remove it or choose another folder"
        )
        raise JetcalError(message)
