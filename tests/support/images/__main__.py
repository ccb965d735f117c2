"""The command: see the package."""

from __future__ import annotations

import os
import subprocess
import sys

import click
from tests.support.images import IMAGES
from tests.support.images.building import Docker, build
from tests.support.images.daemon import NoDockerError, docker_host, stop

host_option = click.option("--docker-host", help="Address of the Docker to use.")


@click.group()
def main() -> None:
    """Images for end-to-end tests, without a registry."""


@main.command("build")
@click.argument("names", nargs=-1, type=click.Choice(list(IMAGES)))
@host_option
def build_command(names: tuple[str, ...], docker_host: str | None) -> None:
    """Build images; all of them where none is named."""
    host = _host(docker_host)
    try:
        build(Docker(host), names)
    except subprocess.CalledProcessError as error:
        message = (
            f"an image cannot be built: {error.cmd[0]} ended with {error.returncode}, its last lines above tell why"
        )
        raise click.ClickException(message) from error
    click.echo(f"DOCKER_HOST={host}")


@main.command()
@click.argument("images", nargs=-1, required=True)
@host_option
def save(images: tuple[str, ...], docker_host: str | None) -> None:
    """Write images as an archive to standard output."""
    done = subprocess.run(
        ["docker", "save", *images], env=os.environ | {"DOCKER_HOST": _host(docker_host)}, check=False
    )
    sys.exit(done.returncode)


@main.command("stop")
@click.option("--purge", is_flag=True, help="Remove its images too.")
def stop_command(*, purge: bool) -> None:
    """End the dockerd that build started."""
    stop(purge=purge)


def _host(wanted: str | None) -> str:
    try:
        return docker_host(wanted)
    except NoDockerError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main(prog_name="python -m tests.support.images")
