"""Prepared jets on disk: Arrow IPC files of one uncompressed record batch, whose columns are views of the mapped file.

A file holds one row a jet: the columns of the jet, its truth, its event (run, lumi, event) and ``constituents``, a list
of structs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jetcal import storage
from jetcal.data.arrow import array
from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, TRUTH_COLUMNS, Jets
from jetcal.errors import JetcalError
from jetcal.storage import local
from jetcal_api.results import PrepareResult

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")
_FETCHERS = 8

_STRUCT: Any = pa.struct([pa.field(name, pa.float32(), nullable=False) for name in CONSTITUENT_COLUMNS])
_LIST: Any = pa.large_list(pa.field("item", _STRUCT, nullable=False))
_TYPES: dict[str, Any] = {
    **dict.fromkeys(JET_COLUMNS + TRUTH_COLUMNS, pa.float32()),
    "run": pa.int64(),
    "lumi": pa.int64(),
    "event": pa.uint64(),
    "constituents": _LIST,
}
SCHEMA = pa.schema([pa.field(name, kind, nullable=False) for name, kind in _TYPES.items()])
"""Columns of a shard."""


@dataclass(frozen=True)
class Events:
    """The event of each jet: arrays of shape (N,)."""

    run: NDArray[np.int64]
    lumi: NDArray[np.int64]
    event: NDArray[np.uint64]


def take_events(events: Events, indices: NDArray[np.integer]) -> Events:
    """The events of the jets ``indices``."""
    return Events(run=events.run[indices], lumi=events.lumi[indices], event=events.event[indices])


def concatenate_events(pieces: Sequence[Events]) -> Events:
    """The events of all ``pieces`` in their order."""
    return Events(
        run=np.concatenate([piece.run for piece in pieces]),
        lumi=np.concatenate([piece.lumi for piece in pieces]),
        event=np.concatenate([piece.event for piece in pieces]),
    )


def write(path: Path, jets: Jets, events: Events) -> None:
    """Write jets with their truth as one record batch; the file appears whole or not at all.

    Raises
    ------
    StorageError
        If the disk is full or the folder forbidden.
    """
    items = pa.StructArray.from_arrays(
        [array(jets.constituents[name]) for name in CONSTITUENT_COLUMNS], fields=list(_STRUCT)
    )
    columns = {
        **{name: array(jets.jet[name]) for name in JET_COLUMNS + TRUTH_COLUMNS},
        "run": array(events.run),
        "lumi": array(events.lumi),
        "event": array(events.event),
        "constituents": pa.LargeListArray.from_arrays(array(jets.offsets), items, type=_LIST),
    }
    batch = pa.record_batch([columns[name] for name in SCHEMA.names], schema=SCHEMA)
    with (
        local.sentences(path),
        local.replacing(path) as temporary,
        temporary.open("wb") as file,
        pa.ipc.new_file(file, SCHEMA) as writer,
    ):
        writer.write_batch(batch)


def open_part(result: PrepareResult, part: Part, cache: Path | None = None) -> list[Jets]:
    """One part of a prepared dataset, file by file, memory-mapped: what is not touched is not read.

    Parameters
    ----------
    result
        The dataset's result as it is published; the termination message lists no files.
    part
        train, validation or test.
    cache
        Folder of local copies for storage in a bucket; default as in ``storage.localize``.

    Raises
    ------
    StorageError
        If a file is missing.
    JetcalError
        If the result lists no files, or a file is not what ``write`` makes.
    """
    return [_jets(batch) for batch in _batches(result, part, cache)]


def open_events(result: PrepareResult, part: Part, cache: Path | None = None) -> list[Events]:
    """The events of the jets of ``open_part``, in the same order."""
    return [
        Events(**{name: batch.column(name).to_numpy(zero_copy_only=True) for name in ("run", "lumi", "event")})
        for batch in _batches(result, part, cache)
    ]


def read(path: Path) -> tuple[Jets, Events]:
    """Jets and events of one file, memory-mapped."""
    batch = _batch(path)
    events = Events(**{name: batch.column(name).to_numpy(zero_copy_only=True) for name in ("run", "lumi", "event")})
    return _jets(batch), events


def _batches(result: PrepareResult, part: Part, cache: Path | None) -> Iterable[Any]:
    listed = sum(shard.jets for shard in result.shards.get(part, []))
    if listed != getattr(result.jets, part):
        error = f"{result.uri}: lists {listed} of the {getattr(result.jets, part)} {part} jets; read the result there"
        raise JetcalError(error)
    uris = [storage.join(result.folder, shard.path) for shard in result.shards.get(part, [])]
    with ThreadPoolExecutor(_FETCHERS) as pool:
        return [_batch(path) for path in pool.map(lambda uri: storage.localize(uri, cache), uris)]


def _batch(path: Path) -> Any:
    try:
        with local.sentences(path):
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
        if reader.schema != SCHEMA or reader.num_record_batches != 1:
            error = f"{path}: is no shard of this version of jetcal; delete the dataset's folder to have it made again"
            raise JetcalError(error)
        batch = reader.get_batch(0)
        batch.validate(full=True)  # lists that overlap or end beyond the file would be read as jets
    except (pa.ArrowInvalid, OSError) as invalid:
        error = f"{path}: is damaged ({invalid}); delete the dataset's folder, and this file, to have it made again"
        raise JetcalError(error) from invalid
    return batch


def _jets(batch: Any) -> Jets:
    constituents = batch.column("constituents")
    items = constituents.values
    return Jets(
        jet={name: batch.column(name).to_numpy(zero_copy_only=True) for name in JET_COLUMNS + TRUTH_COLUMNS},
        constituents={name: items.field(name).to_numpy(zero_copy_only=True) for name in CONSTITUENT_COLUMNS},
        offsets=constituents.offsets.to_numpy(zero_copy_only=True),
    )
