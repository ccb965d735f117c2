"""The folder that Triton is pointed at: configuration, version, model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, OUTPUTS
from jetcal.serving.signature import INPUTS, OUTPUT
from jetcal_api.documents import MODEL_NAME

MAX_BATCH_SIZE = 1024
"""Most jets of one request, and of those that the server joins into one run; more would leave the caches."""

QUEUE_DELAY_MICROSECONDS = 200
"""How long a request waits for others of the same shape to share a run; few jets are best filled up to a multiple of 64
constituents, as ``TritonModel`` does, for a request of another shape ends the wait."""


def write(folder: Path, model: bytes, parameters: Mapping[str, str], columns: int = len(OUTPUTS)) -> Path:
    """Write the repository ``folder`` with one version of one model; the path of its ``model.onnx``.

    Parameters
    ----------
    folder
        Made if it is missing.
    model
        Content of ``model.onnx``.
    parameters
        What clients can read of the model from the server.
    columns
        Width of the model's answer.
    """
    version = folder / MODEL_NAME / "1"
    version.mkdir(parents=True, exist_ok=True)
    (version / "model.onnx").write_bytes(model)
    (folder / MODEL_NAME / "config.pbtxt").write_text(_configuration(parameters, columns))
    return version / "model.onnx"


def _configuration(parameters: Mapping[str, str], columns: int) -> str:
    """Triton's ``config.pbtxt``; processor and number of instances are left to the server."""
    constituents, jet = INPUTS
    told = "\n".join(
        f'parameters {{ key: "{key}" value {{ string_value: {json.dumps(value)} }} }}'
        for key, value in parameters.items()
    )
    return f"""\
name: "{MODEL_NAME}"
backend: "onnxruntime"
default_model_filename: "model.onnx"
max_batch_size: {MAX_BATCH_SIZE}
input [
  {{ name: "{constituents}" data_type: TYPE_FP32 dims: [ -1, {len(CONSTITUENT_COLUMNS)} ] }},
  {{ name: "{jet}" data_type: TYPE_FP32 dims: [ {len(JET_COLUMNS)} ] }}
]
output [ {{ name: "{OUTPUT}" data_type: TYPE_FP32 dims: [ {columns} ] }} ]
dynamic_batching {{ max_queue_delay_microseconds: {QUEUE_DELAY_MICROSECONDS} }}
{told}
"""
