"""The tree ``AK4jets/jetTree`` of CERN Open Data record 12100: its branches, one entry for each jet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import awkward as ak
import numpy as np
import uproot

TREE = "AK4jets/jetTree"

FLOATS = (
    *("jetPt", "jetEta", "jetPhi", "jetMass", "jetGirth", "jetArea", "jetRawPt", "jetRawMass"),
    *("jetQGl", "QG_ptD", "QG_axis2"),
    *("genJetPt", "genJetEta", "genJetPhi", "genJetMass"),
    *("dPhiJetsLO", "dEtaJetsLO", "alpha", "pthat", "eventWeight"),
    *("rhoAll", "rhoCentral", "rhoCentralNeutral", "rhoCentralChargedPileUp", "Pileup_nTrueInt"),
)
INTEGERS = (
    *("jetLooseID", "jetTightID", "jetGenMatch", "QG_mult"),
    *("partonFlav", "hadronFlav", "physFlav"),
    *("isPhysUDS", "isPhysG", "isPhysOther", "isPartonUDS", "isPartonG", "isPartonOther"),
    *("jetChargedHadronMult", "jetNeutralHadronMult", "jetChargedMult", "jetNeutralMult", "jetMult"),
    *("eventJetMult", "jetPtOrder", "run", "lumi", "PV_npvsGood", "Pileup_nPU"),
)
LONG_INTEGERS = ("event",)
LISTS = {
    "PF": {
        **dict.fromkeys(("pT", "dR", "dTheta", "dPhi", "dEta", "mass"), np.float32),
        **dict.fromkeys(("id", "fromPV", "fromAK4Jet"), np.int32),
    },
    "genJetPF": {**dict.fromkeys(("pT", "dR", "dTheta", "mass"), np.float32), "id": np.int32},
}
"""Branches of lists by prefix; the branch is ``<prefix>_<name>``."""

COUNTERS = {"PF": "nPF", "genJetPF": "nGenJetPF"}


@dataclass(frozen=True)
class JetTable:
    """Entries of the tree.

    Attributes
    ----------
    columns
        One value for each jet, by branch.
    lists
        By prefix: offsets (n + 1,), and the flat columns by name.
    """

    columns: dict[str, np.ndarray]
    lists: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]]

    def __len__(self) -> int:
        return len(self.columns["jetPt"])

    def first(self, count: int) -> JetTable:
        """The first ``count`` jets, or all where there are fewer."""
        count = min(count, len(self))
        return JetTable(
            {name: column[:count] for name, column in self.columns.items()},
            {
                prefix: (offsets[: count + 1], {name: column[: offsets[count]] for name, column in columns.items()})
                for prefix, (offsets, columns) in self.lists.items()
            },
        )


def concatenate(tables: list[JetTable]) -> JetTable:
    """Entries of several tables one after another."""
    lists = {}
    for prefix, columns in LISTS.items():
        lengths = np.concatenate([np.diff(table.lists[prefix][0]) for table in tables])
        flat = {name: np.concatenate([table.lists[prefix][1][name] for table in tables]) for name in columns}
        lists[prefix] = (np.concatenate([[0], np.cumsum(lengths)]), flat)
    return JetTable({name: np.concatenate([table.columns[name] for table in tables]) for name in branches()}, lists)


def branches() -> dict[str, np.dtype[Any]]:
    """Branches with one value for each jet, and their types."""
    return {
        **{name: np.dtype(np.float32) for name in FLOATS},
        **{name: np.dtype(np.int32) for name in INTEGERS},
        **{name: np.dtype(np.uint64) for name in LONG_INTEGERS},
    }


class Writer:
    """Writes tables into one ROOT file; use it in a ``with`` block, whose end closes the file."""

    def __init__(self, path: Path) -> None:
        self._file = uproot.recreate(path, compression=uproot.ZSTD(1))
        types: dict[str, Any] = dict(branches())
        for prefix, columns in LISTS.items():
            content = [ak.types.NumpyType(np.dtype(kind).name) for kind in columns.values()]
            types[prefix] = ak.types.ListType(ak.types.RecordType(content, list(columns)))
        self._tree = self._file.mktree(TREE, types, counter_name=lambda prefix: COUNTERS[prefix])

    def write(self, table: JetTable) -> None:
        """Append the table's entries."""
        entries: dict[str, Any] = {name: table.columns[name].astype(kind) for name, kind in branches().items()}
        for prefix, columns in LISTS.items():
            offsets, flat = table.lists[prefix]
            record = ak.contents.RecordArray(
                [ak.contents.NumpyArray(flat[name].astype(kind)) for name, kind in columns.items()], list(columns)
            )
            entries[prefix] = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets.astype(np.int64)), record))
        self._tree.extend(entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()
