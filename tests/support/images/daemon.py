"""The Docker that builds: the one that answers, else, as root, a dockerd started here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

DEFAULT_HOST = "unix:///var/run/docker.sock"
_DEADLINE = 60


class NoDockerError(Exception):
    """No Docker answers and none can be started; the message tells what is missing."""


def cache_folder() -> Path:
    """Where what takes long to make is kept between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jetcal"


def answering(wanted: str | None = None) -> str | None:
    """Address of a Docker that answers, None where there is none."""
    if not shutil.which("docker"):
        return None
    hosts = [wanted] if wanted else [os.environ.get("DOCKER_HOST") or DEFAULT_HOST, _own_host()]
    return next((host for host in hosts if _answers(host)), None)


def docker_host(wanted: str | None = None) -> str:
    """Address of a Docker that answers, which may have been started for that; raises `NoDockerError`."""
    if host := answering(wanted):
        return host
    if wanted:
        message = f"no Docker answers at {wanted}: start it there, or leave --docker-host out"
        raise NoDockerError(message)
    return _start()


def stop(*, purge: bool) -> None:
    """End the dockerd that was started here; with ``purge`` its images go too."""
    pid_file = _folder() / "docker.pid"
    if pid_file.exists():
        pid = int(pid_file.read_text())
        deadline = time.monotonic() + _DEADLINE
        os.kill(pid, signal.SIGTERM)
        while Path("/proc", str(pid)).exists() and time.monotonic() < deadline:
            time.sleep(0.1)
    if purge:
        shutil.rmtree(_folder(), ignore_errors=True)


def _folder() -> Path:
    return cache_folder() / "docker"


def _own_host() -> str:
    return f"unix://{_folder() / 'docker.sock'}"


def _answers(host: str) -> bool:
    command = ["docker", "--host", host, "version"]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


def _start() -> str:
    if not shutil.which("dockerd") or not shutil.which("docker"):
        message = "no Docker answers and there is no dockerd to start: apt-get install docker.io"
        raise NoDockerError(message)
    if os.geteuid():
        message = "no Docker answers and dockerd needs root: start Docker, or run this as root"
        raise NoDockerError(message)
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "dockerd.log"
    # Builds and runs use the machine's own network: without a bridge, dockerd leaves the firewall alone.
    command = [
        "dockerd", "--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "docker.pid",
        "--host", _own_host(), "--bridge", "none", "--iptables=false",
    ]  # fmt: skip
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    deadline = time.monotonic() + _DEADLINE
    while not _answers(_own_host()):
        if process.poll() is not None or time.monotonic() > deadline:
            message = f"dockerd does not start, see {log}: {log.read_text(errors='replace').strip().splitlines()[-1:]}"
            raise NoDockerError(message)
        time.sleep(0.2)
    return _own_host()
