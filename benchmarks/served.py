"""Networks of the published sizes behind a tritonserver on a core of its own, and the same files in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.exported import SPECS, model_file
from tests.support.triton import serving

from jetcal.serving.inference import OnnxModel


@dataclass(frozen=True)
class Served:
    """A served network.

    Attributes
    ----------
    url
        gRPC address of its server, which has one core and one thread for the network.
    local
        The same file in this process, with one thread.
    """

    url: str
    local: OnnxModel


@contextmanager
def served(name: str) -> Iterator[Served]:
    """Serve a network on the last core and leave the others to this process; where there is one core, share it."""
    cores = os.sched_getaffinity(0)
    with TemporaryDirectory(prefix="jetcal-benchmark-") as folder:
        path = model_file(SPECS[name], Path(folder, "repository"))
        try:
            os.sched_setaffinity(0, {max(cores)})  # the server inherits it
            with serving(Path(folder, "repository"), Path(folder)) as server:
                os.sched_setaffinity(0, cores - {max(cores)} or cores)
                yield Served(f"grpc://127.0.0.1:{server.ports.grpc}", OnnxModel(path, threads=1))
        finally:
            os.sched_setaffinity(0, cores)
