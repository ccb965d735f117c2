"""``jetcal predict`` from ROOT to ROOT, beside the inference in it alone: the same session, the same padded batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.pairs import in_turns
from benchmarks.rows import Row
from benchmarks.sample import many_ntuples
from benchmarks.served import model_file

from jetcal.data import ntuples
from jetcal.data.padding import Padder
from jetcal.documents import find_reading
from jetcal.serving import batches
from jetcal.serving.inference import OnnxModel
from jetcal.serving.prediction import predict

FILES = {"PFN": 40, "ParticleNet": 4}
BATCH = 1024


def measure(quick: bool) -> Iterator[Row]:  # noqa: FBT001  # every measurement is asked the same
    """The rate of the whole as a share of that of its inference."""
    for name, files in FILES.items():
        with (
            TemporaryDirectory(prefix="jetcal-benchmark-") as folder,
            many_ntuples(files // 4 if quick else files) as paths,
        ):
            yield _row(name, OnnxModel(model_file(name, Path(folder)), threads=1), paths, Path(folder), quick=quick)


def _row(name: str, model: OnnxModel, paths: list[Path], folder: Path, *, quick: bool) -> Row:
    reading = find_reading(None, None)
    pieces = [piece.jets for path in paths[:4] for piece in ntuples.read(path, reading.tree, truth=False)]
    padded = [padder(rows) for jets in pieces for padder in [Padder(jets)] for rows in batches.split(jets, BATCH)]

    def whole() -> float:
        return predict(list(map(str, paths)), reading, model, folder / "corrected.root").jets

    def inference() -> float:
        for constituents, jet in padded:
            model.infer(constituents, jet)
        return sum(map(len, pieces))

    rates = in_turns(whole, inference, 2 if quick else 5)
    what = f"jetcal predict, {name}, one thread infers while others read and write on a second core"
    return rates.row(what, "jets/s", "its inference alone, padded batches ready", target=0.9)
