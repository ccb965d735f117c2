"""The manifests that a cluster would get for a resource, with placeholders for what only a run knows. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from jetcal_api.resource import JetCalibration
from jetcal_api.status import Revision
from jetcal_operator.cluster import Manifest
from jetcal_operator.platform import Platform
from jetcal_operator.stages.chain import Candidate, chain
from jetcal_operator.stages.dataset import UNKNOWN
from jetcal_operator.stages.records import Accepted, Records
from jetcal_operator.stages.scope import Scope
from jetcal_operator.stages.serving import Verification, inference_service
from jetcal_operator.stages.tensorboard import tensorboard

OWNER_UID = f"{UNKNOWN}-apply"
"""Stands for the uid that the API server gives the resource."""


def manifests(resource: JetCalibration, platform: Platform) -> Iterator[Manifest]:
    """Every object, in the order in which the operator makes them.

    Raises
    ------
    jetcal_operator.platform.UnknownTritonError
        If nobody has written down what the wanted Triton release can load.
    """
    metadata = resource.metadata.model_copy(update={"uid": resource.metadata.uid or OWNER_UID})
    scope = Scope(resource.model_copy(update={"metadata": metadata}), platform)
    steps = chain(scope, Records((), (), {}))
    try:
        stage = next(steps)
        while True:
            yield stage.config_map()
            yield stage.child()
            if stage.name == "dataset" and scope.spec.tensorboard.enabled:
                yield from tensorboard(scope)
            stage = steps.send(stage.placeholder())
    except StopIteration as end:
        candidate: Candidate = end.value
    serving = scope.spec.serving
    if serving is None:
        return
    accepted = _accepted(candidate)
    endpoint = inference_service(scope, serving, accepted)
    yield endpoint
    verification = Verification(scope, accepted, endpoint, f"http://{UNKNOWN}-serving", rollbacks=0)
    yield verification.config_map()
    yield verification.child()


def _accepted(candidate: Candidate) -> Accepted:
    revision = Revision(
        revision=candidate.revision,
        accepted_at=f"{UNKNOWN}-evaluation",
        model_uri=candidate.model.repository,
        sha256=candidate.model.sha256,
        dataset=candidate.dataset,
        report=candidate.verdict.report,
        figures=candidate.verdict.figures,
    )
    return Accepted(
        sequence=1,
        revision=revision,
        evaluation=candidate.evaluation,
        verdict=candidate.verdict,
        model=candidate.model,
        triton_version=candidate.triton_version,
    )
