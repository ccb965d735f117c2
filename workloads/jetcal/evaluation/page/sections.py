"""The report's plots in the order in which they are looked at."""

from __future__ import annotations

from dataclasses import dataclass

from jetcal.evaluation.binning import WIDE_PT_RANGES
from jetcal.evaluation.corrections.residual import Residual
from jetcal.evaluation.corrections.uncertainty import Uncertainties
from jetcal.evaluation.measurement import Measurements
from jetcal.evaluation.page import importance
from jetcal.evaluation.page.history import History
from jetcal.evaluation.page.plots import (
    closure,
    distributions,
    flavour,
    intervals,
    profile,
    resolution,
    tails,
    training,
    tuning,
    uncertainty,
)
from jetcal.evaluation.page.plots import residual as residuals
from jetcal.evaluation.page.plots.svg import Plot
from jetcal.evaluation.response import CALIBRATED, NETWORK, RAW, STANDARD


@dataclass(frozen=True)
class Section:
    """Plots under one heading.

    Attributes
    ----------
    anchor, title, text
        Its id, heading and introduction.
    plots
        What is looked at first.
    more
        What the page folds away.
    told
        Whether it stands without plots, for what its text says.
    """

    anchor: str
    title: str
    text: str
    plots: tuple[Plot, ...]
    more: tuple[Plot, ...] = ()
    told: bool = False


def sections(
    measurements: Measurements,
    limit: float | None,
    *,
    residual: Residual | None = None,
    uncertainties: Uncertainties | None = None,
    history: History | None = None,
) -> list[Section]:
    """The sections in the order of the page, those without plots left out.

    Parameters
    ----------
    measurements
        What was found.
    limit
        Largest non-closure that is allowed (no unit), if anything is judged.
    residual
        The correction that follows the network.
    uncertainties
        Of the scale after it.
    history
        What led to the model.
    """
    found = _physics(measurements, limit) if any(each.summaries for each in measurements.cells.values()) else []
    if uncertainties is not None:
        found.append(_uncertainties(uncertainties))
    if residual is not None:
        found.append(_residual(residual))
    if history is not None:
        found.append(_history(history))
    return [section for section in found if section.plots or section.more or section.told]


def _physics(measurements: Measurements, limit: float | None) -> list[Section]:
    names = measurements.corrections
    models = [name for name in names if name not in {RAW, STANDARD}]
    main = NETWORK if NETWORK in names else next(iter(models), STANDARD)
    uds, *others = (flavour.difference(measurements, pair) for pair in flavour.GLUON_PAIRS)
    gains = [
        resolution.gain(measurements, name, order)
        for order, name in enumerate(models)
        if STANDARD in names and name != CALIBRATED
    ]
    return [
        Section(
            "closure",
            "Closure",
            "The scale closes where the median response R = pT / pT(gen) is 1.",
            _drawn(
                *(closure.closure(measurements, eta, limit) for eta in measurements.eta),
                profile.profile(measurements, profile.ETA),
                profile.profile(measurements, profile.RHO),
            ),
            _drawn(
                *(profile.profile(measurements, profile.ETA, pt) for pt in WIDE_PT_RANGES),
                profile.profile(measurements, profile.VERTICES),
            ),
        ),
        Section(
            "resolution",
            "Resolution",
            "Relative width of the response, divided by its median so that a wrong scale cannot pass for a gain.",
            (
                *(resolution.resolution(measurements, eta) for eta in measurements.eta),
                *gains[:1],
                tails.tails(measurements),
            ),
            tuple(gains[1:]),
        ),
        Section(
            "flavour",
            "Flavour",
            "Jets of different flavour have different particles. The standard correction is right only for their "
            "average mixture; what remains is an uncertainty of every measurement.",
            _drawn(flavour.inclusive(measurements), uds),
            _drawn(
                *others,
                *(flavour.by_pt(measurements, name, order) for order, name in enumerate(names) if name != RAW),
            ),
        ),
        _intervals(measurements, main),
        Section(
            "distributions",
            "Distributions of the response",
            "What the medians and widths are taken from.",
            (),
            _drawn(*(distributions.distribution(measurements, pt) for pt in WIDE_PT_RANGES)),
        ),
    ]


def _intervals(measurements: Measurements, main: str) -> Section:
    predicting = list(dict.fromkeys(each.correction for each in measurements.coverages))
    shown = main if main in predicting else next(iter(predicting), None)
    return Section(
        "interval",
        "Predicted interval",
        "The 16 % and the 84 % quantile of the true pT that a network gives for each jet.",
        () if shown is None else (intervals.coverage(measurements, shown), intervals.sides(measurements, shown)),
        ()
        if shown is None
        else _drawn(
            intervals.by_flavour(measurements, shown),
            intervals.compared(measurements) if len(set(predicting) - {CALIBRATED}) > 1 else None,
        ),
    )


def _uncertainties(found: Uncertainties) -> Section:
    etas = dict.fromkeys(each.eta for each in found.bins)
    return Section(
        "uncertainty",
        "Uncertainty of the scale",
        _sentences("How far the true pT may lie from the calibrated one.", *found.notes),
        tuple(uncertainty.uncertainty(found, eta) for eta in etas),
        told=bool(found.notes),
    )


def _residual(found: Residual) -> Section:
    return Section(
        "residual",
        "Residual correction",
        _sentences(
            "What the network leaves over on average, derived from the validation jets and applied to the test jets.",
            *found.notes,
        ),
        (residuals.factors(found),) if any(len(each.points) for each in found.bins) else (),
        residuals.fits(found),
        told=bool(found.notes),
    )


def _history(history: History) -> Section:
    lost = len(history.unfinished)
    text = f"{len(history.trials)} trials have finished" if history.trials else "No search of hyperparameters."
    if history.trials:
        text += f", {lost} failed, collapsed or were stopped early: {', '.join(history.unfinished)}." if lost else "."
        if len(history.trials) < importance.MIN_TRIALS:
            text += f" Importance needs {importance.MIN_TRIALS} finished trials."
    shares = importance.importance(history)
    return Section(
        "training",
        "Tuning and training",
        text,
        _drawn(
            tuning.parallel(history) if history.searched else None,
            tuning.importances(shares) if shares else None,
            training.learning(history.training) if history.training else None,
        ),
        told=True,
    )


def _sentences(*texts: str) -> str:
    return " ".join(f"{text[0].upper()}{text[1:].rstrip('.')}." for text in texts)


def _drawn(*plots: Plot | None) -> tuple[Plot, ...]:
    return tuple(plot for plot in plots if plot is not None)
