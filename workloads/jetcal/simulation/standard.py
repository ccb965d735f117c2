"""The standard correction, from a table: area offset (L1), response relative in eta (L2) and absolute in pT (L3)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.polynomial import polynomial

from jetcal.simulation.flat import Floats, Ints
from jetcal.simulation.settings import COMMON_LINES, QCD_LINES, fingerprint
from jetcal.simulation.variations import NOMINAL, VARIATIONS

TABLE = "standard_correction.json"

MIN_FACTOR = 0.05
"""The offset never takes more than 95 % of a jet."""

MAX_ENERGY = 3000.0
"""Forward jets of more energy (GeV) are too rare to say how their response differs from that in the barrel."""


@dataclass(frozen=True)
class StandardCorrection:
    """Coefficients by |eta| bin; pT in GeV, densities in GeV per unit area.

    Attributes
    ----------
    abs_eta
        Edges of the |eta| bins, (n + 1,).
    offset
        ``o0, o1`` of each bin: the offset is ``A (o0 + o1 rho)``; (n, 2).
    relative
        Coefficients of a polynomial in ``log10(pT)`` of each bin, rising powers; (n, k).
    absolute
        Coefficients of a polynomial in ``log10(pT)``, (k,).
    pt_range
        Both polynomials are evaluated within this range.
    """

    abs_eta: Floats
    offset: Floats
    relative: Floats
    absolute: Floats
    pt_range: tuple[float, float]

    @classmethod
    def load(cls) -> StandardCorrection:
        """The table that comes with the package; ``python -m jetcal.simulation.derive_standard`` makes it."""
        return cls.from_document(json.loads(resources.files(__package__).joinpath(TABLE).read_text()))

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> StandardCorrection:
        """The table in ``document``."""
        low, high = document["pt_range"]
        columns = {
            name: np.asarray(document[name], dtype=float) for name in ("abs_eta", "offset", "relative", "absolute")
        }
        return cls(**columns, pt_range=(float(low), float(high)))

    def document(self) -> dict[str, Any]:
        """The table as plain JSON."""
        columns = {name: getattr(self, name).tolist() for name in ("abs_eta", "offset", "relative", "absolute")}
        return {**columns, "pt_range": list(self.pt_range)}

    def l1(self, pt: Floats, eta: Floats, area: Floats, rho: Floats) -> Floats:
        """Factor that removes the pile-up offset: ``1 - A (o0 + o1 rho) / pT``.

        Parameters
        ----------
        pt, eta
            Uncorrected jets: GeV, -.
        area
            Area of the jets, eta times rad.
        rho
            ``rhoAll`` of their events, GeV per unit area.
        """
        o0, o1 = self.offset[self._bin(eta)].T
        return np.asarray(np.maximum(1 - area * np.maximum(o0 + o1 * rho, 0.0) / pt, MIN_FACTOR))

    def l2(self, pt: Floats, eta: Floats) -> Floats:
        """Factor that brings the response at eta to that of the barrel; ``pt`` in GeV after L1.

        Above ``MAX_ENERGY`` the factor stays as it is there.
        """
        logarithm = self._logarithm(np.minimum(pt, MAX_ENERGY / np.cosh(eta)))
        powers = np.vander(logarithm, self.relative.shape[1], increasing=True)
        return np.asarray((self.relative[self._bin(eta)] * powers).sum(axis=1))

    def l3(self, pt: Floats) -> Floats:
        """Factor that brings the response of the barrel to one; ``pt`` in GeV after L1 and L2."""
        return np.asarray(polynomial.polyval(self._logarithm(pt), self.absolute))

    def factor(self, pt: Floats, eta: Floats, area: Floats, rho: Floats) -> Floats:
        """L1, L2 and L3 in one: pT after the standard correction divided by uncorrected ``pt``."""
        l1 = self.l1(pt, eta, area, rho)
        l2 = self.l2(pt * l1, eta)
        return l1 * l2 * self.l3(pt * l1 * l2)

    def _bin(self, eta: Floats) -> Ints:
        return np.asarray(
            np.clip(np.searchsorted(self.abs_eta, np.abs(eta), side="right") - 1, 0, len(self.abs_eta) - 2)
        )

    def _logarithm(self, pt: Floats) -> Floats:
        return np.asarray(np.log10(np.clip(pt, *self.pt_range)))


def provenance(variation: str = NOMINAL) -> dict[str, Any]:
    """Generator and detector of a variation, as plain JSON with a hash; the table depends on the nominal ones."""
    chosen = VARIATIONS[variation]
    document = {
        "generator": [*COMMON_LINES, *QCD_LINES, *chosen.generator],
        **asdict(chosen.detector),
    }
    return {**document, "fingerprint": fingerprint(document)}


def save(correction: StandardCorrection, made_by: dict[str, Any], path: Path) -> None:
    """Write the table with what it was made from."""
    path.write_text(json.dumps({"made_by": made_by, **correction.document()}, indent=1) + "\n")
