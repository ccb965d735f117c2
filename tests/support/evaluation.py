"""Test jets and models whose response is known exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS
from jetcal.evaluation.page.history import History, Trial
from jetcal.evaluation.response import CALIBRATED, Sample
from jetcal_api.results import TrainResult

FLAVOUR_SHIFT = {1: 0.02, 2: 0.02, 3: 0.02, 4: 0.0, 5: 0.0, 21: -0.02}
"""Shift of the standard correction's median response; the network keeps a quarter of it."""
RAW_SCALE = 0.8
STANDARD_WIDTH = 0.12
NETWORK_WIDTH = 0.10

PROVENANCE: dict[str, Any] = {
    "evaluation": "e" * 16,
    "candidate": "c" * 16,
    "baseline": "b" * 16,
    "tuning": None,
    "dataset": {
        "fingerprint": "d" * 16,
        "folder": "s3://jec/ak4/dataset/" + "d" * 16,
        "read": 12000,
        "cuts": [{"name": "matched to a generator jet", "removed": 600}],
        "dropped_constituents": 3,
        "truncated_jets": 0,
        "jets": {"train": 6000, "validation": 2000, "test": 2000},
        "sources": [{"uri": f"JetNtuple_{each}.root", "size": 27000000, "version": f"{each}"} for each in range(20)],
        "shards": {"test": [{"path": "attempts/a/test-00000.arrow", "jets": 2000}]},
    },
    "systematics": [{"name": "other-tune", "files": ["s3://jec/other/*.root"]}],
    "model": {
        "repository": "s3://jec/ak4/export/" + "c" * 16,
        "sha256": "0" * 64,
        "opset": 20,
        "ir": 10,
        "members": 2,
        "parity": {"max_relative": 3e-6, "share_within_1e5": 1.0},
        "metadata": {"torch": "2.9.1"},
    },
    "served": {
        "repository": "s3://jec/ak4/export/" + "b" * 16,
        "sha256": "1" * 64,
        "opset": 20,
        "ir": 10,
        "members": 1,
        "parity": {"max_relative": 3e-6, "share_within_1e5": 1.0},
    },
    "training": {
        "result": "s3://jec/ak4/training/" + "t" * 16 + "/result.json",
        "trial": None,
        "checkpoint": "s3://jec/ak4/training/" + "t" * 16 + "/attempts/a/member-1/best.pt",
        "parameters": 30000,
        "epochs": 20,
        "best_epoch": 19,
        "metrics": {"validation_loss": 0.0335},
        "hyperparameters": {"learningRate": "0.001", "optimizer": "AdamW"},
        "members": [
            {"seed": 1, "best_epoch": 19, "metrics": {"validation_loss": 0.0335}},
            {"seed": 2, "best_epoch": 20, "metrics": {"validation_loss": 0.0337}},
        ],
    },
    "versions": {"jetcal": "0.1.0"},
}


def gaussian_sample(
    jets: int = 20_000,
    seed: int = 1,
    *,
    scale: float = 1.0,
    network_width: float = NETWORK_WIDTH,
    baseline_width: float | None = None,
    min_pt: float = 20.0,
) -> Sample:
    """Jets with Gaussian responses: raw and standard as wide as each other, the network narrower, all correlated.

    ``scale`` is the network's median response for flavours without a shift.
    """
    rng = np.random.default_rng(seed)
    gen_pt = np.exp(rng.uniform(np.log(min_pt), np.log(1500), jets))
    flavour = rng.choice(list(FLAVOUR_SHIFT), jets, p=[0.15, 0.15, 0.1, 0.1, 0.1, 0.4])
    shift = np.array([FLAVOUR_SHIFT[each] for each in flavour])
    common, own, others = rng.normal(0, 1, (3, jets))
    standard = gen_pt * (1 + shift) * (1 + STANDARD_WIDTH * (0.8 * common + 0.6 * own))
    network = gen_pt * scale * (1 + shift / 4) * (1 + network_width * common)
    corrected = {"raw": RAW_SCALE * standard, "standard": standard, "network": network}
    if baseline_width is not None:
        corrected["baseline"] = gen_pt * (1 + baseline_width * (0.95 * common + 0.3122 * others))
    # gen = network / (scale (1 + width x)), so these ends are its exact 16 % and 84 % quantiles
    quantile = 0.994458
    low, high = (network / (scale * (1 + shift / 4) * (1 + sign * network_width * quantile)) for sign in (1, -1))
    return Sample(
        gen_pt=gen_pt,
        eta=rng.uniform(-2.5, 2.5, jets),
        flavour=flavour,
        corrected=corrected,
        intervals={"network": (low, high)},
    )


def calibrated(sample: Sample) -> Sample:
    """The sample with one correction more, half a percent above the network."""
    low, high = sample.intervals["network"]
    return replace(
        sample,
        corrected={**sample.corrected, CALIBRATED: 1.005 * sample.corrected["network"]},
        intervals={**sample.intervals, CALIBRATED: (1.005 * low, 1.005 * high)},
    )


def toy_history(trials: int = 16, seed: int = 1) -> History:
    """A search whose objective depends on the learning rate, with its optimum inside, and on nothing else."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(trials):
        rate = 10 ** rng.uniform(-4, -2)
        values = {
            "phiLayers": str(rng.integers(1, 5)),
            "fcDim": str(rng.choice([50, 100, 200])),
            "dropout": f"{rng.uniform(0, 0.3):.4g}",
            "optimizer": str(rng.choice(["AdamW", "Adam", "RMSprop"])),
            "learningRate": f"{rate:.4g}",
            "batchSize": "1024",
        }
        objective = 0.02 + 0.003 * (np.log10(rate) + 3) ** 2 + 1e-5 * rng.normal()
        made.append(Trial(f"toy-{number:02d}", float(objective), values, 10, 30_000 + number))
    course = [{"train_loss": 0.03 + 0.05 / n, "validation_loss": 0.031 + 0.05 / n} for n in range(1, 21)]
    training = TrainResult(
        uri="/data/training/result.json",
        checkpoint="/data/training/best.pt",
        hyperparameters=made[0].hyperparameters,
        epochs=20,
        best_epoch=19,
        metrics={"validation_loss": 0.0335, "validation_mae": 0.08},
        parameters=30_000,
        history=[{"timestamp": "2026-01-01T00:00:00.000000Z", **epoch} for epoch in course],
    )
    return History(tuple(sorted(made, key=lambda trial: trial.objective)), ("toy-16", "toy-17"), training)


def evaluation_sample(jets: int, seed: int = 1) -> Sample:
    """What a real test sample holds, at any size: four corrections, two intervals, events of three jets, pile-up."""
    rng = np.random.default_rng(seed)
    gen_pt = np.minimum(15 * rng.pareto(1.0, jets) + 15, 3000.0)
    flavour = rng.choice(list(FLAVOUR_SHIFT), jets, p=[0.15, 0.15, 0.1, 0.1, 0.1, 0.4])
    shift = np.array([FLAVOUR_SHIFT[each] for each in flavour])
    width = np.sqrt(0.8**2 / gen_pt + 0.04**2)
    common, own = rng.standard_t(6, (2, jets))
    standard = gen_pt * np.maximum(1 + shift + width * (0.85 * common + 0.5 * own), 0.05)
    network = gen_pt * np.maximum(1 + shift / 4 + 0.88 * width * common, 0.05)
    calibrated = network * (1 + 0.01 / np.log(gen_pt))
    interval = (network / (1 + 0.9 * width), network / (1 - 0.85 * np.minimum(width, 0.5)))
    return Sample(
        gen_pt=gen_pt,
        eta=rng.uniform(-5, 5, jets),
        flavour=flavour,
        corrected={
            "raw": standard * (0.9 - 0.3 / np.sqrt(gen_pt)),
            "standard": standard,
            "network": network,
            "calibrated": calibrated,
        },
        intervals={"network": interval, "calibrated": interval},
        events=np.arange(jets) // 3,
        rho=rng.gamma(9.0, 2.5, jets // 3 + 1)[np.arange(jets) // 3],
        n_vertices=rng.poisson(25, jets // 3 + 1)[np.arange(jets) // 3].astype(np.float32),
    )


def write_linear_model(
    path: Path, *, median: float, down: float | None = None, up: float | None = None, rho_slope: float = 0.0
) -> None:
    """An ONNX model in the signature of the contract: factors that are linear in rho, whatever the constituents."""
    weight = np.zeros((len(JET_COLUMNS), 3), np.float32)
    weight[JET_COLUMNS.index("rho")] = rho_slope
    bias = np.array([median, median if down is None else down, median if up is None else up], np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["jet", "weight"], ["product"]),
            helper.make_node("Add", ["product", "bias"], ["correction"]),
        ],
        "linear",
        [
            helper.make_tensor_value_info("constituents", TensorProto.FLOAT, ["N", "P", len(CONSTITUENT_COLUMNS)]),
            helper.make_tensor_value_info("jet", TensorProto.FLOAT, ["N", len(JET_COLUMNS)]),
        ],
        [helper.make_tensor_value_info("correction", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    helper.set_model_props(model, {"training": "training/net"})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
