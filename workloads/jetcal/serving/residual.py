"""The residual correction of a calibration, from the ``corrections.json`` that its evaluation delivers."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Self

import correctionlib
import numpy as np
from correctionlib import schemav2
from numpy.typing import NDArray
from pydantic import ValidationError

from jetcal import storage
from jetcal.errors import JetcalError

FILE = "corrections.json"
CORRECTION = "L2Relative"


class ResidualCorrection:
    """Factors on the network's pT.

    Parameters
    ----------
    text
        Content of a ``corrections.json``.
    called
        What messages call it.

    Raises
    ------
    JetcalError
        If it is no set of corrections with ``L2Relative`` in bins of |eta|.
    """

    def __init__(self, text: str, called: str) -> None:
        try:
            described = schemav2.CorrectionSet.model_validate_json(text)
            self._correction = correctionlib.CorrectionSet.from_string(text)[CORRECTION]
        except (ValidationError, RuntimeError, IndexError) as error:
            message = f"{called}: is no correctionlib file with {CORRECTION} ({str(error).splitlines()[0]})"
            raise JetcalError(message) from error
        data = next(each for each in described.corrections if each.name == CORRECTION).data
        if not isinstance(data, schemav2.Binning) or not isinstance(data.edges, list):
            message = f"{called}: {CORRECTION} has no bins of JetEta; give the file of an evaluation's corrections"
            raise JetcalError(message)
        self.eta_range = (float(data.edges[0]), float(data.edges[-1]))

    @classmethod
    def load(cls, uri: str) -> Self:
        """The residual at an address.

        Parameters
        ----------
        uri
            Path or ``s3://`` uri of a ``corrections.json`` or ``.json.gz``, or of the folder that it lies in.

        Raises
        ------
        JetcalError
            If there is none.
        """
        place = uri if uri.startswith("s3://") else str(Path(uri.removeprefix("file://")).expanduser().resolve())
        if not place.endswith((".json", ".json.gz")):
            place = storage.join(place, FILE)
        content = storage.read_bytes(place)
        try:
            return cls((gzip.decompress(content) if place.endswith(".gz") else content).decode(), place)
        except (OSError, EOFError, UnicodeDecodeError) as error:
            message = f"{place}: is damaged ({error}); fetch it again"
            raise JetcalError(message) from error

    def __call__(self, eta: NDArray[np.floating], pt: NDArray[np.floating]) -> NDArray[np.float64]:
        """Factor on the network's pT.

        Parameters
        ----------
        eta, pt
            Shape (N,); pT after the network, GeV.

        Returns
        -------
        NDArray[np.float64]
            Shape (N,); NaN where eta lies outside the derived range or pT is not finite.
        """
        eta, pt = np.asarray(eta, dtype=np.float64), np.asarray(pt, dtype=np.float64)
        covered = (eta >= self.eta_range[0]) & (eta < self.eta_range[1]) & np.isfinite(pt)
        factor = np.full(len(eta), np.nan)
        if covered.any():
            factor[covered] = self._correction.evaluate(eta[covered], pt[covered])
        return factor
