"""The cluster that the suite runs on: that of KUBECONFIG, or a kind cluster that pytest-kind makes."""

from __future__ import annotations

import ipaddress
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pytest_kind import KindCluster
from tests.support.parts import missing

KIND_NAME = "jetcal-e2e"


@dataclass(frozen=True)
class Place:
    """A cluster, and how it and this machine reach each other."""

    kubeconfig: Path
    host: str
    """Address of this machine for the API server and for Pods."""
    load: Callable[[Sequence[str]], None]
    """Gives images of Docker to the cluster."""


@contextmanager
def place() -> Iterator[Place]:
    """``KUBECONFIG`` with ``JETCAL_E2E_HOST`` and ``JETCAL_E2E_LOAD``, or a kind cluster that goes away afterwards."""
    kubeconfig = os.environ.get("KUBECONFIG")
    if kubeconfig:
        host = os.environ.get("JETCAL_E2E_HOST")
        if not host:
            missing("set JETCAL_E2E_HOST to the address under which the cluster's Pods reach this machine")
        yield Place(Path(kubeconfig), host, _given_loader)
        return
    for name in ("docker", "kind", "kubectl"):
        if not shutil.which(name):
            missing(f"no cluster to test on: set KUBECONFIG to one, or install {name} to have a kind cluster made")
    cluster = KindCluster(KIND_NAME, kind_path=Path(shutil.which("kind")), kubectl_path=Path(shutil.which("kubectl")))
    cluster.create()
    try:
        yield Place(Path(cluster.kubeconfig_path).absolute(), _kind_host(), _kind_loader(cluster))
    finally:
        if not os.environ.get("JETCAL_E2E_KEEP"):
            cluster.delete()


def _given_loader(images: Sequence[str]) -> None:
    """By the program that ``JETCAL_E2E_LOAD`` names; without one the cluster has the images or can pull them."""
    command = shlex.split(os.environ.get("JETCAL_E2E_LOAD", ""))
    if command:
        subprocess.run([*command, *images], check=True)


def _kind_loader(cluster: KindCluster) -> Callable[[Sequence[str]], None]:
    def load(images: Sequence[str]) -> None:
        for image in images:
            cluster.load_docker_image(image)

    return load


def _kind_host() -> str:
    """The machine's address on the bridge of kind's nodes."""
    done = subprocess.run(["docker", "network", "inspect", "kind"], capture_output=True, text=True, check=True)
    gateways = [entry.get("Gateway") for entry in json.loads(done.stdout)[0]["IPAM"]["Config"]]
    return os.environ.get("JETCAL_E2E_HOST") or next(
        gateway for gateway in gateways if gateway and ipaddress.ip_address(gateway).version == 4
    )
