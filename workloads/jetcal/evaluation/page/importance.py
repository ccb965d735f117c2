"""How much each hyperparameter mattered in a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jetcal.evaluation.page.history import History

MIN_TRIALS = 8
"""Fewer finished trials say nothing about importance."""

GROUPS = 4
"""Numbers with more distinct values are divided into so many groups of equal size."""


@dataclass(frozen=True)
class Importance:
    """Importance of one hyperparameter.

    Attributes
    ----------
    name
        The hyperparameter.
    share
        Share of the variance of the objective's ranks that it explains alone, corrected for chance (no unit): zero
        on average for one that does not matter, and then negative as often as positive.
    error
        Its jackknife error over the trials (no unit).
    """

    name: str
    share: float
    error: float


def importance(history: History) -> list[Importance]:
    """Importance of every hyperparameter that was searched, largest first; none with too few trials.

    The trials are grouped by the hyperparameter's value and the ranks of their objectives are compared between the
    groups: epsilon^2 = 1 - (1 - eta^2) (n - 1) / (n - k) with the correlation ratio eta^2, n trials and k groups
    (Kelley, *An unbiased correlation ratio measure*, 1935). Ranks keep one diverged trial from deciding everything.
    Groups, unlike a correlation, also see an optimum in the middle of the range. Interactions are not seen.
    """
    if len(history.trials) < MIN_TRIALS:
        return []
    objectives = np.array([trial.objective for trial in history.trials])
    found = []
    for name in history.searched:
        values = [trial.hyperparameters.get(name, "") for trial in history.trials]
        everyone = np.arange(len(values))
        without = np.array([_share(values, objectives, np.delete(everyone, each)) for each in everyone])
        error = float(np.sqrt((len(values) - 1) * np.var(without)))
        found.append(Importance(name, _share(values, objectives, everyone), error))
    return sorted(found, key=lambda each: -each.share)


def numbers(values: Sequence[str]) -> NDArray[np.float64] | None:
    """The values as numbers; None if one is none."""
    try:
        return np.array([float(value) for value in values])
    except ValueError:
        return None


def _share(values: Sequence[str], objectives: NDArray[np.float64], chosen: NDArray[np.int64]) -> float:
    """epsilon^2 over the chosen trials; 0 where their values do not differ."""
    groups = _groups([values[each] for each in chosen])
    ranks = _ranks(objectives[chosen])
    count, kinds = len(ranks), len(np.unique(groups))
    total = float(np.sum((ranks - ranks.mean()) ** 2))
    if total == 0 or kinds in {1, count}:
        return 0.0
    within = sum(float(np.sum((ranks[groups == each] - ranks[groups == each].mean()) ** 2)) for each in set(groups))
    return 1 - within / total * (count - 1) / (count - kinds)


def _groups(values: Sequence[str]) -> NDArray[np.int64]:
    """Number of the group of each value."""
    distinct, labels = np.unique(values, return_inverse=True)
    measured = numbers(values)
    if measured is None or len(distinct) <= GROUPS:
        return np.asarray(labels, dtype=np.int64)
    edges = np.quantile(measured, np.arange(1, GROUPS) / GROUPS)
    return np.searchsorted(edges, measured, side="left").astype(np.int64)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank of each value; equal ones share theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[place], dtype=np.float64)
