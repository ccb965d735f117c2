"""The Trials of one search, by how they ended."""

from __future__ import annotations

from functools import cached_property

from jetcal_api.status import TrialCounts
from jetcal_operator.cluster import Manifest
from jetcal_operator.stages.progress import true_conditions

FAILURES = frozenset({"Failed", "Killed", "MetricsUnavailable", "EarlyStopped"})
"""Conditions in which a Trial ends without being counted as succeeded."""
SUCCESS = "Succeeded"


class Trials:
    """Trials by name."""

    def __init__(self, manifests: dict[str, Manifest]) -> None:
        self._states = {name: true_conditions(trial) for name, trial in manifests.items()}

    @cached_property
    def names(self) -> list[str]:
        """All of them, in their order."""
        return list(self._states)

    @cached_property
    def succeeded(self) -> list[str]:
        """Those that have a metric."""
        return [name for name, state in self._states.items() if SUCCESS in state]

    @cached_property
    def unfinished(self) -> list[str]:
        """Those that Katib still waits for."""
        return [name for name, state in self._states.items() if SUCCESS not in state and state.isdisjoint(FAILURES)]

    @cached_property
    def counts(self) -> TrialCounts:
        """How many are in which state."""
        succeeded = len(self.succeeded)
        failed = sum(not state.isdisjoint(FAILURES) for state in self._states.values())
        return TrialCounts(succeeded=succeeded, failed=failed, running=len(self._states) - succeeded - failed)
