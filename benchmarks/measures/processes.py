"""A training on two processes of one thread each, beside two trainings that know nothing of each other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.pairs import Rates
from benchmarks.rows import Row

WANTED = 0.95
"""Share of what independent copies reach, and of how well one process learns."""
NETWORKS = {"pfn": "PFN", "particleNet": "ParticleNet"}


def measure(quick: bool) -> Iterator[Row]:  # noqa: FBT001  # every measurement is asked the same
    """Rate of an epoch, and the loss that one process reaches on all jets."""
    for network, shown in NETWORKS.items():
        if quick and network != "pfn":
            continue
        rounds = {"pfn": 15, "particleNet": 3}[network] if not quick else 3
        command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--module"]
        done = subprocess.run(  # noqa: S603  # our own module
            [sys.executable, *command, "benchmarks.copies", network, str(rounds)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        name = f"{shown} training on two processes"
        rates = Rates(tuple(found["together"]), tuple(found["apart"]))
        yield rates.row(name, "jets/s", "two independent copies", target=WANTED)
        loss, one = found["loss"], found["loss_of_one"]
        yield Row(f"{name}: validation loss", "", loss, one, "one process", one / loss, WANTED)
