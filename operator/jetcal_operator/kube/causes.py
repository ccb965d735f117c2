"""What is said of a container or a Pod that does not work, and which setting mends it."""

from __future__ import annotations

from typing import NamedTuple

from jetcal_operator import naming
from jetcal_operator.cluster import Manifest
from jetcal_operator.kube.answers import INFERENCE_SERVICE, WORKERS
from jetcal_operator.stages.additions import ADDITIONS
from jetcal_operator.stages.pods import GPU, SECRET_KEYS

REQUIRED_KEYS = SECRET_KEYS[:2]
OPTIONAL_KEYS = SECRET_KEYS[2:]
_RESOURCES = {
    "tuning": "spec.tuning.resources",
    "training": "spec.training.resources",
    "serving": "spec.serving.resources",
}
"""Where a user says what the Pods of a stage get; the installation says it for the others."""


class Cause(NamedTuple):
    """Why a Pod failed or does not start."""

    rank: int
    """The lower, the more it tells about the root of the trouble."""
    sentence: str


PERMANENT, KILLED, EXITED, BLOCKED, LOST, PENDING = range(6)
"""Ranks: what is wrong for good; a kill that names its reason; another exit; a start that is refused; a Pod that was
taken away, which is often the consequence of something else; a Pod that waits."""


def name_of(pod: Manifest) -> str:
    """``Pod ak4-export-x2x9q``."""
    return f"Pod {pod['metadata']['name']}"


def is_worker(container: str) -> bool:
    """Whether our own worker runs in the container."""
    return container in WORKERS


def stage_of(pod: Manifest) -> str:
    """The stage that a Pod works for."""
    if naming.label(pod, INFERENCE_SERVICE):
        return "serving"
    return naming.label(pod, naming.STAGE)


def resources_field(pod: Manifest, container: str, amount: str) -> str:
    """The setting that gives a container more of something."""
    if container in ADDITIONS:
        return ADDITIONS[container].resources
    place = _RESOURCES.get(stage_of(pod))
    if amount == GPU:
        return f"{place or 'spec.training.resources'}.gpus"
    if amount == "ephemeral-storage":
        return "platform.cacheSize of the chart"
    return f"{place}.{amount}" if place else f"platform.jobResources.{amount} of the chart"


def image_setting(pod: Manifest, container: str) -> str:
    """The setting that names a container's image."""
    if container in ADDITIONS:
        return ADDITIONS[container].image
    stage = stage_of(pod)
    if stage == "serving":
        return "spec.serving.tritonVersion and KServe's ClusterServingRuntime"
    return "platform.tensorboardImage of the chart" if stage == "tensorboard" else "platform.workerImage of the chart"


def container_spec(pod: Manifest, name: str) -> Manifest:
    """A container as the Pod's spec has it."""
    spec = pod.get("spec") or {}
    named = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    return next((entry for entry in named if entry.get("name") == name), {})


def secret_keys() -> str:
    """What the storage Secret must hold."""
    return f"the keys {' and '.join(REQUIRED_KEYS)} (optional: {', '.join(OPTIONAL_KEYS)})"
