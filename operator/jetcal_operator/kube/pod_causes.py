"""Why a Pod failed, does not start or was taken away, from its status and the Events about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from jetcal_operator.cluster import Manifest
from jetcal_operator.kube import causes
from jetcal_operator.kube.answers import statuses
from jetcal_operator.kube.causes import Cause
from jetcal_operator.kube.container_causes import config_problem, container_cause
from jetcal_operator.kube.denials import shortened
from jetcal_operator.stages.progress import condition

_MOUNTS = {"FailedMount", "FailedAttachVolume", "FailedMapVolume"}
_CLAIM = re.compile(r'persistentvolumeclaim "(?P<name>[^"]+)" not found')
_SHORT = re.compile(r"Insufficient (?P<what>[\w./-]*\w)")
_PLACES = (
    ("untolerated taint", "set platform.tolerations of the chart"),
    ("node affinity/selector", "check platform.nodeSelector of the chart"),
    ("unbound immediate PersistentVolumeClaims", "see why the claim of spec.dataset.cache is not bound"),
    ("volume node affinity conflict", "the claim of spec.dataset.cache lies on another node or zone"),
)


def pod_cause(pod: Manifest, events: Iterable[Mapping[str, Any]] = ()) -> Cause | None:
    """The trouble of one Pod, the most telling first; None while there is none to see.

    ``events`` are those about this Pod, the newest first.
    """
    status = pod.get("status") or {}
    if status.get("phase") == "Succeeded":
        return None
    if disruption := _disruption(pod, status):
        return disruption
    found = [cause for entry in _containers(pod) if (cause := container_cause(pod, entry))]
    if found:
        return found[0]
    if status.get("phase") == "Failed":
        told = ": ".join(text for text in (status.get("reason"), status.get("message")) if text)
        return Cause(causes.EXITED, f"{causes.name_of(pod)} failed: {shortened(told) or 'no reason was given'}")
    return _unscheduled(pod) or _from_events(pod, events)


def _containers(pod: Manifest) -> list[dict[str, Any]]:
    """Init containers in their order, then our worker, then what others have added."""
    main = sorted(statuses(pod), key=lambda entry: not causes.is_worker(entry["name"]))
    return [*statuses(pod, "initContainerStatuses"), *main]


def _disruption(pod: Manifest, status: Mapping[str, Any]) -> Cause | None:
    entry = condition(pod, "DisruptionTarget") or {}
    disrupted = entry.get("status") == "True"
    if not disrupted and status.get("reason") not in {"Evicted", "Preempting", "NodeLost", "Shutdown"}:
        return None
    reason = status.get("reason") or entry.get("reason") or "Evicted"
    message = shortened(status.get("message") or entry.get("message") or "")
    amount = next((text for text in ("ephemeral-storage", "memory") if text in message), None)
    wants_room = reason == "Evicted" and amount
    remedy = f": raise {causes.resources_field(pod, '', amount)}" if wants_room and amount else ""
    told = f" ({message})" if message else ""
    return Cause(causes.LOST, f"{causes.name_of(pod)} was taken from its node: {reason}{told}{remedy}")


def _unscheduled(pod: Manifest) -> Cause | None:
    entry = condition(pod, "PodScheduled") or {}
    if entry.get("status") != "False":
        return None
    if entry.get("reason") == "SchedulingGated":
        return Cause(causes.PENDING, f"{causes.name_of(pod)} is held back: {shortened(entry.get('message') or '')}")
    return Cause(causes.PENDING, _no_node(pod, entry.get("message") or ""))


def _no_node(pod: Manifest, message: str) -> str:
    text = f"{causes.name_of(pod)} finds no node: {shortened(message) or 'the scheduler gives no reason'}"
    remedies = []
    if claim := _CLAIM.search(message):
        remedies.append(f"create PersistentVolumeClaim {claim['name']} or correct spec.dataset.cache.claimName")
    scarce = dict.fromkeys(_SHORT.findall(message))
    remedies += [f"lower {causes.resources_field(pod, '', what)} or add nodes with more {what}" for what in scarce]
    remedies += [remedy for sign, remedy in _PLACES if sign in message]
    return f"{text}: {'; '.join(remedies)}" if remedies else text


def _from_events(pod: Manifest, events: Iterable[Mapping[str, Any]]) -> Cause | None:
    for event in events:
        message = event.get("message") or ""
        if event.get("type") == "Normal":
            continue
        if event.get("reason") in _MOUNTS:
            return Cause(causes.BLOCKED, f"{causes.name_of(pod)} cannot mount a volume: {config_problem(message)}")
        if event.get("reason") == "FailedScheduling":
            return Cause(causes.PENDING, _no_node(pod, message))
        if event.get("reason") in {"FailedCreatePodSandBox", "NetworkNotReady"}:
            return Cause(causes.BLOCKED, f"{causes.name_of(pod)} does not start: {shortened(message)}")
    return None
