"""Awkward arrays of jets as the columns that the network's input is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, MAX_CONSTITUENTS, Jets
from jetcal.errors import JetcalError

CONSTITUENTS = "constituents"
"""Field that holds each jet's list of constituents."""


def to_jets(records: ak.Array) -> Jets:
    """Jets from records.

    Parameters
    ----------
    records
        One record a jet: ``JET_COLUMNS`` as numbers, ``constituents`` a list of records of ``CONSTITUENT_COLUMNS`` in
        any order. Constituents with a value that is not finite or a pT that is not positive are left out, and all
        beyond the hardest ``MAX_CONSTITUENTS``, as in training.

    Raises
    ------
    JetcalError
        If a field is missing or no number.
    """
    _require(records, (*JET_COLUMNS, CONSTITUENTS), "jets")
    nested = records[CONSTITUENTS]
    _require(nested, CONSTITUENT_COLUMNS, f"jets.{CONSTITUENTS}")
    flat = {name: _numbers(ak.flatten(nested[name]), f"{CONSTITUENTS}.{name}") for name in CONSTITUENT_COLUMNS}
    jet_of = np.repeat(np.arange(len(records)), ak.to_numpy(ak.num(nested, axis=1)))
    usable = np.isfinite(np.stack(list(flat.values()))).all(axis=0) & (flat["pt"] > 0)
    order = np.lexsort((-flat["pt"], jet_of))
    order = order[usable[order]]
    counts = np.bincount(jet_of[order], minlength=len(records))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = order[rank < MAX_CONSTITUENTS]
    offsets = np.concatenate([[0], np.cumsum(np.minimum(counts, MAX_CONSTITUENTS))]).astype(np.int64)
    return Jets(
        jet={name: _numbers(records[name], name) for name in JET_COLUMNS},
        constituents={name: column[order] for name, column in flat.items()},
        offsets=offsets,
    )


def _require(records: ak.Array, wanted: Iterable[str], what: str) -> None:
    missing = [name for name in wanted if name not in records.fields]
    if missing:
        message = f"{what}: field {missing[0]} is missing; a jet needs {_schema()}"
        raise JetcalError(message)


def _schema() -> str:
    return f"{', '.join(JET_COLUMNS)} and {CONSTITUENTS} with {', '.join(CONSTITUENT_COLUMNS)}"


def _numbers(values: Any, name: str) -> NDArray[np.float32]:
    try:
        numbers: NDArray[np.float32] = ak.to_numpy(ak.fill_none(values, np.nan), allow_missing=False).astype(np.float32)
    except (TypeError, ValueError) as error:
        message = f"jets: field {name} holds no plain numbers ({ak.type(values)})"
        raise JetcalError(message) from error
    if numbers.ndim != 1:
        message = f"jets: field {name} holds {ak.type(values)}, one number each is needed"
        raise JetcalError(message)
    return numbers
