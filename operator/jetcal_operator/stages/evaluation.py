"""The judgement of a candidate beside the revision accepted before it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

from jetcal_api.columns import Columns
from jetcal_api.documents import EvaluateInput, Reading
from jetcal_api.resource import JetCalibrationSpec
from jetcal_api.results import EvaluateResult
from jetcal_operator.stages.base import Stage
from jetcal_operator.stages.dataset import UNKNOWN
from jetcal_operator.stages.progress import Progress, Succeeded
from jetcal_operator.stages.records import Accepted, Records
from jetcal_operator.stages.scope import Scope, once
from jetcal_operator.stages.world import World


class Before(NamedTuple):
    """What was accepted before a candidate is judged."""

    baseline: str | None
    """The last accepted revision other than the candidate."""
    judgement: str | None
    """Fingerprint of the judgement that accepted the candidate itself, if it is the newest accepted revision."""


class Evaluation(Stage):
    """Judges a candidate; one that is the newest accepted revision is not judged again."""

    condition = "Accepted"
    result_type = EvaluateResult

    def __init__(self, scope: Scope, dataset: str, candidate: str, tuning: str | None, before: Before) -> None:
        self.candidate, self.judgement = candidate, before.judgement
        document = EvaluateInput(
            storage=scope.storage,
            dataset=dataset,
            candidate=candidate,
            baseline=before.baseline,
            tuning=tuning,
            acceptance=scope.spec.evaluation.acceptance,
            systematics=scope.spec.evaluation.systematics,
            reading=_reading(scope.spec),
        )
        super().__init__(scope, document)

    @classmethod
    def of(cls, scope: Scope, dataset: str, candidate: str, records: Records, tuning: str | None) -> Evaluation:
        """The judgement beside what has been accepted so far."""
        accepted = _accepted(candidate, records)
        before = Before(records.baseline(candidate), accepted.evaluation if accepted else None)
        return once(cls, scope, dataset, candidate, tuning, before)

    @cached_property
    def fingerprint(self) -> str:
        """Of the judgement that accepted the candidate, if it has been made."""
        return self.judgement or self.document.fingerprint

    def child_spec(self) -> dict[str, Any]:
        """A Job with one Pod."""
        spec: dict[str, Any] = self.worker_job(["jetcal", "evaluate"])
        return spec

    def recorded(self, world: World, records: Records) -> Progress | None:  # noqa: ARG002  # the base's signature
        """The verdict that the accepted revision's record keeps."""
        accepted = _accepted(self.candidate, records)
        return Succeeded(accepted.verdict) if accepted else None

    def placeholder(self) -> EvaluateResult:
        """An acceptance without figures."""
        folder = f"{self.scope.storage}/evaluation/{self.fingerprint}/attempts/{UNKNOWN}-evaluation"
        return EvaluateResult(
            uri=f"{self.scope.storage}/evaluation/{self.fingerprint}/result.json",
            accepted=True,
            reasons=[],
            figures={},
            report=f"{folder}/report.html",
            metrics=f"{folder}/metrics.json",
            corrections=f"{folder}/corrections",
        )


def _accepted(candidate: str, records: Records) -> Accepted | None:
    newest = records.newest
    return newest if newest and newest.revision.revision == candidate else None


def _reading(spec: JetCalibrationSpec) -> Reading | None:
    if not spec.evaluation.systematics:
        return None
    dataset = spec.dataset
    return Reading(tree=dataset.tree, columns=dataset.columns or Columns(), jets=dataset.jets)
