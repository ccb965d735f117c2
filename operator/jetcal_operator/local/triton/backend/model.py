"""Triton backend ``onnxruntime`` in Python: serves the repository of a cluster where only the Python backend is there.

Triton starts this file in a process of its own, whose interpreter reads no ``PYTHONPATH``; hence the detour to numpy.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = os.environ.get("PYTHONPATH", "").split(os.pathsep)

import numpy as np  # noqa: E402
import onnxruntime  # noqa: E402
import triton_python_backend_utils as pb_utils  # type: ignore[import-not-found]  # noqa: E402  # Triton brings it

ERRORS_ONLY = 3


class TritonPythonModel:
    """One instance of a model; Triton calls these methods by name."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the model; an exception here makes the server refuse it."""
        config = json.loads(args["model_config"])
        self._inputs = [entry["name"] for entry in config["input"]]
        self._outputs = [entry["name"] for entry in config["output"]]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leaves busy machines to others
        threads = config.get("parameters", {}).get("intra_op_thread_count", {}).get("string_value")
        if threads:
            options.intra_op_num_threads = int(threads)
        path = Path(args["model_repository"], args["model_version"], config["default_model_filename"] or "model.onnx")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer the requests that the dynamic batcher has put together, those of equal shape in one run."""
        feeds = [
            {name: pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self._inputs}
            for request in requests
        ]
        together: dict[tuple[Any, ...], list[int]] = {}
        for index, feed in enumerate(feeds):
            together.setdefault(tuple(feed[name].shape[1:] for name in self._inputs), []).append(index)
        responses: list[Any] = [None] * len(requests)
        for indices in together.values():
            answers = self._answer([feeds[index] for index in indices])
            for index, answer in zip(indices, answers, strict=True):
                responses[index] = answer
        return responses

    def _answer(self, feeds: list[dict[str, Any]]) -> list[Any]:
        batch = {name: np.concatenate([feed[name] for feed in feeds]) for name in self._inputs}
        ends = np.cumsum([len(feed[self._inputs[0]]) for feed in feeds])[:-1]
        try:
            columns = [np.split(column, ends) for column in self._session.run(self._outputs, batch)]
        except Exception as error:  # noqa: BLE001  # whatever ONNX Runtime raises belongs to the client
            failure = pb_utils.TritonError(f"ONNX Runtime {onnxruntime.__version__}: {error}")
            return [pb_utils.InferenceResponse(output_tensors=[], error=failure) for _ in feeds]
        return [
            pb_utils.InferenceResponse(
                output_tensors=[pb_utils.Tensor(name, value) for name, value in zip(self._outputs, values, strict=True)]
            )
            for values in zip(*columns, strict=True)
        ]
