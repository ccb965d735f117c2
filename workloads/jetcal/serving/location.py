"""Where an exported model lies."""

from __future__ import annotations

from pathlib import Path

from jetcal import storage, worker
from jetcal.errors import JetcalError
from jetcal_api.documents import MODEL_NAME
from jetcal_api.results import ExportResult

INSIDE = ("1/model.onnx", f"{MODEL_NAME}/1/model.onnx", f"repository/{MODEL_NAME}/1/model.onnx")
"""Where model.onnx lies in a model's folder, a model repository, an export's attempt."""


def find_model(uri: str) -> Path:
    """A local copy of the model that ``uri`` names.

    Parameters
    ----------
    uri
        Path or ``s3://`` uri of a model.onnx, a model repository, an export's folder, or a calibration's storage with
        exactly one export.

    Raises
    ------
    JetcalError
        If there is no model, or more than one.
    """
    place = uri if uri.startswith("s3://") else str(Path(uri.removeprefix("file://")).expanduser().resolve())
    if place.endswith(".onnx"):
        return storage.localize(place)
    for inside in INSIDE:
        if storage.exists(storage.join(place, inside)):
            return storage.localize(storage.join(place, inside))
    if result := worker.read_result(storage.join(place, "result.json"), ExportResult):
        return storage.localize(storage.join(result.repository, INSIDE[1]))
    exports = [
        source.uri.removesuffix("/result.json")
        for source in storage.list_files(storage.join(place, "export"))
        if source.uri.endswith("/result.json")
    ]
    if len(exports) == 1:
        return find_model(exports[0])
    found = f"there are {len(exports)}, name one: {', '.join(exports)}" if exports else "there is none"
    message = f"{uri}: a model.onnx, a model repository or an export is needed; {found}"
    raise JetcalError(message)
