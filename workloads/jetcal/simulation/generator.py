"""Events of Pythia 8 as flat arrays: hard QCD events with their truth, and minimum-bias events."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import numpy as np
import pythia8mc

from jetcal.simulation.flat import Bools, Floats, Ints, offsets_of
from jetcal.simulation.settings import COMMON_LINES, MAX_ABS_ETA

CHARGED_HADRON, ELECTRON, MUON, PHOTON, NEUTRAL_HADRON = range(5)
"""Kinds of particles that the detector tells apart."""

NEUTRAL_HADRONS = (130, 310, 311, 2112, 3122, 3322)
NEUTRINOS = (12, 14, 16)
NEGATIVE_HYPERONS = (3112, 3312, 3334)

PARTON_BEFORE_HADRONISATION = range(71, 80)
OUTGOING_OF_HARD_PROCESS = 23
BOTTOM, CHARM = 5, 4


@dataclass(frozen=True)
class Particles:
    """Visible stable particles, ordered by event, all columns of one length.

    pt and energy in GeV; event i has the rows ``offsets[i]:offsets[i + 1]``; ``kind`` is one of the constants of this
    module; ``charge`` in units of e.
    """

    offsets: Ints
    pt: Floats
    eta: Floats
    phi: Floats
    energy: Floats
    kind: Ints
    charge: Ints
    pdg: Ints


@dataclass(frozen=True)
class Truth:
    """Generator objects that define a flavour, ordered by event: ``code`` is a PDG code."""

    offsets: Ints
    pt: Floats
    eta: Floats
    phi: Floats
    code: Ints


@dataclass(frozen=True)
class HardEvents:
    """Hard events: what hits the detector, and the truth about them."""

    particles: Particles
    partons: Truth
    """Quarks and gluons as they enter hadronisation."""
    hard_partons: Truth
    """The two outgoing partons of the hard process."""
    heavy_hadrons: Truth
    """Hadrons with a bottom (code 5) or charm (code 4) quark that do not decay to another such hadron."""
    pthat: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.pthat)


class Generator:
    """A Pythia with its own seed."""

    def __init__(self, lines: tuple[str, ...], seed: np.random.SeedSequence) -> None:
        self._pythia = pythia8mc.Pythia("", False)  # noqa: FBT003  # Pythia's signature: no banner
        number = int(seed.generate_state(1)[0]) % 900_000_000 or 1
        for line in (*COMMON_LINES, *lines, "Random:setSeed = on", f"Random:seed = {number}"):
            if not self._pythia.readString(line):
                message = f"Pythia does not know the setting {line!r}"
                raise ValueError(message)
        if not self._pythia.init():
            message = "Pythia could not be initialised; its own messages stand above"
            raise RuntimeError(message)

    def hard_events(self, count: int) -> HardEvents:
        """``count`` QCD events."""
        record = _Record(self._pythia.nextBatch(count))
        status, code = np.abs(record.status), np.abs(record.id)
        coloured = (code <= BOTTOM) | (code == 21)  # noqa: PLR2004  # the gluon
        last_parton = (
            coloured & (status >= PARTON_BEFORE_HADRONISATION[0]) & (status <= PARTON_BEFORE_HADRONISATION[-1])
        )
        heavy = record.heavy_flavour()
        return HardEvents(
            particles=record.particles(),
            partons=record.truth(last_parton, record.id),
            hard_partons=record.truth(coloured & (status == OUTGOING_OF_HARD_PROCESS), record.id),
            heavy_hadrons=record.truth(heavy > 0, heavy),
            pthat=np.sqrt(np.asarray(record.info.pT2Hat)),
            weight=np.asarray(ak.flatten(record.info.weights[:, :1])),
        )

    def minimum_bias(self, count: int) -> Particles:
        """The particles of ``count`` minimum-bias events."""
        return _Record(self._pythia.nextBatch(count)).particles()


class _Record:
    """One batch of Pythia's event records, flattened."""

    def __init__(self, batch: ak.Array) -> None:
        entries = batch.prt
        self.info = batch.info
        self.offsets = offsets_of(np.asarray(ak.num(entries.id)))
        self.id, self.status, self._daughter1, self._daughter2 = (
            np.asarray(ak.flatten(entries[name])).astype(np.int64)
            for name in ("id", "status", "daughter1", "daughter2")
        )
        self._px, self._py, self._pz, self._e = (
            np.asarray(ak.flatten(entries.p[name])) for name in ("px", "py", "pz", "e")
        )
        self._event = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def particles(self) -> Particles:
        """Stable visible particles within the detector."""
        code = np.abs(self.id)
        rows = np.flatnonzero((self.status > 0) & ~np.isin(code, NEUTRINOS))
        pt = np.hypot(self._px[rows], self._py[rows])
        inside = np.abs(self._pz[rows]) < pt * np.sinh(MAX_ABS_ETA)
        rows, pt = rows[inside], pt[inside]
        pdg = self.id[rows]
        kind = _kind(np.abs(pdg))
        return Particles(
            offsets=self._offsets(rows),
            pt=pt,
            eta=np.arcsinh(self._pz[rows] / pt),
            phi=np.arctan2(self._py[rows], self._px[rows]),
            energy=self._e[rows],
            kind=kind,
            charge=_charge(pdg, kind),
            pdg=pdg,
        )

    def truth(self, selected: Bools, code: Ints) -> Truth:
        """The selected entries that have a direction."""
        pt = np.hypot(self._px, self._py)
        rows = np.flatnonzero(selected & (pt > 1e-3))  # noqa: PLR2004  # GeV: along the beam there is no eta
        return Truth(
            offsets=self._offsets(rows),
            pt=pt[rows],
            eta=np.arcsinh(self._pz[rows] / pt[rows]),
            phi=np.arctan2(self._py[rows], self._px[rows]),
            code=code[rows],
        )

    def heavy_flavour(self) -> Ints:
        """5 or 4 for the last hadron of a chain with bottom or charm, 0 for every other entry."""
        code = np.abs(self.id)
        digits = np.stack([code // 10 % 10, code // 100 % 10, code // 1000 % 10])
        hadron = (
            (digits[0] > 0) & (digits[1] > 0) & (code < 10**6)
        )  # two quark digits at least; a diquark has 0 as its tens
        flavour = np.where(hadron, np.where(digits > BOTTOM, 0, digits).max(axis=0), 0)
        flavour = np.where(flavour >= CHARM, flavour, 0)
        first = self.offsets[self._event]
        passes_on = [
            (daughter > 0) & (flavour[np.minimum(first + daughter, len(flavour) - 1)] == flavour)
            for daughter in (self._daughter1, self._daughter2)
        ]
        return np.where(passes_on[0] | passes_on[1], 0, flavour)

    def _offsets(self, rows: Ints) -> Ints:
        return offsets_of(np.bincount(self._event[rows], minlength=len(self.offsets) - 1))


def _kind(code: Ints) -> Ints:
    kind = np.full(len(code), CHARGED_HADRON)
    kind[np.isin(code, NEUTRAL_HADRONS)] = NEUTRAL_HADRON
    for pdg, name in ((11, ELECTRON), (13, MUON), (22, PHOTON)):
        kind[code == pdg] = name
    return kind


def _charge(pdg: Ints, kind: Ints) -> Ints:
    sign = np.sign(pdg)
    leptons = (kind == ELECTRON) | (kind == MUON)
    sign = np.where(leptons | np.isin(np.abs(pdg), NEGATIVE_HYPERONS), -sign, sign)
    return np.where((kind == PHOTON) | (kind == NEUTRAL_HADRON), 0, sign)
