"""One search as it stands: its Trials by how they ended, and the jobs of those that have not."""

from __future__ import annotations

from collections.abc import Mapping

from jetcal_api.status import TrialCounts
from jetcal_operator import naming
from jetcal_operator.cluster import Manifest
from jetcal_operator.stages.progress import end, is_under_way

ENDS = frozenset({"Succeeded", "Failed", "Killed", "MetricsUnavailable", "EarlyStopped"})
"""Conditions in which a Trial ends; only in the first it has a metric that counts."""


class Search:
    """Trials and jobs by name; a Trial and its job have the same.

    Parameters
    ----------
    experiment
        Name of the search.
    trials, jobs
        Those of any search.

    Attributes
    ----------
    trials
        All Trials of this one.
    succeeded
        Those that have a metric.
    running
        Jobs under way of the Trials that Katib still waits for.
    silent
        Jobs of such Trials that have ended.
    counts
        How many Trials are in which state.
    """

    def __init__(self, experiment: str, trials: Mapping[str, Manifest], jobs: Mapping[str, Manifest]) -> None:
        self.trials: list[str] = []
        self.succeeded: list[str] = []
        self.running: dict[str, Manifest] = {}
        self.silent: dict[str, Manifest] = {}
        failed = 0
        for name, trial in trials.items():
            if naming.label(trial, naming.KATIB_EXPERIMENT) != experiment:
                continue
            self.trials.append(name)
            ended = end(trial, ENDS)
            if ended is None:
                if job := jobs.get(name):
                    (self.running if is_under_way(job) else self.silent)[name] = job
            elif ended["type"] == "Succeeded":
                self.succeeded.append(name)
            else:
                failed += 1
        succeeded = len(self.succeeded)
        self.counts = TrialCounts(succeeded=succeeded, failed=failed, running=len(self.trials) - succeeded - failed)
