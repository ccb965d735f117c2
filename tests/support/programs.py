"""Go programs that tests need, built once into the user's cache from the modules pinned below ``programs/``.

``python -m tests.support.programs [NAME...]`` builds ahead what tests would otherwise build when they first need it.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.support.parts import missing

FAMILIES = Path(__file__).with_name("programs")
"""One folder with go.mod and go.sum for each family of programs."""


class Program(NamedTuple):
    """Where a program comes from; ``stamps`` are the versions that upstream's own build writes into it."""

    family: str
    module: str
    package: str = ""
    stamps: tuple[str, ...] = ()


_KUBERNETES = "k8s.io/kubernetes"
_VERSION = tuple(
    f"k8s.io/component-base/version.{part}" for part in ("gitVersion=v1.36.3", "gitMajor=1", "gitMinor=36")
)
_HELM = tuple(f"helm.sh/helm/v3/{part}" for part in (
    "internal/version.version=v3.19.0", "pkg/chartutil.k8sVersionMajor=1", "pkg/chartutil.k8sVersionMinor=34",
))  # fmt: skip
PROGRAMS = {
    "etcd": Program("etcd", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": Program("kubernetes", _KUBERNETES, "/cmd/kube-apiserver", _VERSION),
    "kube-controller-manager": Program("kubernetes", _KUBERNETES, "/cmd/kube-controller-manager", _VERSION),
    "kubectl": Program("kubernetes", _KUBERNETES, "/cmd/kubectl", _VERSION),
    "helm": Program("helm", "helm.sh/helm/v3", "/cmd/helm", _HELM),
    "kubeconform": Program("kubeconform", "github.com/yannh/kubeconform", "/cmd/kubeconform"),
    "versitygw": Program("versitygw", "github.com/versity/versitygw", "/cmd/versitygw"),
    "training-operator": Program(
        "training-operator", "github.com/kubeflow/training-operator", "/cmd/training-operator.v1"
    ),
    "kserve-manager": Program("kserve", "github.com/kserve/kserve", "/cmd/manager"),
    "kueue-manager": Program("kueue", "sigs.k8s.io/kueue", "/cmd/kueue"),
}

FILES_ONLY = {"github.com/prometheus-operator/prometheus-operator": "prometheus-operator"}
"""Modules that nothing is built from, by their family."""


def program(name: str) -> Path:
    """The program: from ``$KUBEBUILDER_ASSETS``, from the cache, or built now; ends the test where it cannot be had."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and (Path(assets) / name).exists():
        return Path(assets) / name
    source = PROGRAMS[name]
    built = _cache() / f"{name}-{_pinned(source.family, source.module)}"
    if not built.exists():
        with _locked(source.family):
            if not built.exists():
                _build(source, built)
    return built


def module_folder(module: str) -> Path:
    """Folder of a pinned module's files (its custom resource definitions, say), downloaded if need be."""
    families = sorted(folder.name for folder in FAMILIES.iterdir())
    family = next(family for family in families if _asks_for(family, module))
    _go(family, "mod", "download", module)
    return Path(_go(family, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module).strip())


def _asks_for(family: str, module: str) -> bool:
    """Whether the family is there for the module, and does not merely bring it along."""
    text = (FAMILIES / family / "go.mod").read_text()
    return bool(
        re.search(rf"^(?:tool {re.escape(module)}(?:/\S+)?|require {re.escape(module)} v\S+)$", text, re.MULTILINE)
    )


def _pinned(family: str, module: str) -> str | None:
    """Version of a module that the family itself asks for."""
    text = (FAMILIES / family / "go.mod").read_text()
    found = re.search(rf"^(?:require)?\s+{re.escape(module)} (v\S+)", text, re.MULTILINE)
    return found[1] if found else None


def _build(source: Program, target: Path) -> None:
    flags = " ".join(["-s", "-w", *(f"-X {stamp}" for stamp in source.stamps)])
    half = target.with_name(f".{target.name}-{os.getpid()}")
    options = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", half)
    try:
        _go(source.family, "build", *options, source.module + source.package)
        half.replace(target)
    finally:
        half.unlink(missing_ok=True)


def _go(family: str, *arguments: str | Path) -> str:
    if not shutil.which("go"):
        missing(
            f"{family} is not there: install Go to have it built, or set KUBEBUILDER_ASSETS to a folder of programs"
        )
    environment = os.environ | {"CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": ""}
    done = subprocess.run(
        ["go", *arguments], cwd=FAMILIES / family, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        missing(f"{family} cannot be built: {done.stderr[-2000:]}")
    return done.stdout


@contextmanager
def _locked(family: str) -> Iterator[None]:
    """One build of a family at a time, whichever process asks."""
    with (_cache() / f".{family}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jetcal" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main(names: list[str]) -> None:
    """Build the named programs, or all; tests skip what cannot be had, so here too it is no failure outside of CI."""
    absent: dict[str, str] = {}
    for name in names or PROGRAMS:
        started = time.monotonic()
        try:
            print(program(name), f"{time.monotonic() - started:.0f} s", flush=True)  # noqa: T201  # this is its output
        except pytest.skip.Exception as reason:
            absent[name] = str(reason)
        except pytest.fail.Exception as reason:
            sys.exit(str(reason))
    if absent:
        reason = next(iter(absent.values()))
        print(f"tests that need {', '.join(absent)} will be skipped: {reason}", file=sys.stderr)  # noqa: T201  # likewise


if __name__ == "__main__":
    main(sys.argv[1:])
