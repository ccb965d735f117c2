"""What a simulated sample is made from: the user's choices, the generator's lines, and the fingerprint of both."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from jetcal.errors import JetcalError
from jetcal.simulation import VARIATION_NAMES

MODEL_VERSION = 3
"""Raised whenever the same settings would give other jets, for reasons that the manifest does not show by itself."""

MAX_ABS_ETA = 3.0
"""Edge of the modelled detector: the calorimeter endcaps of CMS end here."""

JET_RADIUS = 0.4
JET_MAX_ABS_ETA = 2.5

COMMON_LINES = (
    "Beams:eCM = 13000.",
    "Tune:pp = 18",
    "ParticleDecays:limitTau0 = on",
    "ParticleDecays:tau0Max = 10.",
    "Check:event = off",
    "Print:quiet = on",
)
"""13 TeV, CUETP8M1 (the tune of record 12100), and particles that fly farther than 10 mm left to the detector, as in
CMS."""

QCD_LINES = (
    "HardQCD:all = on",
    "PhaseSpace:pTHatMin = 15.",
    "PhaseSpace:pTHatMax = 3000.",
    "PhaseSpace:bias2Selection = on",
    "PhaseSpace:bias2SelectionPow = 4.5",
    "PhaseSpace:bias2SelectionRef = 15.",
)
"""QCD 2 -> 2 with the bias that the flat samples of CMS use; ``eventWeight`` undoes it."""

MINIMUM_BIAS_LINES = ("SoftQCD:inelastic = on",)


LIMITS = {
    "jets": (1, 10**9),
    "files": (1, 10**5),
    "seed": (1, 2**31 - 1),
    "pileup": (0, 200),
    "min_pt": (10, 1000),
    "pool_size": (100, 10**6),
}
"""Range of each option."""


@dataclass(frozen=True)
class Settings:
    """One sample.

    Attributes
    ----------
    jets
        Number of jets in all files together.
    files
        Number of ROOT files.
    seed
        Root of all randomness; written as ``run`` of every jet.
    pileup
        Mean number of additional interactions.
    min_pt
        Jets are kept above this pT after the standard correction, GeV.
    pool_size
        Number of minimum-bias events that pile-up is drawn from.
    variation
        Name of a row of :data:`jetcal.simulation.variations.VARIATIONS`.

    Raises
    ------
    JetcalError
        A value out of its range.
    """

    jets: int
    files: int = 1
    seed: int = 1
    pileup: float = 25.0
    min_pt: float = 15.0
    pool_size: int = 5000
    variation: str = VARIATION_NAMES[0]

    def __post_init__(self) -> None:
        for option, (low, high) in LIMITS.items():
            if not low <= (value := getattr(self, option)) <= high:
                message = f"--{option.replace('_', '-')} must lie in {low}..{high}, not {value}"
                raise JetcalError(message)
        if self.variation not in VARIATION_NAMES:
            message = f"--variation must be one of {', '.join(VARIATION_NAMES)}, not '{self.variation}'"
            raise JetcalError(message)
        if self.files > self.jets:
            message = f"{self.files} files cannot share {self.jets} jets: ask for at most as many files as jets"
            raise JetcalError(message)

    def jets_in(self, index: int) -> int:
        """Number of jets in file ``index`` (from 0): the same in all, but for one more in the first ones."""
        return self.jets // self.files + (index < self.jets % self.files)


def fingerprint(document: dict[str, Any]) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a JSON document with sorted keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def seed_sequence(domain: str, *numbers: int) -> np.random.SeedSequence:
    """A source of randomness of its own for each purpose (``domain``), seed and part.

    Streams of different domains or numbers are independent, so a sample, its pile-up pool and the sample behind the
    standard correction share nothing, whatever seeds a user picks.
    """
    tag = int.from_bytes(hashlib.sha256(domain.encode()).digest()[:8], "big")
    return np.random.SeedSequence([tag, *numbers])
