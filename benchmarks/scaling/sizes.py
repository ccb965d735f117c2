"""The figures of a record's points as Markdown: a table for each axis, a line for each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from benchmarks.rows import Row
from benchmarks.scaling.points import Axis, Figures, curves
from benchmarks.table import figure


def tables(rows: Sequence[Row]) -> str:
    """One table below the other."""
    return "\n\n".join(_table(rows, axis) for axis in get_args(Axis) if curves(rows, axis))


def _table(rows: Sequence[Row], axis: Axis) -> str:
    found = curves(rows, axis)
    sizes = sorted({size for points in found.values() for size in points})
    lines = [
        f"| {axis} | {' | '.join(map(_size, sizes))} |",
        f"|---|{'---:|' * len(sizes)}",
    ]
    for curve, points in found.items():
        lines.append(f"| {curve} | {' | '.join(_cell(points.get(size, {})) for size in sizes)} |")
    return "\n".join(lines)


def _size(size: int) -> str:
    return str(size) if size < 10_000 else figure(size)  # noqa: PLR2004  # batches are powers of two


def _cell(figures: Figures) -> str:
    shown = []
    if "time" in figures:
        shown.append(_duration(figures["time"]))
    if "rate" in figures:
        shown.append(f"{figure(figures['rate'])}/s")
    if "memory" in figures:
        shown.append(f"{figures['memory']:.2f} GB")
    return ", ".join(shown)


def _duration(seconds: float) -> str:
    return f"{figure(seconds)} s" if seconds >= 1 else f"{figure(1e3 * seconds)} ms"
