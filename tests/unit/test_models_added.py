"""The page on adding an architecture, applied to a copy of the code: what comes out is trained, exported, compared."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "adding_a_model.md"
BLOCK = re.compile(r"^```(diff|python) (\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

TRAINED_EXPORTED_COMPARED = """
import numpy as np
import onnxruntime
import torch
from tests.support.toys import toy_jets

from jetcal.data.padding import pad
from jetcal.export.graph import Factors, to_onnx
from jetcal.export.parity import CLOSE, Limits, Parity
from jetcal.models import build
from jetcal.models.registry import architecture
from jetcal.training.fit import Course, Fit
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.statistics import constant_error, learn_scales
from jetcal_api.hyperparameters import hyperparameters
from jetcal_api.spec import ModelSpec

alone = Peers(0, 1, torch.device("cpu"))
torch.set_num_threads(1)
model = ModelSpec.model_validate(
    {"interactionNetwork": {"edgeDim": 8, "nodeDim": 16}, "optimizer": {"batchSize": 100, "learningRate": 0.01}}
)
assert model.architecture == "interactionNetwork" and architecture(model).edge_dim == 8
assert {"edgeDim", "nodeLayers", "dropout", "learningRate"} <= set(hyperparameters("interactionNetwork"))

share = Share([toy_jets(2000, mean_constituents=6)], 0, 2000)
torch.manual_seed(1)
network = build(model)
learn_scales(network, share, alone, 4096)
fit = Fit(network, model, Course.plan(3, len(share), 100, 1, alone), alone)
for epoch in range(3):
    fit.train(share, epoch, 0, lambda *_: None)
other = Share([toy_jets(1000, seed=9, mean_constituents=6)], 0, 1000)
error = fit.validate(other, lambda: None)[1]
constant = constant_error(other, network.target_centre.item(), alone)
assert error < 0.95 * constant, (error, constant)

network.eval()
arrays = pad(toy_jets(40, seed=5, mean_constituents=6), 0, 40)
constituents, jet = map(torch.from_numpy, arrays)
with torch.no_grad():
    expected = Factors(network)(constituents, jet).numpy()
    order = torch.randperm(constituents.shape[1], generator=torch.Generator().manual_seed(1))
    shuffled = Factors(network)(constituents[:, order], jet).numpy()
np.testing.assert_allclose(shuffled, expected, rtol=1e-5)

exported = to_onnx(network, 20, 10, {})
session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
for slots in (0, 1):
    constituents = np.pad(arrays[0], ((0, 0), (0, 7 * slots), (0, 0)))
    (found,) = session.run(None, {"constituents": constituents, "jet": arrays[1]})
    Parity.of(expected, found).require(Limits(1.0, CLOSE), "ONNX Runtime")
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The code with the page's changes."""
    folder = tmp_path_factory.mktemp("copy")
    for package in ("crds/jetcal_api", "workloads/jetcal", "tests/support"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "kubeflow", "e2e")
        )
    (folder / "tests/unit").mkdir()
    shutil.copy(ROOT / "tests/unit/test_models_network.py", folder / "tests/unit/test_models_network.py")
    for kind, name, text in BLOCK.findall(PAGE.read_text()):
        path = folder / name
        path.write_text(text if kind == "python" else changed(path.read_text(), text, name))
    return folder


def changed(text, diff, name):
    """The text with a diff applied: its kept and removed lines stand there once, together."""
    lines = [(line[:1] or " ", line[1:] + "\n") for line in diff.splitlines()]
    before = "".join(line for mark, line in lines if mark in " -")
    after = "".join(line for mark, line in lines if mark in " +")
    assert text.count(before) == 1, f"{name} has not once what the page says:\n{before}"
    return text.replace(before, after)


def run(folder, *command):
    environment = os.environ | {"PYTHONPATH": f"{folder}/crds:{folder}/workloads:{folder}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_the_page_s_interaction_network_learns_and_answers_the_same_in_onnx(copy):
    run(copy, "-W", "ignore", "-c", TRAINED_EXPORTED_COMPARED)


def test_the_page_s_interaction_network_passes_the_tests_of_every_architecture(copy):
    only = ("-k", "interaction", "tests/unit/test_models_network.py")
    told = run(copy, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", *only)
    assert re.search(r"^(1[0-9]|[89]) passed", told, re.MULTILINE), told
