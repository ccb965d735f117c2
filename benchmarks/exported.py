"""Networks of the published layers and widths as exported files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from benchmarks.jets import selected

from jetcal.data.jets import Jets, take
from jetcal.export import repository
from jetcal.export.graph import to_onnx
from jetcal.models import Network, build
from jetcal.training.fit import CPU_SLOTS
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import learn_scales
from jetcal_api.hyperparameters import ParticleNet, Pfn
from jetcal_api.spec import ModelSpec
from jetcal_operator.platform import EXPORT_IR, EXPORT_OPSET

SPECS = {
    "PFN": ModelSpec(pfn=Pfn(phi_layers=5, phi_dim=50, fc_layers=3, fc_dim=400)),
    "ParticleNet": ModelSpec(
        particle_net=ParticleNet(neighbours=16, blocks=3, conv_layers=3, conv_dim=50, fc_layers=3, fc_dim=200)
    ),
}
"""361 and 128 thousand parameters with our features; the published networks have 355 and 123 thousand with theirs."""
SAMPLE = 2000
"""Jets from which scales are learned."""


def network(spec: ModelSpec) -> Network:
    """A network with drawn weights and the scales of simulated jets."""
    torch.manual_seed(1)
    made = build(spec)
    jets = some_jets(SAMPLE)
    learn_scales(made, Share([jets], 0, len(jets)), Peers(0, 1, torch.device("cpu")), CPU_SLOTS)
    return made.eval()


def some_jets(count: int) -> Jets:
    """The sample's first jets that a calibration would take."""
    return take(selected(), np.arange(count))


def onnx_bytes(spec: ModelSpec) -> bytes:
    """The network as it is exported for new servers."""
    exported: bytes = to_onnx(network(spec), EXPORT_OPSET, EXPORT_IR, {}).SerializeToString()
    return exported


def model_file(spec: ModelSpec, folder: Path) -> Path:
    """A network in a model repository for a server with one thread; tells its file."""
    return repository.write(folder, onnx_bytes(spec), {"intra_op_thread_count": "1"})
