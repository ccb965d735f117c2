"""Notices input files that have come, gone or changed since they were listed, so that running again looks at them."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable
from pathlib import Path

from jetcal_api.documents import InventoryInput


def forget_stale_inventory(storage: Path, patterns: list[str]) -> bool:
    """Delete the inventory's result if the local files are no longer those that it lists; tell whether they are not.

    Only paths are looked at: what lies elsewhere is listed once for each storage.
    """
    document = InventoryInput(storage=str(storage), files=patterns)
    result = storage / "inventory" / document.fingerprint / "result.json"
    if not result.exists() or not all(pattern.startswith("/") for pattern in patterns):
        return False
    try:
        name = json.loads(result.read_text(encoding="utf-8"))["sources"]
        listed = json.loads((storage / "sources" / f"{name}.json").read_text(encoding="utf-8"))["files"]
        known = {(entry["uri"], entry["size"], entry["version"]) for entry in listed}
    except (OSError, ValueError, KeyError):
        known = set()
    if known == set(_present(patterns)):
        return False
    result.unlink()
    return True


def _present(patterns: Iterable[str]) -> Iterable[tuple[str, int, str]]:
    for pattern in patterns:
        for path in glob.glob(pattern):  # noqa: PTH207  # an absolute pattern as the worker reads it
            found = Path(path).stat()
            yield path, found.st_size, str(found.st_mtime_ns)
