"""Networks of the published sizes behind a tritonserver on a core of its own, and the same files in this process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from tests.support.triton import serving

from jetcal.export import repository
from jetcal.export.graph import to_onnx
from jetcal.models import build
from jetcal.serving.inference import OnnxModel
from jetcal_api.hyperparameters import ParticleNet, Pfn
from jetcal_api.spec import ModelSpec

SPECS = {
    "PFN": ModelSpec(pfn=Pfn(phi_layers=5, phi_dim=50, fc_layers=3, fc_dim=400)),
    "ParticleNet": ModelSpec(
        particle_net=ParticleNet(neighbours=16, blocks=3, conv_layers=3, conv_dim=50, fc_layers=3, fc_dim=200)
    ),
}
"""About 355 and 123 thousand parameters."""
OPSET, IR = 17, 8
"""What every server of the last years can load."""


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


def model_file(name: str, folder: Path) -> Path:
    """An exported network of ``SPECS`` with drawn weights, in a model repository for a server with one thread."""
    torch.manual_seed(1)
    model = to_onnx(build(SPECS[name]), OPSET, IR, {}).SerializeToString()
    return repository.write(folder, model, {"intra_op_thread_count": "1"})


@contextmanager
def served(name: str) -> Iterator[Served]:
    """Serve a network on the last core and leave the others to this process; where there is one core, share it."""
    cores = os.sched_getaffinity(0)
    with TemporaryDirectory(prefix="jetcal-benchmark-") as folder:
        path = model_file(name, Path(folder, "repository"))
        try:
            os.sched_setaffinity(0, {max(cores)})  # the server inherits it
            with serving(Path(folder, "repository"), Path(folder)) as server:
                os.sched_setaffinity(0, cores - {max(cores)} or cores)
                yield Served(f"grpc://127.0.0.1:{server.ports.grpc}", OnnxModel(path, threads=1))
        finally:
            os.sched_setaffinity(0, cores)
