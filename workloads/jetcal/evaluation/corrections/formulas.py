"""The formulas of the delivered corrections, in the language that ROOT's TFormula and correctionlib read.

``x`` is the pT of the jet, ``[0]``, ``[1]``, ... are the parameters of its range of |eta|.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.corrections.residual import REFERENCE_PT, EtaResidual, Residual

CLAMPED_PT = "max([0],min([1],x))"
"""pT held between the first two parameters: beyond the fitted range a correction stays what it is at its end."""


def residual_formula(count: int, pt: str = "x", first: int = 0) -> str:
    """The polynomial of ``count`` coefficients in Horner's form, without blanks, from the parameter ``first`` on."""
    variable = f"log10({pt}/{REFERENCE_PT:g})"
    text = f"[{first + count - 1}]"
    for number in range(first + count - 2, first - 1, -1):
        text = f"[{number}]+{variable}*({text})"
    return text


def residual_parameters(each: EtaResidual, count: int) -> NDArray[np.float64]:
    """``count`` coefficients of one range of |eta|; missing ones are zero."""
    return np.pad(each.fit.coefficients, (0, count - len(each.fit.coefficients)))


def coefficient_count(residual: Residual) -> int:
    """Coefficients of the longest polynomial."""
    return max(len(each.fit.coefficients) for each in residual.bins)
