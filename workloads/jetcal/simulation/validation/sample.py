"""Reads what the validation needs from the files of a sample."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

from jetcal.errors import JetcalError
from jetcal.simulation.candidates import KAON_LONG, PHOTON_CODE, PION
from jetcal.simulation.flat import Bools, Floats, Ints
from jetcal.simulation.ntuple import TREE

STEP = "50 MB"
KINDS = {"charged hadrons": PION, "photons": PHOTON_CODE, "neutral hadrons": KAON_LONG}
_PLAIN = (
    *("jetPt", "jetRawPt", "jetEta", "genJetPt", "partonFlav", "hadronFlav", "jetArea", "jetMult"),
    *("rhoAll", "PV_npvsGood", "Pileup_nPU", "lumi", "event"),
)
_LISTS = ("PF_pT", "PF_id", "PF_fromAK4Jet")


@dataclass(frozen=True)
class Jets:
    """One row for each jet; pT in GeV, ``flavour`` is a PDG code or 0, ``first`` marks one jet of each event.

    ``generated`` is 0 for jets without a generator jet. The shares are parts of the summed pT of the constituents.
    """

    corrected: Floats
    raw: Floats
    eta: Floats
    generated: Floats
    flavour: Ints
    area: Floats
    constituents: Floats
    charged_hadrons: Floats
    photons: Floats
    neutral_hadrons: Floats
    rho: Floats
    vertices: Floats
    interactions: Floats
    first: Bools

    def __len__(self) -> int:
        return len(self.corrected)

    @property
    def response(self) -> Floats:
        """Corrected over generator pT; infinite without a generator jet."""
        with np.errstate(divide="ignore"):
            return self.corrected / self.generated


def read(folder: Path) -> Jets:
    """All jets in the files ``JetNtuple_*.root`` of ``folder``.

    Raises
    ------
    JetcalError
        There are none, or one cannot be read.
    """
    paths = sorted(folder.glob("JetNtuple_*.root"))
    if not paths:
        message = f"{folder} holds no file JetNtuple_*.root: simulate some jets into it first"
        raise JetcalError(message)
    parts = []
    for path in paths:
        try:
            with uproot.open(path) as file:
                parts += [_jets(chunk) for chunk in file[TREE].iterate([*_PLAIN, *_LISTS], step_size=STEP)]
        except (OSError, KeyError, ValueError) as error:
            message = f"{path} is no whole file of jets ({type(error).__name__}): remove it and simulate it again"
            raise JetcalError(message) from error
    return Jets(**{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Jets)})


def _jets(chunk: ak.Array) -> Jets:
    column = {name: np.asarray(chunk[name]) for name in _PLAIN}
    inside = chunk.PF_fromAK4Jet == 1
    pt, code = chunk.PF_pT[inside], np.abs(chunk.PF_id[inside])
    total = np.maximum(np.asarray(ak.sum(pt, axis=1)), 1e-6)
    shares = {
        name.replace(" ", "_"): np.asarray(ak.sum(pt[code == kind], axis=1)) / total for name, kind in KINDS.items()
    }
    hadron = column["hadronFlav"]
    number = column["event"].astype(np.int64)
    return Jets(
        corrected=column["jetPt"].astype(float),
        raw=column["jetRawPt"].astype(float),
        eta=column["jetEta"].astype(float),
        generated=column["genJetPt"].astype(float),
        flavour=np.where(hadron != 0, hadron, np.abs(column["partonFlav"])).astype(np.int64),
        area=column["jetArea"].astype(float),
        constituents=column["jetMult"].astype(float),
        rho=column["rhoAll"].astype(float),
        vertices=column["PV_npvsGood"].astype(float),
        interactions=column["Pileup_nPU"].astype(float) + 1,
        first=np.diff(number, prepend=-1) != 0,
        **shares,
    )
