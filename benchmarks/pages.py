"""What the pages show of a record: tables and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.rows import Row
from benchmarks.scaling import costs, drawing, sizes
from benchmarks.scaling.points import SCALING
from benchmarks.table import replace, replace_table


def fill(home: Path, rows: Sequence[Row]) -> None:
    """Write the rows beside peers into README.md and docs/performance.md, and there also what scaling found.

    Parameters
    ----------
    home
        The repository.
    rows
        Of a whole run.

    Raises
    ------
    ValueError
        If a page has no place for a table.
    """
    performance = home / "docs" / "performance.md"
    for page in (home / "README.md", performance):
        replace_table(page, [row for row in rows if row.ratio is not None])
    if any(row.name.startswith(SCALING) for row in rows):
        drawing.draw(rows, home / "docs" / "images")
        replace(performance, "scaling", sizes.tables(rows))
        replace(performance, "costs", f"{costs.table(rows)}\n\n{costs.memory(rows)}")
