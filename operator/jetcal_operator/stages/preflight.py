"""What a namespace must allow before a stage's objects are made in it."""

from __future__ import annotations

from jetcal_operator.stages.additions import Addition
from jetcal_operator.stages.progress import Failed
from jetcal_operator.stages.scope import Scope
from jetcal_operator.stages.world import World

KATIB_LABEL = "katib.kubeflow.org/metrics-collector-injection"
"""Label without which Katib's webhook refuses every Experiment of a namespace."""
ENFORCED_LEVEL = "pod-security.kubernetes.io/enforce"
"""Label with the Pod Security level that a namespace enforces."""


def katib_admits(scope: Scope, world: World) -> Failed | None:
    """Katib works only in namespaces that are labelled for it."""
    labels = world.namespace_labels
    if labels is None or labels.get(KATIB_LABEL) == "enabled":
        return None
    namespace = scope.namespace
    message = f"Katib refuses Experiments in namespace {namespace} without its label; {label_namespace(namespace)}"
    return Failed("NamespaceNotLabelled", message, retryable=True)


def addition_is_admitted(scope: Scope, world: World, addition: Addition) -> Failed | None:
    """Our own Pods meet the restricted level; what others add to them does so only if it has been set up."""
    labels = world.namespace_labels or {}
    if labels.get(ENFORCED_LEVEL) != "restricted" or scope.platform.restricted_additions:
        return None
    message = (
        f"namespace {scope.namespace} enforces the Pod Security level restricted, which forbids the "
        f"container {addition.container} that {addition.product} adds: {addition.security}, then set "
        "platform.restrictedAdditions: true in the chart's values"
    )
    return Failed("PodSecurity", message, retryable=True)


def label_namespace(namespace: str) -> str:
    """How Katib is let into a namespace."""
    return f"run: kubectl label namespace {namespace} {KATIB_LABEL}=enabled"
