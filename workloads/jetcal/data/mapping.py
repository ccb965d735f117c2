"""From the branches of a piece of a tree to jets, by the formulas of ``spec.dataset.columns``.

An entry of the tree is a jet, or, where ``constituent.jet`` tells which jet a candidate belongs to, an event with lists
of jets and of candidates. Both are read alike: an entry that is a jet is an event with one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray
from pydantic.alias_generators import to_camel

from jetcal.data import formula
from jetcal.data.columns import Column, RefusedError, repeated, whole
from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, MAX_CONSTITUENTS, Jets, falling_order, positions
from jetcal.data.shards import Events
from jetcal.errors import JetcalError
from jetcal_api.columns import Columns


@dataclass(frozen=True)
class Piece:
    """Some consecutive entries of a tree, N jets, none left out.

    Attributes
    ----------
    jets
        With the truth columns if they were asked for; constituents fall in pT.
    matched
        bool (N,): whether there is a generator jet; all False without truth.
    events
        Event of each jet; None without truth.
    dropped
        int64 (N,): constituents left out because a value is not finite or pT is not positive.
    truncated
        bool (N,): whether the jet had more than ``MAX_CONSTITUENTS`` constituents.
    entries
        int64 (E + 1,): entry i has the jets ``entries[i]`` to ``entries[i + 1]``, one where an entry is a jet.
    kept
        Branches that are carried along, by name, with one number or a list for each of E entries.
    """

    jets: Jets
    matched: NDArray[np.bool_]
    events: Events | None
    dropped: NDArray[np.int64]
    truncated: NDArray[np.bool_]
    entries: NDArray[np.int64]
    kept: Mapping[str, Column] = field(default_factory=dict)


def name_of(group: str, column: str) -> str:
    """What the resource calls a column, ``jet`` and ``raw_pt``: ``jet.rawPt``."""
    return f"{group}.{to_camel(column)}"


def formulas(columns: Columns, *, truth: bool = True) -> dict[str, str]:
    """The formulas by the names of their columns; without truth only what a network and a jet's constituents need."""
    groups = {"jet": dict(columns.jet), "constituent": dict(columns.constituent)}
    return {
        name_of(group, column): text
        for group, texts in groups.items()
        for column, text in texts.items()
        if text is not None and (truth or group == "constituent" or column in JET_COLUMNS)
    }


def needed(columns: Columns, *, truth: bool) -> dict[str, list[str]]:
    """Every branch that is needed, with the names of the columns that need it.

    Raises
    ------
    JetcalError
        If a formula is none.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for name, text in formulas(columns, truth=truth).items():
        try:
            wanted = formula.branches(text)
        except JetcalError as error:
            raise _told(name, error) from error
        for branch in wanted:
            found[branch].append(name)
    return dict(found)


def to_piece(arrays: Mapping[str, Any], columns: Columns, *, truth: bool, kept: Iterable[str] = ()) -> Piece:
    """The jets in the arrays of some entries.

    Parameters
    ----------
    arrays
        Awkward arrays of the branches that are ``needed``: numbers, or lists of numbers.
    columns
        Formulas over them.
    truth
        Whether to read generator jet, flavour, standard correction and event too.
    kept
        Branches to carry along.

    Raises
    ------
    JetcalError
        If a branch holds no numbers, or a formula does not give what its column needs.
    """
    branches = {name: _column(name, array) for name, array in arrays.items()}
    reader = _Reader(formulas(columns, truth=truth), branches)
    rows = reader.candidates()
    jets = reader.jets(rows)
    jet_of, candidates = reader.members(jets, rows)
    count = int(jets[-1])
    usable = np.logical_and.reduce([np.isfinite(column) for column in candidates.values()]) & (candidates["pt"] > 0)
    dropped = np.bincount(jet_of[~usable], minlength=count)
    kept_rows = np.flatnonzero(usable)
    order = kept_rows[falling_order(jet_of[kept_rows], candidates["pt"][kept_rows])]
    found = np.bincount(jet_of[kept_rows], minlength=count)
    within = np.minimum(found, MAX_CONSTITUENTS)
    if within.sum() < len(order):
        order = order[positions(np.cumsum(found) - found, within)]
    jet = {column: reader.single("jet", column, jets) for column in JET_COLUMNS}
    return Piece(
        Jets(
            jet=jet | (reader.truth(jets) if truth else {}),
            constituents={column: values.take(order) for column, values in candidates.items()},
            offsets=np.concatenate([[0], np.cumsum(within)]).astype(np.int64),
        ),
        matched=reader.condition("jet.matched", jets) if truth else np.zeros(count, bool),
        events=reader.events(jets) if truth else None,
        dropped=dropped,
        truncated=found > MAX_CONSTITUENTS,
        entries=jets,
        kept={name: branches[name] for name in kept},
    )


def flavour(hadron: NDArray[Any], parton: NDArray[Any]) -> NDArray[Any]:
    """Flavour of each jet: that of its heavy hadron (4, 5), else abs(parton flavour) (1-5, 21; 0 if unknown)."""
    return np.where(hadron != 0, hadron, np.abs(parton))


@dataclass(frozen=True)
class _Reader:
    """The formulas of one piece; ``offsets`` are those of the jets, or of the candidates, in the entries."""

    formulas: Mapping[str, str]
    branches: Mapping[str, Column]

    def jets(self, candidates: NDArray[np.int64]) -> NDArray[np.int64]:
        """The offsets of the jets in the entries."""
        name = name_of("jet", "raw_pt")
        raw = self._column(name)
        if "constituent.jet" not in self.formulas:
            if raw.offsets is None:
                return np.arange(len(candidates))
            raise _told(name, "it is a list of jets; constituent.jet must tell which jet a candidate belongs to")
        if raw.offsets is None:
            raise _told(name, "it is no list of jets; leave constituent.jet out where an entry is a jet")
        return raw.offsets

    def candidates(self) -> NDArray[np.int64]:
        """The offsets of the candidates in the entries."""
        name = name_of("constituent", "pt")
        offsets = self._column(name).offsets
        if offsets is None:
            raise _told(name, "it is one number an entry, not a list of candidates")
        return offsets

    def members(
        self, jets: NDArray[np.int64], offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float32]]]:
        """The jet of each constituent, counted through all entries, and the constituents' columns."""
        entry = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        inside = self.condition("constituent.member", offsets)
        if "constituent.jet" in self.formulas:
            index = whole(self._values("constituent.jet", offsets))
            inside = inside & (index >= 0) & (index < np.diff(jets)[entry])
            entry = jets[entry] + index
        rows = np.flatnonzero(inside)
        columns = {column: self.single("constituent", column, offsets, rows) for column in CONSTITUENT_COLUMNS}
        return entry[rows], columns

    def truth(self, jets: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """``TRUTH_COLUMNS``."""
        kinds = [self._values(name_of("jet", column), jets) for column in ("hadron_flavour", "parton_flavour")]
        return {
            "gen_pt": self.single("jet", "gen_pt", jets),
            "standard_pt": self.single("jet", "standard_pt", jets),
            "flavour": flavour(*kinds).astype(np.float32),
        }

    def events(self, jets: NDArray[np.int64]) -> Events:
        """The event of each jet."""
        run, lumi, event = (self._values(f"jet.{name}", jets) for name in ("run", "lumi", "event"))
        number = event if event.dtype.kind == "u" else whole(event)
        return Events(run=whole(run), lumi=whole(lumi), event=number.astype(np.uint64))

    def single(
        self, group: str, column: str, offsets: NDArray[np.int64], chosen: NDArray[np.int64] | slice = slice(None)
    ) -> NDArray[np.float32]:
        """A column in single precision; what is too large for it is infinite."""
        with np.errstate(over="ignore"):
            return self._values(name_of(group, column), offsets)[chosen].astype(np.float32, copy=False)

    def condition(self, name: str, offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
        """A column that is true or false."""
        values = self._values(name, offsets)
        if values.dtype.kind != "b":
            raise _told(name, f"'{self.formulas[name]}' is a number, not a condition; compare it, as in (x == 1)")
        return values

    def _values(self, name: str, offsets: NDArray[np.int64]) -> NDArray[Any]:
        try:
            return repeated(self._column(name), offsets)
        except RefusedError as refused:
            raise _told(name, f"'{self.formulas[name]}': {refused}") from refused

    def _column(self, name: str) -> Column:
        try:
            return formula.evaluate(self.formulas[name], self.branches)
        except JetcalError as error:
            raise _told(name, error) from error


def _told(name: str, reason: object) -> JetcalError:
    return JetcalError(f"spec.dataset.columns.{name}: {reason}")


def _column(name: str, array: Any) -> Column:
    if array.ndim not in (1, 2) or array.fields:
        error = f"branch {name} holds {array.type.content}; a formula needs numbers or lists of numbers"
        raise JetcalError(error)
    layout, offsets = array.layout, None
    if array.ndim > 1:
        lists = layout.to_ListOffsetArray64(start_at_zero=True)
        offsets = np.asarray(lists.offsets.data)
        layout = lists.content[: offsets[-1]]
    values = ak.to_numpy(layout)
    if values.dtype.kind not in "biuf":
        error = f"branch {name} holds {array.type.content}; a formula needs numbers or lists of numbers"
        raise JetcalError(error)
    return Column(values, offsets)
