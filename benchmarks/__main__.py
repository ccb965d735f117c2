"""``make bench`` and ``make bench-quick``: every subject in a process of its own, one after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from benchmarks.machine import environment, machine_class
from benchmarks.pages import fill
from benchmarks.record import RESULTS, Record, latest, regressions, repeated_names
from benchmarks.rows import Row
from benchmarks.table import table

HOME = Path(__file__).parents[1]
SUBJECTS = tuple(sorted(path.stem for path in (Path(__file__).parent / "measures").glob("[a-z]*.py")))
LONG = {"machine", "predict", "processes", "scaling", "serving"}
"""Left out of a quick run that names no subject: no ratios, or whole programs, that take minutes."""
SINGLE_THREADED = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL", "OPENBLAS", "NUMBA")}


@click.command()
@click.argument("subjects", nargs=-1, type=click.Choice(SUBJECTS))
@click.option("--quick", is_flag=True, help="A short run, compared with the recorded one of this class of machine.")
@click.option("--draw", is_flag=True, help="Measure nothing: write the latest record into the pages once more.")
def main(*, subjects: tuple[str, ...], quick: bool, draw: bool) -> None:
    """Measure SUBJECTS, or all; a whole run is recorded and written into the pages."""
    if draw:
        redraw()
        return
    before = environment()
    all_subjects = [subject for subject in SUBJECTS if not (quick and subject in LONG)]
    rows, failed = measured(subjects or all_subjects, quick=quick)
    click.echo(table(rows))
    if not quick and not subjects:
        record(Record(before, tuple(rows)))
    if failed:
        sys.exit(f"{', '.join(failed)} could not be measured; the errors stand above")
    if quick:
        compare(rows)


def measured(subjects: Sequence[str], *, quick: bool) -> tuple[list[Row], list[str]]:
    """The rows of all subjects, and those subjects that failed: one of them does not undo the others' half hour."""
    rows: list[Row] = []
    failed = []
    for subject in subjects:
        begin = datetime.now(UTC)
        found = rows_of(subject, quick=quick)
        click.echo(f"{subject}: {(datetime.now(UTC) - begin).total_seconds():.0f} s", err=True)
        if found is None:
            failed.append(subject)
            continue
        rows += found
        if twice := repeated_names(rows):
            sys.exit(f"two rows are called {twice[0]!r}, by which runs are compared; {subject} has one of them")
    return rows, failed


def rows_of(subject: str, *, quick: bool) -> list[Row] | None:
    """The rows of one subject, None if it fails; what it prints beside them goes to stderr."""
    command = [sys.executable, "-m", "benchmarks.measure", subject, *(["--quick"] if quick else [])]
    done = subprocess.run(  # noqa: S603  # our own module
        command, stdout=subprocess.PIPE, text=True, check=False, cwd=HOME, env={**os.environ, **SINGLE_THREADED}
    )
    if done.returncode:
        return None
    return [Row(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]


def record(run: Record) -> None:
    """Keep a whole run, and write it into the pages."""
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{machine_class()}.json"
    run.write(path)
    click.echo(f"recorded in {path.relative_to(HOME)}", err=True)
    fill(HOME, run)


def redraw() -> None:
    """The pages from the newest record of any machine."""
    path = latest()
    if path is None:
        sys.exit("nothing is recorded; 'make bench' records")
    fill(HOME, Record.read(path))
    click.echo(f"the pages show {path.name}", err=True)


def compare(rows: Sequence[Row]) -> None:
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
