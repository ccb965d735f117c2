"""Ntuples in, the same entries with the corrections of their jets out: piece by piece, so that memory stays bounded.

While the model answers for one piece, the next one is read and padded, and the one before is written. Whenever compiled
code hands back to Python, its thread waits for the interpreter: so the one that asks the model does little else.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetcal.data import ntuples, plausibility, sources
from jetcal.data.columns import Column
from jetcal.data.jets import OUTPUTS
from jetcal.data.mapping import Piece
from jetcal.errors import JetcalError
from jetcal.serving.answers import VALID, Model, answers
from jetcal.serving.batches import Ask
from jetcal.serving.overlap import ahead, behind, quick_switches
from jetcal.serving.signature import SPREAD
from jetcal.serving.writers import WRITERS, Writer
from jetcal.storage import local
from jetcal_api.documents import Reading
from jetcal_api.results import Source

CORRECTED = {"jetPtCorrected": "raw_pt", "jetMassCorrected": "raw_mass"}
"""Added branch -> the jet's column that is multiplied by the correction."""

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


def predict(inputs: Iterable[str], reading: Reading, model: Model, output: Path) -> Summary:
    """Write all entries in their order: what :func:`ntuples.read` keeps of them, and the corrections.

    Added are ``correction``, ``correction_down``, ``correction_up``, of an ensemble ``correction_spread``, further
    ``correction_valid``, ``jetPtCorrected`` and ``jetMassCorrected`` (GeV): one number an entry that is a jet, for an
    event a list in the order of its jets.

    Parameters
    ----------
    inputs
        Paths, globs or uris of ROOT files.
    reading
        Tree of each file, and how it names what a jet needs; all jets are taken.
    model
        Gives the factors.
    output
        File to write, ``.root`` or ``.parquet``; it appears whole or not at all.

    Raises
    ------
    JetcalError
        If an input cannot be read, its columns cannot be in the units that the network was trained in, or the output
        cannot be written.
    """
    if output.suffix not in WRITERS:
        message = f"{output}: write to a file that ends in {' or '.join(WRITERS)}"
        raise JetcalError(message)
    found = sources.find([item if "://" in item else str(Path(item).absolute()) for item in inputs])
    open_writer = WRITERS[output.suffix]
    with (
        local.sentences(output),
        local.replacing(output) as temporary,
        open_writer(temporary, reading.tree) as writer,
        quick_switches(),
        closing(ahead(_questions(found, reading, model))) as questions,
    ):
        corrected = _Corrected(writer, by_event=reading.columns.constituent.jet is not None)
        with behind(corrected.write) as write:
            for source, piece, ask in questions:
                write((source, piece, answers(model, piece.jets, ask)))
        return corrected.summary


def _questions(found: Iterable[Source], reading: Reading, model: Model) -> Generator[tuple[str, Piece, Ask]]:
    columns = reading.columns
    watch = plausibility.Watch(columns, truth=False)
    for source in found:
        with sources.local_copy(source) as path:
            for piece in ntuples.read(path, reading.tree, columns=columns, truth=False, keep=True, name=source.uri):
                watch.see(piece, source.uri)
                yield source.uri, piece, model.question(piece.jets)


class _Corrected:
    """Writes pieces with their answers."""

    def __init__(self, writer: Writer, *, by_event: bool) -> None:
        self.summary = Summary(0, 0, 0)
        self._writer = writer
        self._by_event = by_event
        self._kinds: dict[str, str] = {}

    def write(self, answered: tuple[str, Piece, Mapping[str, NDArray[Any]]]) -> None:
        source, piece, said = answered
        columns = {**piece.kept, **_added(piece, said, piece.entries if self._by_event else None)}
        kinds = {name: _kind(column) for name, column in columns.items()}
        self._kinds = self._kinds or kinds
        _check_same(self._kinds, kinds, source)
        self._writer.write(columns)
        nothing = np.isnan(said[OUTPUTS[0]])
        self.summary = Summary(
            jets=self.summary.jets + len(nothing),
            without=self.summary.without + int(nothing.sum()),
            outside=self.summary.outside + int((~said[VALID] & ~nothing).sum()),
        )


def _added(piece: Piece, said: Mapping[str, NDArray[Any]], offsets: NDArray[np.int64] | None) -> dict[str, Column]:
    named = {BRANCHES.get(name, name): values for name, values in said.items()}
    scaled = {new: piece.jets.jet[raw] * said[OUTPUTS[0]] for new, raw in CORRECTED.items()}
    return {name: Column(values, offsets) for name, values in (named | scaled).items()}


def _kind(column: Column) -> str:
    return f"{column.values.dtype}{'' if column.offsets is None else '[]'}"


def _check_same(wanted: Mapping[str, str], found: Mapping[str, str], name: str) -> None:
    if differing := sorted({each for each, _ in wanted.items() ^ found.items()}):
        message = f"{name}: its branches differ from the first file's in {', '.join(differing)}; predict it by itself"
        raise JetcalError(message)
