"""One size of one step: how its figures become rows of a record, and how they are found there again."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.probe import Cost
from benchmarks.rows import Row

Axis = Literal["jets", "jets a batch", "constituents a jet", "parameters", "trials"]
SCALING = "scaling: "
"""How the names of rows begin."""
_NAME = re.compile(SCALING + r"(?P<curve>.+), (?P<size>\d+) (?P<axis>[a-z ]+): (?P<figure>time|memory|rate)")


@dataclass(frozen=True)
class Point:
    """A step at one size.

    Attributes
    ----------
    curve
        The step: "PFN training".
    size, axis
        How much of what.
    """

    curve: str
    size: int
    axis: Axis

    def row(self, figure: str, unit: str, value: float) -> Row:
        """One figure of the step at this size."""
        return Row(f"{SCALING}{self.curve}, {self.size} {self.axis}: {figure}", unit, value)

    def rows(self, cost: Cost, jets: int | None = None) -> Iterator[Row]:
        """Time and memory; with a number of jets its rate instead of the time."""
        yield self.row("time", "s", cost.seconds) if jets is None else self.row("rate", "jets/s", jets / cost.seconds)
        yield self.row("memory", "GB", cost.gigabytes)


Figures = dict[str, float]
"""Figure -> value: time (s), memory (GB), rate (1/s)."""
Curves = dict[str, dict[int, Figures]]
"""Curve -> size -> figures, sizes rising."""


def curves(rows: Iterable[Row], axis: Axis) -> Curves:
    """What the rows hold of one axis."""
    found: defaultdict[str, defaultdict[int, Figures]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        name = _NAME.fullmatch(row.name)
        if name and name["axis"] == axis:
            found[name["curve"]][int(name["size"])][name["figure"]] = row.ours
    return {curve: dict(sorted(sizes.items())) for curve, sizes in found.items()}
