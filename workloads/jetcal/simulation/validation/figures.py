"""The drawings of the validation report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from jetcal.evaluation.page.plots.style import figure, lay_out, level, pt_axis
from jetcal.evaluation.page.plots.svg import Plot, to_svg
from jetcal.simulation.flat import Floats
from jetcal.simulation.validation import measures, published
from jetcal.simulation.validation.measures import ETA_EDGES, ETA_PT_BINS, PT_EDGES, Curve, curve
from jetcal.simulation.validation.sample import KINDS, Jets

COLOURS = ("#3f5fd3", "#e0791b", "#2f9e5b", "#b8322a", "#7a4fb5")
MARKERS = "osD^v"
GENERATOR_PT = "generator pT [GeV]"


@dataclass(frozen=True)
class Words:
    """What stands at a drawing: its key, title, name of the vertical axis, and caption."""

    key: str
    title: str
    label: str
    caption: str


def figures(jets: Jets) -> list[Plot]:
    """All drawings, in the order in which they are shown."""
    of_event = jets.first
    known = "No published number that this could be held against."
    own = "The standard correction was derived from this simulation, so one is what it should be."
    return [
        _constituents(jets),
        _shares(jets),
        _resolution(jets),
        _by_eta(
            jets,
            measures.resolution,
            Words("resolution-eta", "Resolution against |eta|", "IQR / 1.349 / median", known),
        ),
        _response(jets),
        _by_eta(jets, measures.median, Words("response-eta", "Median response against |eta|", "median response", own)),
        _flavour_response(jets),
        _flavour_shares(jets),
        _histogram(jets.rho[of_event], Words("rho", "Density of events", "rho [GeV]", known)),
        _histogram(
            jets.vertices[of_event] / jets.interactions[of_event],
            Words("vertices", "Vertices for each interaction", "vertices / interactions", "In CMS about 0.7 (line)."),
            published.VERTICES_PER_INTERACTION,
        ),
        _histogram(
            jets.area,
            Words("area", "Jet area", "area", "A lone jet has pi R^2 = 0.503 (line), neighbours take from it."),
            published.AREA,
        ),
    ]


@contextmanager
def _axes(made: list[str], key: str) -> Iterator[Axes]:
    with figure() as drawing:
        axes = drawing.subplots()
        yield axes
        lay_out(drawing, axes)
        made.append(to_svg(drawing, key))


def _draw(axes: Axes, number: int, drawn: Curve, label: str) -> None:
    axes.errorbar(
        drawn.x,
        [point.value for point in drawn.points],
        yerr=[point.error for point in drawn.points],
        color=COLOURS[number % len(COLOURS)],
        marker=MARKERS[number % len(MARKERS)],
        linewidth=1,
        label=label,
    )


def _against_pt(words: Words, curves: Mapping[str, Curve], decorate: Callable[[Axes], Any] = lambda _: None) -> Plot:
    made: list[str] = []
    with _axes(made, words.key) as axes:
        for number, (name, drawn) in enumerate(curves.items()):
            _draw(axes, number, drawn, name)
        decorate(axes)
        pt_axis(axes, GENERATOR_PT, PT_EDGES[0], PT_EDGES[-1])
        axes.set_ylabel(words.label)
    return Plot(words.key, made[0], words.title, words.caption, _alt(words.title, curves))


def _alt(title: str, curves: Mapping[str, Curve]) -> str:
    ranges = (
        f"{name} from {drawn.points[0].value:.3g} at {drawn.x[0]:.3g} "
        f"to {drawn.points[-1].value:.3g} at {drawn.x[-1]:.3g}"
        for name, drawn in curves.items()
        if drawn.points
    )
    return f"{title}: {'; '.join(ranges)}"


def _constituents(jets: Jets) -> Plot:
    everyone = np.ones(len(jets), dtype=bool)
    groups = {"all": everyone, "u, d": np.isin(jets.flavour, (1, 2)), "g": jets.flavour == 21}  # noqa: PLR2004  # gluon
    curves = {
        name: curve(jets.constituents, jets.generated, PT_EDGES, measures.mean, group) for name, group in groups.items()
    }
    caption = (
        f"The mean of all jets above 30 GeV in record 12100 is about {published.CONSTITUENTS:g}; by pT none is known."
    )
    return _against_pt(Words("constituents", "Constituents", "mean number of constituents", caption), curves)


def _shares(jets: Jets) -> Plot:
    everyone = np.ones(len(jets), dtype=bool)
    curves = {
        name: curve(getattr(jets, name.replace(" ", "_")), jets.generated, PT_EDGES, measures.mean, everyone)
        for name in KINDS
    }

    def typical(axes: Axes) -> None:
        for number, share in enumerate(published.SHARES.values()):
            axes.axhline(share, color=COLOURS[number], linestyle="--", linewidth=1.5)

    caption = "Dashed: a typical jet of CMS, 65 %, 25 % and 10 %."
    return _against_pt(Words("shares", "Energy shares", "mean share of pT", caption), curves, typical)


def _resolution(jets: Jets) -> Plot:
    everyone = np.ones(len(jets), dtype=bool)
    curves = {
        "|eta| < 2.5": curve(jets.response, jets.generated, PT_EDGES, measures.resolution, everyone),
        "|eta| < 1.3": curve(jets.response, jets.generated, PT_EDGES, measures.resolution, np.abs(jets.eta) < 1.3),  # noqa: PLR2004  # barrel
    }

    def cms(axes: Axes) -> None:
        for numbers, label, marker in (
            (published.RESOLUTION, "CMS, |eta| < 2.5", "s"),
            (published.RESOLUTION_BARREL, "CMS, |eta| < 1.3", "D"),
        ):
            axes.plot(
                list(numbers),
                [width / 1.349 for width in numbers.values()],
                color="black",
                marker=marker,
                markersize=8,
                linestyle="none",
                fillstyle="none",
                label=label,
            )

    caption = "After the standard correction."
    return _against_pt(Words("resolution", "Resolution", "IQR / 1.349 / median", caption), curves, cms)


def _response(jets: Jets) -> Plot:
    everyone = np.ones(len(jets), dtype=bool)
    matched = np.maximum(jets.generated, 1e-6)
    curves = {
        "raw": curve(jets.raw / matched, jets.generated, PT_EDGES, measures.median, everyone),
        "standard correction": curve(jets.response, jets.generated, PT_EDGES, measures.median, everyone),
    }
    caption = "The standard correction was derived from this simulation, so one (band: 1 %) is what it should be."
    return _against_pt(
        Words("response", "Median response", "median response", caption), curves, lambda axes: level(axes, 1.0, 0.01)
    )


def _flavour_response(jets: Jets) -> Plot:
    curves = {
        name: curve(jets.response, jets.generated, PT_EDGES, measures.median, np.isin(jets.flavour, codes))
        for name, codes in measures.FLAVOURS.items()
    }

    def cms(axes: Axes) -> None:
        level(axes, 1.0, 0.01)
        for number, value in enumerate(published.FLAVOUR.values()):
            axes.axhline(value, color=COLOURS[number], linestyle="--", linewidth=1.2)

    caption = "Dashed: CMS, all jets above 30 GeV."
    return _against_pt(Words("flavour-response", "Median response by flavour", "median response", caption), curves, cms)


def _flavour_shares(jets: Jets) -> Plot:
    caption = (
        "Of jets with a known flavour. No published numbers for this selection; they follow from QCD and the tune."
    )
    shares = measures.flavour_shares(jets)
    return _against_pt(Words("flavour-shares", "Flavour fractions", "fraction of jets", caption), shares)


def _by_eta(jets: Jets, statistic: measures.Statistic, words: Words) -> Plot:
    curves = {
        f"{low}-{high} GeV": curve(
            jets.response,
            np.abs(jets.eta),
            ETA_EDGES,
            statistic,
            (jets.generated >= low) & (jets.generated < high),
        )
        for low, high in ETA_PT_BINS
    }
    made: list[str] = []
    with _axes(made, words.key) as axes:
        for number, (name, drawn) in enumerate(curves.items()):
            _draw(axes, number, drawn, name)
        axes.set_xlim(ETA_EDGES[0], ETA_EDGES[-1])
        axes.set_xlabel("|eta|")
        axes.set_ylabel(words.label)
    return Plot(words.key, made[0], words.title, words.caption, _alt(words.title, curves))


def _histogram(values: Floats, words: Words, mark: float | None = None) -> Plot:
    low, high = np.quantile(values, (0.001, 0.999))
    edges: Sequence[float] = np.linspace(low, max(high, low + 1e-3), 41).tolist()
    made: list[str] = []
    with _axes(made, words.key) as axes:
        axes.hist(values, edges, histtype="stepfilled", color=COLOURS[0], alpha=0.6)
        if mark is not None:
            axes.axvline(mark, color="black", linestyle="--")
        axes.set_xlabel(words.label)
        axes.set_ylabel("entries")
        axes.ticklabel_format(axis="y", style="plain")
    alt = f"{words.title}: mean {values.mean():.3g}, RMS {values.std():.3g}"
    return Plot(words.key, made[0], f"{words.title}: mean {values.mean():.3g}", words.caption, alt)
