"""Each extra in a clean environment of its own pins: complete, and without the weight of the other side."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRA_OF = {"run": "local", "train": "worker", "simulate": "simulate"}
IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    house = importlib.import_module(name)
    for module in pkgutil.walk_packages(house.__path__, f"{name}."):
        importlib.import_module(module.name)
"""

pytestmark = pytest.mark.slow


class Environment:
    """A clean environment with the pins of one extra and the built wheel."""

    def __init__(self, folder: Path, wheel: Path, extra: str) -> None:
        self.python = folder / "bin/python"
        uv = (sys.executable, "-m", "uv", "--quiet")
        run(*uv, "venv", "--python", sys.executable, folder)
        install = (*uv, "pip", "install", "--python", self.python)
        run(*install, "--require-hashes", "--only-binary", ":all:", "-r", ROOT / f"requirements/{extra}.txt")
        run(*install, "--no-index", f"jetcal[{extra}] @ {wheel.as_uri()}")

    def jetcal(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """What the command line answers."""
        command = [self.python.with_name("jetcal"), *arguments]
        return subprocess.run(command, cwd=self.python.parent, capture_output=True, text=True, check=False)

    def found(self, *modules: str) -> list[str]:
        """Those of the modules that can be imported here."""
        probe = "import sys; from importlib.util import find_spec; print(*filter(find_spec, sys.argv[1:]))"
        return run(self.python, "-Ic", probe, *modules).split()

    def import_all(self, *packages: str) -> None:
        """Import every module of the packages."""
        run(self.python, "-Ic", IMPORT_ALL, *packages)


def run(*command: str | Path) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Environment]:
    wheels = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", wheels)
    wheel = next(wheels.glob("*.whl"))
    return cache(lambda extra: Environment(tmp_path_factory.mktemp(extra), wheel, extra))


def test_the_operator_needs_nothing_of_the_worker(environment: Callable[[str], Environment]) -> None:
    operator = environment("operator")
    assert operator.found("torch", "numpy", "boto3", "onnx", "optuna", "kopf", "kubernetes") == ["kopf", "kubernetes"]
    operator.import_all("jetcal_api", "jetcal_operator.kube", "jetcal_operator.stages")
    assert "JetCalibration" in operator.jetcal("operator", "--help").stdout


@pytest.mark.parametrize("command", EXTRA_OF)
def test_the_operators_environment_tells_what_other_commands_need(
    environment: Callable[[str], Environment], command: str, tmp_path: Path
) -> None:
    arguments = {"run": [ROOT / "examples/quickstart.yaml"], "train": [], "simulate": [tmp_path / "ntuples"]}[command]
    answer = environment("operator").jetcal(command, *arguments)
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"Error: 'jetcal {command}' needs ")
    assert answer.stderr.endswith(f"type  pip install 'jetcal[{EXTRA_OF[command]}]'\n")


def test_the_worker_needs_no_operator_framework(environment: Callable[[str], Environment]) -> None:
    worker = environment("worker")
    assert worker.found("kopf", "kubernetes", "optuna", "torch") == ["torch"]
    houses = [house for house in worker_houses() if house != "jetcal.simulation"]
    worker.import_all("jetcal_api", *houses)
    assert worker.jetcal("train", "--help").returncode == 0
    assert all(worker.python.with_name(program).exists() for program in ("torchrun", "tensorboard"))
    operator = worker.jetcal("operator")
    assert operator.returncode == 1
    assert operator.stderr.endswith("type  pip install 'jetcal[operator]'\n")


def test_one_machine_needs_no_operator_framework(environment: Callable[[str], Environment]) -> None:
    local = environment("local")
    assert local.found("kopf", "kubernetes", "torch", "optuna") == ["torch", "optuna"]
    local.import_all("jetcal_operator.local.controllers")
    assert local.jetcal("run", "--help").returncode == 0


def test_simulation_alone_writes_jets(environment: Callable[[str], Environment], tmp_path: Path) -> None:
    simulate = environment("simulate")
    assert simulate.found("torch", "kopf", "pythia8mc", "fastjet") == ["pythia8mc", "fastjet"]
    answer = simulate.jetcal("simulate", tmp_path, "--jets", "20", "--files", "1", "--seed", "1")
    assert answer.returncode == 0, answer.stderr
    assert len(list(tmp_path.glob("*.root"))) == 1


def worker_houses() -> list[str]:
    """The packages of the worker."""
    return sorted(f"jetcal.{entry.parent.name}" for entry in ROOT.glob("workloads/jetcal/*/__init__.py"))
