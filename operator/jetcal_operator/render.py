"""The manifests that a cluster would get for a resource, before anything has run. Pure.

What only a run knows is filled in: one shard of the content ``known-after-inventory``, the given hyperparameters in the
place of the chosen ones, repositories below ``attempts/known-after-export``. The hashes in the names of all that
follows the inventory are therefore not those of a real run.
"""

from __future__ import annotations

from jetcal_api.resource import JetCalibration
from jetcal_api.status import Revision
from jetcal_operator.cluster import Manifest
from jetcal_operator.platform import Platform
from jetcal_operator.stages.base import Stage
from jetcal_operator.stages.chain import Candidate, chain
from jetcal_operator.stages.dataset import UNKNOWN
from jetcal_operator.stages.records import Accepted, Records
from jetcal_operator.stages.scope import Scope
from jetcal_operator.stages.serving import Verification, inference_service, servable
from jetcal_operator.stages.tensorboard import tensorboard


def render(resource: JetCalibration, platform: Platform) -> list[Manifest]:
    """All manifests in the order in which they would be made.

    Raises
    ------
    jetcal_operator.platform.UnknownTritonError
        If nobody has written down what the wanted Triton release can load.
    """
    scope = Scope.of(resource, platform)
    stages, candidate = _follow(scope)
    manifests = [manifest for stage in stages for manifest in (stage.config_map(), stage.child())]
    if resource.spec.tensorboard.enabled:
        manifests += tensorboard(scope).values()
    if resource.spec.serving:
        accepted = _accepted(candidate)
        service = inference_service(scope, resource.spec.serving, *servable(scope, resource.spec.serving, accepted))
        url = f"http://{service['metadata']['name']}-predictor.{resource.metadata.namespace}.svc.cluster.local"
        verification = Verification.of(scope, accepted, service, url, rollbacks=0)
        manifests += [service, verification.config_map(), verification.child()]
    return manifests


def _follow(scope: Scope) -> tuple[list[Stage], Candidate]:
    stages: list[Stage] = []
    steps = chain(scope, Records((), (), {}))
    result = None
    while True:
        try:
            stage = steps.send(result)
        except StopIteration as end:
            return stages, end.value
        stages.append(stage)
        result = stage.placeholder()


def _accepted(candidate: Candidate) -> Accepted:
    revision = Revision(
        revision=candidate.revision,
        accepted_at=f"{UNKNOWN}-evaluation",
        model_uri=candidate.model.repository,
        sha256=candidate.model.sha256,
        dataset=candidate.dataset,
        report=candidate.verdict.report,
        figures={},
    )
    return Accepted(
        sequence=1,
        revision=revision,
        evaluation=candidate.evaluation,
        verdict=candidate.verdict,
        model=candidate.model,
        triton_version=candidate.triton_version,
    )
