"""Core-hours of whole calibrations, from the rates of one core in a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.rows import Row
from benchmarks.scaling.points import Axis, Curves, curves
from benchmarks.table import figure

from jetcal_api.spec import Split

SAMPLES = (14_000_000, 1_000_000_000)
"""Jets of the published sample, and of a trigger farm's."""
EPOCHS = 20
TRIALS, TRIAL_EPOCHS = 30, 10
"""The defaults of ``spec.tuning``, without early stopping."""
BATCH = 1024
PARTS = Split()
_SECONDS_AN_HOUR = 3600


@dataclass(frozen=True)
class Step:
    """A step of a calibration.

    Attributes
    ----------
    name
        For people.
    passes
        How often it takes each jet of the whole sample.
    rate
        Jets a second of one core.
    """

    name: str
    passes: float
    rate: float

    def core_hours(self, jets: int) -> float:
        """For a sample of so many jets."""
        return self.passes * jets / self.rate / _SECONDS_AN_HOUR


def table(rows: Sequence[Row]) -> str:
    """A line a step and network: jets a second and core, and what the samples cost."""
    shown = " | ".join(f"core-hours of {_number(jets)} jets" for jets in SAMPLES)
    lines = [f"| step | jets taken | jets a second and core | {shown} |", "|---|---:|---:|---:|---:|"]
    data = curves(rows, "jets")
    once = [Step("prepare", 1, _largest(data, "prepare, one process"))]
    for network in ("PFN", "ParticleNet"):
        steps = [*once, *_learning(rows, network), *_using(rows, network)]
        lines += [f"| **{network}** | | | | |", *map(_line, steps)]
        hours = " | ".join(f"**{_hours(sum(step.core_hours(jets) for step in steps))}**" for jets in SAMPLES)
        lines.append(f"| in all | | | {hours} |")
    return "\n".join(lines)


def memory(rows: Sequence[Row]) -> str:
    """What the evaluation, which holds all test jets at a time, would need: the line through its two largest sizes."""
    points = curves(rows, "jets")["evaluation"]
    small, large = sorted(points)[-2:]
    slope = (points[large]["memory"] - points[small]["memory"]) / (large - small)
    needed = [points[large]["memory"] + slope * (PARTS.test * jets - large) for jets in SAMPLES]
    shown = " and ".join(f"{max(gigabytes, 0):.0f} GB" for gigabytes in needed)
    return f"Evaluation holds all test jets at a time: {shown} for those of the two samples."


def _learning(rows: Sequence[Row], network: str) -> list[Step]:
    train, validate = (_rate(rows, f"{network} {what}") for what in ("training", "validation"))
    seconds = PARTS.train / train + PARTS.validation / validate
    part = PARTS.train + PARTS.validation
    return [
        Step(f"search, {TRIALS} trials of {TRIAL_EPOCHS} epochs", TRIALS * TRIAL_EPOCHS * part, part / seconds),
        Step(f"training of {EPOCHS} epochs", EPOCHS * part, part / seconds),
    ]


def _using(rows: Sequence[Row], network: str) -> list[Step]:
    infer = _rate(rows, f"{network} inference")
    return [
        Step("test jets corrected", PARTS.test, infer),
        Step("test jets evaluated", PARTS.test, _largest(curves(rows, "jets"), "evaluation")),
        Step("all jets corrected", 1, infer),
    ]


def _line(step: Step) -> str:
    hours = " | ".join(_hours(step.core_hours(jets)) for jets in SAMPLES)
    return f"| {step.name} | {step.passes:g} x | {figure(step.rate)} | {hours} |"


def _rate(rows: Sequence[Row], curve: str) -> float:
    axis: Axis = "jets a batch"
    return curves(rows, axis)[curve][BATCH]["rate"]


def _largest(found: Curves, curve: str) -> float:
    """Jets a second at the largest size."""
    jets, figures = max(found[curve].items())
    return jets / figures["time"]


def _hours(hours: float) -> str:
    return _number(round(hours)) if hours >= 100 else f"{hours:.2g}"  # noqa: PLR2004  # two digits say enough


def _number(jets: int) -> str:
    return f"{jets:,}".replace(",", " ")
