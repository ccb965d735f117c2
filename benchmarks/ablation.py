"""What each group of features is worth: a small PFN trained without it, several times, beside one that has them all.

``python -m benchmarks.ablation --dataset physics/pfn --out ablation.md``. ``--dataset`` is the storage of a calibration
whose dataset is prepared. A feature is left out by making it zero behind the standardisation, so that every network has
the same size. All trainings of one seed start from the same weights and see the jets in the same order; what a group is
worth is the mean of the differences to the network with all features, with its error from the spread over the seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from jetcal.evaluation.comparison.datasets import find_dataset
from jetcal.evaluation.statistics.summary import central_resolution
from jetcal.models import Network, build
from jetcal.models.features import CONSTITUENT_FEATURES, JET_FEATURES
from jetcal.models.raw import PARTICLES
from jetcal.training.fit import CPU_SLOTS, Course, Fit
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import learn_scales
from jetcal.training.weights import learn_weights
from jetcal_api.spec import ModelSpec

ALONE = Peers(0, 1, torch.device("cpu"))
MODEL = ModelSpec.model_validate(
    {
        "pfn": {"phiLayers": 3, "phiDim": 64, "fcLayers": 3, "fcDim": 64},
        "optimizer": {"learningRate": 2e-3, "batchSize": 256},
    }
)
ALL = "nothing"
GROUPS: dict[str, tuple[str, ...]] = {
    ALL: (),
    "particle types, also their shares": (
        *(f"is_{name}" for name in PARTICLES),
        *(f"{name}_share" for name in PARTICLES),
    ),
    "shares of the particle types": tuple(f"{name}_share" for name in PARTICLES),
    "vertex association": (*(f"from_pv_{quality}" for quality in range(4)), "loose_track_share"),
    "share of loose tracks": ("loose_track_share",),
    "constituent's place in the detector": ("detector_eta",),
    "constituent's distance from the axis": ("deta", "dphi", "dr", "detector_eta"),
    "constituent's mass": ("log_mass",),
    "constituent's pT relative to the jet's": ("log_relative_pt",),
    "pile-up of the event": ("rho", "n_vertices", "pileup_share"),
    "area": ("area", "pileup_share"),
    "jet's mass": ("log_relative_mass",),
    "jet's pT and eta": ("log_raw_pt", "abs_eta"),
    "multiplicity and pT-D": ("log_multiplicity", "pt_dispersion"),
    "width and axes": ("width", "log_major_axis", "log_minor_axis"),
    "everything of the constituents": tuple(feature.name for feature in CONSTITUENT_FEATURES),
    "everything of the jet": tuple(feature.name for feature in JET_FEATURES),
}
"""What is left out; shown by the same name."""

RANGES = ((30, 100), (100, 300), (300, 1000), (30, np.inf))
"""Generator pT in GeV of the jets whose resolution is compared."""


@dataclass(frozen=True)
class Outcome:
    """What one network reached: weighted validation loss, and gain in resolution of the test jets in each range."""

    loss: float
    gains: tuple[float, ...]


def without(network: Network, names: Iterable[str]) -> None:
    """Make the named features zero behind the standardisation, whatever their value."""
    for scale, features in ((network.constituent_scale, CONSTITUENT_FEATURES), (network.jet_scale, JET_FEATURES)):
        gone = torch.tensor([feature.name in names for feature in features])
        scale.spread.masked_fill_(gone, torch.inf)


def outcome(parts: Sequence[Share], left_out: Sequence[str], seed: int, epochs: int) -> Outcome:
    """Train without some features and judge."""
    train, validation, test = parts
    torch.manual_seed(seed)
    network = build(MODEL)
    learn_scales(network, train, ALONE, CPU_SLOTS)
    without(network, left_out)
    fit = Fit(network, MODEL, Course.plan(epochs, len(train), MODEL.optimizer.batch_size, seed, ALONE), ALONE)
    for epoch in range(epochs):
        fit.train(train, epoch, 0, lambda *_: None)
    loss, _ = fit.validate(validation, lambda: None)
    gen_pt, response = responses(network, test)
    standard = test.column("standard_pt") / test.column("gen_pt")
    widths = zip(_widths(gen_pt, response), _widths(test.column("gen_pt"), standard), strict=True)
    return Outcome(loss, tuple(1 - own / other for own, other in widths))


@torch.no_grad()
def responses(network: Network, share: Share) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Generator pT (GeV) and response after correction of all jets, in any order."""
    network.eval()
    pieces = []
    for chunk in share.all(CPU_SLOTS):
        median = network(torch.from_numpy(chunk.constituents), torch.from_numpy(chunk.jet))[:, 0].numpy()
        pieces.append((chunk.jet[:, 0] * np.exp(chunk.target), np.exp(median - chunk.target)))
    gen_pt, response = zip(*pieces, strict=True)
    return np.concatenate(gen_pt), np.concatenate(response)


def _widths(gen_pt: NDArray[np.float32], response: NDArray[np.float32]) -> list[float]:
    """Resolution (q84 - q16) / 2 / q50 in each range."""
    inside = [response[(gen_pt >= low) & (gen_pt < high)] for low, high in RANGES]
    return [float(central_resolution(*np.quantile(jets, (0.16, 0.5, 0.84)))) for jets in inside]


def table(found: dict[str, list[Outcome]]) -> str:
    """Markdown: loss and gains without each group, as differences to the network that has everything."""
    ranges = [f"{low}-{high:g} GeV" if np.isfinite(high) else f"above {low} GeV" for low, high in RANGES]
    lines = [
        "| left out | validation loss | " + " | ".join(f"gain {name} (%)" for name in ranges) + " |",
        "|---" * (len(RANGES) + 2) + "|",
    ]
    reference = _numbers(found[ALL])
    for group, outcomes in found.items():
        own = _numbers(outcomes)
        values = own if group == ALL else own - reference
        mean, error = values.mean(0), values.std(0, ddof=1) / np.sqrt(len(values))
        sign = "" if group == ALL else "+"
        cells = [f"{mean[0]:{sign}.5f} ± {error[0]:.5f}"]
        cells += [f"{value:{sign}.2f} ± {spread:.2f}" for value, spread in zip(mean[1:], error[1:], strict=True)]
        lines.append(f"| {group} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _numbers(outcomes: Sequence[Outcome]) -> NDArray[np.float64]:
    """(seeds, 1 + ranges): loss, and gains in percent."""
    return np.array([(one.loss, *(100 * gain for gain in one.gains)) for one in outcomes])


@click.command()
@click.option("--dataset", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--seeds", default=4, show_default=True, type=click.IntRange(2), help="Trainings of each group.")
@click.option("--epochs", default=10, show_default=True, help="Passes over the training jets.")
@click.option(
    "--only", multiple=True, type=click.Choice(list(GROUPS)), help="Groups to leave out; default all of them."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File for the table.")
def main(dataset: Path, seeds: int, epochs: int, only: tuple[str, ...], out: Path | None) -> None:
    """Print, and write, what each group of features is worth."""
    torch.set_num_threads(1)
    result = find_dataset(str(dataset))
    parts = [Share.open(result, part, 0, 1) for part in ("train", "validation", "test")]
    weights = learn_weights(parts[0], MODEL.jet_weights, ALONE)
    parts = [part.weighted(weights) for part in parts]
    found = {}
    for group in [ALL, *(only or [name for name in GROUPS if name != ALL])]:
        found[group] = [outcome(parts, GROUPS[group], seed, epochs) for seed in range(1, seeds + 1)]
        click.echo(table({ALL: found[ALL], group: found[group]}).splitlines()[-1])
    counts = " / ".join(str(len(part)) for part in parts)
    text = f"{counts} jets for training, validation and test; {seeds} seeds, {epochs} epochs.\n\n{table(found)}"
    click.echo(text)
    if out:
        out.write_text(text)


if __name__ == "__main__":
    main()
