"""Simulated files prepared as ``jetcal prepare`` does; imports no more than that, for its memory counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.pairs import Work

from jetcal.data import inventory
from jetcal.data.parallel import prepare_parts
from jetcal.data.prepare import merge
from jetcal.simulation.ntuple import TREE
from jetcal_api.documents import InventoryInput, PrepareInput
from jetcal_api.results import PrepareResult
from jetcal_api.spec import JetSelection, Split


def preparing(files: Sequence[Path], folder: Path, *, parts: int = 1) -> Work:
    """Prepares the files anew each time, in a process for each part if there are several; tells how many jets stay."""

    def work() -> float:
        with TemporaryDirectory(dir=folder) as storage:
            made = prepared(files, Path(storage), parts=parts).jets
            return made.train + made.validation + made.test

    return work


def prepared(files: Sequence[Path], storage: Path, *, parts: int = 1) -> PrepareResult:
    """The dataset of the files."""
    taken = inventory.take(InventoryInput(stage="inventory", storage=str(storage), files=[str(file) for file in files]))
    document = PrepareInput(
        stage="dataset",
        storage=str(storage),
        sources=taken.sources,
        shards=parts,
        tree=TREE,
        jets=JetSelection(),
        split=Split(),
    )
    for _ in prepare_parts(document, range(parts)):
        pass
    result = merge(document)
    if result is None:
        message = f"{storage}: parts are missing"
        raise RuntimeError(message)
    return result


def once(files: Sequence[Path], parts: int = 1) -> Callable[[], object]:
    """Prepares the files into a folder of its own; for ``probe.cost``."""
    folder = TemporaryDirectory(prefix="jetcal-benchmark-")

    def timed() -> None:
        with folder:
            preparing(files, Path(folder.name), parts=parts)()

    return timed
