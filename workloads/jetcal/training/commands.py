"""The command ``jetcal train``."""

from __future__ import annotations

import re
from typing import Any

import click


class TrainCommand(click.Command):
    """Has one option for each hyperparameter of each architecture, made from the table when they are needed."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The options of the function and of the table."""
        return [*_hyperparameter_options(), *super().get_params(ctx)]


def _hyperparameter_options() -> list[click.Parameter]:
    from jetcal_api.hyperparameters import ARCHITECTURES, bounds, hyperparameters

    owners: dict[str, list[str]] = {}
    fields = {}
    for architecture in ARCHITECTURES:
        for name, info in hyperparameters(architecture).items():
            owners.setdefault(name, []).append(architecture)
            fields[name] = info
    options: list[click.Parameter] = []
    for name, info in fields.items():
        only = "" if len(owners[name]) == len(ARCHITECTURES) else f" ({', '.join(owners[name])} only)"
        description = (info.description or name).rstrip(".")
        option = "--" + re.sub(r"([A-Z])", lambda match: "-" + match.group(1).lower(), name)
        options.append(click.Option([option, name], metavar="VALUE", help=f"{description}; {bounds(info)}{only}."))
    return options


@click.command(cls=TrainCommand)
@click.option("--trial", metavar="NAME", help="Train this trial of a search instead of the final network.")
def train(trial: str | None, **values: str | None) -> None:
    """Train a network on prepared jets.

    Reads the stage's document from JETCAL_CALIBRATION; hyperparameters given here override it. Starts JETCAL_PROCESSES
    processes (1) on each of PET_NNODES machines (1), goes on from the newest checkpoint of any attempt, and publishes
    result.json in storage. Normally 'jetcal run' or a training controller starts it.

    \b
    Example:
      JETCAL_CALIBRATION="$(cat trial.json)" jetcal train --trial first --learning-rate 0.002 --batch-size 512
    """
    from jetcal import worker
    from jetcal.training import launch
    from jetcal.training.work import read_work

    with worker.stage():
        given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        worker.finish(launch.run(read_work(trial, given)))
