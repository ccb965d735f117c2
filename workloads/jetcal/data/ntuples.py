"""Reading ntuples in the schema of the CERN Open Data record 12100 (doi 10.7483/OPENDATA.CMS.RY2V.T797), in pieces.

One entry of the tree is one jet. ``PF_*`` holds every candidate near the jet, unsorted; the jet's constituents are
those with ``PF_fromAK4Jet``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from jetcal.data.jets import Jets, positions
from jetcal.data.shards import Events
from jetcal.errors import JetcalError

JET_BRANCHES = {
    "raw_pt": "jetRawPt",
    "eta": "jetEta",
    "raw_mass": "jetRawMass",
    "area": "jetArea",
    "rho": "rhoAll",
    "n_vertices": "PV_npvsGood",
}
CONSTITUENT_BRANCHES = {
    "pt": "PF_pT",
    "deta": "PF_dEta",
    "dphi": "PF_dPhi",
    "mass": "PF_mass",
    "id": "PF_id",
    "from_pv": "PF_fromPV",
}
INSIDE = "PF_fromAK4Jet"
TRUTH_BRANCHES = ("genJetPt", "jetPt", "hadronFlav", "partonFlav", "jetGenMatch")
EVENT_BRANCHES = ("run", "lumi", "event")

MAX_CONSTITUENTS = 1000
"""Constituents that a jet keeps, the hardest: far more than a real jet has, so that one broken jet harms no batch."""

STEP = "32 MB"
"""Uncompressed size of the branches that are in memory at once."""


@dataclass(frozen=True)
class Piece:
    """Some consecutive entries of a tree: N jets, none left out.

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
    """

    jets: Jets
    matched: NDArray[np.bool_]
    events: Events | None
    dropped: NDArray[np.int64]
    truncated: NDArray[np.bool_]


def read(path: Path, tree: str, *, truth: bool = True, name: str | None = None) -> Iterator[Piece]:
    """Every jet of a file, piece by piece, in the order of the tree's highest cycle.

    Parameters
    ----------
    path
        A local ROOT file.
    tree
        Path of the tree in the file.
    truth
        Whether to read generator jet, flavour, standard correction and event too.
    name
        What messages call the file; the path by default.

    Raises
    ------
    JetcalError
        If the file is damaged, or lacks the tree or a branch.
    """
    called = name or str(path)
    wanted = [*JET_BRANCHES.values(), *CONSTITUENT_BRANCHES.values(), INSIDE]
    wanted += [*TRUTH_BRANCHES, *EVENT_BRANCHES] if truth else []
    with _readable(called), _open(path) as file:
        _check_whole(file, path, called)
        opened = _find_tree(file, tree, called)
        missing = sorted(set(wanted) - set(opened.keys()))
        if missing:
            error = f"{called}: tree '{tree}' has no branch {', '.join(missing)}; see docs/data.md for the schema"
            raise JetcalError(error)
        for arrays in opened.iterate(wanted, step_size=STEP, library="ak", how=dict):
            yield to_piece(arrays, truth=truth)


def to_piece(arrays: Mapping[str, Any], *, truth: bool) -> Piece:
    """The jets in the arrays of some branches (awkward; jagged for ``PF_*``)."""
    inside = _flat(arrays[INSIDE]) == 1
    candidates = {column: _flat(arrays[branch])[inside] for column, branch in CONSTITUENT_BRANCHES.items()}
    near = ak.to_numpy(ak.num(arrays[INSIDE]))
    jet_of = np.repeat(np.arange(len(near)), near)[inside]
    usable = np.logical_and.reduce([np.isfinite(column) for column in candidates.values()]) & (candidates["pt"] > 0)
    dropped = np.bincount(jet_of[~usable], minlength=len(near))
    jet_of = jet_of[usable]
    candidates = {column: values[usable] for column, values in candidates.items()}
    counts = np.bincount(jet_of, minlength=len(near))
    kept = np.minimum(counts, MAX_CONSTITUENTS)
    hardest_first = np.lexsort((-candidates["pt"], jet_of))
    order = hardest_first[positions(np.cumsum(counts) - counts, kept)]
    columns = {column: ak.to_numpy(arrays[branch]) for column, branch in JET_BRANCHES.items()}
    matched, events = np.zeros(len(near), bool), None
    if truth:
        matched = ak.to_numpy(arrays["jetGenMatch"]) == 1
        events = Events(
            run=ak.to_numpy(arrays["run"]).astype(np.int64),
            lumi=ak.to_numpy(arrays["lumi"]).astype(np.int64),
            event=ak.to_numpy(arrays["event"]).astype(np.uint64),
        )
        columns |= {
            "gen_pt": ak.to_numpy(arrays["genJetPt"]),
            "standard_pt": ak.to_numpy(arrays["jetPt"]),
            "flavour": flavour(ak.to_numpy(arrays["hadronFlav"]), ak.to_numpy(arrays["partonFlav"])),
        }
    jets = Jets(
        jet={column: values.astype(np.float32) for column, values in columns.items()},
        constituents={column: values[order].astype(np.float32) for column, values in candidates.items()},
        offsets=np.concatenate([[0], np.cumsum(kept)]).astype(np.int64),
    )
    return Piece(jets, matched, events, dropped, counts > MAX_CONSTITUENTS)


def flavour(hadron: NDArray[np.integer], parton: NDArray[np.integer]) -> NDArray[np.integer]:
    """Flavour of each jet: that of its heavy hadron (4, 5), else abs(parton flavour) (1-5, 21; 0 if unknown)."""
    return np.where(hadron != 0, hadron, np.abs(parton))


def _flat(array: Any) -> NDArray[Any]:
    flat: NDArray[Any] = ak.to_numpy(ak.flatten(array))
    return flat


def _open(path: Path) -> Any:
    return uproot.open(path, handler=uproot.MultithreadedFileSource, array_cache=None, object_cache=None)


def _check_whole(file: Any, path: Path, called: str) -> None:
    size, recorded = path.stat().st_size, file.file.fEND
    if size < recorded:
        sentence = f"{called}: is truncated, it has {size} of {recorded} bytes; fetch or make it again"
        raise JetcalError(sentence)


def _find_tree(file: Any, tree: str, called: str) -> Any:
    try:
        found = file[tree]
    except uproot.KeyInFileError as error:
        trees = file.keys(recursive=True, cycle=False, filter_classname="TTree")
        known = f"it has {', '.join(sorted(set(trees)))}" if trees else "it has no tree at all"
        sentence = f"{called}: no tree '{tree}'; {known}; mend spec.dataset.tree"
        raise JetcalError(sentence) from error
    if not hasattr(found, "iterate"):
        sentence = f"{called}: '{tree}' is a {file.classname_of(tree)}, not a tree; mend spec.dataset.tree"
        raise JetcalError(sentence)
    return found


@contextmanager
def _readable(called: str) -> Iterator[None]:
    try:
        yield
    except (JetcalError, MemoryError):
        raise
    except Exception as error:  # uproot passes on whatever its decompressors raise
        reason = (str(error).strip().splitlines() or [""])[0].strip() or type(error).__name__
        sentence = f"{called}: cannot be read as ROOT, it is truncated or damaged ({reason}); fetch or make it again"
        raise JetcalError(sentence) from error
