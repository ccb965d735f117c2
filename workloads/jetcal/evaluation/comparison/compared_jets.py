"""The jets on which models are compared: a prepared test part, or all selected jets of ROOT files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jetcal.data import ntuples, plausibility, selection, shards, sources
from jetcal.data.jets import Jets, take
from jetcal.data.shards import Events, take_events
from jetcal.documents import find_reading
from jetcal.errors import JetcalError
from jetcal.evaluation.comparison.datasets import find_dataset
from jetcal.evaluation.events import event_numbers
from jetcal.evaluation.page.facts import Facts
from jetcal.evaluation.page.tables import Table
from jetcal_api.documents import Reading
from jetcal_api.results import Cut

ROOT = ".root"


@dataclass(frozen=True)
class ComparedJets:
    """Jets with truth.

    Attributes
    ----------
    parts
        The jets, piece by piece.
    events
        Number of each jet's event over all parts, shape (N,).
    facts
        Where they come from, for the report.
    """

    parts: Sequence[Jets]
    events: NDArray[np.int64]
    facts: Facts


def find_jets(
    places: Sequence[str], *, dataset: str | None, calibration: Path | None, tree: str | None
) -> ComparedJets:
    """The jets at the places that a user names.

    Parameters
    ----------
    places
        One calibration's storage, or ROOT files and globs.
    dataset
        Fingerprint of a dataset in the storage; the newest when left out.
    calibration
        A resource whose tree, columns and selection of jets are those of the ROOT files.
    tree
        Path of the tree in the ROOT files; the resource's or the default's when left out.

    Raises
    ------
    JetcalError
        If there are no such jets, or they cannot be read.
    """
    if any(sources.is_glob(place) or place.endswith(ROOT) for place in places):
        if dataset is not None:
            message = "--dataset names a dataset in a calibration's storage; --jets names ROOT files"
            raise JetcalError(message)
        found = _of_files(places, find_reading(calibration, tree))
    else:
        if len(places) > 1 or calibration or tree:
            message = (
                f"{places[0]}: is no ROOT file (*.root); give one storage folder, "
                "or files with --calibration and --tree as needed"
            )
            raise JetcalError(message)
        found = _of_storage(places[0], dataset)
    if not len(found.events):
        rows = "; ".join(f"{removed} '{name}'" for table in found.facts.tables for name, removed in table.rows)
        message = f"{', '.join(places)}: no jets are left to compare on" + (f"; these failed: {rows}" if rows else "")
        raise JetcalError(message)
    return found


def _of_storage(folder: str, fingerprint: str | None) -> ComparedJets:
    result = find_dataset(folder, fingerprint)
    rows = (
        ("Dataset", result.fingerprint),
        ("Folder", result.folder),
        ("Part", "test"),
        ("Files", tuple(shard.path for shard in result.shards.get("test", []))),
    )
    events = event_numbers(shards.open_events(result, "test"))
    return ComparedJets(shards.open_part(result, "test"), events, Facts("Jets", rows))


def _of_files(patterns: Sequence[str], reading: Reading) -> ComparedJets:
    parts: list[Jets] = []
    events: list[Events] = []
    cuts: list[list[Cut]] = []
    watch = plausibility.Watch(reading.columns)
    found = sources.find([each if "://" in each else str(Path(each).absolute()) for each in patterns])
    for source in found:
        with sources.local_copy(source) as path:
            for piece in ntuples.read(path, reading.tree, columns=reading.columns, name=source.uri):
                watch.see(piece, source.uri)
                kept, cut = selection.select(selection.requirements(piece.jets, piece.matched, reading.jets))
                parts.append(take(piece.jets, kept))
                cuts.append(cut)
                if piece.events is not None:
                    events.append(take_events(piece.events, kept))
    table = Table(
        "Requirements in their order",
        ("requirement", "jets removed"),
        tuple((cut.name, str(cut.removed)) for cut in selection.add_cuts(cuts)),
    )
    rows = (("Tree", reading.tree), ("Files", tuple(source.uri for source in found)))
    return ComparedJets(parts, event_numbers(events), Facts("Jets", rows, (table,)))
