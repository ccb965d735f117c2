"""The course of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jetcal.evaluation.page.plots.style import INK, figure, lay_out
from jetcal.evaluation.page.plots.svg import Plot, to_svg
from jetcal_api.documents import ADDITIONAL_METRICS, OBJECTIVE
from jetcal_api.results import TrainResult

_LOOKS = {
    "train_loss": {"color": "#d9760a", "linestyle": "--", "label": "training jets"},
    OBJECTIVE: {"color": "#2257c4", "linestyle": "-", "label": "validation jets"},
}


def learning(training: TrainResult) -> Plot | None:
    """Loss of each epoch, on training and validation jets, of every member; None if the course was not kept."""
    courses = [_curves(member.history) for member in training.members] or [_curves(training.history)]
    curves = courses[0]
    if not curves:
        return None
    key = "learning"
    with figure(figsize=(8, 5.2)) as drawing:
        axes = drawing.subplots()
        for number, course in enumerate(courses):
            for name, values in course.items():
                look = _LOOKS[name] | ({"label": "_"} if number else {})
                axes.plot(range(1, len(values) + 1), values, marker="o", markersize=4, alpha=0.8, **look)  # type: ignore[arg-type]  # one dictionary for all kinds of arguments
        for best in {member.best_epoch for member in training.members} or {training.best_epoch}:
            axes.axvline(best, color=INK, linewidth=1.2, linestyle=":")
        later = sorted(value for course in courses for values in course.values() for value in values)
        axes.set_ylim(*_limits(later))
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        lay_out(drawing, axes)
        svg = to_svg(drawing, key)
    words = "; ".join(f"{_LOOKS[name]['label']} {values[0]:.5g} to {values[-1]:.5g}" for name, values in curves.items())
    return Plot(
        key=key,
        svg=svg,
        title="Course of the training" + (f", {len(courses)} members" if training.members else ""),
        caption="Weighted mean loss after each epoch; dotted: the epoch whose network is used.",
        alt=f"Loss against epoch, from the first to the last: {words}; best epoch {training.best_epoch}.",
    )


def _curves(history: Sequence[Mapping[str, float | str]]) -> dict[str, list[float]]:
    known = [name for name in (OBJECTIVE, *ADDITIONAL_METRICS) if name in _LOOKS]
    return {
        name: [float(epoch[name]) for epoch in history]
        for name in known
        if history and all(name in epoch for epoch in history)
    }


def _limits(values: list[float]) -> tuple[float, float]:
    """All of the values, but for the first steep fall."""
    low, high = values[0], values[min(len(values) - 1, int(0.95 * len(values)))]
    margin = 0.08 * (high - low) or 0.01 * abs(high) or 0.01
    return low - margin, high + 2 * margin
