"""A record's points as pictures: double logarithmic, with a dashed line for what would be linear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from benchmarks.rows import Row
from benchmarks.scaling.points import Axis, curves
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Line = Mapping[int, float]
"""Size -> value."""
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "jetcal",
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.marker": "o",
    "lines.markersize": 4,
}
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Told apart by the colour-blind, too (Okabe and Ito)."""


def draw(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Write the pictures; the same rows give the same bytes.

    Parameters
    ----------
    rows
        Of a whole record.
    folder
        Gets ``scaling-data.svg``: time and memory against jets, time of a plan against trials; and
        ``scaling-networks.svg``: time of a jet against batch, constituents and parameters.
    """
    with mpl.rc_context(_STYLE):
        return [_data(rows, folder / "scaling-data.svg"), _networks(rows, folder / "scaling-networks.svg")]


def _data(rows: Sequence[Row], path: Path) -> Path:
    time, memory, plans = _panels(figure := _figure())
    jets = curves(rows, "jets")
    _lines(time, {curve: {size: each["time"] for size, each in points.items()} for curve, points in jets.items()})
    _lines(memory, {curve: {size: each["memory"] for size, each in points.items()} for curve, points in jets.items()})
    trials = curves(rows, "trials")
    milliseconds = {
        curve: {size: 1e3 * each["time"] for size, each in points.items()} for curve, points in trials.items()
    }
    _lines(plans, milliseconds)
    for axes, x, y in (
        (time, "jets", "time (s)"),
        (memory, "jets", "memory of the largest process (GB)"),
        (plans, "trials of the search", "time of one plan (ms)"),
    ):
        axes.set(xlabel=x, ylabel=y)
    _linear(time, jets.get("prepare, one process", {}), "time")
    _linear(plans, trials.get("plan", {}), "time", scale=1e3)
    return _save(figure, path)


def _networks(rows: Sequence[Row], path: Path) -> Path:
    panels = _panels(figure := _figure())
    shown: tuple[tuple[Axis, str], ...] = (
        ("jets a batch", "jets in a batch"),
        ("constituents a jet", "mean constituents of a jet"),
        ("parameters", "parameters of the network"),
    )
    for axes, (axis, label) in zip(panels, shown, strict=True):
        lines = {
            curve: {size: 1e6 / each["rate"] for size, each in points.items()}
            for curve, points in curves(rows, axis).items()
            if len(points) > 1
        }
        _lines(axes, lines)
        axes.set(xlabel=label, ylabel="time of a jet (µs)")
        for line in lines.values() if axis != "jets a batch" else ():
            _dashed(axes, line)
    return _save(figure, path)


def _figure() -> Figure:
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _panels(figure: Figure) -> tuple[Axes, Axes, Axes]:
    first, second, third = (figure.add_subplot(1, 3, number) for number in (1, 2, 3))
    for axes in (first, second, third):
        axes.set(xscale="log", yscale="log")
    return first, second, third


def _lines(axes: Axes, lines: Mapping[str, Line]) -> None:
    for number, (curve, line) in enumerate(lines.items()):
        axes.plot(list(line), list(line.values()), color=_COLOURS[number % len(_COLOURS)], label=curve)
    axes.legend(frameon=False, fontsize=8)


def _linear(axes: Axes, points: Mapping[int, Mapping[str, float]], what: str, scale: float = 1) -> None:
    _dashed(axes, {size: scale * each[what] for size, each in points.items()})


def _dashed(axes: Axes, line: Line) -> None:
    """What the smallest size would grow to, were it linear; it ends where the others do."""
    if not line:
        return
    (first, value), last = min(line.items()), max(line)
    axes.plot([first, last], [value, value * last / first], color="grey", linestyle="--", linewidth=0.8, marker="")


def _save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    return path
