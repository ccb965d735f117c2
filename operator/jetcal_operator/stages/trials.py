"""The Trials of one search, by how they ended."""

from __future__ import annotations

from jetcal_api.status import TrialCounts
from jetcal_operator.cluster import Manifest
from jetcal_operator.stages.progress import true_conditions

FAILURES = frozenset({"Failed", "Killed", "MetricsUnavailable", "EarlyStopped"})
"""Conditions in which a Trial ends without being counted as succeeded."""


class Trials:
    """Trials by name.

    Attributes
    ----------
    names
        All of them.
    succeeded
        Those that have a metric.
    unfinished
        Those that Katib still waits for.
    counts
        How many are in which state.
    """

    def __init__(self, manifests: dict[str, Manifest]) -> None:
        self.names = list(manifests)
        self.succeeded: list[str] = []
        self.unfinished: list[str] = []
        failed = 0
        for name, trial in manifests.items():
            state = true_conditions(trial)
            has_failed = not FAILURES.isdisjoint(state)
            failed += has_failed
            if "Succeeded" in state:
                self.succeeded.append(name)
            elif not has_failed:
                self.unfinished.append(name)
        succeeded = len(self.succeeded)
        self.counts = TrialCounts(succeeded=succeeded, failed=failed, running=len(manifests) - succeeded - failed)
