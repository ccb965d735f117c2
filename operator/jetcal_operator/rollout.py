"""What the endpoint serves: the newest accepted revision that answers rightly, verified after each rollout."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from jetcal_api.spec import Serving
from jetcal_operator import naming
from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.draft import Draft
from jetcal_operator.stages import records as kept
from jetcal_operator.stages.progress import Failed, Progress, Running, Succeeded, outcome
from jetcal_operator.stages.records import Accepted, Records, Refusal
from jetcal_operator.stages.scope import Scope, once
from jetcal_operator.stages.serving import (
    KSERVE,
    Rollout,
    Verification,
    inference_service,
    inference_service_hash,
    inference_service_key,
    read_rollout,
    servable,
    served,
)
from jetcal_operator.stages.world import World, is_terminating
from jetcal_operator.upkeep import Upkeep, missing_kind, retire, taken_name


@dataclass(frozen=True)
class Endpoint:
    """What there is to say about the endpoint."""

    status: Literal["True", "False", "Unknown"]
    """Whether the endpoint serves a verified revision."""
    reason: str
    message: str
    settled: bool = False
    """Whether the endpoint is as wanted, so that the resource may be Ready."""
    busy: bool = False
    """Whether something is under way."""
    stalled: bool = False
    """Whether only a person or a change can help."""
    retried: bool = False
    """Whether what is under way is another try of what went wrong."""
    url: str | None = None
    revision: str | None = None
    """Revision that the endpoint was last seen to serve rightly."""
    needed: frozenset[str] = frozenset()
    """Revisions that it is to serve, or to return to if that one fails."""


class Serve:
    """Brings the endpoint a step further."""

    def __init__(self, scope: Scope, world: World, draft: Draft, upkeep: Upkeep) -> None:
        self.scope = scope
        self.world = world
        self.draft = draft
        self.upkeep = upkeep
        self.key = inference_service_key(scope)
        self.child = world.own.get(self.key)

    def step(self, records: Records) -> Endpoint:
        """Plan what the endpoint needs next."""
        spec = self.scope.spec.serving
        if spec is None:
            return self._unwanted(records)
        self._forgive(records)
        newest = records.newest
        if newest is None:
            return Endpoint("False", "NothingAccepted", "no revision has been accepted yet")
        refusal = records.refusal(newest.revision.revision, spec.triton_version)
        target = _servable(records, spec.triton_version)
        if target is None:
            reason = refusal.reason if refusal else ""
            return Endpoint("False", "VerificationFailed", reason, stalled=True)
        endpoint = self._roll_out(spec, target, rollbacks=len(records.refusals))
        endpoint = replace(endpoint, needed=_needed(records, spec.triton_version, target, endpoint.revision))
        if refusal is None:
            return endpoint
        message = f"revision {refusal.revision} was refused ({refusal.reason}); {endpoint.message}"
        return replace(endpoint, reason="RolledBack", message=message, settled=False, stalled=True)

    def _unwanted(self, records: Records) -> Endpoint:
        if self.child:
            self.draft.remove(self.key, self.child)
        retire(self.world, self.draft, "verification", current=None, done=True)
        return Endpoint("False", "NotRequested", "spec.serving is left out", settled=records.newest is not None)

    def _forgive(self, records: Records) -> None:
        """A person who asks for another try lifts the refusals that were made before."""
        for name, record in records.maps.items():
            is_refusal = naming.label(record, naming.RECORD) == "refusal"
            if is_refusal and self.world.asked and naming.annotation(record, naming.RETRY) != self.world.asked:
                self.draft.remove(ObjectKey("v1", "ConfigMap", name), record)

    def _roll_out(self, spec: Serving, target: Accepted, rollbacks: int) -> Endpoint:
        obstacle = missing_kind([(KSERVE, "InferenceService")], self.world) or taken_name([self.key], self.world)
        if obstacle:
            return Endpoint("False", obstacle.reason, obstacle.message, stalled=True)
        model = servable(self.scope, spec, target)
        revision = target.revision.revision
        if self.child is None:
            if refused := self.draft.create(inference_service(self.scope, spec, *model)):
                return Endpoint("False", refused.reason, refused.message, busy=True, retried=True)
            return Endpoint("False", "Starting", f"InferenceService {self.key.name} is being created", busy=True)
        if is_terminating(self.child):
            return Endpoint("False", "Deleting", f"InferenceService {self.key.name} is being deleted", busy=True)
        refused = None
        moves = served(self.child) != model
        wanted_hash = once(inference_service_hash, self.scope, spec, *model)
        if moves or naming.annotation(self.child, naming.MANIFEST) != wanted_hash:
            wanted = inference_service(self.scope, spec, *model)
            metadata = wanted["metadata"] | {"uid": self.child["metadata"].get("uid", "")}
            refused = self.draft.apply(wanted | {"metadata": metadata})
        rollout = read_rollout(self.child, self.world)
        if moves:
            endpoint = self._on_the_way(rollout, f"revision {revision} is rolled out")
        else:
            endpoint = self._read(target, rollout, rollbacks)
        return self._hindered(endpoint, refused) if refused else endpoint

    def _hindered(self, endpoint: Endpoint, refused: Failed) -> Endpoint:
        """The endpoint goes on as it is, for it may not be changed."""
        serving = f"revision {endpoint.revision} serves; " if endpoint.revision else ""
        message = f"{serving}{refused.message}"
        return replace(
            endpoint, reason=refused.reason, message=message, settled=False, busy=True, stalled=False, retried=True
        )

    def _read(self, target: Accepted, rollout: Rollout, rollbacks: int) -> Endpoint:
        revision = target.revision.revision
        answers = {
            "Stopped": self._stopped,
            "Unavailable": lambda _, rollout: Endpoint("False", "Unavailable", rollout.message, settled=True),
            "Failed": self._blocked,
            "Starting": self._starting,
        }
        answer = answers.get(rollout.phase)
        return answer(revision, rollout) if answer else self._verify(target, rollout, rollbacks)

    def _stopped(self, revision: str, rollout: Rollout) -> Endpoint:
        """Stopped on purpose: enough, if the endpoint was verified before."""
        if self._was_verified(revision):
            message = f"revision {revision} was verified; {rollout.message}"
            return Endpoint("False", "NotKept", message, settled=True, revision=revision)
        return Endpoint("False", "Stopped", rollout.message)

    def _blocked(self, revision: str, rollout: Rollout) -> Endpoint:
        """The new model does not load; the Pods of the old one go on."""
        message = f"revision {revision}: {rollout.message}"
        endpoint = self._on_the_way(rollout, message)
        return replace(endpoint, reason="LoadFailed", message=message, settled=False, busy=False, stalled=True)

    def _starting(self, revision: str, rollout: Rollout) -> Endpoint:
        if self._last_verified() == revision:
            return Endpoint("False", "NotReady", rollout.message, busy=True, url=rollout.url, revision=revision)
        return self._on_the_way(rollout, rollout.message)

    def _verify(self, target: Accepted, rollout: Rollout, rollbacks: int) -> Endpoint:
        assert self.child is not None  # noqa: S101  # a rollout was read from it
        assert rollout.inner_url is not None  # noqa: S101  # a complete rollout has an address
        revision = target.revision.revision
        stage = Verification.of(self.scope, target, self.child, rollout.inner_url, rollbacks)
        progress: Progress = self.upkeep.visit(stage)
        retire(self.world, self.draft, stage.name, current=stage, done=isinstance(progress, Succeeded))
        if isinstance(progress, Succeeded):
            message = f"revision {revision} reproduces its golden predictions at {rollout.inner_url}"
            return Endpoint("True", "Verified", message, settled=True, url=rollout.url, revision=revision)
        if isinstance(progress, Failed) and progress.reason == "PodFailurePolicy":
            self._refuse(revision, stage, progress)
            return Endpoint("False", "VerificationFailed", progress.message, busy=True, url=rollout.url)
        if isinstance(progress, Failed):
            endpoint = self._on_the_way(rollout, progress.message)
            retried = progress.retryable
            return Endpoint(
                endpoint.status,
                progress.reason,
                progress.message,
                busy=retried,
                retried=retried,
                stalled=not retried,
                url=rollout.url,
                revision=endpoint.revision,
            )
        running = progress.message if isinstance(progress, Running) else f"revision {revision} waits for verification"
        return self._on_the_way(rollout, running)

    def _refuse(self, revision: str, stage: Verification, failure: Failed) -> None:
        refusal = Refusal(revision=revision, triton_version=stage.triton_version, reason=failure.message)
        record = kept.refusal_record(self.scope, refusal)
        if self.world.asked:
            record["metadata"]["annotations"][naming.RETRY] = self.world.asked
        self.draft.create(record)

    def _on_the_way(self, rollout: Rollout, message: str) -> Endpoint:
        """While a rollout is under way, what was verified before goes on serving."""
        before = self._last_verified()
        if before is None or not _answers(self.child):
            return Endpoint("False", "RollingOut", message, busy=True, url=rollout.url)
        return Endpoint(
            "True",
            "RollingOut",
            f"revision {before} serves; {message}",
            settled=True,
            busy=True,
            url=rollout.url,
            revision=before,
        )

    def _verifications(self) -> list[Manifest]:
        """Ended verifications of this very endpoint, the newest last."""
        uid = self.child["metadata"].get("uid", "") if self.child else ""
        ended = [
            job
            for key, job in self.world.of_stage("verification").items()
            if key.kind == "Job" and naming.label(job, naming.INCARNATION) == uid and outcome(job).phase != "Running"
        ]
        return sorted(ended, key=lambda job: outcome(job).since or self.world.now)

    def _last_verified(self) -> str | None:
        """The revision that the endpoint was seen to serve, unless it has failed a verification since."""
        ended = self._verifications()
        good = bool(ended) and outcome(ended[-1]).phase == "Succeeded"
        return naming.label(ended[-1], naming.REVISION) if good else None

    def _was_verified(self, revision: str) -> bool:
        return any(
            outcome(job).phase == "Succeeded" and naming.label(job, naming.REVISION) == revision
            for job in self._verifications()
        )


def _servable(records: Records, release: str, besides: str | None = None) -> Accepted | None:
    """The newest accepted revision that was not refused on the release."""
    entries = (entry for entry in reversed(records.accepted) if entry.revision.revision != besides)
    return next((entry for entry in entries if not records.refusal(entry.revision.revision, release)), None)


def _needed(records: Records, release: str, target: Accepted, verified: str | None) -> frozenset[str]:
    """The target, and until it is verified the revision before it."""
    revision = target.revision.revision
    before = _servable(records, release, besides=revision) if verified != revision else None
    return frozenset({revision, before.revision.revision} if before else {revision})


def _answers(child: Manifest | None) -> bool:
    """Whether Pods still answer; Ready is Unknown for a while in each rollout."""
    conditions = ((child or {}).get("status") or {}).get("conditions") or []
    return not any(entry.get("type") == "Ready" and entry.get("status") == "False" for entry in conditions)
