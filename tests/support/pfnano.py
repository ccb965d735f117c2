"""Jets as a PFNano file has them: an entry is an event with lists of jets, generator jets, candidates and links."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import uproot

from jetcal.data.mapping import Piece

TREE = "Events"
_QUALITY = np.array([0, 1, 5, 7])
"""pvAssocQuality by fromPV."""


def write_pfnano(path: Path, piece: Piece, seed: int = 1, *, strangers: int = 5, unit: float = 1.0) -> None:
    """Write jets, consecutive ones of the same event together, with candidates and generator jets in any order.

    Parameters
    ----------
    path
        File to write.
    piece
        Jets with truth and events.
    seed
        Of the order, of the jets' phi, and of what belongs to no jet.
    strangers
        Candidates of each event that are in no jet; half as many generator jets have no partner.
    unit
        GeV in the unit of the file: 1000 for MeV.
    """
    rng = np.random.default_rng([seed, 2020])
    event_of, names = _number(piece.events)
    events = len(names["event"])
    jets, phi = _jets(piece, rng, unit)
    gen, jets["genJetIdx"] = _generator_jets(piece, event_of, rng, strangers=strangers // 2, unit=unit)
    candidates, links = _candidates(piece, event_of, rng, phi=phi, strangers=strangers, unit=unit)
    first = np.searchsorted(event_of, np.arange(events))
    branches = {
        **names,
        "fixedGridRhoFastjetAll": piece.jets.jet["rho"][first] * np.float32(unit),
        "PV_npvsGood": piece.jets.jet["n_vertices"][first].astype(np.int32),
        "Jet": _lists(jets, event_of, events),
        "GenJet": gen,
        "PFCands": candidates,
        "JetPFCands": links,
    }
    with uproot.recreate(path) as file:
        file.mktree(TREE, {name: _type(column) for name, column in branches.items()})
        file[TREE].extend(branches)


def _type(column):
    return column.type.content if isinstance(column, ak.Array) else column.dtype


def _number(events):
    new = (np.diff(events.event) != 0) | (np.diff(events.lumi) != 0) | (np.diff(events.run) != 0)
    first = np.concatenate([[0], np.flatnonzero(new) + 1])
    names = {"run": events.run, "luminosityBlock": events.lumi}
    columns = {name: column[first].astype(np.uint32) for name, column in names.items()}
    return np.concatenate([[0], np.cumsum(new)]), columns | {"event": events.event[first]}


def _lists(columns, event_of, events):
    counts = np.bincount(event_of, minlength=events)
    return ak.zip({name: ak.unflatten(column, counts) for name, column in columns.items()})


def _shuffled(columns, event_of, events, rng):
    """Lists in a random order, and the place of each item in its list."""
    order = np.lexsort((rng.random(len(event_of)), event_of))
    place = np.empty(len(order), np.int32)
    starts = np.cumsum(np.bincount(event_of, minlength=events)) - np.bincount(event_of, minlength=events)
    place[order] = np.arange(len(order)) - starts[event_of[order]]
    return _lists({name: column[order] for name, column in columns.items()}, event_of[order], events), place


def _jets(piece, rng, unit):
    jet = piece.jets.jet
    phi = rng.uniform(-np.pi, np.pi, len(piece.jets)).astype(np.float32)
    share = jet["raw_pt"] / jet["standard_pt"]
    flavour = jet["flavour"].astype(np.int16)
    columns = {
        "pt": jet["standard_pt"] * np.float32(unit),
        "eta": jet["eta"],
        "phi": phi,
        "mass": jet["raw_mass"] / share * np.float32(unit),
        "rawFactor": 1 - share,
        "area": jet["area"],
        "hadronFlavour": np.where((flavour == 4) | (flavour == 5), flavour, 0).astype(np.uint8),
        "partonFlavour": np.where(flavour == 21, 21, -flavour),
    }
    return columns, phi


def _generator_jets(piece, event_of, rng, *, strangers, unit):
    events = event_of[-1] + 1
    partner = np.flatnonzero(piece.matched)
    alone = np.repeat(np.arange(events), strangers)
    pt = np.concatenate([piece.jets.jet["gen_pt"][partner], rng.exponential(20, len(alone)) + 10])
    owner = np.concatenate([event_of[partner], alone])
    gen, place = _shuffled({"pt": (pt * unit).astype(np.float32)}, owner, events, rng)
    index = np.where(np.arange(len(piece.jets)) % 2, -1, 1000).astype(np.int32)
    index[partner] = place[: len(partner)]
    return gen, index


def _candidates(piece, event_of, rng, *, phi, strangers, unit):
    events = event_of[-1] + 1
    own = np.repeat(np.arange(len(piece.jets)), np.diff(piece.jets.offsets))
    constituent, added = piece.jets.constituents, events * strangers
    angle = phi[own].astype(float) + constituent["dphi"]
    fields = {
        "pt": (constituent["pt"] * unit, rng.exponential(5 * unit, added)),
        "eta": (piece.jets.jet["eta"][own].astype(float) + constituent["deta"], rng.uniform(-5, 5, added)),
        "phi": ((angle + np.pi) % (2 * np.pi) - np.pi, rng.uniform(-np.pi, np.pi, added)),
        "mass": (constituent["mass"] * unit, np.zeros(added)),
        "pdgId": (constituent["id"], np.full(added, 22)),
        "pvAssocQuality": (_QUALITY[constituent["from_pv"].astype(int)], np.full(added, 7)),
    }
    kinds = {"pdgId": np.int32, "pvAssocQuality": np.int32}
    columns = {name: np.concatenate(parts).astype(kinds.get(name, np.float32)) for name, parts in fields.items()}
    owner = np.concatenate([event_of[own], np.repeat(np.arange(events), strangers)])
    candidates, place = _shuffled(columns, owner, events, rng)
    first_jet = np.searchsorted(event_of, event_of)
    links = {"jetIdx": (own - first_jet[own]).astype(np.int32), "pFCandsIdx": place[: len(own)]}
    return candidates, _shuffled(links, event_of[own], events, rng)[0]
