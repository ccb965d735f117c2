"""Corrections by an exported network in one thread of ONNX Runtime, from jets in memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jetcal.data.jets import Jets
from jetcal.serving.inference import OnnxModel


def infer(model: Path, jets: Jets, batch: int) -> Callable[[], object]:
    """The jets in batches of at most ``batch``, after one time that does not count."""
    network = OnnxModel(model, threads=1)
    network.predict(jets, batch)
    return lambda: network.predict(jets, batch)
