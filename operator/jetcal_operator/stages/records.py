"""ConfigMaps that outlive the Pods whose answers they keep: the chosen trial, accepted revisions, refused ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ValidationError

from jetcal_api.base import Model
from jetcal_api.documents import fingerprint
from jetcal_api.results import EvaluateResult, ExportResult, TrainResult
from jetcal_api.status import Revision, TrialCounts
from jetcal_operator import naming
from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.stages.scope import KEPT_SCOPES, Scope
from jetcal_operator.stages.world import World, is_terminating

RECORD_KEY = "record.json"
"""Key of a record in its ConfigMap."""
AnyRecord = TypeVar("AnyRecord", bound=Model)


class Choice(Model):
    """The chosen trial."""

    result: TrainResult
    trials: TrialCounts


class Accepted(Model):
    """An accepted revision with its lineage; each names the one accepted before it."""

    sequence: int
    """Place in the order of acceptance, from 1."""
    revision: Revision
    tuning: str | None = None
    """Fingerprint of the search, if there was one."""
    training: str | None = None
    """Fingerprint of the final training, if there was one."""
    trained: TrainResult | None = None
    """What that training has made, without its history."""
    evaluation: str
    """Fingerprint of the judgement."""
    verdict: EvaluateResult
    model: ExportResult
    triton_version: str
    """Release that it was exported for."""


class Refusal(Model):
    """A revision that the endpoint did not serve rightly; it is not rolled out again."""

    revision: str
    triton_version: str
    reason: str


@dataclass(frozen=True)
class Records:
    """All records of one resource."""

    accepted: tuple[Accepted, ...]
    """In the order of acceptance."""
    refusals: tuple[Refusal, ...]
    maps: dict[str, Manifest]
    """The ConfigMaps by name."""

    @property
    def newest(self) -> Accepted | None:
        """The revision accepted last."""
        return self.accepted[-1] if self.accepted else None

    def baseline(self, candidate: str) -> str | None:
        """The last accepted revision other than the candidate."""
        others = [entry.revision.revision for entry in self.accepted if entry.revision.revision != candidate]
        return others[-1] if others else None

    def training(self, digest: str) -> TrainResult | None:
        """What the training with that fingerprint has made, if its model was accepted."""
        return next((entry.trained for entry in reversed(self.accepted) if entry.training == digest), None)

    def refusal(self, revision: str, triton_version: str) -> Refusal | None:
        """Why the revision is not rolled out on that release."""
        wanted = (revision, triton_version)
        return next((entry for entry in self.refusals if (entry.revision, entry.triton_version) == wanted), None)

    def with_accepted(self, entry: Accepted) -> Records:
        """The same with one more accepted revision."""
        return Records((*self.accepted, entry), self.refusals, self.maps)

    def with_refusal(self, entry: Refusal) -> Records:
        """The same with one more refusal."""
        return Records(self.accepted, (*self.refusals, entry), self.maps)


def gather(world: World) -> Records:
    """Every readable record; one that is on its way out no longer counts."""
    maps = {
        key.name: child
        for key, child in world.own.items()
        if key.kind == "ConfigMap" and naming.label(child, naming.RECORD) and not is_terminating(child)
    }
    accepted = {name: _parse(child, "revision", Accepted) for name, child in maps.items()}
    refusals = [_parse(child, "refusal", Refusal) for child in maps.values()]
    return Records(
        accepted=tuple(sorted((entry for entry in accepted.values() if entry), key=lambda entry: entry.sequence)),
        refusals=tuple(entry for entry in refusals if entry),
        maps=maps,
    )


def parse_accepted(record: Manifest) -> Accepted | None:
    """The accepted revision that a ConfigMap keeps, if it keeps one."""
    return _parse(record, "revision", Accepted)


def recorded_choice(scope: Scope, digest: str, world: World) -> Choice | None:
    """The recorded choice of the search with that fingerprint."""
    name = naming.child_name(scope.name, "trial", digest)
    child = world.own.get(ObjectKey("v1", "ConfigMap", name))
    return _parse(child, "trial", Choice) if child and not is_terminating(child) else None


def choice_record(scope: Scope, digest: str, chosen: Choice) -> Manifest:
    """The ConfigMap that keeps a choice."""
    short = chosen.model_copy(update={"result": chosen.result.model_copy(update={"history": []})})
    return _record(
        scope,
        "trial",
        name=naming.child_name(scope.name, "trial", digest),
        stage="tuning",
        digest=digest,
        content=short,
    )


def accepted_record(scope: Scope, entry: Accepted, before: Accepted | None) -> Manifest:
    """The ConfigMap that keeps an accepted revision; named by the judgement and by all acceptances before it."""
    digest = fingerprint([entry.evaluation, entry.sequence, before.revision.revision if before else None])
    name = naming.child_name(scope.name, "revision", digest)
    return _record(scope, "revision", name=name, stage="serving", digest=entry.revision.revision, content=entry)


def refusal_record(scope: Scope, entry: Refusal) -> Manifest:
    """The ConfigMap that marks a refused revision."""
    name = naming.child_name(scope.name, "refusal", fingerprint([entry.revision, entry.triton_version]))
    return _record(scope, "refusal", name=name, stage="serving", digest=entry.revision, content=entry)


def _record(scope: Scope, kind: str, *, name: str, stage: str, digest: str, content: Model) -> Manifest:
    labels = naming.labels(scope.name, stage, digest) | {naming.RECORD: kind}
    head = scope.object("v1", "ConfigMap", name, labels=labels)
    text = content.model_dump_json(by_alias=True, exclude_none=True)
    return naming.stamped(head | {"immutable": True, "data": {RECORD_KEY: text}})


def _parse(child: dict[str, Any], kind: str, model: type[AnyRecord]) -> AnyRecord | None:
    """The record, or None for another kind of record and for one that a person has damaged: it is then made anew."""
    if naming.label(child, naming.RECORD) != kind:
        return None
    record: AnyRecord | None = _read((child.get("data") or {}).get(RECORD_KEY, ""), model)
    return record


@lru_cache(maxsize=8 * KEPT_SCOPES)
def _read(text: str, model: type[Model]) -> Any:
    """A record is written once and looked at in each reconcile."""
    try:
        return model.model_validate_json(text)
    except ValidationError:
        return None
