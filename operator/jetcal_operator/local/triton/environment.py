"""The environment of the local tritonserver: made once by uv from pinned wheels, then shared by every run.

The wheel ``nvidia-pytriton`` carries a real tritonserver with the Python backend. It needs NumPy 1, hence a folder of
packages of its own, and an interpreter that NumPy 1 has wheels for and that comes with a shared libpython.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

WHEEL = "0.7.0"
"""Release of nvidia-pytriton."""
RELEASE = "2.51.0"
"""Release of the tritonserver in it."""
OLDEST_GLIBC = (2, 35)
PYTHONS = ((3, 11), (3, 12))
FETCHED_PYTHON = "3.12"

Progress = Callable[[str], None]

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
"""Pins with hashes; requirements.in tells how they are made."""
_ASK_PYTHON = (
    "import json, sys; from sysconfig import get_config_var as var, get_python_version as release; "
    "print(json.dumps([release(), sys.base_prefix, var('LIBDIR'), var('INSTSONAME')]))"
)


class TritonUnavailable(Exception):  # noqa: N818  # a property of the machine rather than a mistake
    """No tritonserver can run on this machine; the message tells what is missing."""


@dataclass(frozen=True)
class TritonEnvironment:
    """A finished environment."""

    folder: Path
    python_home: Path
    python_library: Path
    """Shared libpython that the Python backend is linked to."""

    @property
    def server(self) -> Path:
        """The tritonserver program."""
        return self.packages / "pytriton/tritonserver/bin/tritonserver"

    @property
    def python_backend(self) -> Path:
        """Folder of the Python backend with the stub that runs a model's process."""
        return self.folder / "python"

    @property
    def packages(self) -> Path:
        """Folder of the installed wheels."""
        return self.folder / "packages"

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables for the server: nothing of the caller's Python, and no GPU."""
        libraries = (self.packages / "nvidia_pytriton.libs", self.python_library.parent)
        return {
            "PATH": os.defpath,
            "HOME": str(Path.home()),
            "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
            "PYTHONHOME": str(self.python_home),
            "PYTHONPATH": str(self.packages),
            "CUDA_VISIBLE_DEVICES": "",
        }


def cache_folder() -> Path:
    """Where environments are kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jetcal"


def obstacle(system: str, machine: str, libc: tuple[str, str]) -> str | None:
    """Why the wheel cannot run on such a machine, or None if it can.

    Parameters
    ----------
    system, machine
        As ``platform.system()`` and ``platform.machine()`` spell them.
    libc
        Name and version of the C library, as ``platform.libc_ver()`` gives them.
    """
    if system != "Linux" or machine != "x86_64":
        return f"the tritonserver of nvidia-pytriton {WHEEL} runs on Linux x86-64 only, this is {system} {machine}"
    name, version = libc
    wanted = ".".join(map(str, OLDEST_GLIBC))
    if name != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < OLDEST_GLIBC:
        found = f"{name} {version}".strip() or "another C library"
        return f"the tritonserver of nvidia-pytriton {WHEEL} needs glibc {wanted} or newer, this machine has {found}"
    return None


async def prepare_environment(progress: Progress, cache: Path | None = None) -> TritonEnvironment:
    """The environment, made on first use.

    Parameters
    ----------
    progress
        Is told in one line what takes a while.
    cache
        Folder of environments; default ``cache_folder()``.

    Raises
    ------
    TritonUnavailable
        If this machine cannot run the server, or the wheels cannot be had.
    """
    if reason := obstacle(platform.system(), platform.machine(), platform.libc_ver()):
        raise TritonUnavailable(reason)
    pins = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:8]
    folder = (cache or cache_folder()) / f"triton-{WHEEL}-{pins}"
    if environment := _finished(folder):
        return environment
    progress(f"making the environment of tritonserver {RELEASE} in {folder} (once; downloads about 70 MB)")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    except OSError as error:
        message = f"cannot write to {folder.parent} ({error.strerror}): set XDG_CACHE_HOME to a folder that is writable"
        raise TritonUnavailable(message) from error
    try:
        await _build(aside, progress)
        _move(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    environment = _finished(folder)
    if environment is None:
        message = f"the environment in {folder} is damaged: delete the folder and run again"
        raise TritonUnavailable(message)
    return environment


def _finished(folder: Path) -> TritonEnvironment | None:
    try:
        python = json.loads((folder / "python.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    environment = TritonEnvironment(folder, Path(python["home"]), Path(python["library"]))
    return environment if environment.python_library.exists() else None


class _Python(NamedTuple):
    program: str
    release: str
    """As in 3.12."""
    home: str
    library: str


async def _build(folder: Path, progress: Progress) -> None:
    python = await _python(progress)
    packages = folder / "packages"
    await _uv(
        "pip", "install", "--target", packages, "--python", python.program,
        "--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirements", REQUIREMENTS,
    )  # fmt: skip
    tritonserver = packages / "pytriton/tritonserver"
    shutil.copytree(tritonserver / "backends/python", folder / "python")
    shutil.copy2(
        tritonserver / "python_backend_stubs" / python.release / "triton_python_backend_stub", folder / "python"
    )
    (folder / "python.json").write_text(json.dumps({"home": python.home, "library": python.library}))


def _move(aside: Path, folder: Path) -> None:
    if _finished(folder) is None:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        aside.rename(folder)
    except OSError:
        if _finished(folder) is None:  # otherwise another run was quicker, and its environment is as good
            raise


async def _python(progress: Progress) -> _Python:
    """An interpreter with a shared library: this one, else another of this machine, else one that uv fetches."""
    if sys.version_info[:2] in PYTHONS and (python := await _inspect(sys.executable)):
        return python
    for major, minor in reversed(PYTHONS):
        try:
            found = await _uv("python", "find", "--no-python-downloads", f"{major}.{minor}")
        except TritonUnavailable:
            continue
        if python := await _inspect(found):
            return python
    progress(f"fetching Python {FETCHED_PYTHON}, which the Python backend of tritonserver needs")
    await _uv("python", "install", "--no-bin", FETCHED_PYTHON)
    python = await _inspect(await _uv("python", "find", "--managed-python", FETCHED_PYTHON))
    if python is None:
        message = f"the fetched Python {FETCHED_PYTHON} has no shared library, which the Python backend of Triton needs"
        raise TritonUnavailable(message)
    return python


async def _inspect(program: str) -> _Python | None:
    return _with_library(program, *json.loads(await _run(program, "-I", "-c", _ASK_PYTHON)))


def _with_library(program: str, release: str, home: str, folder: str | None, name: str | None) -> _Python | None:
    library = Path(folder or "", name or "")
    return _Python(program, release, home, str(library)) if ".so" in library.name and library.exists() else None


async def _uv(*arguments: str | Path) -> str:
    return await _run(sys.executable, "-m", "uv", "--no-progress", *arguments)


async def _run(*command: str | Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, errors = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        lines = [line.strip() for line in errors.decode(errors="replace").splitlines() if line.strip()]
        reason = "; ".join(dict.fromkeys([lines[0], lines[-1]])) if lines else f"exit code {process.returncode}"
        message = f"the environment of tritonserver {RELEASE} could not be made ({reason}); with a network, run again"
        raise TritonUnavailable(message)
    return output.decode().strip()
