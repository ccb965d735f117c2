"""One subject measured in a process of its own: ``python -m benchmarks.measure SUBJECT``, rows as JSON, one a line."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import import_module

import click


@click.command()
@click.argument("subject")
@click.option("--quick", is_flag=True, help="Fewer jets and rounds.")
def main(*, subject: str, quick: bool) -> None:
    """Print the rows of one subject."""
    for row in import_module(f"benchmarks.measures.{subject}").measure(quick):
        click.echo(json.dumps(asdict(row)))


if __name__ == "__main__":
    main()
