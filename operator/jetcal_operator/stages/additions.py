"""Containers that others add to our Pods, and what makes them meet the restricted security level."""

from __future__ import annotations

from typing import NamedTuple


class Addition(NamedTuple):
    """A container that some product adds to a Pod."""

    container: str
    product: str
    security: str
    """What to set in the product so that the container meets the restricted level."""
    image: str
    """What names its image."""
    resources: str
    """What sets its limits."""


INIT_PYTORCH = Addition(
    "init-pytorch",
    "the Kubeflow Training Operator",
    "give the training operator a template with a restricted securityContext at /etc/config/initContainer.yaml",
    "--pytorch-init-container-image of the training operator",
    "the training operator's /etc/config/initContainer.yaml",
)
COLLECTOR = Addition(
    "metrics-logger-and-collector",
    "Katib",
    "set init.controller.injectSecurityContext: true in Katib's ConfigMap katib-config",
    "runtime.metricsCollectors in Katib's ConfigMap katib-config",
    "runtime.metricsCollectors in Katib's ConfigMap katib-config",
)
STORAGE_INITIALIZER = Addition(
    "storage-initializer",
    "KServe",
    "give the container of KServe's ClusterStorageContainer a restricted securityContext",
    "KServe's ClusterStorageContainer",
    "KServe's ClusterStorageContainer",
)
ADDITIONS = {addition.container: addition for addition in (INIT_PYTORCH, COLLECTOR, STORAGE_INITIALIZER)}
"""All of them by the container's name."""
