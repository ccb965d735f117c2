"""What the pages show of a record: tables and pictures."""

from __future__ import annotations

from pathlib import Path

from benchmarks.record import Record
from benchmarks.rows import Row
from benchmarks.scaling import costs, drawing, sizes
from benchmarks.scaling.points import SCALING
from benchmarks.table import figure, replace, replace_table


def fill(home: Path, record: Record) -> None:
    """Write the rows beside peers into README.md and docs/performance.md, and there also machine and scaling.

    Parameters
    ----------
    home
        The repository.
    record
        Of a whole run.

    Raises
    ------
    ValueError
        If a page has no place for a table.
    """
    rows = record.rows
    performance = home / "docs" / "performance.md"
    for page in (home / "README.md", performance):
        replace_table(page, [row for row in rows if row.ratio is not None])
    replace(performance, "machine", machine(record))
    if any(row.name.startswith(SCALING) for row in rows):
        drawing.draw(rows, home / "docs" / "images")
        replace(performance, "scaling", sizes.tables(rows))
        replace(performance, "costs", f"{costs.table(rows)}\n\n{costs.memory(rows)}")


def machine(record: Record) -> str:
    """Where a run was made, in a sentence, and its rows that tell what the machine can do."""
    found = record.environment
    limits = [f"{row.name.partition(': ')[2]} {figure(row.ours)} {row.unit}" for row in record.rows if _is_limit(row)]
    return (
        f"Measured on {found['cores']} cores of {found['processor']} with {found['memory_gb']} GB,"
        f" accelerator {found['accelerator']}, torch {found['torch']}, onnxruntime {found['onnxruntime']};"
        f" load of others at the start {found['load']}. One core: {'; '.join(limits)}."
    )


def _is_limit(row: Row) -> bool:
    return row.name.startswith("machine: ")
