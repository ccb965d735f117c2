"""How each image is built, and that what is there and unchanged is left alone."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.images import BASE, IMAGES, ROOT, STORAGE_INITIALIZER, TRITONSERVER

HERE = Path(__file__).parent
TRITON = ROOT / "operator/jetcal_operator/local/triton"
BUILD_TOOLS = ROOT / "requirements/build.txt"
PUBLIC_BASE = "python:3.11-slim-bookworm"
SUITE = "bookworm"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
RECIPE = "dev.jetcal.recipe"
"""Label of an image that Docker's own cache does not know: hash of what it was made of."""


class Docker:
    """The commands of one Docker."""

    def __init__(self, host: str) -> None:
        self.variables = os.environ | {"DOCKER_HOST": host, "DOCKER_BUILDKIT": "0"}

    def run(self, *command: str | Path, cwd: Path = ROOT) -> None:
        """Run to the end, with its words on standard error."""
        subprocess.run(command, cwd=cwd, env=self.variables, stdout=sys.stderr, check=True)

    def label(self, image: str, name: str) -> str | None:
        """A label of an image, None where there is no such image."""
        command = ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{name}"}}}}', image]
        done = subprocess.run(command, env=self.variables, capture_output=True, text=True, check=False)
        return None if done.returncode else done.stdout.strip()

    def pulls(self, image: str) -> bool:
        """Whether the registry gives the image."""
        return (
            subprocess.run(["docker", "pull", image], env=self.variables, stdout=sys.stderr, check=False).returncode
            == 0
        )

    def build_from(self, image: str, files: Sequence[Path | tuple[Path, str]], *options: str, **arguments: str) -> None:
        """Build from a context of just these files, with build arguments."""
        values = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
        with tempfile.TemporaryDirectory() as context:
            for entry in files:
                source, name = entry if isinstance(entry, tuple) else (entry, entry.name)
                shutil.copy2(source, Path(context, name))
            self.run("docker", "build", "--force-rm", "--network=host", *values, *options, "--tag", image, context)


def build(docker: Docker, names: Sequence[str] = ()) -> None:
    """Build the named images (default: all) and the base that they stand on."""
    wanted = {"base", *(names or IMAGES)}
    for name, builder in BUILDERS.items():
        if name in wanted:
            builder(docker)


def _base(docker: Docker) -> None:
    own = HERE / "base"
    ingredients = [*sorted(own.iterdir()), CERTIFICATES]
    recipe = hashlib.sha256(b"".join(path.read_bytes() for path in ingredients if path.exists())).hexdigest()[:16]
    if docker.label(BASE, RECIPE) == recipe:
        return
    label = f"{RECIPE}={recipe}"
    if docker.pulls(PUBLIC_BASE):
        docker.build_from(BASE, [own / "Dockerfile", own / "nslookup"], "--label", label, PUBLIC_BASE=PUBLIC_BASE)
        return
    with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
        subprocess.run([own / "debootstrap.sh", SUITE], stdout=archive, check=True)
        docker.run("docker", "import", "--change", f"LABEL {label}", archive.name, BASE)


def _operator(docker: Docker) -> None:
    docker.run("make", "--no-print-directory", "image-operator", f"BASE={BASE}")


def _worker(docker: Docker) -> None:
    docker.run("make", "--no-print-directory", "image-worker", f"BASE={BASE}")


def _tritonserver(docker: Docker) -> None:
    own = HERE / "tritonserver"
    files = [own / "Dockerfile", own / "tritonserver", TRITON / "backend/model.py", BUILD_TOOLS]
    docker.build_from(TRITONSERVER, [*files, (TRITON / "requirements.txt", "triton.txt")], BASE=BASE)


def _storage_initializer(docker: Docker) -> None:
    own = HERE / "storage_initializer"
    files = [own / "Dockerfile", own / "download.py", own / "requirements.txt", BUILD_TOOLS]
    docker.build_from(STORAGE_INITIALIZER, files, BASE=BASE)


BUILDERS: dict[str, Callable[[Docker], None]] = {
    "base": _base,
    "operator": _operator,
    "tritonserver": _tritonserver,
    "storage-initializer": _storage_initializer,
    "worker": _worker,
}
