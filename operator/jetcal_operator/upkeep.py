"""The life of one run-to-completion child: made, held, made anew, and in the end retired."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from jetcal_operator import naming
from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.conditions import timestamp
from jetcal_operator.draft import Draft
from jetcal_operator.stages import jobs
from jetcal_operator.stages.base import Stage
from jetcal_operator.stages.progress import (
    OBSTRUCTED,
    Failed,
    Lost,
    Progress,
    Running,
    Succeeded,
    Waiting,
    is_suspended,
    is_under_way,
    outcome,
    parse_time,
)
from jetcal_operator.stages.records import Records
from jetcal_operator.stages.scope import Scope
from jetcal_operator.stages.world import World, is_terminating

PRODUCTS = {
    "kubeflow.org/v1beta1": "Katib",
    "kubeflow.org/v1": "the Kubeflow Training Operator",
    "trainer.kubeflow.org/v1alpha1": "Kubeflow Trainer 2.2 or newer",
    "serving.kserve.io/v1beta1": "KServe",
}
"""What brings the kinds of an API group."""
PREFLIGHT_AGAIN = timedelta(seconds=30)
"""How soon it is looked again whether the namespace allows what it forbade."""


def missing_kind(kinds: Iterable[tuple[str, str]], world: World) -> Failed | None:
    """The first kind that the cluster does not serve, with what brings it."""
    for api_version, kind in kinds:
        if not world.serves((api_version, kind)):
            product = PRODUCTS.get(api_version, api_version)
            return Failed("KindMissing", f"the cluster does not serve {kind} ({api_version}): install {product}")
    return None


def taken_name(keys: Iterable[ObjectKey], world: World) -> Failed | None:
    """The first wanted name under which an object of somebody else stands."""
    for key in keys:
        if world.is_occupied(key):
            message = f"{key.kind} {key.name} exists and belongs to somebody else: delete it, or rename this resource"
            return Failed("NameTaken", message)
    return None


class Upkeep:
    """Brings the child of one stage after another a step further."""

    def __init__(self, scope: Scope, world: World, draft: Draft, records: Records) -> None:
        self.scope = scope
        self.world = world
        self.draft = draft
        self.records = records

    def visit(self, stage: Stage) -> Progress:
        """How far the stage is, after planning what it needs next."""
        recorded = stage.recorded(self.world, self.records)
        if recorded:
            return recorded
        missing = missing_kind(stage.kinds, self.world)
        if missing:
            return stage.remembered(self.records) or missing
        obstacle = taken_name((stage.key, stage.document_key), self.world)
        if obstacle:
            return obstacle
        child, config = self.world.own.get(stage.key), self.world.own.get(stage.document_key)
        if (child and is_terminating(child)) or (config and is_terminating(config)):
            return Running(f"{stage.key.kind} {stage.key.name} is being deleted", "Deleting")
        return self._step(stage, child, config) if child else self._create(stage, config)

    def _step(self, stage: Stage, child: Manifest, config: Manifest | None) -> Progress:
        progress = stage.read(child, self.world)
        if isinstance(progress, Running):
            return self._hold(stage, child, config, progress)
        if isinstance(progress, Failed):
            return self._retry(stage, child, config, progress)
        if isinstance(progress, Lost):
            return self._ask_again(stage, child, config, progress)
        return progress

    def _create(self, stage: Stage, config: Manifest | None) -> Progress:
        if self.scope.spec.suspend:
            return Waiting("Suspended", f"spec.suspend holds back {stage.key.kind} {stage.key.name}")
        if forbidden := stage.preflight(self.world):
            self.draft.checks.append(self.world.now + PREFLIGHT_AGAIN)
            return forbidden
        child = stage.child()
        if self.world.asked:
            child["metadata"]["annotations"][naming.RETRY] = self.world.asked
        refused = self._document(stage, config) or self.draft.create(child)
        return refused or Running(f"{stage.key.kind} {stage.key.name} is being created", "Created")

    def _hold(self, stage: Stage, child: Manifest, config: Manifest | None, progress: Running) -> Progress:
        suspend = self.scope.spec.suspend
        if progress.reason == OBSTRUCTED and not suspend and self._is_outdated(stage, child, searches=False):
            return self._anew(stage, child, config, attempts=0)
        answers = [self._document(stage, config)]
        answers += [self.draft.apply(fields) for fields in stage.upkeep(child, self.world)]
        for job in stage.jobs(child, self.world):
            held = naming.annotation(job, naming.SUSPENDED) == "true"
            let_go = suspend and not is_suspended(job)
            if held != suspend or let_go:
                answers.append(self.draft.apply(jobs.suspension(job, suspend=suspend)))
        if refused := next((answer for answer in answers if answer), None):
            return refused
        if suspend:
            return Waiting("Suspended", f"spec.suspend holds {stage.key.kind} {stage.key.name}")
        return progress

    def _document(self, stage: Stage, config: Manifest | None) -> Failed | None:
        """Make the document that the child reads, if it is not there."""
        return self.draft.create(stage.config_map()) if config is None else None

    def _retry(self, stage: Stage, child: Manifest, config: Manifest | None, failure: Failed) -> Progress:
        """Make a failed child anew: at once if its manifest or a person asks for it, else when it may have healed."""
        if self.scope.spec.suspend:
            return failure
        if self._is_outdated(stage, child):
            return self._anew(stage, child, config, attempts=0)
        if not failure.retryable or not self.scope.platform.retries:
            return replace(failure, retryable=False)
        attempts = _attempts(config)
        due = self._ended(child) + self._delay(attempts)
        if due <= self.world.now:
            return self._anew(stage, child, config, attempts=attempts + 1)
        self.draft.checks.append(due)
        return replace(failure, message=f"{failure.message}; tried again at {timestamp(due)}")

    def _is_outdated(self, stage: Stage, child: Manifest, *, searches: bool = True) -> bool:
        """Whether a child that does not get on is to be made anew: its manifest or a person asks for it.

        Without ``searches`` a changed manifest is no reason to give up an Experiment, whose trials would be lost.
        """
        if self.world.asked and naming.annotation(child, naming.RETRY) != self.world.asked:
            return True
        if child["kind"] == "Experiment" and not searches:
            return False
        return naming.annotation(child, naming.MANIFEST) != stage.child_hash

    def _ask_again(self, stage: Stage, child: Manifest, config: Manifest | None, lost: Lost) -> Progress:
        if self.scope.spec.suspend:
            return lost
        attempts = _attempts(config)
        due = self._ended(child) + (self._delay(attempts) if attempts else timedelta(0))
        if due <= self.world.now:
            return self._anew(stage, child, config, attempts=attempts + 1)
        self.draft.checks.append(due)
        return lost

    def _anew(self, stage: Stage, child: Manifest, config: Manifest | None, *, attempts: int) -> Progress:
        self.draft.remove(stage.key, child)
        if config is not None and _attempts(config) != attempts:
            self.draft.apply(_marked(config, attempts))
        return Running(f"{stage.key.kind} {stage.key.name} is made anew", "Retrying")

    def _ended(self, child: Manifest) -> datetime:
        known = outcome(child).since or parse_time(child["metadata"].get("creationTimestamp"))
        return known or self.world.now

    def _delay(self, attempts: int) -> timedelta:
        platform = self.scope.platform
        factor: int = 2 ** min(attempts, 16)
        return min(platform.retry_delay * factor, platform.longest_retry_delay)


def retire(world: World, draft: Draft, name: str, *, current: Stage | None, done: bool) -> None:
    """Delete what an edit has left behind of one stage: what still runs at once, what has ended once the stage is done.

    ``current`` is the stage as it is wanted now, None if it is left out of the spec.
    """
    wanted = (current.key, current.document_key) if current else ()
    left = {
        key: child
        for key, child in world.of_stage(name).items()
        if key not in wanted and not naming.label(child, naming.RECORD)
    }
    if not left:
        return
    gone = {key.name for key, child in left.items() if key.kind != "ConfigMap" and (done or is_under_way(child))}
    working = {key.name for key in left if key.kind != "ConfigMap"}
    for key, child in left.items():
        if key.name in gone or (key.kind == "ConfigMap" and key.name not in working):
            draft.remove(key, child)


def _attempts(config: Manifest | None) -> int:
    text = naming.annotation(config, naming.ATTEMPTS, "0") if config else "0"
    return int(text) if text.isdigit() else 0


def _marked(config: Manifest, attempts: int) -> Manifest:
    metadata = {name: config["metadata"][name] for name in ("name", "namespace", "uid")}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata | {"annotations": {naming.ATTEMPTS: str(attempts)}},
    }


def is_done(progress: Progress) -> bool:
    """Whether the stage has its result."""
    return isinstance(progress, Succeeded)
