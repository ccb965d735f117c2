"""The residual as the text file that CMS tools read (JetCorrectorParameters, coffea's lookup tools).

A row is ``etamin etamax n ptmin ptmax p0 p1 ...``: n counts the numbers after it, pT is held between ptmin and ptmax.
"""

from __future__ import annotations

from jetcal.evaluation.corrections.eta_bins import mirrored
from jetcal.evaluation.corrections.formulas import coefficient_count, residual_formula, residual_parameters
from jetcal.evaluation.corrections.residual import Residual

LEVEL = "L2Relative"
CAMPAIGN = "Jetcal"


def file_name(calibration: str, jets: str = "AK4PFchs") -> str:
    """``Jetcal_<calibration>_MC_L2Relative_<jets>.txt``: campaign, version, kind, level, jets, as tools split names.

    Neither the calibration's name nor that of the jets may hold an underscore.
    """
    return f"{CAMPAIGN}_{calibration}_MC_{LEVEL}_{jets}.txt"


def l2_relative(residual: Residual) -> str:
    """The content of the file; numbers keep all their digits."""
    count = coefficient_count(residual)
    edges, order = mirrored([each.eta for each in residual.bins])
    rows = [f"{{1 JetEta 1 JetPt {residual_formula(count)} Correction {LEVEL}}}"]
    for position, index in enumerate(order):
        each = residual.bins[index]
        numbers = [*each.pt_range, *residual_parameters(each, count)]
        row = [*edges[position : position + 2], len(numbers), *numbers]
        rows.append(" ".join(_number(value) for value in row))
    return "\n".join(rows) + "\n"


def _number(value: float) -> str:
    return repr(float(value)) if float(value) % 1 else f"{int(value)}"
