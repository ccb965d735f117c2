"""Ntuples in, the same jets with their corrections out: in pieces, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import uproot
from numpy.typing import NDArray

from jetcal.data import ntuples, sources
from jetcal.data.jets import OUTPUTS
from jetcal.errors import JetcalError
from jetcal.serving.answers import VALID, Model, answers
from jetcal.serving.signature import SPREAD
from jetcal.storage import local
from jetcal_api.results import Source

Columns = Mapping[str, NDArray[Any]]

CORRECTED = {"jetPtCorrected": "jetRawPt", "jetMassCorrected": "jetRawMass"}
"""Added branch -> the raw one that is multiplied by the correction."""

BRANCHES = {SPREAD: "correction_spread", VALID: "correction_valid"}
"""Added branch of what the model says beside the correction."""


@dataclass(frozen=True)
class Summary:
    """What was written.

    Attributes
    ----------
    jets
        Jets read and written.
    without
        Jets whose correction is NaN.
    outside
        Jets that keep their raw pT, for the model has never seen their like.
    """

    jets: int
    without: int
    outside: int


class Writer(Protocol):
    """Takes jets piece by piece."""

    def write(self, columns: Columns) -> None:
        """Append jets."""


def predict(inputs: Iterable[str], tree: str, model: Model, output: Path) -> Summary:
    """Write all flat branches of all input jets, in their order, with the corrections added.

    Added are ``correction``, ``correction_down``, ``correction_up``, of an ensemble ``correction_spread``, further
    ``correction_valid``, ``jetPtCorrected`` and ``jetMassCorrected`` (GeV).

    Parameters
    ----------
    inputs
        Paths, globs or uris of ROOT files.
    tree
        Path of the tree in each file.
    model
        Gives the factors.
    output
        File to write, ``.root`` or ``.parquet``; it appears whole or not at all.

    Raises
    ------
    JetcalError
        If an input cannot be read or the output not be written.
    """
    if output.suffix not in WRITERS:
        message = f"{output}: write to a file that ends in {' or '.join(WRITERS)}"
        raise JetcalError(message)
    found = sources.find([item if "://" in item else str(Path(item).absolute()) for item in inputs])
    open_writer = WRITERS[output.suffix]
    with local.sentences(output), local.replacing(output) as temporary, open_writer(temporary, tree) as writer:
        return _write(_all_corrected(found, tree, model), writer)


def _write(pieces: Iterable[tuple[str, Columns]], writer: Writer) -> Summary:
    names: list[str] = []
    jets = without = outside = 0
    for source, columns in pieces:
        names = names or list(columns)
        _check_same(names, list(columns), source)
        writer.write(columns)
        nothing = np.isnan(columns[OUTPUTS[0]])
        jets += len(nothing)
        without += int(nothing.sum())
        outside += int((~columns[BRANCHES[VALID]] & ~nothing).sum())
    return Summary(jets, without, outside)


def _all_corrected(found: Iterable[Source], tree: str, model: Model) -> Iterator[tuple[str, Columns]]:
    for source in found:
        with sources.local_copy(source) as path:
            for columns in _corrected(path, tree, source.uri, model):
                yield source.uri, columns


def _corrected(path: Path, tree: str, name: str, model: Model) -> Iterator[Columns]:
    start = 0
    pieces = ntuples.read(path, tree, truth=False, name=name)
    for piece in pieces:
        stop = start + len(piece.jets)
        flat = _flat(path, tree, start, stop)
        added = {BRANCHES.get(name, name): column for name, column in answers(model, piece.jets).items()}
        scaled = {new: (flat[raw] * added[OUTPUTS[0]]).astype(np.float32) for new, raw in CORRECTED.items()}
        yield {**flat, **added, **scaled}
        start = stop


def _flat(path: Path, tree: str, start: int, stop: int) -> dict[str, NDArray[Any]]:
    """The branches with one number a jet."""
    with uproot.open(path) as file:
        opened = file[tree]
        names = [name for name, branch in opened.items() if isinstance(branch.interpretation, uproot.AsDtype)]
        arrays: dict[str, NDArray[Any]] = opened.arrays(names, entry_start=start, entry_stop=stop, library="np")
    return {name: values for name, values in arrays.items() if values.ndim == 1}


def _check_same(wanted: Sequence[str], found: Sequence[str], name: str) -> None:
    if differing := sorted(set(wanted).symmetric_difference(found)):
        message = f"{name}: its branches differ from the first file's in {', '.join(differing)}; predict it by itself"
        raise JetcalError(message)


class _RootWriter:
    def __init__(self, file: Any, tree: str) -> None:
        self._file = file
        self._tree = tree
        self._started = False

    def write(self, columns: Columns) -> None:
        if not self._started:
            self._file.mktree(self._tree, {name: values.dtype for name, values in columns.items()})
            self._started = True
        self._file[self._tree].extend(dict(columns))


class _ParquetWriter:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def write(self, columns: Columns) -> None:
        table = pa.table({name: np.ascontiguousarray(values) for name, values in columns.items()})
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="zstd")
        self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


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
"""By the ending of the output's name."""
