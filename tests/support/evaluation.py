"""Test jets and models whose response is known exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS
from jetcal.evaluation.response import Sample

FLAVOUR_SHIFT = {1: 0.02, 2: 0.02, 3: 0.02, 4: 0.0, 5: 0.0, 21: -0.02}
"""Shift of the standard correction's median response; the network keeps a quarter of it."""
RAW_SCALE = 0.8
STANDARD_WIDTH = 0.12
NETWORK_WIDTH = 0.10

PROVENANCE: dict[str, Any] = {
    "evaluation": "e" * 16,
    "candidate": "c" * 16,
    "baseline": None,
    "dataset": {
        "fingerprint": "d" * 16,
        "folder": "s3://jec/ak4/dataset/" + "d" * 16,
        "read": 12000,
        "cuts": [{"name": "matched to a generator jet", "removed": 600}],
        "jets": {"train": 6000, "validation": 2000, "test": 2000},
        "sources": [{"uri": "JetNtuple_1.root", "size": 27000000, "version": "1"}],
        "test_files": ["attempts/a/test-00000.arrow"],
    },
    "model": {
        "repository": "s3://jec/ak4/export/" + "c" * 16,
        "sha256": "0" * 64,
        "opset": 20,
        "ir": 10,
        "parity": {"max_relative": 3e-6, "share_within_1e5": 1.0},
        "metadata": {},
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
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
