"""Why an object's worker failed or does not start: one sentence from its Pods and Events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from jetcal_operator.cluster import Manifest
from jetcal_operator.kube.answers import created, role
from jetcal_operator.kube.causes import Cause
from jetcal_operator.kube.denials import explain, shortened
from jetcal_operator.kube.pod_causes import pod_cause
from jetcal_operator.stages.progress import is_suspended, is_true, outcome, parse_time
from jetcal_operator.stages.world import is_terminating

PATIENCE = timedelta(seconds=10)
"""How long Pods may take to appear, or to say something, before Events are asked."""
SERVICES = frozenset({"InferenceService", "Deployment"})
"""Kinds whose Pods run on."""
_POD_CREATION = {"FailedCreate", "FailedCreatePod"}
_NOISE = {"BackOff", "Unhealthy", "BackoffLimitExceeded", "FailedToCreateEndpoint", "FailedToUpdateEndpoint"}
"""Warnings that repeat what a Pod's status says better."""
_MAKERS = {
    "TrainJob": ("", {"Job", "JobSet"}),
    "Experiment": ("-", {"Deployment", "ReplicaSet"}),
    "InferenceService": ("-predictor", {"Deployment", "ReplicaSet"}),
    "Deployment": ("-", {"ReplicaSet"}),
}
"""What stands between an object and its Pods: how its name goes on after the object's, and its kinds."""

Events = Sequence[Mapping[str, Any]]


def failure(job: Manifest, pods: Sequence[Manifest], events: Iterable[Mapping[str, Any]] = ()) -> str | None:
    """Why the worker failed or does not start: names the Pod, the cause and what to do.

    Parameters
    ----------
    job
        A job of any runtime, an Experiment, an InferenceService or a Deployment.
    pods
        Its Pods, as `jetcal_operator.kube.answers.pods_of` gives them.
    events
        core/v1 Events of the namespace; those about others are left aside.

    Returns
    -------
    str or None
        None while nothing is wrong, as far as can be seen.
    """
    if is_terminating(job) or _is_well(job) or _is_held(job):
        return None
    about = newest_first(event for event in events if _is_about(event, job, pods))
    current = _current(job, pods)
    found = [cause for pod in current if (cause := pod_cause(pod, _of(pod, about)))]
    blocked = _not_created(job, current, about)
    if found and not (blocked and all(_ended(pod) for pod in current)):
        return min(found, key=_rank).sentence
    return blocked or (_exits(about) if outcome_of(job) == "Failed" else None) or _warning(job, current, about)


def wants_events(job: Manifest, pods: Sequence[Manifest], now: datetime) -> bool:
    """Whether only Events can tell more: Pods are missing, or one waits and does not say why."""
    if is_terminating(job) or _is_well(job) or _is_held(job):
        return False
    current = _current(job, pods)
    if any(pod_cause(pod) for pod in current):
        return _is_short(job, current)
    if outcome_of(job) == "Failed":
        return True
    silent = [pod for pod in current if (pod.get("status") or {}).get("phase", "Pending") == "Pending"]
    if any(_age(pod, now) > PATIENCE for pod in silent):
        return True
    return _is_short(job, current) and _age(job, now) > PATIENCE


def newest_first(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Events in the order in which they were last seen, the newest first."""
    return sorted(events, key=_seen, reverse=True)


def outcome_of(job: Manifest) -> str:
    """``Running``, ``Succeeded`` or ``Failed``; what serves runs for ever."""
    return "Running" if job["kind"] in SERVICES else outcome(job).phase


def _seen(event: Mapping[str, Any]) -> str:
    series = (event.get("series") or {}).get("lastObservedTime")
    moments = (series, event.get("lastTimestamp"), event.get("eventTime"), event.get("firstTimestamp"))
    return max((moment for moment in moments if moment), default="")


def _is_about(event: Mapping[str, Any], job: Manifest, pods: Sequence[Manifest]) -> bool:
    target = event.get("involvedObject") or {}
    uids = {entry["metadata"].get("uid") for entry in (job, *pods)}
    if target.get("uid") in uids:
        return True
    suffix, kinds = _MAKERS.get(job["kind"], ("", set()))
    return target.get("kind") in kinds and str(target.get("name", "")).startswith(job["metadata"]["name"] + suffix)


def _of(pod: Manifest, events: Events) -> list[Mapping[str, Any]]:
    uid = pod["metadata"].get("uid")
    return [event for event in events if (event.get("involvedObject") or {}).get("uid") == uid]


def _is_well(job: Manifest) -> bool:
    if job["kind"] == "InferenceService":
        return False
    return outcome_of(job) == "Succeeded"


def _is_held(job: Manifest) -> bool:
    return outcome_of(job) == "Running" and is_suspended(job)


def _current(job: Manifest, pods: Sequence[Manifest]) -> list[Manifest]:
    """The newest Pod of each task; of what serves, the Pods of the newest revision."""
    known = [pod for pod in pods if not is_terminating(pod) or _ended(pod)]
    if job["kind"] in SERVICES:
        newest = max(known, key=created, default=None)
        return [pod for pod in known if newest and _template(pod) == _template(newest)]
    tasks: dict[tuple[int, int], Manifest] = {}
    for pod in sorted(known, key=created):
        tasks[role(pod)] = pod
    return [tasks[task] for task in sorted(tasks)]


def _template(pod: Manifest) -> str:
    return str((pod["metadata"].get("labels") or {}).get("pod-template-hash", ""))


def _ended(pod: Manifest) -> bool:
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def _wanted(job: Manifest) -> int:
    """How many Pods there must be at least for the work to go on."""
    spec = job.get("spec") or {}
    if job["kind"] == "PyTorchJob":
        return sum(replica.get("replicas", 1) for replica in (spec.get("pytorchReplicaSpecs") or {}).values())
    if job["kind"] == "TrainJob":
        return int((spec.get("trainer") or {}).get("numNodes") or 1)
    return 1


def _is_short(job: Manifest, current: Sequence[Manifest]) -> bool:
    standing = [pod for pod in current if (pod.get("status") or {}).get("phase") != "Failed"]
    return outcome_of(job) == "Running" and len(standing) < _wanted(job)


def _not_created(job: Manifest, current: Sequence[Manifest], events: Events) -> str | None:
    """Why Pods that the work needs were not admitted."""
    if not _is_short(job, current):
        return None
    since = max((created(pod) for pod in current if _ended(pod)), default=created(job))
    for event in events:
        if event.get("reason") in _POD_CREATION and _seen(event) >= since:
            message = str(event.get("message") or "").removeprefix("Error creating: ")
            denial = explain(message)
            told = denial.sentence if denial else shortened(message)
            missing = "a Pod" if current else "no Pod"
            verb = "cannot be made" if current else "can be made"
            return f"{missing} of {job['kind']} {job['metadata']['name']} {verb}: {told}"
    return None


def _exits(events: Events) -> str | None:
    """What the training operator noted of Pods that it has replaced since."""
    exits = [event for event in events if event.get("reason") == "ExitedWithCode"]
    return shortened(str(exits[0].get("message") or "")) if exits else None


def _warning(job: Manifest, current: Sequence[Manifest], events: Events) -> str | None:
    """The newest warning, where nothing tells more and no Pod works."""
    if any((pod.get("status") or {}).get("phase") == "Running" for pod in current):
        return None
    if job["kind"] == "InferenceService" and is_true(job, "Ready"):
        return None
    for event in events:
        if event.get("type") == "Warning" and event.get("reason") not in _NOISE | _POD_CREATION:
            target = event.get("involvedObject") or {}
            told = shortened(str(event.get("message") or ""))
            return f"{target.get('kind')} {target.get('name')}: {event.get('reason')}: {told}"
    return None


def _rank(cause: Cause) -> int:
    return cause.rank


def _age(entry: Manifest, now: datetime) -> timedelta:
    made = parse_time(entry["metadata"].get("creationTimestamp"))
    return now - made if made else timedelta(0)
