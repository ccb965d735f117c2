"""The judgement of a candidate beside the revision accepted before it."""

from __future__ import annotations

from typing import Any

from jetcal_api.columns import Columns
from jetcal_api.documents import EvaluateInput, Reading
from jetcal_api.resource import JetCalibrationSpec
from jetcal_api.results import EvaluateResult
from jetcal_operator.stages.base import Stage
from jetcal_operator.stages.dataset import UNKNOWN
from jetcal_operator.stages.progress import Progress, Succeeded
from jetcal_operator.stages.records import Accepted, Records
from jetcal_operator.stages.scope import Scope
from jetcal_operator.stages.world import World


class Evaluation(Stage):
    """Judges a candidate; one that is the newest accepted revision is not judged again."""

    condition = "Accepted"
    result_type = EvaluateResult

    def __init__(self, scope: Scope, dataset: str, candidate: str, records: Records, tuning: str | None = None) -> None:
        newest = records.newest
        self.accepted: Accepted | None = newest if newest and newest.revision.revision == candidate else None
        document = EvaluateInput(
            storage=scope.storage,
            dataset=dataset,
            candidate=candidate,
            baseline=records.baseline(candidate),
            tuning=tuning,
            acceptance=scope.spec.evaluation.acceptance,
            systematics=scope.spec.evaluation.systematics,
            reading=_reading(scope.spec),
        )
        super().__init__(scope, document)

    @property
    def fingerprint(self) -> str:
        """Of the judgement that accepted the candidate, if it has been made."""
        return self.accepted.evaluation if self.accepted else self.document.fingerprint

    def child_spec(self) -> dict[str, Any]:
        """A Job with one Pod."""
        spec: dict[str, Any] = self.worker_job(["jetcal", "evaluate"])
        return spec

    def recorded(self, world: World) -> Progress | None:  # noqa: ARG002  # the records were handed in
        """The verdict that the accepted revision's record keeps."""
        return Succeeded(self.accepted.verdict) if self.accepted else None

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


def _reading(spec: JetCalibrationSpec) -> Reading | None:
    if not spec.evaluation.systematics:
        return None
    dataset = spec.dataset
    return Reading(tree=dataset.tree, columns=dataset.columns or Columns(), jets=dataset.jets)
