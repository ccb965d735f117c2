"""What every run-to-completion stage has in common: one document, one child that works on it, one result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, ClassVar

from pydantic import ValidationError

from jetcal_api.documents import StageInput
from jetcal_api.results import Result
from jetcal_api.spec import Resources
from jetcal_api.status import ConditionType
from jetcal_operator import naming
from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.stages import jobs, pods
from jetcal_operator.stages.progress import (
    OBSTRUCTED,
    Failed,
    Lost,
    Progress,
    Running,
    Succeeded,
    holding_queue,
    may_heal,
    outcome,
)
from jetcal_operator.stages.records import Records
from jetcal_operator.stages.scope import Scope, once
from jetcal_operator.stages.world import World


class Stage(ABC):
    """One step of the chain: names its document, builds its child, reads how far the child is.

    A stage knows its scope and what the stages before it have made, nothing of the world: it is kept from plan to plan.
    """

    condition: ClassVar[ConditionType]
    """Condition that reports this stage."""
    result_type: ClassVar[type[Result]]
    """What its worker answers."""
    retries_permanent_failures: ClassVar[bool] = False
    """Whether a permanent failure is tried again, because it depends on a world that changes and costs little."""

    def __init__(self, scope: Scope, document: StageInput) -> None:
        self.scope = scope
        self.document = document

    @property
    def name(self) -> str:
        """Name of the stage, as its document says."""
        return self.document.stage

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that the stage's result depends on."""
        return self.document.fingerprint

    @property
    def kind(self) -> tuple[str, str]:
        """API version and kind of the child."""
        return jobs.BATCH, "Job"

    @property
    def kinds(self) -> tuple[tuple[str, str], ...]:
        """Kinds that the cluster must serve."""
        return (self.kind,)

    @cached_property
    def child_name(self) -> str:
        """Name of the child and of the ConfigMap that it reads."""
        return naming.child_name(self.scope.name, self.name, self.fingerprint)

    @cached_property
    def key(self) -> ObjectKey:
        """Key of the child."""
        return ObjectKey(*self.kind, self.child_name)

    @cached_property
    def document_key(self) -> ObjectKey:
        """Key of the ConfigMap that the child reads."""
        return ObjectKey("v1", "ConfigMap", self.child_name)

    @property
    def labels(self) -> dict[str, str]:
        """Labels of all objects of the stage."""
        return naming.labels(self.scope.name, self.name, self.fingerprint)

    def config_map(self) -> Manifest:
        """The document, where the worker reads it."""
        head = self.scope.object("v1", "ConfigMap", self.child_name, labels=self.labels)
        return naming.stamped(head | {"immutable": True, "data": {pods.DOCUMENT_KEY: self.document.to_json()}})

    def child(self) -> Manifest:
        """The object that does the work."""
        labels = self.labels | self.scope.queue_label()
        return naming.stamped(
            self.scope.object(*self.kind, self.child_name, labels=labels) | {"spec": self.child_spec()}
        )

    @cached_property
    def child_hash(self) -> str:
        """What tells whether a child stands as it is wanted now."""
        return naming.annotation(self.child(), naming.MANIFEST)

    @abstractmethod
    def child_spec(self) -> dict[str, Any]:
        """Spec of the child."""

    def worker_job(self, command: list[str], *, resources: Resources | None = None, parts: int | None = None) -> Any:
        """Spec of a batch Job around one command."""
        template = pods.worker_template(
            self.scope,
            container=jobs.WORKER,
            command=command,
            document=self.child_name,
            resources=resources or self.scope.platform.job_resources,
            labels=self.labels,
        )
        return jobs.batch_spec(self.scope, template, parts=parts)

    def read(self, child: Manifest, world: World) -> Progress:
        """How far the child is."""
        ended = outcome(child)
        if ended.phase == "Running":
            return self.under_way(f"{self.key.kind} {self.key.name}", child, world)
        if ended.phase == "Failed":
            cause = world.failure(self.key) or ended.message or ended.reason
            message = f"{self.key.kind} {self.key.name} failed: {cause}"
            return Failed(ended.reason, message, retryable=self.retries_permanent_failures or may_heal(ended))
        answer = world.result(self.key)
        if answer is None:
            return Lost(f"{self.key.kind} {self.key.name} succeeded, but its answer is gone; it is asked again")
        return self.parse(answer)

    def under_way(self, named: str, child: Manifest, world: World) -> Running:
        """What a running child does, or what keeps it from doing it."""
        queue = holding_queue(child)
        if queue:
            return Running(f"{named} waits in queue {queue}", "Queued")
        obstacle = world.failure(self.key)
        message = f"{named} is under way"
        return Running(f"{message}: {obstacle}" if obstacle else message, OBSTRUCTED if obstacle else "Running")

    def parse(self, answer: str) -> Progress:
        """The worker's answer as this stage's result; it is given once and looked at in each reconcile."""
        try:
            return Succeeded(once(self.result_type.model_validate_json, answer))
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(str(part) for part in problem["loc"])
            message = (
                f"{self.key.kind} {self.key.name} answered what this operator cannot read ({where}: {problem['msg']})"
            )
            return Failed("ResultUnreadable", message)

    def recorded(self, world: World, records: Records) -> Progress | None:  # noqa: ARG002  # most stages keep no record
        """The result as a record has kept it beyond the life of its Pods."""
        return None

    def remembered(self, records: Records) -> Progress | None:  # noqa: ARG002  # as above
        """What an accepted revision's record tells of the result, for a time when its child cannot be had."""
        return None

    def preflight(self, world: World) -> Failed | None:  # noqa: ARG002  # most stages ask nothing of the namespace
        """What the namespace forbids before the child is made."""
        return None

    def jobs(self, child: Manifest, world: World) -> list[Manifest]:  # noqa: ARG002  # most children are jobs themselves
        """The jobs under way, which suspending the stage suspends."""
        return [child]

    def upkeep(self, child: Manifest, world: World) -> list[Manifest]:  # noqa: ARG002  # most children are left alone
        """Fields of a running child to bring up to date."""
        return []

    @abstractmethod
    def placeholder(self) -> Any:
        """A result for rendering, where nothing has run yet."""
