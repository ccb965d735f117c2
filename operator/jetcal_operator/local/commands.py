"""The user's commands on one machine: run, serve, status, validate, render."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import click

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
PORT = click.IntRange(0, 65535)


@click.command()
@click.argument("file", type=FILE)
@click.option("--storage", type=FOLDER, help="Folder of the artefacts; replaces spec.storage.uri.")
@click.option("--serve", is_flag=True, help="Keep the endpoint up at the end, until Ctrl-C.")
@click.option("--port", type=PORT, default=0, help="HTTP port of the endpoint; any free one when left out.")
def run(file: Path, storage: Path | None, port: int, *, serve: bool) -> None:
    """Calibrate on this machine: from ROOT files to a judged, exported and verified model.

    Run it again to go on after an interruption; what is done is not done again.

    \b
    Example:
      jetcal run examples/quickstart.yaml
      jetcal run calibration.yaml --storage results --serve --port 8000
    """
    from jetcal_operator.local.display import Display
    from jetcal_operator.local.files import localised, parse, read_document
    from jetcal_operator.local.loop import is_ready
    from jetcal_operator.local.running import calibrate, check_possible
    from jetcal_operator.local.session import Interrupted, run_interruptibly
    from jetcal_operator.local.targets import Target, stored_resource
    from jetcal_operator.local.view import presentable, verdict

    document = read_document(file)
    parse(file, document)
    document = localised(document, file.parent, storage)
    check_possible(parse(file, document))
    _check_port(port)
    display = Display()
    try:
        resource = run_interruptibly(calibrate(document, display, serve=serve, port=port), display)
    except Interrupted as interrupted:
        click.echo("Interrupted; type the same command again to go on from here.", err=True)
        sys.exit(interrupted.exit_code)
    target = Target(Path(resource.spec.storage.uri), resource.metadata.name)
    _print_yaml(presentable(stored_resource(target)))
    if not is_ready(resource):
        raise click.ClickException(verdict(resource))
    _print_next(resource, file, storage)


@click.command()
@click.argument("target", type=click.Path(path_type=Path, exists=True))
@click.option("--storage", type=FOLDER, help="Folder of the artefacts; replaces spec.storage.uri of a YAML file.")
@click.option("--port", type=PORT, default=0, help="HTTP port of the endpoint; any free one when left out.")
def serve(target: Path, storage: Path | None, port: int) -> None:
    """Serve the accepted revision of a calibration (YAML file or storage folder) until Ctrl-C.

    \b
    Example:
      jetcal serve calibration.yaml --port 8000
    """
    from jetcal_operator.local.display import Display
    from jetcal_operator.local.running import serve_accepted
    from jetcal_operator.local.session import Interrupted, run_interruptibly
    from jetcal_operator.local.targets import find, stored_resource

    found = find(target, storage)
    stored_resource(found)
    _check_port(port)
    display = Display()
    try:
        run_interruptibly(serve_accepted(found.storage, found.name, display, port), display)
    except Interrupted as interrupted:
        sys.exit(interrupted.exit_code)


@click.command()
@click.argument("target", type=click.Path(path_type=Path, exists=True))
@click.option("--storage", type=FOLDER, help="Folder of the artefacts; replaces spec.storage.uri of a YAML file.")
@click.option("--output", "-o", type=click.Choice(["table", "yaml"]), default="table", help="Form of the answer.")
def status(target: Path, storage: Path | None, output: str) -> None:
    """Show how far a calibration (YAML file or storage folder) is.

    \b
    Example:
      jetcal status calibration.yaml
      jetcal status results -o yaml
    """
    from jetcal_operator.local.cluster import parse_stored
    from jetcal_operator.local.targets import find, stored_resource
    from jetcal_operator.local.view import presentable, stage_rows, verdict

    stored = stored_resource(find(target, storage))
    if output == "yaml":
        _print_yaml(presentable(stored))
        return
    resource = parse_stored(stored)
    for row in stage_rows(resource):
        click.echo(f"{row.name:<12}{row.state:<10}{row.detail}")
    click.echo(verdict(resource))


@click.command()
@click.argument("files", type=FILE, nargs=-1, required=True)
def validate(files: tuple[Path, ...]) -> None:
    """Check YAML files against the resource's schema, without running anything.

    \b
    Example:
      jetcal validate calibration.yaml
    """
    from jetcal_operator.local.errors import LocalError
    from jetcal_operator.local.files import parse, read_document

    failed = False
    for file in files:
        try:
            resource = parse(file, read_document(file))
        except LocalError as error:
            failed = True
            click.echo(error.message, err=True)
        else:
            click.echo(f"{file}: JetCalibration {resource.metadata.name} is valid")
    sys.exit(int(failed))


@click.command()
@click.argument("file", type=FILE)
def render(file: Path) -> None:
    """Print the manifests that a cluster would get for a calibration, as a stream of YAML.

    What only a run knows (fingerprints of data, uris of models) stands there as "known-after-...".

    \b
    Example:
      jetcal render calibration.yaml
    """
    from jetcal_operator.local.files import parse, read_document
    from jetcal_operator.platform import Platform, UnknownTritonError
    from jetcal_operator.render import render as manifests

    resource = parse(file, read_document(file))
    try:
        _print_yaml(*manifests(resource, Platform()))
    except UnknownTritonError as error:
        raise click.ClickException(str(error)) from error


def _check_port(port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            message = f"port {port} cannot be had ({error.strerror}); choose another one with --port"
            raise click.ClickException(message) from error


def _print_yaml(*documents: Any) -> None:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # a flag, whatever its annotation
    yaml.representer.ignore_aliases = lambda _: True
    yaml.dump_all(documents, sys.stdout)


def _print_next(resource: Any, file: Path, storage: Path | None) -> None:
    reports = resource.status.evaluation
    model = resource.status.model
    place = f"{file} --storage {storage}" if storage else str(file)
    if reports:
        click.echo(f"\nReport: {reports.report}")
    if model:
        click.echo(f"Model:  {model.uri}")
    jetcal = "jetcal" if shutil.which("jetcal") else str(Path(sys.executable).parent / "jetcal")
    click.echo("\nNext:")
    click.echo(f"  {jetcal} status {place}")
    click.echo(f"  {jetcal} serve {place}")
    if accepted := resource.status.history:
        jets = resource.spec.dataset.files[0]
        click.echo(f"  {jetcal} predict '{jets}' --model {accepted[0].model_uri} --output corrected.root")
