"""One search as it stands: its Trials by how they ended, and the jobs of those that have not."""

from __future__ import annotations

from collections.abc import Mapping

from jetcal_api.status import TrialCounts
from jetcal_operator.cluster import Manifest
from jetcal_operator.stages.progress import is_under_way, true_conditions

FAILURES = frozenset({"Failed", "Killed", "MetricsUnavailable", "EarlyStopped"})
"""Conditions in which a Trial ends without being counted as succeeded."""


class Search:
    """Trials and jobs by name; a Trial and its job have the same.

    Attributes
    ----------
    trials
        All Trials.
    succeeded
        Those that have a metric.
    running
        Jobs under way of the Trials that Katib still waits for.
    silent
        Jobs of such Trials that have ended.
    counts
        How many Trials are in which state.
    """

    def __init__(self, trials: Mapping[str, Manifest], jobs: Mapping[str, Manifest]) -> None:
        self.trials = list(trials)
        self.succeeded: list[str] = []
        self.running: dict[str, Manifest] = {}
        self.silent: dict[str, Manifest] = {}
        failed = 0
        for name, trial in trials.items():
            state = true_conditions(trial)
            if "Succeeded" in state:
                self.succeeded.append(name)
            elif not FAILURES.isdisjoint(state):
                failed += 1
            elif job := jobs.get(name):
                if is_under_way(job):
                    self.running[name] = job
                else:
                    self.silent[name] = job
        succeeded = len(self.succeeded)
        self.counts = TrialCounts(succeeded=succeeded, failed=failed, running=len(trials) - succeeded - failed)
