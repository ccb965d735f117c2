"""An epoch of a training in one thread, from jets in memory to new weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from benchmarks.fitting import fitting

from jetcal.data.jets import Jets
from jetcal.training.fit import Fit
from jetcal.training.memory import keep_freed_memory
from jetcal.training.shares import Share
from jetcal_api.spec import ModelSpec


def train(model: ModelSpec, jets: Jets) -> Callable[[], object]:
    """An epoch of the jets, after one that does not count."""
    fit, share = _fit(model, jets)
    fit.train(share, 0, 0, lambda *_: None)
    return lambda: fit.train(share, 1, 0, lambda *_: None)


def validate(model: ModelSpec, jets: Jets) -> Callable[[], object]:
    """The validation of the jets, after one that does not count."""
    fit, share = _fit(model, jets)
    fit.validate(share, lambda: None)
    return lambda: fit.validate(share, lambda: None)


def _fit(model: ModelSpec, jets: Jets) -> tuple[Fit, Share]:
    torch.set_num_threads(1)
    keep_freed_memory()
    return fitting(model, jets)
