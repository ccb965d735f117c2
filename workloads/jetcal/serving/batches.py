"""Jets in batches of like multiplicity: little padding, bounded memory, answers in the order of the question."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import OUTPUTS, Jets
from jetcal.data.padding import Padder

Infer = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
"""Answers one padded batch: constituents (N, P, 6) and jet (N, 6) in, factors (N, 3) out, of an ensemble (N, 4)."""

Ask = Callable[[], NDArray[np.float32]]
"""Asks about jets that are ready: factors, rows in the order of the jets."""

_Batch = tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]
"""Which jets, their constituents and themselves."""

MAX_PAIRS = 2**17
"""Most pairs of constituents N * P * P in one batch: a graph network works on so many within a core's cache."""


def predict(jets: Jets, infer: Infer, batch_size: int, columns: int = len(OUTPUTS)) -> NDArray[np.float32]:
    """Ask ``infer`` batch by batch.

    Parameters
    ----------
    jets
        Jets in any order.
    infer
        Answers one padded batch.
    batch_size
        Most jets in one batch; jets with many constituents come in smaller ones.
    columns
        Width of the answers.

    Returns
    -------
    float32 of shape (N, columns)
        What ``infer`` answers, rows in the order of ``jets``.
    """
    return _answered(_padded(jets, batch_size), infer, (len(jets), columns))


def question(jets: Jets, infer: Infer, batch_size: int, columns: int = len(OUTPUTS)) -> Ask:
    """What ``predict`` does in two steps: all batches are padded at once, and asked about when the result is called."""
    return partial(_answered, list(_padded(jets, batch_size)), infer, (len(jets), columns))


def _padded(jets: Jets, batch_size: int) -> Iterator[_Batch]:
    padder = Padder(jets)
    return ((rows, *padder(rows)) for rows in split(jets, batch_size))


def _answered(batches: Iterable[_Batch], infer: Infer, shape: tuple[int, int]) -> NDArray[np.float32]:
    said = [(rows, infer(constituents, jet)) for rows, constituents, jet in batches]
    answer = np.empty(shape, np.float32)
    for rows, factors in said:
        answer[rows] = factors
    return answer


def split(jets: Jets, batch_size: int, max_pairs: int = MAX_PAIRS) -> Iterator[NDArray[np.intp]]:
    """The jets of each batch, of rising multiplicity and within both limits (a single jet may exceed them)."""
    lengths = np.diff(jets.offsets)
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = lengths[order[start : start + batch_size]]
        pairs = np.arange(1, len(longest) + 1) * longest**2
        stop = start + max(int(np.searchsorted(pairs, max_pairs, side="right")), 1)
        yield order[start:stop]
        start = stop
