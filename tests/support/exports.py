"""A storage folder as dataset and training leave it, made of toy jets and a briefly fitted network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tests.support.toys import toy_jets

from jetcal.data import shards
from jetcal.data.jets import Jets, take
from jetcal.data.padding import pad
from jetcal.models import Network, build
from jetcal.models.checkpoint import dump
from jetcal.models.network import Features
from jetcal_api.documents import ExportInput, ModelSource
from jetcal_api.hyperparameters import ParticleNet, Pfn
from jetcal_api.results import Member, PrepareResult, Shard, TrainResult
from jetcal_api.spec import ModelSpec
from jetcal_api.status import JetCounts

SPECS = {
    "pfn": ModelSpec(pfn=Pfn(phi_dim=32, fc_dim=32)),
    "particleNet": ModelSpec(particle_net=ParticleNet(neighbours=8, blocks=2, conv_layers=2, conv_dim=16, fc_dim=32)),
}
"""A small network of each architecture."""

STEPS = 20
DATASET, TRAINING = "d" * 16, "a" * 16


def fitted(spec: ModelSpec, jets: Jets, seed: int = 1) -> Network:
    """A network whose answers differ from jet to jet."""
    torch.manual_seed(seed)
    network = build(spec)
    constituents, jet = map(torch.from_numpy, pad(jets, 0, len(jets)))
    features = Features.of_padded(constituents, jet)
    rows = features.jets.as_rows(features.constituents)
    network.constituent_scale.learn(rows.mean(0), rows.var(0))
    network.jet_scale.learn(features.jet.mean(1), features.jet.var(1))
    target = torch.from_numpy(np.log(jets.jet["gen_pt"] / jets.jet["raw_pt"]))
    network.target_centre.copy_(target.mean())
    network.target_spread.copy_(target.std())
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (network(constituents, jet) - target[:, None]).abs().mean().backward()
        optimizer.step()
    return network.eval()


def trained_storage(folder: Path, spec: ModelSpec, trial: str | None = None, members: int = 1) -> list[Network]:
    """Write the results that an export starts from; the networks in them."""
    jets = toy_jets(600, seed=3)
    parts = {"train": np.arange(200), "validation": np.arange(200, 300), "test": np.arange(300, 600)}
    written = {}
    for part, rows in parts.items():
        chosen = take(jets, rows)
        path = folder / "dataset" / DATASET / f"{part}.arrow"
        path.parent.mkdir(parents=True, exist_ok=True)
        count = len(chosen)
        shards.write(path, chosen, shards.Events(rows, rows, np.arange(count, dtype=np.uint64)))
        written[part] = [Shard(path=path.name, jets=count, constituents=int(chosen.offsets[-1]))]
    dataset = PrepareResult(
        uri=str(folder / "dataset" / DATASET / "result.json"),
        fingerprint=DATASET,
        folder=str(folder / "dataset" / DATASET),
        jets=JetCounts(**{part: len(rows) for part, rows in parts.items()}),
        read=650,
        cuts=[],
        shards=written,
    )
    Path(dataset.uri).write_text(dataset.model_dump_json(by_alias=True))
    networks = [fitted(spec, take(jets, parts["train"]), seed=seed) for seed in range(1, members + 1)]
    place = folder / (f"tuning/{TRAINING}/{trial}" if trial else f"training/{TRAINING}")
    place.mkdir(parents=True)
    checkpoints = [place / f"best-{seed}.pt" for seed in range(1, members + 1)]
    for path, network in zip(checkpoints, networks, strict=True):
        path.write_bytes(dump(spec, network.state_dict()))
    figures = {"best_epoch": STEPS, "metrics": {"validation_loss": 0.1}}
    listed = [Member(seed=seed, checkpoint=str(path), **figures) for seed, path in enumerate(checkpoints, 1)]
    training = TrainResult(
        uri=str(place / "result.json"),
        checkpoint=str(checkpoints[0]),
        members=listed if members > 1 else [],
        trial=trial,
        hyperparameters={"learningRate": "0.003"},
        epochs=STEPS,
        parameters=sum(weights.numel() for weights in networks[0].parameters()),
        **figures,
    )
    Path(training.uri).write_text(training.model_dump_json(by_alias=True))
    return networks


def export_input(folder: Path, *, opset: int = 20, ir: int = 10, trial: str | None = None) -> ExportInput:
    """The document of the export of ``trained_storage``."""
    source = ModelSource(stage="tuning" if trial else "training", fingerprint=TRAINING, trial=trial)
    return ExportInput(storage=str(folder), dataset=DATASET, source=source, opset=opset, ir=ir)
