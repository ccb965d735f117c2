"""From the observed world to a plan: walk the chain, keep records, serve, retire, report. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from jetcal_api.results import ExportResult
from jetcal_api.status import Revision
from jetcal_operator import naming, status
from jetcal_operator.cluster import ObjectKey, Observed, Plan
from jetcal_operator.conditions import timestamp
from jetcal_operator.draft import Draft
from jetcal_operator.platform import Platform, UnknownTritonError
from jetcal_operator.rollout import Endpoint, Serve
from jetcal_operator.stages import records as kept
from jetcal_operator.stages.base import Stage
from jetcal_operator.stages.chain import STAGES, Candidate, chain
from jetcal_operator.stages.progress import Failed, Progress, Succeeded, outcome
from jetcal_operator.stages.records import Accepted, Records
from jetcal_operator.stages.scope import Scope, once
from jetcal_operator.stages.tensorboard import tensorboard, tensorboard_hashes
from jetcal_operator.stages.tuning import Tuning
from jetcal_operator.stages.world import World
from jetcal_operator.status import Findings
from jetcal_operator.upkeep import Upkeep, is_done, retire


def plan(observed: Observed, platform: Platform) -> Plan:
    """What one reconcile does next; asking twice about the same world gives the same answer."""
    scope, world = Scope.of(observed.resource, platform), World(observed)
    draft = Draft(world)
    records = kept.gather(world)
    upkeep = Upkeep(scope, world, draft, records)
    findings, visited, candidate = _walk(scope, upkeep, records)
    if candidate and candidate.verdict.accepted:
        records = _accept(scope, draft, records, candidate, findings)
    _retire_superseded(world, draft, visited, findings)
    _run_tensorboard(scope, world, draft, findings)
    endpoint = Serve(scope, world, draft, upkeep).step(records)
    remembered = _remembered(scope, records, endpoint)
    _forget(draft, records, remembered, visited.get("tuning"))
    return draft.plan(status.build(observed.resource, findings, endpoint, records, world.now))


def _walk(scope: Scope, upkeep: Upkeep, records: Records) -> tuple[Findings, dict[str, Stage], Candidate | None]:
    """Follow the chain to the first stage without a result."""
    spec = scope.spec
    findings = Findings(skipped={name for name in ("tuning", "training") if getattr(spec, name) is None})
    visited: dict[str, Stage] = {}
    steps = chain(scope, records)
    try:
        stage = next(steps)
        while True:
            progress = _visit(upkeep, stage, findings)
            findings.reached[stage.name] = progress
            visited[stage.name] = stage
            if not isinstance(progress, Succeeded):
                return findings, visited, None
            stage = steps.send(progress.result)
    except UnknownTritonError as error:
        findings.obstacle = Failed("UnknownTriton", str(error))
    except StopIteration as end:
        return findings, visited, end.value
    return findings, visited, None


def _visit(upkeep: Upkeep, stage: Stage, findings: Findings) -> Progress:
    progress = upkeep.visit(stage)
    if isinstance(stage, Tuning):
        progress = _keep_choice(upkeep, stage, progress)
        if not isinstance(progress, Succeeded):
            findings.counts = stage.search(upkeep.world).counts
    return progress


def _keep_choice(upkeep: Upkeep, stage: Tuning, progress: Progress) -> Progress:
    """Record a new choice; once it is recorded the trials' jobs have served their purpose.

    A choice that cannot be recorded does not count yet.
    """
    if not isinstance(progress, Succeeded):
        return progress
    world, draft = upkeep.world, upkeep.draft
    if stage.recorded(world, upkeep.records) is None:
        return draft.create(kept.choice_record(upkeep.scope, stage.fingerprint, progress.result)) or progress
    experiment = world.own.get(stage.key)
    if experiment is None or outcome(experiment).phase != "Running":
        for job in stage.trial_jobs(world):
            draft.remove(ObjectKey.of(job), job)
    return progress


def _accept(scope: Scope, draft: Draft, records: Records, candidate: Candidate, findings: Findings) -> Records:
    """Record an accepted candidate, unless it is the newest accepted one already; unrecorded it is not accepted."""
    newest = records.newest
    if newest and newest.revision.revision == candidate.revision:
        return records
    revision = Revision(
        revision=candidate.revision,
        accepted_at=timestamp(draft.world.now),
        model_uri=candidate.model.repository,
        sha256=candidate.model.sha256,
        dataset=candidate.dataset,
        trial=candidate.choice.result.trial if candidate.choice else None,
        report=candidate.verdict.report,
        figures=candidate.verdict.figures,
    )
    entry = Accepted(
        sequence=newest.sequence + 1 if newest else 1,
        revision=revision,
        tuning=candidate.tuning,
        training=candidate.training,
        trained=candidate.trained.model_copy(update={"history": []}) if candidate.trained else None,
        evaluation=candidate.evaluation,
        verdict=candidate.verdict,
        model=ExportResult(**candidate.model.model_dump()),
        triton_version=candidate.triton_version,
    )
    refused = draft.create(kept.accepted_record(scope, entry, newest))
    if refused:
        findings.reached["evaluation"] = refused
        return records
    return records.with_accepted(entry)


def _retire_superseded(world: World, draft: Draft, visited: Mapping[str, Stage], findings: Findings) -> None:
    """What later stages have is left alone as long as it is not known what they will need."""
    for name in STAGES:
        if name in findings.skipped:
            retire(world, draft, name, current=None, done=True)
        elif name in visited:
            retire(world, draft, name, current=visited[name], done=is_done(findings.reached[name]))


def _run_tensorboard(scope: Scope, world: World, draft: Draft, findings: Findings) -> None:
    """From tuning or training on; never in the way of anything."""
    for key, wanted_hash in once(tensorboard_hashes, scope).items():
        child = world.own.get(key)
        if not scope.spec.tensorboard.enabled:
            if child:
                draft.remove(key, child)
        elif world.is_occupied(key):
            continue
        elif child is None:
            if is_done(findings.reached.get("dataset", Failed("", ""))) and not scope.spec.suspend:
                draft.create(tensorboard(scope)[key])
        elif naming.annotation(child, naming.MANIFEST) != wanted_hash:
            wanted = tensorboard(scope)[key]
            uid = child["metadata"].get("uid", "")
            draft.apply(wanted | {"metadata": wanted["metadata"] | {"uid": uid}})


def _remembered(scope: Scope, records: Records, endpoint: Endpoint) -> list[Accepted]:
    """The last revisions up to the history limit, the one that serves and those that the endpoint may need."""
    recent = records.accepted[-scope.spec.history_limit :]
    serving = {endpoint.revision} | endpoint.needed
    return [entry for entry in records.accepted if entry in recent or entry.revision.revision in serving]


def _forget(draft: Draft, records: Records, remembered: list[Accepted], tuning: Stage | None) -> None:
    """Delete the records of forgotten revisions, and choices that no remembered revision was made from."""
    sequences = {entry.sequence for entry in remembered}
    searches = {entry.tuning for entry in remembered} | {tuning.fingerprint if tuning else None}
    for name, record in records.maps.items():
        kind = naming.label(record, naming.RECORD)
        accepted = kept.parse_accepted(record)
        forgotten = accepted is not None and accepted.sequence not in sequences
        unused = kind == "trial" and tuning is not None and naming.label(record, naming.FINGERPRINT) not in searches
        if forgotten or unused:
            draft.remove(ObjectKey("v1", "ConfigMap", name), record)
