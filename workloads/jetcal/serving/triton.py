"""Corrections from a served model, asked by HTTP after the KServe protocol that Triton speaks."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.client import HTTPException
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from jetcal.data.jets import Jets
from jetcal.errors import JetcalError, TransientError
from jetcal.export.validity import Validity
from jetcal.serving import batches
from jetcal.serving.signature import INPUTS, OUTPUT, REVISION, VALIDITY
from jetcal_api.documents import MODEL_NAME

Answer = TypeVar("Answer")

NETWORK_SECONDS = 60.0
POLL_SECONDS = 0.5
BUSY = {"429", "502", "503", "504", "StatusCode.UNAVAILABLE"}
"""Statuses with which a server or a proxy before it asks to come again."""


class TritonModel:
    """A model behind an endpoint; close it, or use it as a context manager.

    Parameters
    ----------
    url
        ``http://host:port`` or ``https://host``, also with a path.

    Raises
    ------
    JetcalError
        If ``url`` is no such address.
    """

    def __init__(self, url: str) -> None:
        scheme, separator, address = url.partition("://")
        if scheme not in {"http", "https"} or not separator or not address.strip("/"):
            message = f"{url}: is no address of a Triton server; write http://host:port or https://host"
            raise JetcalError(message)
        self.url = url
        self._client = InferenceServerClient(
            address.rstrip("/"),
            ssl=scheme == "https",
            connection_timeout=NETWORK_SECONDS,
            network_timeout=NETWORK_SECONDS,
        )

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait_ready(self, seconds: float) -> None:
        """Wait until the model can answer.

        Raises
        ------
        TransientError
            If it cannot after ``seconds``.
        """
        deadline = time.monotonic() + seconds
        reason = f"the model {MODEL_NAME} is not loaded"
        while True:
            try:
                if self._ask(lambda: self._client.is_model_ready(MODEL_NAME)):
                    return
            except TransientError as error:
                reason = str(error).removeprefix(f"{self.url}: ")
            if time.monotonic() + POLL_SECONDS > deadline:
                message = f"{self.url}: was not ready within {seconds:g} s: {reason}"
                raise TransientError(message)
            time.sleep(POLL_SECONDS)

    def server_version(self) -> str:
        """Version that the server reports of itself."""
        version: str = self._ask(self._client.get_server_metadata)["version"]
        return version

    def revision(self) -> str | None:
        """Revision that the served model's configuration carries; None for a model that jetcal has not exported."""
        return self._parameter(REVISION)

    @property
    def validity(self) -> Validity | None:
        """Range of the training's jets of the model that is served now; None if its configuration does not tell."""
        stored = self._parameter(VALIDITY)
        return Validity.from_json(stored) if stored else None

    def infer(self, constituents: NDArray[np.float32], jet: NDArray[np.float32]) -> NDArray[np.float32]:
        """Factors of shape (N, 3), of an ensemble (N, 4), for one padded batch of shapes (N, P, 6) and (N, 6).

        Raises
        ------
        TransientError
            If the server does not answer.
        JetcalError
            If it refuses the batch.
        """
        inputs = []
        for name, array in zip(INPUTS, (constituents, jet), strict=True):
            tensor = InferInput(name, array.shape, "FP32")
            tensor.set_data_from_numpy(array)
            inputs.append(tensor)
        outputs = [InferRequestedOutput(OUTPUT)]
        answer: NDArray[np.float32] = self._ask(
            lambda: self._client.infer(MODEL_NAME, inputs, outputs=outputs).as_numpy(OUTPUT)
        )
        return answer

    def predict(self, jets: Jets, batch_size: int = 1024) -> NDArray[np.float32]:
        """Factors pT_gen / pT_raw of each jet: (N, 3), of an ensemble (N, 4), as ``OnnxModel.predict``."""
        config = self._config()
        columns = int(config["output"][0]["dims"][0])
        return batches.predict(jets, self.infer, min(batch_size, config["max_batch_size"]), columns)

    def _parameter(self, name: str) -> str | None:
        parameters = self._config().get("parameters", {})
        value: str | None = parameters.get(name, {}).get("string_value")
        return value

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = self._ask(lambda: self._client.get_model_config(MODEL_NAME))
        return config

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        try:
            return question()
        except InferenceServerException as error:
            reason = str(error.message()).strip().splitlines()[0]
            if error.status() in BUSY:
                message = f"{self.url}: the server is busy or starting: {reason}"
                raise TransientError(message) from error
            message = f"{self.url}: the server refuses, or is no Triton server: {reason}"
            raise JetcalError(message) from error
        except (OSError, HTTPException) as error:
            message = f"{self.url}: does not answer ({getattr(error, 'strerror', None) or error})"
            raise TransientError(message) from error
