"""The two images as Pods under the restricted level run them: read-only root, no rights, user 1000, no network."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from tests.support.images import OPERATOR, WORKER
from tests.support.images.daemon import answering
from tests.support.parts import missing

OPERATOR_LIMIT = 130_000_000
RESTRICTED = (
    "--read-only",
    "--tmpfs=/tmp",
    "--user=1000:1000",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=none",
)
WITHOUT_BYTECODE = """
import os, sys, kopf, kubernetes.aio, jetcal_operator.kube.connection
loaded = {name: getattr(module, "__cached__", None) for name, module in sys.modules.items()}
ours = {name: path for name, path in loaded.items() if path and path.startswith("/opt/")}
print(*(name for name, path in ours.items() if not os.path.exists(path) and ".models." not in name))
"""


class Docker:
    def __init__(self, host: str) -> None:
        self.environment = os.environ | {"DOCKER_HOST": host}

    def __call__(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["docker", *command], env=self.environment, capture_output=True, text=True, check=False)

    def run(self, image: str, *command: str) -> subprocess.CompletedProcess[str]:
        """A command in a container, in place of the image's own."""
        return self("run", "--rm", *RESTRICTED, "--entrypoint", command[0], image, *command[1:])

    def inspect(self, image: str) -> dict:
        answer = self("image", "inspect", image)
        if answer.returncode:
            missing(f"no image {image}: python -m tests.support.images build")
        return json.loads(answer.stdout)[0]


@pytest.fixture(scope="module")
def docker() -> Docker:
    host = answering()
    if not host:
        missing("no Docker answers: start one, then python -m tests.support.images build")
    return Docker(host)


@pytest.mark.parametrize("image", [OPERATOR, WORKER])
def test_an_image_tells_what_it_is_and_is_nobody_of_rights(docker: Docker, image: str) -> None:
    config = docker.inspect(image)["Config"]
    assert config["User"] == "1000:1000"
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in config["Labels"].items()}
    assert labels["version"] == image.rpartition(":")[2]
    assert labels["licenses"] == "Apache-2.0"
    assert labels["title"] == image.rpartition(":")[0].replace("/", " ")


def test_the_operators_image_is_small(docker: Docker) -> None:
    operator = docker.inspect(OPERATOR)
    base = docker.inspect(operator["Config"]["Labels"]["org.opencontainers.image.base.name"])
    assert operator["Size"] - base["Size"] <= OPERATOR_LIMIT


def test_the_operator_starts_without_torch_and_has_its_bytecode(docker: Docker) -> None:
    docker.inspect(OPERATOR)
    answer = docker("run", "--rm", *RESTRICTED, OPERATOR, "--help")
    assert answer.stdout.startswith("Usage: jetcal operator"), answer.stderr
    assert docker.run(OPERATOR, "python", "-c", "import torch").stderr.endswith("No module named 'torch'\n")
    answer = docker.run(OPERATOR, "python", "-c", WITHOUT_BYTECODE)
    assert (answer.stdout, answer.stderr) == ("\n", "")


def test_the_operator_without_a_cluster_says_so_in_one_sentence(docker: Docker) -> None:
    docker.inspect(OPERATOR)
    answer = docker("run", "--rm", *RESTRICTED, OPERATOR)
    assert answer.returncode == 1
    assert "Traceback" not in answer.stderr
    assert answer.stderr.splitlines()[-1].startswith("Error: no cluster to work for")


def test_the_health_check_fails_while_nothing_answers(docker: Docker) -> None:
    check = docker.inspect(OPERATOR)["Config"]["Healthcheck"]["Test"]
    assert check[0] == "CMD"
    assert docker.run(OPERATOR, *check[1:]).returncode == 1


def test_the_worker_has_its_libraries_and_no_operator_framework(docker: Docker) -> None:
    docker.inspect(WORKER)
    imports = (
        "import awkward, boto3, matplotlib.pyplot, mplhep, onnxruntime, torch, tritonclient.http, uproot, XRootD.client"
    )
    draws = "; matplotlib.pyplot.plot([1, 2]); matplotlib.pyplot.savefig('/tmp/plot.png'); print('drawn')"
    answer = docker.run(WORKER, "python", "-c", imports + draws)
    assert answer.stdout == "drawn\n", answer.stderr
    absent = docker.run(
        WORKER, "python", "-c", "from importlib.util import find_spec as f; print(f('kopf'), f('kubernetes'))"
    )
    assert absent.stdout == "None None\n"


def test_the_worker_says_in_one_sentence_what_it_lacks(docker: Docker) -> None:
    docker.inspect(WORKER)
    answer = docker.run(WORKER, "jetcal", "inventory")
    assert answer.returncode == 1
    assert answer.stderr.startswith("Error: ")
    assert "JETCAL_CALIBRATION" in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["jetcal train --help", "torchrun --help", "tensorboard --version_tb", "true"])
def test_the_worker_runs_what_manifests_and_katib_start(docker: Docker, command: str) -> None:
    docker.inspect(WORKER)
    answer = docker.run(WORKER, "sh", "-c", f"{command} > /tmp/metrics.log 2>&1 || (cat /tmp/metrics.log; exit 1)")
    assert answer.returncode == 0, answer.stdout
