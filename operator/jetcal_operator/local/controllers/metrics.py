"""What Katib's collector reads from a metrics file: ``name=value`` pairs, one epoch a line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

UNAVAILABLE = "unavailable"
"""Value of a metric that was never reported."""
_PAIR = re.compile(r"([\w|-]+)\s*=\s*([+-]?\d*(?:\.\d+)?(?:[Ee][+-]?\d+)?)")


def read_metrics(path: Path) -> dict[str, list[float]]:
    """Every reported value by metric, in the order of the reports; a line still being written does not count."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    reported: dict[str, list[float]] = {}
    for line in text.splitlines(keepends=True):
        if line.endswith("\n"):
            for name, value in _PAIR.findall(line):
                if value and math.isfinite(number := float(value)):
                    reported.setdefault(name, []).append(number)
    return reported


def observation(reported: Mapping[str, list[float]], names: Iterable[str]) -> list[dict[str, str]]:
    """``status.observation.metrics`` of a Trial; values are strings."""
    return [_observed(name, reported.get(name, [])) for name in names]


def _observed(name: str, values: list[float]) -> dict[str, str]:
    if not values:
        return {"name": name, "min": UNAVAILABLE, "max": UNAVAILABLE, "latest": UNAVAILABLE}
    return {"name": name, "min": repr(min(values)), "max": repr(max(values)), "latest": repr(values[-1])}


def metric_names(objective: Mapping[str, Any]) -> list[str]:
    """The objective and what is recorded beside it."""
    return [objective["objectiveMetricName"], *objective.get("additionalMetricNames", [])]


def objective_value(trial: Mapping[str, Any]) -> float | None:
    """A Trial's objective as its strategy picks it from the epochs; None without a finite one."""
    objective = trial["spec"]["objective"]
    name = objective["objectiveMetricName"]
    strategies = {entry["name"]: entry["value"] for entry in objective.get("metricStrategies", [])}
    strategy = strategies.get(name, "min" if objective["type"] == "minimize" else "max")
    observed = ((trial.get("status") or {}).get("observation") or {}).get("metrics", [])
    text = next((entry[strategy] for entry in observed if entry["name"] == name), UNAVAILABLE)
    return None if text == UNAVAILABLE else float(text)
