"""The installation's side of a plan: images, what each Triton release can load, where Pods may run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from jetcal_api.spec import Resources

EXPORT_OPSET = 20
"""Newest ONNX operator set that the exporter is asked for: what torch writes by default, in wide use since 2023."""
EXPORT_IR = 10
"""Newest ONNX IR version that the exporter is asked for: what torch writes with that operator set."""


class OnnxLimits(NamedTuple):
    """What one release of Triton can load."""

    runtime: str
    """Version of ONNX Runtime in its image."""
    opset: int
    """Newest operator set."""
    ir: int
    """Newest IR version."""

    def loads(self, opset: int, ir: int) -> bool:
        """Whether the release can load such a model."""
        return opset <= self.opset and ir <= self.ir


_OPSET_AND_IR = {
    "1.8": (14, 7),
    "1.11": (16, 8),
    "1.13": (17, 8),
    "1.14": (18, 8),
    "1.15": (19, 9),
    "1.16": (19, 9),
    "1.17": (20, 9),
    "1.18": (21, 10),
    "1.19": (21, 10),
    "1.20": (21, 10),
    "1.21": (22, 10),
    "1.22": (22, 10),
    "1.23": (23, 11),
    "1.24": (25, 13),
    "1.27": (26, 13),
}
"""ONNX Runtime -> newest operator set and IR version (its compatibility page; from 1.15 on tried by loading)."""

_RUNTIMES = {
    "1.8.1": ("21.09",),
    "1.11.1": ("22.05",),
    "1.13.1": ("22.12", "23.01", "23.02"),
    "1.14.1": ("23.03", "23.04"),
    "1.15.0": ("23.05", "23.06"),
    "1.15.1": ("23.08",),
    "1.16.0": ("23.09", "23.10"),
    "1.16.3": ("23.12", "24.01"),
    "1.17.2": ("24.03",),
    "1.18.0": ("24.05", "24.06"),
    "1.18.1": ("24.07",),
    "1.19.0": ("24.08",),
    "1.19.2": ("24.09", "24.10", "24.11"),
    "1.20.1": ("24.12", "25.01", "25.02"),
    "1.21.0": ("25.03", "25.04"),
    "1.22.0": ("25.05", "25.06", "25.07"),
    "1.23.0": ("25.08", "25.09"),
    "1.23.1": ("25.10",),
    "1.23.2": ("25.11", "25.12", "26.01"),
    "1.24.1": ("26.02",),
    "1.24.2": ("26.03",),
    "1.24.4": ("26.04", "26.05", "26.06"),
    "1.27.0": ("26.07",),
}
"""ONNX Runtime -> Triton releases that carry it (``build.py`` of each release)."""

TRITON_RELEASES: Mapping[str, OnnxLimits] = {
    release: OnnxLimits(runtime, *_OPSET_AND_IR[runtime.rpartition(".")[0]])
    for runtime, releases in _RUNTIMES.items()
    for release in releases
}
"""What each release of Triton can load; an installation may add rows."""


class UnknownTritonError(ValueError):
    """A release of Triton of which nobody has written down what it loads."""


@dataclass(frozen=True)
class Platform:
    """Where and with what the children of a resource run."""

    worker_image: str = "jetcal/worker:0.1.0"
    """Image of every stage's worker."""
    tensorboard_image: str = "jetcal/worker:0.1.0"
    """Image of TensorBoard; the worker's carries it."""
    triton_releases: Mapping[str, OnnxLimits] = field(default_factory=lambda: TRITON_RELEASES)
    """What each release of Triton can load."""
    tolerations: tuple[Mapping[str, Any], ...] = ()
    """Tolerations of every Pod."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Node selector of every Pod."""
    pull_secrets: tuple[str, ...] = ()
    """Secrets of image registries."""
    ca_bundle: str | None = None
    """ConfigMap in the resource's namespace whose ``ca.crt`` is trusted for https and S3."""
    train_runtime: str = "torch-distributed"
    """ClusterTrainingRuntime of a TrainJob."""
    serving_in_mesh: bool = False
    """Whether the endpoint's Pods get an Istio sidecar; jobs never do, for they would not end."""
    restricted_additions: bool = False
    """Whether what training operator and Katib add to Pods has been set up to meet the restricted security level."""
    job_resources: Resources = field(default_factory=lambda: Resources(cpu="1", memory="4Gi"))
    """What the Pods of inventory, prepare, export, evaluate and verify ask for."""
    cache_size: str = "20Gi"
    """Room on the node's disk for the prepared shards of one Pod."""
    parallel_prepares: int = 8
    """Pods of one dataset at the same time."""
    backoff_limit: int = 3
    """How often a controller restarts a Pod whose exit code asks for it."""
    retries: bool = True
    """Whether what may heal by itself is made anew unasked; on one machine a person runs again."""
    retry_delay: timedelta = timedelta(minutes=1)
    """Wait before a failed child is made anew; doubled each time."""
    longest_retry_delay: timedelta = timedelta(hours=1)
    """Longest such wait."""
    metrics_deadline: timedelta = timedelta(minutes=15)
    """How long after the end of its job a Trial may go without reporting a metric."""

    def onnx_limits(self, triton_version: str) -> OnnxLimits:
        """What the release ``triton_version`` (``26.06-py3``) can load.

        Raises
        ------
        UnknownTritonError
            If the table has no row for the release; the message lists those that it has.
        """
        release = triton_version.removesuffix("-py3")
        if release not in self.triton_releases:
            known = ", ".join(f"{name}-py3" for name in sorted(self.triton_releases))
            message = f"spec.serving.tritonVersion: {triton_version} is not known; known are {known}"
            raise UnknownTritonError(message)
        return self.triton_releases[release]

    def export_target(self, triton_version: str) -> tuple[int, int]:
        """Operator set and IR version of a model for that release; raises `UnknownTritonError`."""
        limits = self.onnx_limits(triton_version)
        return min(EXPORT_OPSET, limits.opset), min(EXPORT_IR, limits.ir)
