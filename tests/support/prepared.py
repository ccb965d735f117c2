"""Prepared data for tests of later stages: shards of toy jets with their result, as the dataset stage leaves them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.support.toys import toy_jets

from jetcal.data import shards
from jetcal.data.jets import Jets
from jetcal_api.results import PrepareResult, Shard
from jetcal_api.status import JetCounts

FINGERPRINT = "0123456789abcdef"


def prepare_toys(
    storage: Path, *, train: int = 6000, validation: int = 2000, test: int = 500, files: int = 2, mean: float = 12.0
) -> PrepareResult:
    """Shards of toy jets in ``<storage>/dataset/<FINGERPRINT>``, and their published result."""
    folder = storage / "dataset" / FINGERPRINT
    parts = {"train": train, "validation": validation, "test": test}
    listed: dict[str, list[Shard]] = {}
    for number, (part, count) in enumerate(parts.items()):
        sizes = np.diff(np.linspace(0, count, files + 1).astype(int))
        jets = [toy_jets(int(size), seed=10 * number + i, mean_constituents=mean) for i, size in enumerate(sizes)]
        listed[part] = [_write(folder, f"{part}-{i}.arrow", one) for i, one in enumerate(jets)]
    result = PrepareResult(
        uri=str(folder / "result.json"),
        fingerprint=FINGERPRINT,
        folder=str(folder),
        jets=JetCounts(**parts),
        read=sum(parts.values()),
        cuts=[],
        shards=listed,
    )
    (folder / "result.json").write_text(result.model_dump_json(by_alias=True))
    return result


def _write(folder: Path, name: str, jets: Jets) -> Shard:
    number = np.arange(len(jets))
    folder.mkdir(parents=True, exist_ok=True)
    shards.write(folder / name, jets, shards.Events(number * 0, number * 0, number.astype(np.uint64)))
    return Shard(path=name, jets=len(jets), constituents=int(jets.offsets[-1]))
