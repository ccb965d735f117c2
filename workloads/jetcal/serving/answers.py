"""What a model says of jets, and what is said of those that it may not be asked about."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import JET_COLUMNS, OUTPUTS, Jets
from jetcal.export.validity import Validity
from jetcal.serving.batches import Ask
from jetcal.serving.signature import SPREAD

VALID = "valid"
"""Whether the model vouches for a jet's correction."""


class Model(Protocol):
    """Anything that answers with factors."""

    @property
    def validity(self) -> Validity | None:
        """Range of the jets that it was trained on; None where nobody knows, and every jet lies in it."""
        ...

    def predict(self, jets: Jets, /) -> NDArray[np.float32]:
        """Median, 16 % and 84 % quantile of pT_gen / pT_raw, shape (N, 3).

        An ensemble adds a fourth column, the standard deviation of ln(pT_gen / pT_raw) over its members.
        """
        ...

    def question(self, jets: Jets, /) -> Ask:
        """What asks for the same; what can be done without the model is done at once, in any thread."""
        ...


def answers(model: Model, jets: Jets, ask: Ask | None = None) -> dict[str, NDArray[Any]]:
    """Corrections of jets, by column.

    Parameters
    ----------
    model
        Gives the factors.
    jets
        N jets.
    ask
        The model's question about them where it is ready already.

    Returns
    -------
    dict
        ``OUTPUTS``, of an ensemble ``SPREAD``, and ``VALID``, each of shape (N,). A jet outside the model's range keeps
        its raw pT: the correction is 1, and interval and spread are NaN, for a network says nothing that can be trusted
        about what it has never seen. All is NaN where a column of the jet is not finite or its raw pT not positive.
        Neither is valid.
    """
    columns = np.stack([jets.jet[name] for name in JET_COLUMNS])
    sensible = np.isfinite(columns).all(axis=0) & (jets.jet["raw_pt"] > 0)
    range_ = model.validity
    valid = sensible & range_.covers(jets) if range_ else sensible
    answer = ask() if ask else model.predict(jets)
    answer[~valid] = np.nan
    answer[sensible & ~valid, 0] = 1
    return {**dict(zip((*OUTPUTS, SPREAD), answer.T, strict=False)), VALID: valid}  # single networks have no spread
