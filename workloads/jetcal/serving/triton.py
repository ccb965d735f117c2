"""Corrections from a served model, asked over HTTP or gRPC after the KServe protocol that Triton speaks."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from http.client import HTTPException
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException

from jetcal.data.jets import Jets
from jetcal.data.padding import Padder
from jetcal.errors import JetcalError, TransientError
from jetcal.export.validity import Validity
from jetcal.serving import batches
from jetcal.serving.batches import Ask
from jetcal.serving.signature import REVISION, VALIDITY
from jetcal.serving.transports import TRANSPORTS, Pending
from jetcal_api.documents import MODEL_NAME

Answer = TypeVar("Answer")

POLL_SECONDS = 0.5
REMEMBERED_SECONDS = 5.0
"""How old what the server has told of its model may be: a rollout is noticed soon, and single jets cost no question."""
BUSY = {"429", "502", "503", "504", "StatusCode.UNAVAILABLE", "StatusCode.DEADLINE_EXCEEDED"}
"""Statuses with which a server or a proxy before it asks to come again."""
MAX_PAIRS = 2**20
"""Most pairs of constituents N * P * P in one request: what a request costs beside its jets is then small."""
FEW = 64
"""Jets of a request that shares a run with those of other clients."""
STEP = 64
"""Their constituents are filled up to a multiple of this, for the server joins requests of equal shape only."""


def is_address(uri: str) -> bool:
    """Whether a uri is that of a server."""
    return uri.partition("://")[0] in TRANSPORTS and "://" in uri


class TritonModel:
    """A model behind an endpoint; close it, or use it as a context manager.

    Parameters
    ----------
    url
        ``http://host:port``, ``https://host``, also with a path; ``grpc://host:port`` or ``grpcs://host:port``, by
        which several requests are under way at once.

    Raises
    ------
    JetcalError
        If ``url`` is no such address.
    """

    def __init__(self, url: str) -> None:
        scheme, _, address = url.partition("://")
        if not is_address(url) or not address.strip("/"):
            message = f"{url}: is no address of a Triton server; write http://host:port or grpc://host:port"
            raise JetcalError(message)
        self.url = url
        self._transport = TRANSPORTS[scheme](address.rstrip("/"))
        self._told: tuple[float, dict[str, Any]] | None = None

    def close(self) -> None:
        """End the connections."""
        self._transport.close()

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
                if self._ask(self._transport.is_ready):
                    return
            except TransientError as error:
                reason = str(error).removeprefix(f"{self.url}: ")
            if time.monotonic() + POLL_SECONDS > deadline:
                message = f"{self.url}: was not ready within {seconds:g} s: {reason}"
                raise TransientError(message)
            time.sleep(POLL_SECONDS)

    def server_version(self) -> str:
        """Version that the server reports of itself."""
        return self._ask(self._transport.server_version)

    def revision(self) -> str | None:
        """Revision that the model's configuration carries now; None for a model that jetcal has not exported."""
        self._told = None
        return self._parameter(REVISION)

    @property
    def validity(self) -> Validity | None:
        """Range of the training's jets of the model that is served; None if its configuration does not tell.

        The configuration is asked for again when it is older than ``REMEMBERED_SECONDS``.
        """
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
        return self._ask(self._ask(partial(self._transport.ask, constituents, jet)))

    def predict(self, jets: Jets, batch_size: int = 1024) -> NDArray[np.float32]:
        """Factors pT_gen / pT_raw of each jet: (N, 3), of an ensemble (N, 4), as ``OnnxModel.predict``.

        Raises
        ------
        TransientError
            If the server does not answer, or has begun to serve a model of another width.
        JetcalError
            If it refuses a batch.
        """
        config = self._config()
        factors = np.empty((len(jets), int(config["output"][0]["dims"][0])), np.float32)
        under_way: deque[tuple[NDArray[np.intp], Pending]] = deque()
        padded = Padder(jets)
        for rows in batches.split(jets, min(batch_size, config["max_batch_size"]), MAX_PAIRS):
            constituents, jet = padded(rows)
            if len(under_way) == self._transport.in_flight:
                self._take(under_way, factors)
            under_way.append((rows, self._ask(partial(self._transport.ask, filled_up(constituents), jet))))
        while under_way:
            self._take(under_way, factors)
        return factors

    def question(self, jets: Jets) -> Ask:
        """What asks the server; batches are padded while others are under way."""
        return partial(self.predict, jets)

    def _take(self, under_way: deque[tuple[NDArray[np.intp], Pending]], factors: NDArray[np.float32]) -> None:
        rows, pending = under_way.popleft()
        answer = self._ask(pending)
        if answer.shape != (len(rows), factors.shape[1]):
            self._told = None
            message = f"{self.url}: serves another model than a moment ago; ask again"
            raise TransientError(message)
        factors[rows] = answer

    def _parameter(self, name: str) -> str | None:
        parameters = self._config().get("parameters", {})
        value: str | None = parameters.get(name, {}).get("string_value")
        return value

    def _config(self) -> dict[str, Any]:
        if self._told is None or time.monotonic() - self._told[0] > REMEMBERED_SECONDS:
            self._told = (time.monotonic(), self._ask(self._transport.config))
        return self._told[1]

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


def filled_up(constituents: NDArray[np.float32]) -> NDArray[np.float32]:
    """A batch (N, P, 6) of ``FEW`` jets or less with zeros up to a P that others have too; larger ones as they are."""
    missing = -constituents.shape[1] % STEP if len(constituents) <= FEW else 0
    return np.pad(constituents, ((0, 0), (0, missing), (0, 0))) if missing else constituents
