"""Taking stock: which files the globs match now, in how many parts they are prepared, and the fingerprint of it all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from jetcal import storage, worker
from jetcal.data import sources
from jetcal.errors import JetcalError
from jetcal_api.base import Model
from jetcal_api.documents import InventoryInput, fingerprint
from jetcal_api.results import InventoryResult, Source

BYTES_PER_SHARD = 512 * 2**20
MIN_SHARDS, MAX_SHARDS = 4, 256


class Inventory(Model):
    """The file list at ``<storage>/sources/<content fingerprint>.json``."""

    files: list[Source]
    """In the order of their uris."""


def take(document: InventoryInput) -> InventoryResult:
    """List the sources, keep the list, publish the result.

    Raises
    ------
    JetcalError
        If a glob matches nothing, or a source or the storage refuses.
    """
    files = sources.find(document.files)
    inventory = Inventory(files=files)
    content = inventory.model_dump(mode="json", by_alias=True)
    name = fingerprint(content)
    storage.put_if_absent(sources_uri(document.storage, name), inventory.model_dump_json(by_alias=True).encode())
    size = sum(file.size for file in files)
    result = InventoryResult(
        uri=worker.result_uri(document), sources=name, files=len(files), size=size, shards=count_shards(files)
    )
    return worker.publish(result)


def sources_uri(folder: str, name: str) -> str:
    """Where the file list of that content fingerprint lies."""
    return storage.join(folder, "sources", f"{name}.json")


def load(folder: str, name: str) -> list[Source]:
    """The file list of that content fingerprint; raises ``JetcalError`` if there is none."""
    uri = sources_uri(folder, name)
    if not storage.exists(uri):
        error = f"{uri}: no file list; delete <storage>/inventory and run again to take stock anew"
        raise JetcalError(error)
    return Inventory.model_validate_json(storage.read_bytes(uri)).files


def count_shards(files: Sequence[Source]) -> int:
    """Parts to prepare: one for each half gibibyte, at least 4 and at most 256, never more than there are files."""
    wanted = math.ceil(sum(file.size for file in files) / BYTES_PER_SHARD)
    return min(len(files), MAX_SHARDS, max(MIN_SHARDS, wanted))


def groups(files: Sequence[Source], shards: int) -> list[list[Source]]:
    """The files in ``shards`` consecutive groups of about the same number of bytes."""
    weights = np.array([file.size + 1 for file in files])
    middles = np.cumsum(weights) - weights / 2
    bounds = np.searchsorted(middles, weights.sum() * np.arange(shards + 1) / shards)
    return [list(files[start:stop]) for start, stop in pairwise(bounds)]
