"""Control planes and controllers that tests of this folder share."""

from __future__ import annotations

from tests.support.kubeflow.fixtures import katib, kserve, kubeflow_plane, training_operator
from tests.support.playground import playing_plane, warm

__all__ = ["katib", "kserve", "kubeflow_plane", "playing_plane", "training_operator", "warm"]
