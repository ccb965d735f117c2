"""metrics.json: every number of the evaluation with its error, count, definition and unit."""

from __future__ import annotations

import json
import math
from typing import Any

from jetcal.evaluation.acceptance import Verdict
from jetcal.evaluation.binning import ANY_PILE_UP, Range
from jetcal.evaluation.definitions import DEFINITIONS
from jetcal.evaluation.flavour import ALL, PAIRS
from jetcal.evaluation.measurement import RESPONSE_EDGES, Cell, Measured, Measurements
from jetcal.evaluation.response import BASELINE, NETWORK, RAW, STANDARD
from jetcal.evaluation.statements import statements
from jetcal.evaluation.statistics.estimate import Estimate
from jetcal.evaluation.statistics.intervals import Coverage
from jetcal.evaluation.statistics.summary import STATISTICS, Summary
from jetcal_api.spec import Acceptance

SCHEMA = 2
"""Version of the document's form; a reader may rely on its names."""

DIGITS = 7
"""Significant digits that are written."""


def document(
    measurements: Measurements,
    verdict: Verdict | None = None,
    acceptance: Acceptance | None = None,
    provenance: dict[str, Any] | None = None,
    *,
    reference: str = NETWORK,
) -> dict[str, Any]:
    """All numbers as plain JSON types, in a stable order; flat tables, one row to a range and correction.

    Parameters
    ----------
    measurements, verdict, acceptance
        What was found, how it was judged, by which thresholds; a comparison that judges nobody has no verdict.
    provenance
        Where model and jets come from, as plain JSON types.
    reference
        The correction that the statements speak of.
    """
    judged = (
        {
            "verdict": {
                "accepted": verdict.accepted,
                "reasons": list(verdict.reasons),
                "thresholds": acceptance.model_dump(by_alias=True) if acceptance else None,
                "figures": verdict.figures,
            }
        }
        if verdict
        else {}
    )
    plain: dict[str, Any] = _plain(
        {
            "schema": SCHEMA,
            "definitions": DEFINITIONS,
            **judged,
            "statements": list(statements(measurements, reference)),
            "sample": {"jets": measurements.jets, "bootstrap_replicas": measurements.replicas},
            "corrections": list(measurements.corrections),
            "response": _responses(measurements),
            "response_against": _against(measurements),
            "gain": _gains(measurements, reference),
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
            "provenance": provenance or {},
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
    return [
        _where(cell) | {"flavour": cell.flavour} | row
        for cell, found in _filled(measurements)
        for row in _summaries(measurements, found)
    ]


def _against(measurements: Measurements) -> list[dict[str, Any]]:
    return [
        _where(cell)
        | {
            "rho": None if cell.rho == ANY_PILE_UP else cell.rho,
            "n_vertices": None if cell.vertices == ANY_PILE_UP else cell.vertices,
            "mean_abs_eta": found.mean_abs_eta,
            "mean_rho": found.mean_rho,
            "mean_n_vertices": found.mean_vertices,
        }
        | row
        for cell, found in measurements.cells.items()
        if found.jets and _is_narrow(measurements, cell)
        for row in _summaries(measurements, found)
    ]


def _summaries(measurements: Measurements, found: Measured) -> list[dict[str, Any]]:
    return [
        {"correction": name, "jets": found.jets, "mean_gen_pt": found.mean_gen_pt}
        | _numbers(found.summaries.get(name), *STATISTICS, "tails")
        for name in measurements.corrections
    ]


def _gains(measurements: Measurements, reference: str) -> list[dict[str, Any]]:
    names = measurements.corrections
    models = [name for name in names if name not in {RAW, STANDARD}]
    pairs = dict.fromkeys((name, STANDARD) for name in models)
    if BASELINE in names:
        pairs |= dict.fromkeys((name, BASELINE) for name in models if name != BASELINE)
    if reference in models:
        pairs |= dict.fromkeys((reference, name) for name in models if name != reference)
    return [
        _where(cell)
        | {"flavour": cell.flavour, "correction": name, "reference": other, "jets": found.jets}
        | _number("gain", measurements.gain(cell, name, other))
        for cell, found in _filled(measurements)
        for name, other in pairs
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
        | _number("flavour_improvement", measurements.flavour_improvement(name, STANDARD, cell.eta, cell.pt))
        | _number("spread_reduction", measurements.spread_reduction(name, STANDARD, cell.eta, cell.pt))
        for cell in _inclusive_flavour(measurements)
        for name in measurements.corrections
    ]


def _filled(measurements: Measurements) -> list[tuple[Cell, Measured]]:
    return [
        (cell, found) for cell, found in measurements.cells.items() if found.jets and not _is_narrow(measurements, cell)
    ]


def _is_narrow(measurements: Measurements, cell: Cell) -> bool:
    return (cell.rho, cell.vertices) != (ANY_PILE_UP, ANY_PILE_UP) or cell.eta in measurements.eta_bins


def _inclusive_flavour(measurements: Measurements) -> list[Cell]:
    return [cell for cell, _ in _filled(measurements) if cell.flavour == ALL]


def _coverages(measurements: Measurements) -> list[dict[str, Any]]:
    return [
        _where(each.cell)
        | {"flavour": each.cell.flavour, "correction": each.correction, "jets": each.jets}
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
