"""A record's points as pictures: double logarithmic, with dashed lines for linear growth to the largest size."""

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
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")
"""Told apart by the colour-blind, too (Okabe and Ito)."""
_CURVES = (
    *("prepare, one process", "prepare, two processes", "training input", "evaluation", "plan"),
    *("PFN training", "PFN inference", "ParticleNet training", "ParticleNet inference"),
)
"""In the order of their colours, which begins anew with the second picture."""


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
    trials = curves(rows, "trials")
    _lines(time, {curve: {size: each["time"] for size, each in points.items()} for curve, points in jets.items()})
    _lines(
        memory,
        {curve: {size: each["memory"] for size, each in points.items()} for curve, points in jets.items()},
        dashed=False,
    )
    _lines(
        plans, {curve: {size: 1e3 * each["time"] for size, each in points.items()} for curve, points in trials.items()}
    )
    for axes, x, y in (
        (time, "jets", "time (s)"),
        (memory, "jets", "memory of the largest process (GB)"),
        (plans, "trials of the search", "time of one plan (ms)"),
    ):
        axes.set(xlabel=x, ylabel=y)
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
        _lines(axes, lines, dashed=axis != "jets a batch")
        axes.set(xlabel=label, ylabel="time of a jet (µs)")
    return _save(figure, path)


def _figure() -> Figure:
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _panels(figure: Figure) -> tuple[Axes, Axes, Axes]:
    first, second, third = (figure.add_subplot(1, 3, number) for number in (1, 2, 3))
    for axes in (first, second, third):
        axes.set(xscale="log", yscale="log")
    return first, second, third


def _lines(axes: Axes, lines: Mapping[str, Line], *, dashed: bool = True) -> None:
    for curve, line in lines.items():
        colour = _COLOURS[_CURVES.index(curve) % len(_COLOURS)]
        axes.plot(list(line), list(line.values()), color=colour, label=curve)
        if dashed:
            first, last = min(line), max(line)
            values = [line[last] * first / last, line[last]]
            axes.plot([first, last], values, color=colour, linestyle="--", linewidth=0.8, marker="")


def _save(figure: Figure, path: Path) -> Path:
    handles = {
        curve: handle for axes in figure.axes for handle, curve in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=len(handles), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None}, facecolor="white")
    return path
