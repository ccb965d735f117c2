"""Which prepared dataset a folder of a calibration holds."""

from __future__ import annotations

from pathlib import Path

from jetcal import storage, worker
from jetcal.errors import JetcalError
from jetcal_api.results import PrepareResult


def find_dataset(folder: str, fingerprint: str | None = None) -> PrepareResult:
    """A dataset in a calibration's storage.

    Parameters
    ----------
    folder
        Path or ``s3://`` uri of the storage.
    fingerprint
        Which one; the newest when left out.

    Raises
    ------
    JetcalError
        If there is no such dataset.
    """
    place = folder if folder.startswith("s3://") else str(Path(folder.removeprefix("file://")).expanduser().resolve())
    if fingerprint is not None:
        return worker.load_result(place, "dataset", fingerprint, PrepareResult)
    home = storage.join(place, "dataset")
    depth = len(home.split("/")) + 2
    results = [
        (time, source.uri)
        for source, time in storage.list_times(home)
        if source.uri.endswith("/result.json") and len(source.uri.split("/")) == depth
    ]
    found = worker.read_result(max(results)[1], PrepareResult) if results else None
    if found is None:
        message = f"{folder}: holds no prepared dataset (dataset/<fingerprint>/result.json); run the calibration first"
        raise JetcalError(message)
    return found
