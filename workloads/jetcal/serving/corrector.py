"""Corrections for a physicist's own arrays, from an exported or a served model."""

from __future__ import annotations

from typing import Any, Self

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import Jets
from jetcal.errors import JetcalError
from jetcal.serving.answers import VALID, Model, answers
from jetcal.serving.inference import OnnxModel
from jetcal.serving.location import find_model
from jetcal.serving.records import to_jets
from jetcal.serving.residual import ResidualCorrection
from jetcal.serving.triton import TritonModel, is_address


class Corrector:
    """Energy corrections of jets.

    Parameters
    ----------
    model
        Gives the factors; ``Corrector.load`` finds one by its address.
    residual
        What follows the network, derived for this very model; none when left out.

    Examples
    --------
    >>> from jetcal import Corrector
    >>> correct = Corrector.load("/data/jec/export/<fingerprint>")  # doctest: +SKIP
    >>> jets["pt"] = correct(jets).pt  # doctest: +SKIP
    """

    def __init__(self, model: Model, residual: ResidualCorrection | None = None) -> None:
        self.model = model
        self.residual = residual

    @classmethod
    def load(cls, uri: str, threads: int | None = None, *, residual: str | None = None) -> Self:
        """The corrector at an address.

        Parameters
        ----------
        uri
            Path or ``s3://`` uri of a model.onnx, of a model repository, of an export's folder or of a calibration's
            storage with one export; or address of a Triton server, ``http(s)://`` or ``grpc(s)://``.
        threads
            Threads of ONNX Runtime; its own choice when left out.
        residual
            Path or ``s3://`` uri of the ``corrections.json`` of the model's evaluation, or of its folder.

        Raises
        ------
        JetcalError
            If there is no such model or residual.
        """
        following = None if residual is None else ResidualCorrection.load(residual)
        if is_address(uri):
            return cls(TritonModel(uri), following)
        return cls(OnnxModel(find_model(uri), threads), following)

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
            median, 16 % and 84 % quantile of pT_gen / pT_raw; of an ensemble ``spread``, the standard deviation of
            ln(correction) over its members; ``valid``, whether the jet lies in the range of the training; and ``pt``,
            the corrected pT in GeV. A jet outside that range keeps its raw pT: correction 1, interval and spread NaN.
            All is NaN for a jet with a column that is not finite, or a raw pT that is not positive.
            With a residual also ``residual``, its factor, and ``calibrated_pt``, their product in GeV; where the jet is
            not valid or lies outside the derived |eta|, the factor is 1 and ``valid`` is false.

        Raises
        ------
        JetcalError
            If a field is missing.
        """
        if isinstance(jets, Jets):
            return self._records(jets)
        counts = _jets_per_event(jets)
        columns = to_jets(jets if counts is None else ak.flatten(jets))
        corrected = self._records(columns)
        return corrected if counts is None else ak.unflatten(corrected, counts)

    def _records(self, jets: Jets) -> ak.Array:
        columns = answers(self.model, jets)
        columns["pt"] = columns["correction"] * jets.jet["raw_pt"]
        return ak.Array(columns if self.residual is None else followed(columns, jets.jet["eta"], self.residual))


def followed(
    columns: dict[str, NDArray[Any]], eta: NDArray[np.floating], residual: ResidualCorrection
) -> dict[str, NDArray[Any]]:
    """The network's answers with the residual, see :meth:`Corrector.__call__`; every column of shape (N,)."""
    factor = residual(eta, columns["pt"])
    valid = columns[VALID] & np.isfinite(factor)
    factor = np.where(valid, factor, np.where(np.isfinite(columns["pt"]), 1.0, np.nan)).astype(np.float32)
    return {**columns, VALID: valid, "residual": factor, "calibrated_pt": factor * columns["pt"]}


def _jets_per_event(jets: ak.Array) -> Any:
    if not isinstance(jets, ak.Array) or "raw_pt" not in jets.fields:
        if isinstance(jets, ak.Array) and not len(jets) and not jets.fields:
            return None
        found = ", ".join(jets.fields) if isinstance(jets, ak.Array) else type(jets).__name__
        message = f"jets: field raw_pt is missing; an awkward array of records is needed, got {found or 'no fields'}"
        raise JetcalError(message)
    return ak.num(jets) if jets["raw_pt"].ndim > 1 else None
