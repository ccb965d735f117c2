"""Test jets and models in, the evaluation's sample out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import OUTPUTS, Jets
from jetcal.errors import JetcalError
from jetcal.evaluation.response import RAW, STANDARD, Sample
from jetcal.evaluation.statistics.intervals import predicts_interval

COLUMNS = ("raw_pt", "standard_pt", "gen_pt", "eta", "flavour", "rho", "n_vertices")


class Model(Protocol):
    """Anything that corrects jets."""

    def predict(self, jets: Jets, /) -> NDArray[np.float32]:
        """Median, 16 % and 84 % quantile of pT_gen / pT_raw, shape (N, 3).

        An ensemble adds a fourth column, the standard deviation of ln(pT_gen / pT_raw) over its members.
        """
        ...


@dataclass(frozen=True)
class Scored:
    """The test jets with the corrections of all models.

    Attributes
    ----------
    sample
        The jets for which every model gave a usable correction.
    invalid
        Name of a model -> jets for which its correction was not finite and positive.
    """

    sample: Sample
    invalid: dict[str, int]


def score(parts: Iterable[Jets], models: Mapping[str, Model], events: NDArray[np.int64] | None = None) -> Scored:
    """Correct the jets part by part and keep what the evaluation needs: memory stays at a few numbers a jet.

    Parameters
    ----------
    parts
        Test jets with the columns of generator truth and standard correction.
    models
        Name of a correction -> the model that gives it; raw and standard pT come before them.

    events
        Number of each jet's event over all parts, shape (N,).

    Raises
    ------
    JetcalError
        If a part lacks a column, or holds a pT that is not finite and positive.
    """
    columns: dict[str, list[NDArray[np.float32]]] = {name: [np.empty(0, np.float32)] for name in COLUMNS}
    factors: dict[str, list[NDArray[np.float32]]] = {name: [] for name in models}
    for part in parts:
        _check(part)
        for name in COLUMNS:
            columns[name].append(part.jet[name])
        for name, model in models.items():
            factors[name].append(model.predict(part))
    jet = {name: np.concatenate(pieces) for name, pieces in columns.items()}
    factor = {name: _joined(pieces) for name, pieces in factors.items()}

    valid = {name: np.isfinite(values).all(axis=1) & (values[:, 0] > 0) for name, values in factor.items()}
    sample = Sample(
        gen_pt=jet["gen_pt"],
        eta=jet["eta"],
        flavour=jet["flavour"],
        corrected={RAW: jet["raw_pt"], STANDARD: jet["standard_pt"]}
        | {name: values[:, 0] * jet["raw_pt"] for name, values in factor.items()},
        intervals={
            name: (values[:, 1] * jet["raw_pt"], values[:, 2] * jet["raw_pt"])
            for name, values in factor.items()
            if predicts_interval(values[:, 1], values[:, 2])
        },
        events=events,
        rho=jet["rho"],
        n_vertices=jet["n_vertices"],
        spreads={name: values[:, 3] for name, values in factor.items() if values.shape[1] > len(OUTPUTS)},
    )
    usable = np.logical_and.reduce([np.ones(len(sample), dtype=np.bool_), *valid.values()])
    return Scored(sample=sample.restricted(usable), invalid={name: int((~jets).sum()) for name, jets in valid.items()})


def _joined(pieces: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate(pieces) if pieces else np.empty((0, len(OUTPUTS)), np.float32)


def _check(part: Jets) -> None:
    for name in COLUMNS:
        if name not in part.jet:
            message = f"the test jets have no column {name}; the evaluation needs simulated jets with generator truth"
            raise JetcalError(message)
    for name in ("raw_pt", "standard_pt", "gen_pt"):
        bad = int((~(np.isfinite(part.jet[name]) & (part.jet[name] > 0))).sum())
        if bad:
            message = f"{name} of {bad} test jets is not a finite, positive number; prepare the dataset anew"
            raise JetcalError(message)
