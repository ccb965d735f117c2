"""How many jets a second one core simulates, and where the time goes: ``python benchmarks/simulation.py``.

Processor time is counted, not wall-clock time, so that other work on the machine does not blur the answer. Making the
pile-up pool is left out: that happens once for each seed and is cached.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from jetcal.simulation import minbias
from jetcal.simulation.production import Stopwatch, write_file
from jetcal.simulation.settings import Settings

GOAL = 150


def main() -> None:
    """Simulate one file and print the rate and the split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jets", type=int, default=5000)
    parser.add_argument("--pileup", type=float, default=25.0, help="mean number of interactions")
    options = parser.parse_args()
    settings = Settings(jets=options.jets, pileup=options.pileup, seed=2, pool_size=1000)
    pool_begin = time.process_time()
    pool = minbias.generate_chunk(settings, 0)
    print(f"pool of {settings.pool_size} minimum-bias events: {time.process_time() - pool_begin:.1f} s (not counted)")
    stopwatch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jets.root"
        begin = time.process_time()
        write_file(settings, 0, pool, path, stopwatch)
        total = time.process_time() - begin
        size = path.stat().st_size
    print(f"{options.jets} jets, mean pile-up {options.pileup:g}: {total:.1f} s of one core")
    for part, seconds in stopwatch.seconds.items():
        print(f"  {part:<24} {seconds:6.1f} s  {seconds / total:5.1%}")
    rate = options.jets / total
    print(f"{rate:.0f} jets/s and core (goal: {GOAL}), {size / options.jets:.0f} bytes a jet")


if __name__ == "__main__":
    main()
