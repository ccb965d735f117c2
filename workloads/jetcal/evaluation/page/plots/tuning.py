"""The search for hyperparameters: every trial as a line, and which hyperparameters mattered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape, unescape

import matplotlib as mpl
import numpy as np
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from jetcal.evaluation.page.history import History, Trial
from jetcal.evaluation.page.importance import GROUPS, Importance, numbers
from jetcal.evaluation.page.plots.style import INK, figure
from jetcal.evaluation.page.plots.svg import Plot, to_svg
from jetcal_api.documents import OBJECTIVE

_ROW = 1.12
_LOGARITHMIC = 30
_BEST = "#bd1f01"
_FEW = 6
_APART = 0.05
"""Trials of one value lie beside each other over so much of the axis."""
_HALO = [withStroke(linewidth=4, foreground="white")]


@dataclass(frozen=True)
class _Scale:
    """One axis: where each trial lies on it, from 0 to 1, and its ticks."""

    name: str
    places: NDArray[np.float64]
    ticks: tuple[tuple[float, str], ...]


def parallel(history: History) -> Plot:
    """Parallel coordinates of the trials, one row to a hyperparameter; the objective is the last row.

    Each trial's line tells its name and numbers, in a ``title`` and to the page's script.
    """
    trials = history.trials
    scales = [_scale(name, [trial.hyperparameters.get(name, "") for trial in trials]) for name in history.searched]
    scales.append(_scale(OBJECTIVE, [f"{trial.objective:.6g}" for trial in trials]))
    colours = mpl.colormaps["cividis"]
    key = "trials"
    with figure(figsize=(8, _ROW * len(scales) + 0.55)) as drawing:
        axes = drawing.subplots()
        rows = np.arange(len(scales))
        for row, scale in enumerate(scales):
            axes.axhline(row, color="#9aa3b8", linewidth=1.2, zorder=1)
            axes.text(
                -0.03,
                row - 0.34,
                scale.name.replace("_", " "),
                ha="left",
                va="center",
                fontsize=18,
                path_effects=_HALO,
                zorder=4,
            )
            for place, text in scale.ticks:
                axes.plot([place, place], [row - 0.06, row + 0.06], color="#9aa3b8", linewidth=1.2, zorder=1)
                axes.text(place, row + 0.12, text, ha=_side(place), va="top", fontsize=15, path_effects=_HALO, zorder=4)
        for rank in reversed(range(len(trials))):
            x = [scale.places[rank] for scale in scales]
            best = rank == 0
            colour = _BEST if best else colours(rank / max(len(trials) - 1, 1))
            gid = f"trial:{trials[rank].name}"
            axes.plot(
                x, rows, color=colour, linewidth=3.2 if best else 1.6, marker="o", markersize=5, gid=gid, zorder=2
            )
            # Nothing to see, but wide enough to be hit by a finger.
            axes.plot(x, rows, color=colour, linewidth=14, alpha=0, gid=gid, zorder=3)
        axes.set_xlim(-0.05, 1.05)
        axes.set_ylim(len(scales) - 0.45, -0.6)
        axes.set_axis_off()
        drawing.subplots_adjust(left=0.02, right=0.98, top=0.99, bottom=0.01)
        svg = to_svg(drawing, key)
    first, worst = trials[0], trials[-1]
    return Plot(
        key=key,
        svg=_telling(svg, trials),
        title=f"{len(trials)} trials",
        caption=(
            "One line to a trial, from the hyperparameters down to the objective (smaller is better). Red: the best; "
            "the others from dark (good) to light (bad). Point at or tap a line to read its values."
        ),
        alt=(
            f"{len(trials)} trials with {OBJECTIVE.replace('_', ' ')} from {first.objective:.5g} ({told(first)}) "
            f"to {worst.objective:.5g}."
        ),
        tells=True,
    )


def importances(found: Sequence[Importance]) -> Plot:
    """Share of the objective's variance that each hyperparameter explains alone."""
    key = "importance"
    rows = np.arange(len(found))
    with figure(figsize=(8, 1.3 + 0.62 * len(found))) as drawing:
        axes = drawing.subplots()
        axes.barh(rows, [max(each.share, 0) for each in found], height=0.55, color="#7f9bd6", zorder=1)
        axes.errorbar(
            [each.share for each in found],
            rows,
            xerr=[each.error for each in found],
            fmt="o",
            color="#1b2333",
            markersize=6,
            zorder=2,
        )
        axes.axvline(0, color=INK, linewidth=1)
        axes.set_yticks(rows, [each.name for each in found])
        axes.tick_params(axis="y", which="both", left=False, right=False)
        axes.set_ylim(len(found) - 0.5, -0.5)
        lowest = min([0.0, *(each.share - each.error for each in found)])
        axes.set_xlim(max(lowest, -0.5) - 0.03, min(max([0.5, *(e.share + e.error for e in found)]), 1.1) + 0.03)
        axes.set_xlabel("explained share of variance")
        drawing.subplots_adjust(left=0.29, right=0.975, top=0.97, bottom=0.95 / drawing.get_figheight())
        svg = to_svg(drawing, key)
    words = ", ".join(f"{each.name} {each.share:.2f} ± {each.error:.2f}" for each in found)
    return Plot(
        key=key,
        svg=svg,
        title="Importance of the hyperparameters",
        caption=(
            "Share of the variance of the objective's ranks that each hyperparameter explains alone, corrected for "
            f"chance (epsilon², at most {GROUPS} groups of values); bars: jackknife error over the trials. Values "
            "about 0 or below: no influence seen. Interactions are not seen."
        ),
        alt=f"Share of the objective's variance explained by each hyperparameter: {words}.",
    )


def told(trial: Trial) -> str:
    """A trial in words."""
    values = ", ".join(f"{name} {_short(value)}" for name, value in trial.hyperparameters.items())
    return f"{trial.name}: {OBJECTIVE.replace('_', ' ')} {trial.objective:.5f}; {values}; {trial.parameters} weights"


def _telling(svg: str, trials: Sequence[Trial]) -> str:
    """The drawing with a ``title`` in each trial's group, which browsers show without any script."""
    words = {trial.name: escape(told(trial)) for trial in trials}
    return re.sub(
        r'<g data-trial="([^"]*)">',
        lambda found: f"{found[0]}<title>{words.get(unescape(found[1]), '')}</title>",
        svg,
    )


def _scale(name: str, values: Sequence[str]) -> _Scale:
    """Few or non-numerical values lie evenly; numbers over a large factor logarithmically."""
    measured = numbers(values)
    if measured is None or len(set(values)) <= min(_FEW, len(values) - 1):
        distinct = sorted(
            set(values), key=lambda value: (measured is None, float(value) if measured is not None else 0, value)
        )
        place = {value: order / max(len(distinct) - 1, 1) for order, value in enumerate(distinct)}
        return _Scale(
            name,
            np.array([place[value] for value in values]) + _APART * (np.arange(len(values)) / len(values) - 0.5),
            tuple((where, _short(value)) for value, where in place.items()),
        )
    low, high = float(measured.min()), float(measured.max())
    if low > 0 and high / low > _LOGARITHMIC:
        places = np.log(measured / low) / np.log(high / low)
        middle = float(np.sqrt(low * high))
    else:
        places = (measured - low) / (high - low)
        middle = (low + high) / 2
    return _Scale(name, places, ((0, f"{low:.3g}"), (0.5, f"{middle:.3g}"), (1, f"{high:.3g}")))


def _short(value: str) -> str:
    try:
        return f"{float(value):.4g}"
    except ValueError:
        return value


def _side(place: float) -> str:
    return "left" if place == 0 else "right" if place == 1 else "center"
