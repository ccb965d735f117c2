"""Median early stopping: a trial that is worse at its best than the median of the others' first epochs is ended."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

MIN_TRIALS_REQUIRED = 3
START_STEP = 4


def settings(early_stopping: Mapping[str, Any]) -> tuple[int, int]:
    """Succeeded trials that are needed for a rule, and reports after which it is applied."""
    given = {entry["name"]: entry["value"] for entry in early_stopping.get("algorithmSettings", [])}
    return (
        int(given.get("min_trials_required", MIN_TRIALS_REQUIRED)),
        int(given.get("start_step", START_STEP)),
    )


def stopping_rules(experiment: Mapping[str, Any], histories: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    """``spec.earlyStoppingRules`` of the next Trial; none as long as too few trials have succeeded.

    Parameters
    ----------
    experiment
        Spec of the Experiment.
    histories
        The objective's reports of each succeeded trial.
    """
    early_stopping = experiment.get("earlyStopping")
    if not early_stopping:
        return []
    required, start = settings(early_stopping)
    averages = [statistics.fmean(history[:start]) for history in histories if history]
    if len(averages) < required:
        return []
    objective = experiment["objective"]
    return [
        {
            "name": objective["objectiveMetricName"],
            "value": repr(statistics.median(averages)),
            "comparison": "greater" if objective["type"] == "minimize" else "less",
            "startStep": start,
        }
    ]


def is_hopeless(rules: Sequence[Mapping[str, Any]], reported: Mapping[str, Sequence[float]]) -> bool:
    """Whether the best report so far breaks a rule; not before the rule's first steps are over."""
    return any(_breaks(rule, reported.get(rule["name"], [])) for rule in rules)


def _breaks(rule: Mapping[str, Any], values: Sequence[float]) -> bool:
    if len(values) < rule["startStep"]:
        return False
    limit = float(rule["value"])
    return min(values) > limit if rule["comparison"] == "greater" else max(values) < limit
