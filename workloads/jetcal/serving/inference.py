"""Corrections from an exported model on this machine, by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import Jets
from jetcal.errors import JetcalError
from jetcal.export.validity import Validity
from jetcal.serving import batches
from jetcal.serving.batches import Ask
from jetcal.serving.sessions import open_session
from jetcal.serving.signature import INPUTS, OUTPUT, VALIDITY


class OnnxModel:
    """An exported network, ready to answer.

    Parameters
    ----------
    path
        ``model.onnx``.
    threads
        Threads of one operator; the runtime's own choice when left out.

    Raises
    ------
    JetcalError
        If the file cannot be loaded or is no jetcal model.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        self._session = open_session(path, threads)
        names = tuple(node.name for node in self._session.get_inputs())
        if set(names) != set(INPUTS) or [node.name for node in self._session.get_outputs()] != [OUTPUT]:
            message = f"{path} is no jetcal model: its inputs are {', '.join(names)}, not {', '.join(INPUTS)}"
            raise JetcalError(message)
        self._width: int = self._session.get_outputs()[0].shape[1]
        self.metadata: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)

    @property
    def validity(self) -> Validity | None:
        """Range of the training's jets; None if the model does not tell."""
        return Validity.from_json(self.metadata[VALIDITY]) if VALIDITY in self.metadata else None

    def infer(self, constituents: NDArray[np.float32], jet: NDArray[np.float32]) -> NDArray[np.float32]:
        """Factors of shape (N, 3), of an ensemble (N, 4), for one padded batch of shapes (N, P, 6) and (N, 6)."""
        answer: NDArray[np.float32] = self._session.run([OUTPUT], dict(zip(INPUTS, (constituents, jet), strict=True)))[
            0
        ]
        return answer

    def predict(self, jets: Jets, batch_size: int = 1024) -> NDArray[np.float32]:
        """Factors pT_gen / pT_raw of each jet.

        Returns
        -------
        float32 of shape (N, 3), of an ensemble (N, 4)
            Median, 16 % and 84 % quantile, standard deviation of ln(median) over the members; in the order of ``jets``.
        """
        return batches.predict(jets, self.infer, batch_size, self._width)

    def question(self, jets: Jets, batch_size: int = 1024) -> Ask:
        """What asks the network what ``predict`` tells; the jets are sorted and padded at once."""
        return batches.question(jets, self.infer, batch_size, self._width)
