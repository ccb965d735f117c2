"""Why a container ended badly or does not start, from its status."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from typing import Any

from jetcal_operator.cluster import Manifest
from jetcal_operator.kube import causes
from jetcal_operator.kube.causes import Cause
from jetcal_operator.kube.denials import shortened
from jetcal_operator.stages.additions import ADDITIONS, INIT_PYTORCH, STORAGE_INITIALIZER

SIGNALLED = 128
"""Exit codes from here on are worth another try; above, they name the signal that ended the process."""
_PULL = {"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError"}
_NOT_RUN = {"CreateContainerError", "RunContainerError", "PostStartHookError"}
_NOT_STARTED = {"StartError", "ContainerCannotRun"}
_MISSING_OBJECT = re.compile(r'(?P<kind>secret|configmap) "(?P<name>[^"]+)" not found')
_MISSING_KEY = re.compile(r"couldn't find key (?P<key>\S+) in (?P<kind>Secret|ConfigMap) (?:[^/\s]+/)?(?P<name>\S+)")
_MISSING_CONFIG = "if the chart's platform.caBundle names it, create it with the key ca.crt; else it is made anew"
_CREDENTIALS = re.compile(
    r"credential|InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|Access Denied|Forbidden|\b40[13]\b",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"connect|endpoint|timed? ?out|resolve|name or service not known|refused|unreachable|max retries", re.IGNORECASE
)


def container_cause(pod: Manifest, status: Mapping[str, Any]) -> Cause | None:
    """The trouble of one container; None while it works, waits its turn, or has ended well."""
    state = status.get("state") or {}
    if ended := state.get("terminated"):
        return ended_cause(pod, status, ended) if ended.get("exitCode") else None
    before = (status.get("lastState") or {}).get("terminated") or {}
    waiting = state.get("waiting") or {}
    if waiting.get("reason") == "CrashLoopBackOff" or (before.get("exitCode") and not status.get("ready")):
        return _crash_loop(pod, status, before)
    return _waiting(pod, status, waiting)


def ended_cause(pod: Manifest, status: Mapping[str, Any], ended: Mapping[str, Any]) -> Cause:
    """Why a container ended badly."""
    container, code = status["name"], int(ended.get("exitCode") or 0)
    where = _where(pod, container)
    if ended.get("reason") == "OOMKilled":
        return Cause(causes.KILLED, f"{where} was killed because it used all its memory{_limit(pod, container)}")
    if ended.get("reason") in _NOT_STARTED:
        return Cause(causes.BLOCKED, _not_run(pod, container, ended.get("message") or ""))
    rank = causes.PERMANENT if 0 < code < SIGNALLED else causes.EXITED
    said = shortened(_last_line(container, ended.get("message") or ""))
    if container in ADDITIONS:
        return Cause(causes.EXITED, _addition(pod, container, said, code))
    if not said:
        return Cause(rank, f"{where} {explain_exit(code)}; see {_log(pod, container)}")
    return Cause(rank, f"{where}: {said} (exit code {code})")


def explain_exit(code: int) -> str:
    """An exit code in words."""
    if code == SIGNALLED + signal.SIGKILL:
        return "was killed (exit code 137; out of memory, or taken from its node?)"
    if code == SIGNALLED + signal.SIGTERM:
        return "was asked to stop (exit code 143)"
    return f"ended with exit code {code}"


def _crash_loop(pod: Manifest, status: Mapping[str, Any], before: Mapping[str, Any]) -> Cause:
    last = ended_cause(pod, status, before)
    restarts = status.get("restartCount", 0)
    return Cause(last.rank, f"{last.sentence}; restarted {restarts} times")


def _waiting(pod: Manifest, status: Mapping[str, Any], waiting: Mapping[str, Any]) -> Cause | None:
    container = status["name"]
    reason, message = waiting.get("reason") or "", waiting.get("message") or ""
    where = _where(pod, container)
    if reason in _PULL or reason == "InvalidImageName":
        image = causes.container_spec(pod, container).get("image") or status.get("image") or "?"
        problem = "is no valid image name" if reason == "InvalidImageName" else "cannot be pulled"
        told = f" ({shortened(message)})" if message else ""
        remedy = f"check {causes.image_setting(pod, container)}"
        secrets = "" if container in ADDITIONS else ", and platform.pullSecrets for a registry that asks who you are"
        return Cause(causes.BLOCKED, f"{where}: image {image} {problem}{told}: {remedy}{secrets}")
    if reason == "CreateContainerConfigError":
        return Cause(causes.BLOCKED, f"{where} cannot be configured: {config_problem(message)}")
    if reason in _NOT_RUN:
        return Cause(causes.BLOCKED, _not_run(pod, container, message))
    return None


def config_problem(message: str) -> str:
    """What is missing, and what to do about it."""
    if missing := _MISSING_OBJECT.search(message):
        if missing["kind"] == "secret":
            remedy = f"create it with {causes.secret_keys()}, or correct spec.storage.secretName"
            return f"Secret {missing['name']} does not exist: {remedy}"
        return f"ConfigMap {missing['name']} does not exist: {_MISSING_CONFIG}"
    if missing := _MISSING_KEY.search(message):
        if missing["kind"] == "Secret":
            return f"Secret {missing['name']} has no key {missing['key']}: give it {causes.secret_keys()}"
        return f"ConfigMap {missing['name']} has no key {missing['key']}: {_MISSING_CONFIG}"
    if "runAsNonRoot" in message:
        return f"{shortened(message)}: use an image whose user is not root"
    return shortened(message) or "the kubelet gives no reason"


def _not_run(pod: Manifest, container: str, message: str) -> str:
    remedy = f"check {causes.image_setting(pod, container)}"
    return f"{_where(pod, container)} cannot be started: {shortened(message) or 'no reason was given'}: {remedy}"


def _addition(pod: Manifest, container: str, said: str, code: int) -> str:
    where, told = _where(pod, container), f": {said}" if said else ""
    text = f"{where} ended with exit code {code}{told}"
    if container == STORAGE_INITIALIZER.container:
        return f"{where} cannot fetch the model{told} (exit code {code}): {_storage_remedy(said, pod, container)}"
    if container == INIT_PYTORCH.container:
        return f"{text}: the name of the master was not found in the cluster's DNS; see that the master's Pod runs"
    return f"{text}; see {_log(pod, container)}"


def _storage_remedy(said: str, pod: Manifest, container: str) -> str:
    if _CREDENTIALS.search(said):
        return "check the keys of the Secret that spec.storage.secretName names, and their rights on the bucket"
    if _UNREACHABLE.search(said):
        return "check S3_ENDPOINT in the Secret that spec.storage.secretName names, and the network to it"
    return f"see {_log(pod, container)}"


def _last_line(container: str, message: str) -> str:
    """Our worker leaves one sentence; what others leave is the end of a log, whose last line tells most."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return message if causes.is_worker(container) or not lines else lines[-1]


def _limit(pod: Manifest, container: str) -> str:
    resources = causes.container_spec(pod, container).get("resources") or {}
    limit = (resources.get("limits") or {}).get("memory")
    return f"{f' ({limit})' if limit else ''}: raise {causes.resources_field(pod, container, 'memory')}"


def _where(pod: Manifest, container: str) -> str:
    named = causes.name_of(pod)
    if causes.is_worker(container):
        return named
    owner = f" of {ADDITIONS[container].product}" if container in ADDITIONS else ""
    return f"{named}, container {container}{owner}"


def _log(pod: Manifest, container: str) -> str:
    metadata = pod["metadata"]
    return f"kubectl logs -n {metadata.get('namespace', 'default')} {metadata['name']} -c {container}"
