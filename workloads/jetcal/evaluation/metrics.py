"""metrics.json: every number of the evaluation with its error, count, definition and unit."""

from __future__ import annotations

import json
import math
from typing import Any

from jetcal.evaluation.acceptance import MIN_CLOSURE_PT, MIN_JETS_JUDGED, Verdict
from jetcal.evaluation.binning import MIN_JETS, Range
from jetcal.evaluation.estimate import Estimate
from jetcal.evaluation.flavour import ALL, GROUPS, PAIRS
from jetcal.evaluation.intervals import Coverage
from jetcal.evaluation.measurement import RESPONSE_EDGES, Cell, Measured, Measurements
from jetcal.evaluation.response import BASELINE, RAW, STANDARD
from jetcal.evaluation.statistics import Summary
from jetcal_api.spec import Acceptance

SCHEMA = 1
"""Version of the document's form; a reader may rely on its names."""

DIGITS = 7
"""Significant digits that are written."""

DEFINITIONS = {
    "response": "R = pT / pT_gen, no unit",
    "median": "median of R, no unit",
    "resolution": "(q75 - q25) / 1.349 / q50 of R, no unit",
    "resolution_68": "(q84 - q16) / 2 / q50 of R, no unit",
    "tails": "share of jets with abs(R - q50) > 3 (q75 - q25) / 1.349, no unit; 0.0027 for a Gaussian",
    "gain": "1 - resolution(correction) / resolution(reference) on the same jets, no unit",
    "difference": "R_a - R_b, difference of the median responses of two flavour groups, no unit",
    "flavour_spread": "largest minus smallest median R of uds, c, b, g, no unit",
    "coverage": "shares of jets with pT_gen inside, below, above the predicted interval; ideal 0.68, 0.16, 0.16",
    "error": "standard deviation over Poisson bootstrap replicas, paired over corrections, in the unit of the value",
    "pt": "range of generator pT, of pT after the correction for coverage, GeV; upper end null: unlimited",
    "abs_eta": "range of abs(eta) of the reconstructed jet, no unit",
    "mean_gen_pt": "mean generator pT of the range, GeV",
    "raw": "before any correction",
    "standard": "after the standard correction of the input",
    "network": "after the candidate's correction",
    "baseline": "after the correction of the revision accepted before",
    "flavour": "hadron flavour, else parton flavour: "
    + "; ".join(f"{group} = PDG {', '.join(map(str, ids))}" for group, ids in GROUPS.items()),
    "null": f"not measured: fewer than {MIN_JETS} jets; ranges without any jet are left out",
    "judged": f"closure in bins of pT_gen above {MIN_CLOSURE_PT:g} GeV with at least {MIN_JETS_JUDGED} jets",
}


def document(
    measurements: Measurements, verdict: Verdict, acceptance: Acceptance, provenance: dict[str, Any]
) -> dict[str, Any]:
    """All numbers as plain JSON types, in a stable order; flat tables, one row to a range and correction.

    Parameters
    ----------
    measurements, verdict, acceptance
        What was found, how it was judged, by which thresholds.
    provenance
        Where model and jets come from, as plain JSON types.
    """
    plain: dict[str, Any] = _plain(
        {
            "schema": SCHEMA,
            "definitions": DEFINITIONS,
            "verdict": {
                "accepted": verdict.accepted,
                "reasons": list(verdict.reasons),
                "thresholds": acceptance.model_dump(by_alias=True),
                "figures": verdict.figures,
            },
            "sample": {"jets": measurements.jets, "bootstrap_replicas": measurements.replicas},
            "corrections": list(measurements.corrections),
            "response": _responses(measurements),
            "gain": _gains(measurements),
            "flavour_difference": _differences(measurements),
            "flavour_spread": _spreads(measurements),
            "coverage": _coverages(measurements),
            "response_histograms": {
                "edges": RESPONSE_EDGES.tolist(),
                "counts": [
                    {"pt": pt, "correction": name, "jets": jets.tolist()}
                    for pt, of in measurements.histograms.items()
                    for name, jets in of.items()
                ],
            },
            "provenance": provenance,
        }
    )
    return plain


def to_json(metrics: dict[str, Any]) -> str:
    """The document as text, one row of a table to a line."""
    lines = [f" {json.dumps(key)}: {_table(value)}" for key, value in metrics.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _table(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rows = ",\n  ".join(json.dumps(row, allow_nan=False, ensure_ascii=False) for row in value)
        return f"[\n  {rows}\n ]"
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _responses(measurements: Measurements) -> list[dict[str, Any]]:
    rows = []
    for cell, found in _filled(measurements):
        for name in measurements.corrections:
            summary = found.summaries.get(name)
            rows.append(
                _where(cell)
                | {"flavour": cell.flavour, "correction": name, "jets": found.jets, "mean_gen_pt": found.mean_gen_pt}
                | _numbers(summary, "median", "resolution", "resolution_68", "tails")
            )
    return rows


def _gains(measurements: Measurements) -> list[dict[str, Any]]:
    names = measurements.corrections
    models = [name for name in names if name not in {RAW, STANDARD}]
    pairs = [(name, STANDARD) for name in models]
    if BASELINE in names:
        pairs += [(name, BASELINE) for name in models if name != BASELINE]
    return [
        _where(cell)
        | {"flavour": cell.flavour, "correction": name, "reference": reference, "jets": found.jets}
        | _number("gain", measurements.gain(cell, name, reference))
        for cell, found in _filled(measurements)
        for name, reference in pairs
    ]


def _differences(measurements: Measurements) -> list[dict[str, Any]]:
    return [
        _where(cell)
        | {"pair": list(pair), "correction": name}
        | _number("difference", measurements.flavour_difference(cell.eta, cell.pt, pair, name))
        for cell in _inclusive_flavour(measurements)
        for pair in PAIRS
        for name in measurements.corrections
    ]


def _spreads(measurements: Measurements) -> list[dict[str, Any]]:
    return [
        _where(cell)
        | {"correction": name}
        | _number("flavour_spread", measurements.flavour_spread(name, cell.eta, cell.pt))
        for cell in _inclusive_flavour(measurements)
        for name in measurements.corrections
    ]


def _filled(measurements: Measurements) -> list[tuple[Cell, Measured]]:
    return [(cell, found) for cell, found in measurements.cells.items() if found.jets]


def _inclusive_flavour(measurements: Measurements) -> list[Cell]:
    return [cell for cell, _ in _filled(measurements) if cell.flavour == ALL]


def _coverages(measurements: Measurements) -> list[dict[str, Any]]:
    return [
        _where(each.cell)
        | {"correction": each.correction, "jets": each.jets}
        | _numbers(each.coverage, "inside", "below", "above")
        for each in measurements.coverages
        if each.jets
    ]


def _where(cell: Cell) -> dict[str, Any]:
    return {"abs_eta": cell.eta, "pt": cell.pt}


def _numbers(found: Summary | Coverage | None, *names: str) -> dict[str, float | None]:
    numbers: dict[str, float | None] = {}
    for name in names:
        numbers |= _number(name, getattr(found, name) if found else None)
    return numbers


def _number(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    return {
        name: estimate.value if estimate else None,
        f"{name}_error": estimate.error if estimate else None,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Range):
        return [_plain(value.low), _plain(value.high)]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value
