"""Jets of Arrow files dealt out in shuffled batches, as a training gets them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jetcal.data import shards
from jetcal.training.shares import Share
from jetcal_api.results import PrepareResult

BATCH = 1024
_ROWS = 32_768


def deal_out(dataset: PrepareResult, jets: int) -> Callable[[], object]:
    """An epoch of so many jets: those of the dataset again and again, so that their files are mapped once."""
    files = shards.open_part(dataset, "train")
    share = Share(files * (jets // sum(map(len, files)) + 1), 0, jets)

    def timed() -> None:
        for _ in share.ragged_batches(max(jets // BATCH, 1), _ROWS, np.random.default_rng(1)):
            pass

    return timed
