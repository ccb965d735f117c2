"""The command line ``jetcal``: every house registers its commands by the entry-point group ``jetcal.commands``.

A command's module imports nothing but click at its top, so that ``jetcal --help`` is quick and works without any extra.
"""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from jetcal.errors import JetcalError

EXTRAS = {
    "jetcal_operator.kube": "operator",
    "jetcal_operator.local": "local",
    "jetcal.simulation": "simulate",
    "jetcal": "worker",
}
"""Package of a command -> extra that brings what it imports; the first match counts."""

OWN_PACKAGES = {"jetcal", "jetcal_api", "jetcal_operator"}


class HouseCommands(click.Group):
    """The commands of all houses; says in one sentence what a user can mend."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Names of the registered commands."""
        return sorted(_registered())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """The registered command of that name."""
        point = _registered().get(cmd_name)
        return point.load() if point else None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a missing extra and an expected error end in one sentence."""
        try:
            return super().invoke(ctx)
        except JetcalError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except ModuleNotFoundError as error:
            if not error.name or error.name.split(".")[0] in OWN_PACKAGES:
                raise
            command = ctx.invoked_subcommand or ""
            module = _registered()[command].module
            extra = next(extra for package, extra in EXTRAS.items() if module.startswith(package))
            message = f"'jetcal {command}' needs {error.name}: type  pip install 'jetcal[{extra}]'"
            raise click.ClickException(message) from error


def _registered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="jetcal.commands")}


@click.group(cls=HouseCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jetcal")
def main() -> None:
    """Calibrate jet energies with graph neural networks: one resource, on one machine or on Kubeflow.

    Start with:  jetcal run examples/quickstart.yaml
    """


if __name__ == "__main__":
    sys.exit(main())
