"""Ntuples in the schema of the CERN Open Data record 12100, made from toy jets, whole or damaged as a test wishes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import awkward as ak
import numpy as np
import uproot
from tests.support.toys import toy_jets

from jetcal.data.jets import Jets

TREE = "AK4jets/jetTree"
_CANDIDATES = {"pt": "pT", "deta": "dEta", "dphi": "dPhi", "mass": "mass", "id": "id", "from_pv": "fromPV"}
_INTEGERS = {"id", "from_pv"}


def write_ntuple(
    path: Path,
    jets: Jets | int = 400,
    seed: int = 1,
    *,
    tree: str = TREE,
    unmatched: float = 0.05,
    neighbours: float = 5.0,
    jets_per_event: int = 2,
    first_event: int = 1,
    empty_jets: int = 0,
    huge_jets: int = 0,
    huge: int = 1500,
    overwrite: Mapping[str, float] | None = None,
    without: tuple[str, ...] = (),
    cycles: int = 1,
    baskets: int = 1,
    truncate: float | None = None,
) -> Jets:
    """Write jets as the record does: candidates unsorted, neighbours outside the jet among them, some jets unmatched.

    Parameters
    ----------
    path
        File to write.
    jets
        The jets, or how many toy jets.
    seed
        Of the toy jets, the neighbours and the order of the candidates.
    tree
        Path of the tree.
    unmatched
        Share of jets without a generator jet; all their generator columns are 0.
    neighbours
        Mean number of candidates near each jet that do not belong to it.
    jets_per_event, first_event
        Consecutive jets share an event; events are numbered from ``first_event``, with run 1 and lumi 1.
    empty_jets
        The first jets that lose all their constituents, not their neighbours.
    huge_jets, huge
        The last jets that get ``huge`` constituents.
    overwrite
        Branch -> value that the first matched jet with constituents, or its hardest constituent, has instead.
    without
        Branches to leave out.
    cycles
        Times the tree is written; all but the last hold half of the jets.
    baskets
        Pieces in which each tree is written.
    truncate
        Share of the file's bytes that are kept.

    Returns
    -------
    Jets
        The jets as they were given or drawn, before any damage.
    """
    rng = np.random.default_rng([seed, 12100])
    original = toy_jets(jets, seed) if isinstance(jets, int) else jets
    branches = _branches(original, rng, unmatched, jets_per_event, first_event)
    extra = np.repeat(np.arange(len(original) - huge_jets, len(original)), huge)
    branches["PF"] = _candidates(original, rng, neighbours, empty_jets, extra)
    if overwrite:
        matched = empty_jets + int(np.argmax(branches["jetGenMatch"][empty_jets:] == 1))
        for name, value in overwrite.items():
            _overwrite(branches, name, matched, value)
    for name in without:
        group, _, field = name.partition("_")
        if group == "PF":
            branches["PF"] = branches["PF"][[column for column in branches["PF"].fields if column != field]]
        else:
            del branches[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    with uproot.recreate(path) as file:
        for cycle in range(cycles):
            count = len(original) if cycle == cycles - 1 else len(original) // 2
            pieces = np.linspace(0, count, baskets + 1).astype(int)
            parts = [{name: column[a:b] for name, column in branches.items()} for a, b in pairwise(pieces)]
            file.mktree(tree, {name: _type(column) for name, column in branches.items()})
            for part in parts:
                file[tree].extend(part)
    if truncate is not None:
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * truncate)])
    return original


def _type(column):
    return column.type.content if isinstance(column, ak.Array) else column.dtype


def _branches(jets, rng, unmatched, jets_per_event, first_event):
    count = len(jets)
    matched = rng.random(count) >= unmatched
    flavour = jets.jet["flavour"].astype(np.int32)
    numbers = first_event + np.arange(count) // jets_per_event
    columns = {
        "jetPt": jets.jet["standard_pt"],
        "jetEta": jets.jet["eta"],
        "jetPhi": rng.uniform(-np.pi, np.pi, count),
        "jetMass": jets.jet["raw_mass"] * 1.1,
        "jetArea": jets.jet["area"],
        "jetRawPt": jets.jet["raw_pt"],
        "jetRawMass": jets.jet["raw_mass"],
        "genJetPt": jets.jet["gen_pt"] * matched,
        "genJetEta": jets.jet["eta"] * matched,
        "genJetPhi": np.zeros(count),
        "genJetMass": jets.jet["raw_mass"] * matched,
        "rhoAll": jets.jet["rho"],
        "pthat": jets.jet["gen_pt"],
        "eventWeight": np.ones(count),
    }
    integers = {
        "jetGenMatch": matched,
        "partonFlav": np.where(flavour == 21, 21, -flavour),
        "hadronFlav": np.where((flavour == 4) | (flavour == 5), flavour, 0),
        "physFlav": flavour,
        "PV_npvsGood": jets.jet["n_vertices"],
        "jetPtOrder": np.arange(count) % jets_per_event,
        "run": np.ones(count),
        "lumi": np.ones(count),
    }
    return {
        **{name: column.astype(np.float32) for name, column in columns.items()},
        **{name: column.astype(np.int32) for name, column in integers.items()},
        "event": numbers.astype(np.uint64),
    }


def _candidates(jets, rng, neighbours, empty_jets, extra):
    count = len(jets)
    own = np.repeat(np.arange(count), np.diff(jets.offsets))
    foreign = np.repeat(np.arange(count), rng.poisson(neighbours, count))
    jet_of = np.concatenate([own, foreign, extra])
    inside = np.concatenate([np.ones(len(own)), np.zeros(len(foreign)), np.ones(len(extra))])
    inside[(jet_of < empty_jets)] = 0
    added = len(foreign) + len(extra)
    fields = {
        "pt": rng.exponential(2, added) + 0.01,
        "deta": rng.uniform(-1, 1, added),
        "dphi": rng.uniform(-1, 1, added),
        "mass": np.zeros(added),
        "id": np.full(added, 22),
        "from_pv": np.ones(added),
    }
    order = np.lexsort((rng.random(len(jet_of)), jet_of))
    counts = np.bincount(jet_of, minlength=count)
    columns = {}
    for name, branch in _CANDIDATES.items():
        kind = np.int32 if name in _INTEGERS else np.float32
        columns[branch] = np.concatenate([jets.constituents[name], fields[name]])[order].astype(kind)
    columns["fromAK4Jet"] = inside[order].astype(np.int32)
    columns["dR"] = np.hypot(columns["dEta"], columns["dPhi"])
    columns["dTheta"] = np.arctan2(columns["dPhi"], columns["dEta"])
    return ak.zip({name: ak.unflatten(column, counts) for name, column in columns.items()})


def _overwrite(branches, name, jet, value):
    group, _, field = name.partition("_")
    if group != "PF":
        branches[name][jet] = value
        return
    candidates = branches["PF"]
    inside = candidates.fromAK4Jet[jet] == 1
    hardest = ak.local_index(candidates.pT[jet])[inside][ak.argmax(candidates.pT[jet][inside])]
    flat = ak.to_numpy(ak.flatten(candidates[field])).copy()
    counts = ak.to_numpy(ak.num(candidates))
    flat[counts[:jet].sum() + hardest] = value
    branches["PF"] = ak.with_field(candidates, ak.unflatten(flat, counts), field)
