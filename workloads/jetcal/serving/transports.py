"""The KServe protocol that Triton speaks, over HTTP and over gRPC, behind one face.

Both raise what their client libraries raise; :mod:`jetcal.serving.triton` puts it into sentences.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tritonclient import grpc, http

from jetcal.serving.signature import INPUTS, OUTPUT
from jetcal_api.documents import MODEL_NAME

NETWORK_SECONDS = 60.0
IN_FLIGHT = 2
"""Requests under way at once by gRPC: one that the server computes, one that travels or waits. More would be joined
into runs that leave the caches."""

Pending = Callable[[], NDArray[np.float32]]
"""Waits for the factors of one batch."""


class Transport(Protocol):
    """One way to ask one server."""

    in_flight: int
    """Requests that may be under way at once."""

    def is_ready(self) -> bool:
        """Whether the model can answer."""
        ...

    def server_version(self) -> str:
        """Version that the server reports of itself."""
        ...

    def config(self) -> dict[str, Any]:
        """The model's configuration."""
        ...

    def ask(self, constituents: NDArray[np.float32], jet: NDArray[np.float32]) -> Pending:
        """Ask for the factors of one padded batch of shapes (N, P, 6) and (N, 6)."""
        ...

    def close(self) -> None:
        """End the connections."""
        ...


class Http:
    """HTTP; the client library can have one request under way."""

    in_flight = 1

    def __init__(self, address: str, *, secure: bool) -> None:
        self._client = http.InferenceServerClient(
            address, ssl=secure, connection_timeout=NETWORK_SECONDS, network_timeout=NETWORK_SECONDS
        )

    def is_ready(self) -> bool:
        """See ``Transport``."""
        ready: bool = self._client.is_model_ready(MODEL_NAME)
        return ready

    def server_version(self) -> str:
        """See ``Transport``."""
        version: str = self._client.get_server_metadata()["version"]
        return version

    def config(self) -> dict[str, Any]:
        """See ``Transport``."""
        config: dict[str, Any] = self._client.get_model_config(MODEL_NAME)
        return config

    def ask(self, constituents: NDArray[np.float32], jet: NDArray[np.float32]) -> Pending:
        """See ``Transport``; has the answer when it returns."""
        inputs, outputs = _tensors(http, constituents, jet)
        answer: NDArray[np.float32] = self._client.infer(MODEL_NAME, inputs, outputs=outputs).as_numpy(OUTPUT)
        return lambda: answer

    def close(self) -> None:
        """See ``Transport``."""
        self._client.close()


class Grpc:
    """gRPC over one connection."""

    in_flight = IN_FLIGHT

    def __init__(self, address: str, *, secure: bool) -> None:
        self._client = grpc.InferenceServerClient(address, ssl=secure)

    def is_ready(self) -> bool:
        """See ``Transport``."""
        ready: bool = self._client.is_model_ready(MODEL_NAME, client_timeout=NETWORK_SECONDS)
        return ready

    def server_version(self) -> str:
        """See ``Transport``."""
        version: str = self._client.get_server_metadata(client_timeout=NETWORK_SECONDS).version
        return version

    def config(self) -> dict[str, Any]:
        """See ``Transport``."""
        answer = self._client.get_model_config(MODEL_NAME, as_json=True, client_timeout=NETWORK_SECONDS)
        config: dict[str, Any] = answer["config"]
        return config

    def ask(self, constituents: NDArray[np.float32], jet: NDArray[np.float32]) -> Pending:
        """See ``Transport``."""
        inputs, outputs = _tensors(grpc, constituents, jet)
        answer: Future[NDArray[np.float32]] = Future()

        def note(result: Any, error: Exception | None) -> None:
            if error is None:
                answer.set_result(result.as_numpy(OUTPUT))
            else:
                answer.set_exception(error)

        self._client.async_infer(MODEL_NAME, inputs, note, outputs=outputs, client_timeout=NETWORK_SECONDS)
        return answer.result

    def close(self) -> None:
        """See ``Transport``."""
        self._client.close()


def _tensors(library: Any, constituents: NDArray[np.float32], jet: NDArray[np.float32]) -> tuple[list[Any], list[Any]]:
    inputs = []
    for name, array in zip(INPUTS, (constituents, jet), strict=True):
        tensor = library.InferInput(name, array.shape, "FP32")
        tensor.set_data_from_numpy(array)
        inputs.append(tensor)
    return inputs, [library.InferRequestedOutput(OUTPUT)]


TRANSPORTS: dict[str, Callable[[str], Transport]] = {
    "http": lambda address: Http(address, secure=False),
    "https": lambda address: Http(address, secure=True),
    "grpc": lambda address: Grpc(address, secure=False),
    "grpcs": lambda address: Grpc(address, secure=True),
}
"""By the scheme of an address."""
