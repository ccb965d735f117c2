"""The course of a training."""

from __future__ import annotations

from jetcal.evaluation.page.plots.style import INK, figure, lay_out
from jetcal.evaluation.page.plots.svg import Plot, to_svg
from jetcal_api.documents import ADDITIONAL_METRICS, OBJECTIVE
from jetcal_api.results import TrainResult

_LOOKS = {
    "train_loss": {"color": "#d9760a", "linestyle": "--", "label": "training jets"},
    OBJECTIVE: {"color": "#2257c4", "linestyle": "-", "label": "validation jets"},
}


def learning(training: TrainResult) -> Plot | None:
    """Loss of each epoch, on training and validation jets; None if its course was not kept."""
    known = [name for name in (OBJECTIVE, *ADDITIONAL_METRICS) if name in _LOOKS]
    curves = {
        name: [float(epoch[name]) for epoch in training.history]
        for name in known
        if training.history and all(name in epoch for epoch in training.history)
    }
    if not curves:
        return None
    key = "learning"
    with figure(figsize=(8, 5.2)) as drawing:
        axes = drawing.subplots()
        for name, values in curves.items():
            axes.plot(range(1, len(values) + 1), values, marker="o", markersize=4, **_LOOKS[name])  # type: ignore[arg-type]  # one dictionary for all kinds of arguments
        axes.axvline(training.best_epoch, color=INK, linewidth=1.2, linestyle=":")
        later = sorted(value for values in curves.values() for value in values)
        axes.set_ylim(*_limits(later))
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        lay_out(drawing, axes)
        svg = to_svg(drawing, key)
    words = "; ".join(f"{_LOOKS[name]['label']} {values[0]:.5g} to {values[-1]:.5g}" for name, values in curves.items())
    return Plot(
        key=key,
        svg=svg,
        title="Course of the training" + (", first member" if training.members else ""),
        caption="Weighted mean loss after each epoch; dotted: the epoch whose network is used.",
        alt=f"Loss against epoch, from the first to the last: {words}; best epoch {training.best_epoch}.",
    )


def _limits(values: list[float]) -> tuple[float, float]:
    """All of the values, but for the first steep fall."""
    low, high = values[0], values[min(len(values) - 1, int(0.95 * len(values)))]
    margin = 0.08 * (high - low) or 0.01 * abs(high) or 0.01
    return low - margin, high + 2 * margin
