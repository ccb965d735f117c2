"""From ntuples to shards: each part on its own, then whoever sees all parts publishes the whole.

A part is published at ``<storage>/dataset/<fp>/parts/<index>.json``. The last to publish one finds all of them; several
may, and then they make the same result of which the first published counts.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from jetcal import storage, worker
from jetcal.data import inventory, ntuples, plausibility, selection, shards, sources
from jetcal.data.jets import Jets, concatenate, take
from jetcal.data.mapping import Piece
from jetcal.data.shards import PARTS, Events, Part
from jetcal.errors import JetcalError
from jetcal_api.documents import PrepareInput
from jetcal_api.results import Cut, PrepareResult, Shard, Source
from jetcal_api.status import JetCounts

CONSTITUENTS_PER_FILE = 2_000_000
"""Constituents (24 bytes each) that are gathered before a file is written."""


def prepare_part(document: PrepareInput, index: int) -> PrepareResult:
    """Make and publish one part, unless it is there already.

    Raises
    ------
    JetcalError
        If a source cannot be read or is not what the inventory saw, or the storage refuses.
    """
    done = find_part(document, index)
    if done:
        return done
    files = inventory.groups(inventory.load(document.storage, document.sources), document.shards)[index]
    with storage.working_folder(worker.attempt_uri(document)) as folder:
        writer = _Writer(folder, index)
        for piece in _pieces(files, document):
            writer.add(piece, document)
        written = writer.close()
    base = storage.join("attempts", worker.attempt_uri(document).rsplit("/", 1)[1])
    part = PrepareResult(
        uri=_part_uri(document, index),
        fingerprint=document.fingerprint,
        folder=worker.stage_uri(document),
        jets=_count(written),
        read=writer.read,
        cuts=selection.add_cuts(writer.cuts),
        dropped_constituents=writer.dropped,
        truncated_jets=writer.truncated,
        shards={
            name: [shard.model_copy(update={"path": storage.join(base, shard.path)}) for shard in written[name]]
            for name in PARTS
        },
    )
    return worker.publish(part)


def merge(document: PrepareInput) -> PrepareResult | None:
    """Publish the dataset if all its parts are there; None while some are missing.

    Raises
    ------
    JetcalError
        If train, validation or test has no jet; with the count table.
    """
    present = {Path(file.uri).name for file in storage.list_files(worker.stage_uri(document, "parts"))}
    if any(f"{index}.json" not in present for index in range(document.shards)):
        return None
    found = [find_part(document, index) for index in range(document.shards)]
    parts = [part for part in found if part is not None]
    if len(parts) < document.shards:
        return None
    result = PrepareResult(
        uri=worker.result_uri(document),
        fingerprint=document.fingerprint,
        folder=worker.stage_uri(document),
        jets=JetCounts(**{name: sum(getattr(part.jets, name) for part in parts) for name in PARTS}),
        read=sum(part.read for part in parts),
        cuts=selection.add_cuts([part.cuts for part in parts]),
        dropped_constituents=sum(part.dropped_constituents for part in parts),
        truncated_jets=sum(part.truncated_jets for part in parts),
        sources=inventory.load(document.storage, document.sources),
        shards={name: [shard for part in parts for shard in part.shards[name]] for name in PARTS},
    )
    _check_enough(result)
    return worker.publish(result)


def find_part(document: PrepareInput, index: int) -> PrepareResult | None:
    """One published part, or None."""
    return worker.read_result(_part_uri(document, index), PrepareResult)


def _part_uri(document: PrepareInput, index: int) -> str:
    return worker.stage_uri(document, "parts", f"{index}.json")


def _count(written: dict[Part, list[Shard]]) -> JetCounts:
    return JetCounts(**{name: sum(shard.jets for shard in written[name]) for name in PARTS})


def _check_enough(result: PrepareResult) -> None:
    if not result.read:
        error = "the files of spec.dataset.files hold no jets at all"
        raise JetcalError(error)
    counts = {name: getattr(result.jets, name) for name in PARTS}
    empty = [name for name, count in counts.items() if not count]
    if not empty:
        return
    table = ", ".join(f"{cut.removed} '{cut.name}'" for cut in result.cuts)
    kept = f"{sum(counts.values())} of {result.read} jets are left; these failed: {table}"
    error = f"no jet for {', '.join(empty)}: {kept}; loosen spec.dataset.jets, give more files or other shares"
    raise JetcalError(error)


def _pieces(files: Sequence[Source], document: PrepareInput) -> Iterator[Piece]:
    watch = plausibility.Watch(document.columns)
    gc.freeze()  # what is there by now stays, and need not be looked through after each file
    try:
        for source in files:
            with sources.local_copy(source) as path:
                for piece in ntuples.read(path, document.tree, columns=document.columns, name=source.uri):
                    watch.see(piece, source.uri)
                    yield piece
            gc.collect()  # a file's objects refer to each other in circles; without this several files pile up
    finally:
        gc.unfreeze()


class _Writer:
    """Gathers selected jets for each part of the dataset and writes a file whenever one is full."""

    def __init__(self, folder: Path, index: int) -> None:
        self.folder = folder
        self.index = index
        self.read = 0
        self.dropped = 0
        self.truncated = 0
        self.cuts: list[list[Cut]] = []
        self.gathered: dict[Part, list[tuple[Jets, Events]]] = defaultdict(list)
        self.written: dict[Part, list[Shard]] = {name: [] for name in PARTS}

    def add(self, piece: Piece, document: PrepareInput) -> None:
        """Select and gather; N jets in, the selected ones in their parts."""
        if piece.events is None:
            error = "the events are needed to split a dataset"
            raise ValueError(error)
        kept, cuts = selection.select(selection.requirements(piece.jets, piece.matched, document.jets))
        self.read += len(piece.jets)
        self.cuts.append(cuts)
        self.dropped += int(piece.dropped[kept].sum())
        self.truncated += int(np.count_nonzero(piece.truncated[kept]))
        events = shards.take_events(piece.events, kept)
        for name, chosen in selection.parts(events, document.split).items():
            self.gathered[name].append((take(piece.jets, kept[chosen]), shards.take_events(events, chosen)))
            if sum(jets.offsets[-1] for jets, _ in self.gathered[name]) >= CONSTITUENTS_PER_FILE:
                self._write(name)

    def close(self) -> dict[Part, list[Shard]]:
        """Write what is left; all files by part."""
        for name in PARTS:
            self._write(name)
        return self.written

    def _write(self, name: Part) -> None:
        gathered = self.gathered.pop(name, [])
        jets = concatenate([jets for jets, _ in gathered]) if gathered else None
        if jets is None or not len(jets):
            return
        events = shards.concatenate_events([events for _, events in gathered])
        path = f"{name}-{self.index:03d}-{len(self.written[name]):03d}.arrow"
        shards.write(self.folder / path, jets, events)
        self.written[name].append(Shard(path=path, jets=len(jets), constituents=int(jets.offsets[-1])))
