"""Residual, uncertainties and resolution in the JSON format of correctionlib (schema version 2)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from correctionlib import schemav2 as schema
from numpy.typing import NDArray

from jetcal.evaluation.binning import Range
from jetcal.evaluation.corrections.eta_bins import mirrored
from jetcal.evaluation.corrections.formulas import (
    CLAMPED_PT,
    coefficient_count,
    residual_formula,
    residual_parameters,
)
from jetcal.evaluation.corrections.residual import Residual
from jetcal.evaluation.corrections.resolution import EtaResolution
from jetcal.evaluation.corrections.text import LEVEL
from jetcal.evaluation.corrections.uncertainty import TOTAL, Bin, Source, Uncertainties

UNCERTAINTY = "uncertainty"
RESOLUTION = "resolution"
VERSION = 1
"""Version of the layout of each correction."""

_ETA = schema.Variable(name="JetEta", type="real", description="pseudorapidity of the reconstructed jet")
_NETWORK_PT = schema.Variable(name="JetPt", type="real", description="pT after the network, before the residual, GeV")
_PT = schema.Variable(name="JetPt", type="real", description="pT after network and residual, GeV")
_ENDS = "pT beyond the range of a bin is taken as the end of the range; |eta| beyond the last bin is an error"
_RESOLUTION_FORMULA = f"sqrt([2]*abs([2])/pow({CLAMPED_PT},2)+[3]*[3]*pow({CLAMPED_PT},[5])+[4]*[4])"


def correction_set(
    residual: Residual, uncertainties: Uncertainties, resolution: Sequence[EtaResolution], description: str
) -> schema.CorrectionSet:
    """All that could be derived, as one set: always ``L2Relative``; ``uncertainty`` and ``resolution`` if they exist.

    Parameters
    ----------
    residual, uncertainties, resolution
        What was derived.
    description
        What the set belongs to: calibration and network.
    """
    corrections = [_residual(residual)]
    if uncertainties.bins:
        corrections.append(_uncertainty(uncertainties))
    if resolution:
        corrections.append(_resolution(resolution))
    return schema.CorrectionSet(schema_version=2, description=description, corrections=corrections)


def _residual(residual: Residual) -> schema.Correction:
    count = coefficient_count(residual)
    formula = residual_formula(count, CLAMPED_PT, first=2)
    rows = [[*each.pt_range, *residual_parameters(each, count)] for each in residual.bins]
    return schema.Correction(
        name=LEVEL,
        version=VERSION,
        description=f"residual correction after the network: JetPt times this factor is the calibrated pT; {_ENDS}",
        inputs=[_ETA, _NETWORK_PT],
        output=schema.Variable(name="factor", type="real", description="calibrated pT / JetPt"),
        generic_formulas=[_formula(formula)],
        data=_in_eta([each.eta for each in residual.bins], [_row(numbers) for numbers in rows]),
    )


def _resolution(resolution: Sequence[EtaResolution]) -> schema.Correction:
    rows = [[*each.pt_range, *each.parameters] for each in resolution]
    return schema.Correction(
        name=RESOLUTION,
        version=VERSION,
        description="relative resolution (q75 - q25) / 1.349 / q50 of the calibrated response of the test jets, as "
        f"sqrt(p0 |p0| / pT^2 + p1^2 pT^p3 + p2^2), fitted in bins of generator pT; {_ENDS}",
        inputs=[_ETA, _PT],
        output=schema.Variable(name="resolution", type="real", description="sigma(pT) / pT"),
        generic_formulas=[_formula(_RESOLUTION_FORMULA)],
        data=_in_eta([each.eta for each in resolution], [_row(numbers) for numbers in rows]),
    )


def _uncertainty(uncertainties: Uncertainties) -> schema.Correction:
    sources = {TOTAL: uncertainties.total, **uncertainties.sources}
    words = "; ".join(f"{name}: {source.definition}" for name, source in sources.items())
    return schema.Correction(
        name=UNCERTAINTY,
        version=VERSION,
        description=f"factor on the calibrated pT that shifts the scale by one standard deviation; {_ENDS}. {words}",
        inputs=[
            schema.Variable(name="source", type="string", description=", ".join(sources)),
            schema.Variable(name="systematic", type="string", description="nominal (always 1), up or down"),
            _ETA,
            _PT,
        ],
        output=schema.Variable(name="factor", type="real", description="shifted pT / calibrated pT"),
        data=schema.Category(
            nodetype="category",
            input="source",
            content=[
                schema.CategoryItem(key=name, value=_shifts(uncertainties.bins, source))
                for name, source in sources.items()
            ],
        ),
    )


def _shifts(bins: Sequence[Bin], source: Source) -> schema.Category:
    shifts: dict[str, schema.Content] = {
        "nominal": 1.0,
        "up": _table(bins, 1 + source.up),
        "down": _table(bins, 1 - source.down),
    }
    return schema.Category(
        nodetype="category",
        input="systematic",
        content=[schema.CategoryItem(key=name, value=content) for name, content in shifts.items()],
    )


def _table(bins: Sequence[Bin], values: NDArray[np.float64]) -> schema.Binning:
    ranges, contents = [], []
    for eta, group in groupby(enumerate(bins), key=lambda item: item[1].eta):
        members = list(group)
        ranges.append(eta)
        contents.append(
            schema.Binning(
                nodetype="binning",
                input=_PT.name,
                edges=[members[0][1].pt.low, *(each.pt.high for _, each in members)],
                content=[float(values[number]) for number, _ in members],
                flow="clamp",
            )
        )
    return _in_eta(ranges, contents)


def _in_eta(ranges: Sequence[Range], contents: Sequence[schema.Content]) -> schema.Binning:
    edges, order = mirrored(ranges)
    return schema.Binning(
        nodetype="binning",
        input=_ETA.name,
        edges=[float(edge) for edge in edges],
        content=[contents[index] for index in order],
        flow="error",
    )


def _formula(expression: str) -> schema.Formula:
    return schema.Formula(nodetype="formula", expression=expression, parser="TFormula", variables=[_PT.name])


def _row(parameters: Sequence[float]) -> schema.FormulaRef:
    return schema.FormulaRef(nodetype="formularef", index=0, parameters=[float(value) for value in parameters])
