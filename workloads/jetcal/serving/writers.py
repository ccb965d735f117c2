"""Files that columns of jets or events are written to, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot
from numpy.typing import NDArray

from jetcal.data.arrow import array
from jetcal.data.columns import Column

COUNTER = "nJetCorrected"
"""Branch of a ROOT file that counts the jets of each event."""
_LISTS = ""
"""Their common record, whose name would stand before that of each list."""


class Writer(Protocol):
    """Takes entries piece by piece."""

    def write(self, columns: Mapping[str, Column]) -> None:
        """Append entries; all pieces have the same columns, and all lists of a piece the same lengths."""


class _RootWriter:
    def __init__(self, file: Any, tree: str) -> None:
        self._file = file
        self._tree = tree
        self._started = False

    def write(self, columns: Mapping[str, Column]) -> None:
        branches: dict[str, Any] = {name: each.values for name, each in columns.items() if each.offsets is None}
        lists = {name: _list(each.values, each.offsets) for name, each in columns.items() if each.offsets is not None}
        if lists:
            branches[_LISTS] = ak.zip(lists)
        if not self._started:
            types = {name: array.type.content if name == _LISTS else array.dtype for name, array in branches.items()}
            self._file.mktree(self._tree, types, counter_name=lambda _: COUNTER, field_name=lambda _, field: field)
            self._started = True
        self._file[self._tree].extend(branches)


class _ParquetWriter:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def write(self, columns: Mapping[str, Column]) -> None:
        table = pa.table({name: _arrow(column) for name, column in columns.items()})
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="zstd")
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _list(values: NDArray[Any], offsets: NDArray[np.int64]) -> ak.Array:
    return ak.unflatten(values, np.diff(offsets))


def _arrow(column: Column) -> Any:
    values = array(column.values)
    if column.offsets is None:
        return values
    return pa.ListArray.from_arrays(array(column.offsets.astype(np.int32)), values)


@contextmanager
def _root(path: Path, tree: str) -> Iterator[Writer]:
    with uproot.recreate(path, compression=uproot.ZSTD(1)) as file:
        yield _RootWriter(file, tree)


@contextmanager
def _parquet(path: Path, _tree: str) -> Iterator[Writer]:
    writer = _ParquetWriter(path)
    try:
        yield writer
    finally:
        writer.close()


WRITERS = {".root": _root, ".parquet": _parquet}
"""Context managers that open a writer at a path, with the name of its tree, by the ending of the file's name."""
