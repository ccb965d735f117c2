"""Corrections for a physicist's own arrays, from an exported or a served model."""

from __future__ import annotations

from typing import Any, Protocol, Self

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import JET_COLUMNS, OUTPUTS, Jets
from jetcal.errors import JetcalError
from jetcal.serving.inference import OnnxModel
from jetcal.serving.location import find_model
from jetcal.serving.records import to_jets
from jetcal.serving.triton import TritonModel


class Model(Protocol):
    """Anything that answers with factors."""

    def predict(self, jets: Jets, /) -> NDArray[np.float32]:
        """Median, 16 % and 84 % quantile of pT_gen / pT_raw, shape (N, 3)."""
        ...


class Corrector:
    """Energy corrections of jets.

    Parameters
    ----------
    model
        Gives the factors; ``Corrector.load`` finds one by its address.

    Examples
    --------
    >>> from jetcal import Corrector
    >>> correct = Corrector.load("/data/jec/export/<fingerprint>")  # doctest: +SKIP
    >>> jets["pt"] = correct(jets).pt  # doctest: +SKIP
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @classmethod
    def load(cls, uri: str, threads: int | None = None) -> Self:
        """The corrector at an address.

        Parameters
        ----------
        uri
            Path or ``s3://`` uri of a model.onnx, of a model repository, of an export's folder or of a calibration's
            storage with one export; or ``http(s)://`` address of a Triton server.
        threads
            Threads of ONNX Runtime; its own choice when left out.

        Raises
        ------
        JetcalError
            If there is no such model.
        """
        if uri.startswith(("http://", "https://")):
            return cls(TritonModel(uri))
        return cls(OnnxModel(find_model(uri), threads))

    def __call__(self, jets: ak.Array | Jets) -> ak.Array:
        """Correct jets.

        Parameters
        ----------
        jets
            One record a jet, or a list of them an event, with the fields ``jetcal.data.jets.JET_COLUMNS`` and a list
            ``constituents`` of records with ``CONSTITUENT_COLUMNS``; or ``Jets``.

        Returns
        -------
        ak.Array
            In the structure and order of ``jets``: ``correction``, ``correction_down`` and ``correction_up``, the
            median, 16 % and 84 % quantile of pT_gen / pT_raw, and ``pt``, the corrected pT in GeV. NaN for a jet with
            a column that is not finite, or a raw pT that is not positive.

        Raises
        ------
        JetcalError
            If a field is missing.
        """
        if isinstance(jets, Jets):
            return _records(jets, factors(self.model, jets))
        counts = _jets_per_event(jets)
        columns = to_jets(jets if counts is None else ak.flatten(jets))
        corrected = _records(columns, factors(self.model, columns))
        return corrected if counts is None else ak.unflatten(corrected, counts)


def factors(model: Model, jets: Jets) -> NDArray[np.float32]:
    """What the model answers, of shape (N, 3), with NaN where the question makes no sense.

    That is where a column of the jet is not finite, or its raw pT is not positive.
    """
    columns = np.stack([jets.jet[name] for name in JET_COLUMNS])
    sensible = np.isfinite(columns).all(axis=0) & (jets.jet["raw_pt"] > 0)
    answer = model.predict(jets)
    answer[~sensible] = np.nan
    return answer


def _jets_per_event(jets: ak.Array) -> Any:
    if not isinstance(jets, ak.Array) or "raw_pt" not in jets.fields:
        if isinstance(jets, ak.Array) and not len(jets) and not jets.fields:
            return None
        found = ", ".join(jets.fields) if isinstance(jets, ak.Array) else type(jets).__name__
        message = f"jets: field raw_pt is missing; an awkward array of records is needed, got {found or 'no fields'}"
        raise JetcalError(message)
    return ak.num(jets) if jets["raw_pt"].ndim > 1 else None


def _records(jets: Jets, answer: NDArray[np.float32]) -> ak.Array:
    columns = dict(zip(OUTPUTS, answer.T, strict=True))
    return ak.Array({**columns, "pt": columns["correction"] * jets.jet["raw_pt"]})
