"""A control plane with the real controllers of Kubeflow, apart from the one where tests play the controllers' parts."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.control_plane import OWN_CRD, kubeflow_crds, running
from tests.support.kubeflow import kserve as real_kserve
from tests.support.kubeflow import training_operator as real_training_operator
from tests.support.kubeflow.certificates import certificates
from tests.support.kubeflow.controller import Controller
from tests.support.ports import free_port

_ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def kubeflow_plane(tmp_path_factory):
    """A control plane that serves all kinds; each controller starts with the first test that asks for it."""
    with running(tmp_path_factory.mktemp("kubeflow-plane"), [OWN_CRD, *kubeflow_crds()]) as plane:
        yield plane


@pytest.fixture(scope="session")
def training_operator(kubeflow_plane, tmp_path_factory):
    """The real training-operator."""
    folder = tmp_path_factory.mktemp("training-operator")
    with real_training_operator.training_operator(kubeflow_plane.kubeconfig, folder) as controller:
        yield controller


@pytest.fixture(scope="session")
def kserve(kubeflow_plane, tmp_path_factory):
    """The real KServe."""
    with real_kserve.kserve(kubeflow_plane.kubeconfig, tmp_path_factory.mktemp("kserve")) as controller:
        yield controller


@pytest.fixture(scope="session")
def katib(kubeflow_plane, tmp_path_factory):
    """The stand-in of Katib's controller."""
    with katib_process(kubeflow_plane.kubeconfig, tmp_path_factory.mktemp("katib")) as controller:
        yield controller


@contextmanager
def katib_process(kubeconfig, folder, *, host="127.0.0.1", options=()):
    """The running stand-in; ``host`` is where the API server reaches this machine, ``options`` go to its command."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.kubeflow.katib", "--kubeconfig", kubeconfig, "--host", host]
    listen = host if host == "127.0.0.1" else "0.0.0.0"  # noqa: S104  # Pods' networks reach it too
    command += ["--listen", listen, "--webhook-port", str(port), *options]
    made = certificates(folder / "certificates", [host, "127.0.0.1"])
    command += ["--certificates", made.folder]
    probe, authority = f"https://127.0.0.1:{port}/readyz", str(made.path("ca.crt"))
    controller = Controller(command, folder, {"PYTHONPATH": str(_ROOT)}, probe, ca_file=authority)
    try:
        controller.start()
        yield controller
    finally:
        controller.stop()
