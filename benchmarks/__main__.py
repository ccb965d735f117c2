"""``make bench`` and ``make bench-quick``: every subject in a process of its own, one after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from benchmarks.machine import environment, machine_class
from benchmarks.record import RESULTS, Record, latest, regressions
from benchmarks.rows import Row
from benchmarks.table import replace_table, table

HOME = Path(__file__).parents[1]
PAGES = (HOME / "README.md", HOME / "docs" / "performance.md")
SUBJECTS = tuple(sorted(path.stem for path in (Path(__file__).parent / "measures").glob("[a-z]*.py")))
SINGLE_THREADED = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA")}


@click.command()
@click.argument("subjects", nargs=-1, type=click.Choice(SUBJECTS))
@click.option("--quick", is_flag=True, help="A short run, compared with the recorded one of this class of machine.")
def main(*, subjects: tuple[str, ...], quick: bool) -> None:
    """Measure SUBJECTS, or all; a whole run is recorded and written into the pages."""
    rows = [row for subject in subjects or SUBJECTS for row in measured(subject, quick=quick)]
    click.echo(table(rows))
    if quick:
        compare(rows)
    elif not subjects:
        path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{machine_class()}.json"
        Record(environment(), tuple(rows)).write(path)
        for page in PAGES:
            replace_table(page, [row for row in rows if row.ratio is not None])


def measured(subject: str, *, quick: bool) -> list[Row]:
    """The rows of one subject; what it prints beside them goes to stderr."""
    click.echo(f"{subject} ...", err=True)
    command = [sys.executable, "-m", "benchmarks.measure", subject, *(["--quick"] if quick else [])]
    done = subprocess.run(  # noqa: S603  # our own module
        command, stdout=subprocess.PIPE, text=True, check=False, cwd=HOME, env={**os.environ, **SINGLE_THREADED}
    )
    if done.returncode:
        sys.exit(f"{subject} could not be measured; its error stands above")
    return [Row(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]


def compare(rows: list[Row]) -> None:
    """Tell what has become slower since the last record; ends with 1 if anything has."""
    path = latest(machine_class())
    if path is None:
        click.echo(f"nothing is recorded for {machine_class()}; 'make bench' records", err=True)
        return
    slower = regressions(rows, Record.read(path).rows)
    click.echo("\n".join(slower) or f"nothing is slower than in {path.name}")
    sys.exit(bool(slower))


if __name__ == "__main__":
    main()
