"""Each process's share of the jets, read in windows that fit in memory, dealt out in random batches.

A share is a range of the part's jets in their order on disk, so that a process opens its own files only. An epoch reads
the share in windows made of blocks from all over it, and shuffles within each window; a share of one window, which is
kept in memory, is shuffled as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from jetcal.data import shards
from jetcal.data.jets import Jets, take
from jetcal.training.windows import WEIGHT, Block, Chunk, Column, Ragged, Window
from jetcal_api.results import PrepareResult

__all__ = ["BLOCK", "WINDOW", "Chunk", "Ragged", "Share", "split_evenly"]

BLOCK = 4096
"""Neighbouring jets that are read together."""
WINDOW = 262_144
"""Jets in memory at a time: about 200 MB."""

_Drawn = tuple[Window, NDArray[np.int64]]


def split_evenly(total: int, rank: int, count: int) -> tuple[int, int]:
    """Start and stop of share ``rank`` of ``count`` nearly equal ones."""
    return rank * total // count, (rank + 1) * total // count


class Share:
    """The jets ``start:stop`` of a part, each of weight 1 unless ``weighted`` gives them others.

    Parameters
    ----------
    files
        Jets of consecutive files.
    start, stop
        Range of jets, counted from the first of these files.
    """

    def __init__(self, files: list[Jets], start: int, stop: int) -> None:
        self._files: list[Block] = []
        first = 0
        for jets in files:
            low, high = max(start - first, 0), min(stop - first, len(jets))
            if low < high:
                self._files.append((_with_weight(jets), low, high))
            first += len(jets)
        self._blocks = [
            (jets, block, min(block + BLOCK, high))
            for jets, low, high in self._files
            for block in range(low, high, BLOCK)
        ]
        self._kept: Window | None = None

    @classmethod
    def open(cls, dataset: PrepareResult, part: shards.Part, rank: int, count: int) -> Share:
        """Share ``rank`` of ``count`` of a prepared part; only its own files are fetched."""
        files = dataset.shards.get(part, [])
        ends = np.cumsum([file.jets for file in files], dtype=np.int64)
        start, stop = split_evenly(int(ends[-1]) if len(ends) else 0, rank, count)
        wanted = [i for i, end in enumerate(ends) if end > start and end - files[i].jets < stop]
        own_files = [files[i] for i in wanted]
        counts = dataset.jets.model_copy(update={part: sum(file.jets for file in own_files)})
        own = dataset.model_copy(update={"shards": {part: own_files}, "jets": counts})
        skipped = int(ends[wanted[0]]) - files[wanted[0]].jets if wanted else 0
        return cls(shards.open_part(own, part), start - skipped, stop - skipped)

    def __len__(self) -> int:
        return sum(high - low for _, low, high in self._files)

    def weighted(self, weight: Callable[[Mapping[str, Column]], Column]) -> Share:
        """The same jets, each with the weight that its columns are given; worked out once, 4 bytes a jet."""
        weighed = []
        for jets, low, high in self._files:
            column = np.zeros(len(jets), np.float32)
            column[low:high] = weight({name: values[low:high] for name, values in jets.jet.items()})
            weighed.append(replace(jets, jet={**jets.jet, WEIGHT: column}))
        start = self._files[0][1] if self._files else 0
        return Share(weighed, start, start + len(self))

    def columns(self, names: Sequence[str]) -> Iterator[dict[str, Column]]:
        """Columns by their names, file by file."""
        for jets, low, high in self._files:
            yield {name: jets.jet[name][low:high] for name in names}

    def column(self, name: str) -> Column:
        """One column of all jets, in their order; ``weight`` is their weight."""
        columns = [file[name] for file in self.columns([name])]
        return np.concatenate(columns) if columns else np.zeros(0, np.float32)

    def sample(self, count: int, slots: int) -> Iterator[Chunk]:
        """About ``count`` jets, evenly spread over the share: always the same."""
        stride = max(1, len(self) // max(count, 1))
        for jets, low, high in self._files:
            chosen = np.arange(low, high, stride)
            yield from Window.of([(take(jets, chosen), 0, len(chosen))]).chunks(np.arange(len(chosen)), slots)

    def all(self, slots: int) -> Iterator[Chunk]:
        """Every jet once."""
        for block in self._blocks:
            window = Window.of([block])
            yield from window.chunks(np.arange(len(window)), slots)

    def batches(self, steps: int, slots: int, random: np.random.Generator, *, skip: int = 0) -> Iterator[list[Chunk]]:
        """Every jet once, in ``steps`` random batches of nearly equal size.

        Parameters
        ----------
        steps
            Number of batches, at most the number of jets.
        slots
            Padded constituents in a chunk at most, unless one jet alone has more.
        random
            Decides on the order.
        skip
            Batches at the start that are left out.
        """
        for batch in self._drawn(steps, random, skip):
            yield [chunk for window, indices in batch for chunk in window.chunks(indices, slots)]

    def ragged_batches(
        self, steps: int, rows: int, random: np.random.Generator, *, skip: int = 0
    ) -> Iterator[list[Ragged]]:
        """The same batches without padding, in pieces of ``rows`` constituents at most, unless one jet has more."""
        for batch in self._drawn(steps, random, skip):
            yield [piece for window, indices in batch for piece in window.ragged(indices, rows)]

    def _drawn(self, steps: int, random: np.random.Generator, skip: int) -> Iterator[list[_Drawn]]:
        """The jets of each batch; it takes them from two windows where one ends."""
        ends = np.arange(1, steps + 1) * len(self) // steps
        step = done = 0
        batch: list[_Drawn] = []
        for window in self._windows(random):
            order = random.permutation(len(window))
            start = 0
            while start < len(order):
                stop = min(len(order), start + int(ends[step]) - done)
                batch.append((window, order[start:stop]))
                done += stop - start
                start = stop
                if done == ends[step]:
                    if step >= skip:
                        yield batch
                    batch, step = [], step + 1

    def _windows(self, random: np.random.Generator) -> Iterator[Window]:
        order = random.permutation(len(self._blocks))
        blocks = WINDOW // BLOCK
        if len(order) <= blocks:
            self._kept = self._kept or Window.of(self._blocks)
            yield self._kept
            return
        for start in range(0, len(order), blocks):
            yield Window.of([self._blocks[i] for i in sorted(order[start : start + blocks])])


def _with_weight(jets: Jets) -> Jets:
    """The jets with weight 1, unless they have others."""
    ones = np.broadcast_to(np.float32(1), len(jets))
    return replace(jets, jet={WEIGHT: ones, **jets.jet})
