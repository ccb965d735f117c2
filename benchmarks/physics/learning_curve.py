"""How the gain in resolution grows with the number of training jets, and where it would end.

``python -m benchmarks.physics.learning_curve --dataset physics/pfn --out physics/learning_curve.json``. Small PFNs are
trained on growing parts of the training jets and judged on the same test jets. Their gains are fitted with G - A N^-B,
the power law of learning curves (Hestness et al., arXiv:1712.00409). G is what the particles of this sample would give
a network of this kind that has seen every jet there is: the sample's own limit, as far as it can be estimated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from benchmarks.ablation import ALONE, MODEL, RANGES, outcome
from numpy.typing import NDArray

from jetcal.evaluation.comparison.datasets import find_dataset
from jetcal.training.shares import Share
from jetcal.training.weights import learn_weights
from jetcal_api.results import PrepareResult

PARTS = (32, 16, 8, 4, 2, 1)
"""The training jets are divided by these."""
EXPONENTS = np.linspace(0.2, 1.0, 81)
"""B is sought here: published curves lie inside, and beyond it the last points would say nothing about the limit."""


@dataclass(frozen=True)
class Limit:
    """G - A N^-B through the gains; ``limit`` is G, ``error`` its scatter when any one of the points is left out."""

    limit: float
    error: float
    exponent: float


def fit(jets: NDArray[np.float64], gains: NDArray[np.float64]) -> Limit:
    """Least squares; G and A are linear for each B.

    Parameters
    ----------
    jets, gains
        Shape (N,), N >= 5.
    """
    limit, exponent = _fit(jets, gains)
    without = [_fit(np.delete(jets, i), np.delete(gains, i))[0] for i in range(len(jets))]
    count = len(jets)
    jackknife = float(np.sqrt((count - 1) / count * np.sum((np.array(without) - np.mean(without)) ** 2)))
    return Limit(limit, jackknife, exponent)


def _fit(jets: NDArray[np.float64], gains: NDArray[np.float64]) -> tuple[float, float]:
    best = (np.inf, 0.0, 0.0)
    for exponent in EXPONENTS:
        terms = np.stack([np.ones_like(jets), -(jets**-exponent)], axis=1)
        solution, *_ = np.linalg.lstsq(terms, gains, rcond=None)
        residual = float(np.sum((terms @ solution - gains) ** 2))
        best = min(best, (residual, float(solution[0]), float(exponent)))
    return best[1], best[2]


@click.command()
@click.option("--dataset", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option("--epochs", default=12, show_default=True, help="Passes over all training jets; more over fewer jets.")
@click.option("--seeds", default=2, show_default=True, type=click.IntRange(1), help="Trainings averaged at each point.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
def main(dataset: Path, epochs: int, seeds: int, out: Path) -> None:
    """Train on growing parts of the training jets and extrapolate the gain."""
    torch.set_num_threads(1)
    result = find_dataset(str(dataset))
    counts, gains = [], []
    for parts in PARTS:
        train = Share.open(result, "train", 0, parts)
        weights = learn_weights(train, MODEL.jet_weights, ALONE)
        shares = [share.weighted(weights) for share in (train, *_judges(result))]
        passes = round(epochs * parts**0.5)
        found = np.mean([outcome(shares, (), seed, passes).gains for seed in range(1, seeds + 1)], axis=0)
        counts.append(len(train))
        gains.append(found)
        click.echo(f"{len(train):8d} jets  " + "  ".join(f"{100 * gain:5.2f} %" for gain in found))
    limits = [fit(np.array(counts, float), np.array(gains)[:, column]) for column in range(len(RANGES))]
    for (low, high), limit in zip(RANGES, limits, strict=True):
        click.echo(
            f"{low}-{high:g} GeV: limit {100 * limit.limit:.1f} ± {100 * limit.error:.1f} %, B {limit.exponent:.2f}"
        )
    document = {
        "jets": counts,
        "ranges": [[low, high if np.isfinite(high) else None] for low, high in RANGES],
        "gains": np.array(gains).tolist(),
        "limits": [{"limit": each.limit, "error": each.error, "exponent": each.exponent} for each in limits],
    }
    out.write_text(json.dumps(document, indent=1) + "\n")


def _judges(result: PrepareResult) -> tuple[Share, Share]:
    return Share.open(result, "validation", 0, 1), Share.open(result, "test", 0, 1)


if __name__ == "__main__":
    main()
