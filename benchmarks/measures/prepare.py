"""From ROOT to Arrow: rate beside weaver-core's reading, memory, and two processes beside one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import awkward as ak
import uproot
from benchmarks.pairs import in_turns
from benchmarks.peers.weaver import Reader
from benchmarks.preparing import once, preparing
from benchmarks.probe import cost
from benchmarks.rows import Row, within
from benchmarks.sample import many_ntuples, ntuples

from jetcal.simulation.ntuple import COUNTERS, LISTS, TREE, branches

WANTED = 5
MAX_GIGABYTES = 1.5
PEER = "weaver-core"


def measure(quick: bool) -> Iterator[Row]:  # noqa: FBT001  # every measurement is asked the same
    """Rates on small and large files; two processes, and memory, on an input of 400 000 jets and 1.3 GB."""
    with TemporaryDirectory(prefix="jetcal-benchmark-") as place:
        folder = Path(place)
        small = ntuples()[: 2 if quick else None]
        rates = in_turns(preparing(small, folder), Reader(small, folder, truth=True).read, 2 if quick else 7)
        yield rates.row("prepare: files of 5000 jets", "jets/s", PEER, target=WANTED)
        if not quick:
            yield from _whole(small, folder)


def _whole(small: Sequence[Path], folder: Path) -> Iterator[Row]:
    large = [joined(small, folder / f"large-{number}.root") for number in range(2)]
    rates = in_turns(preparing(large, folder), Reader(large, folder, truth=True).read, 7)
    yield rates.row("prepare: files of 20 000 jets", "jets/s", PEER, target=WANTED)
    fetched = Reader(small[:1], folder, truth=True, fetch_step=0.01).fetch
    rates = in_turns(preparing(small[:1], folder), fetched, 2)
    yield rates.row(
        "prepare: a file of 5000 jets", "jets/s", f"{PEER}, fetches of 1 % as is its default", target=WANTED
    )
    with many_ntuples(80) as many:
        rates = in_turns(preparing(many, folder, parts=2), preparing(many, folder), 3, warm_up=0)
        yield rates.row("prepare: two processes", "jets/s", "one process")
        yield within("prepare: memory", "GB", cost(once, many).gigabytes, MAX_GIGABYTES, better="less")


def joined(files: Sequence[Path], path: Path) -> Path:
    """The jets of several ntuples in one file."""
    lists = [f"{prefix}_{name}" for prefix, columns in LISTS.items() for name in columns]
    with uproot.recreate(path, compression=uproot.ZSTD(1)) as file:
        tree = None
        for file_path in files:
            arrays = uproot.open(file_path)[TREE].arrays([*branches(), *lists])
            entries = {name: arrays[name] for name in branches()}
            for prefix, columns in LISTS.items():
                entries[prefix] = ak.zip({name: arrays[f"{prefix}_{name}"] for name in columns})
            types = {name: array.type.content for name, array in entries.items()}
            tree = tree or file.mktree(TREE, types, counter_name=lambda prefix: COUNTERS[prefix])
            tree.extend(entries)
    return path
