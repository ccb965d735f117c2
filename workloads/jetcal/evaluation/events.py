"""Which jets belong to the same event."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jetcal.data.shards import Events


def event_numbers(files: Sequence[Events]) -> NDArray[np.int64]:
    """One number for each distinct (run, lumi, event), shape (N,) over the jets of all files."""
    if not files:
        return np.empty(0, np.int64)
    columns = [
        np.unique(np.concatenate([getattr(each, name) for each in files]), return_inverse=True)[1]
        for name in ("run", "lumi", "event")
    ]
    return np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
