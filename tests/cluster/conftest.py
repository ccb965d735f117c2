"""Control planes and controllers that tests of this folder share."""

from __future__ import annotations

from tests.support.kubeflow.fixtures import katib, kserve, kubeflow_plane, training_operator
from tests.support.playground import playing_plane, warm
from tests.support.releases import chart_plane, release, system

__all__ = [
    "chart_plane",
    "katib",
    "kserve",
    "kubeflow_plane",
    "playing_plane",
    "release",
    "system",
    "training_operator",
    "warm",
]
