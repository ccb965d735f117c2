"""A run of the benchmarks as a file, and a new run beside a recorded one."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.rows import Row

RESULTS = Path(__file__).parent / "results"
TOLERANCE = 0.75
"""A ratio below this share of the recorded one is told as a regression."""


@dataclass(frozen=True)
class Record:
    """Where the rows were measured, and the rows, each with a name of its own.

    Raises
    ------
    ValueError
        If two rows have the same name.
    """

    environment: dict[str, str | int | float]
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        if twice := repeated_names(self.rows):
            message = f"two rows are called {twice[0]!r}, by which runs are compared; give each a name of its own"
            raise ValueError(message)

    def write(self, path: Path) -> None:
        """Write it as JSON, all or nothing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=1) + "\n")
        part.replace(path)

    @classmethod
    def read(cls, path: Path) -> Record:
        """The record of a file."""
        found = json.loads(path.read_text())
        return cls(found["environment"], tuple(Row(**row) for row in found["rows"]))


def repeated_names(rows: Iterable[Row]) -> list[str]:
    """Names that more than one row has."""
    return [name for name, count in Counter(row.name for row in rows).items() if count > 1]


def latest(machine: str = "*") -> Path | None:
    """The newest record of this class of machine, or of any."""
    return max(RESULTS.glob(f"????-??-??-{machine}.json"), default=None)


def regressions(rows: Sequence[Row], recorded: Sequence[Row]) -> list[str]:
    """A sentence for each row whose ratio fell well below the recorded one, beyond twice its spread then."""
    before = {row.name: row for row in recorded if row.ratio}
    return [
        f"{row.name}: {row.ratio:.2f} times {row.peer_name}, recorded was {then.ratio:.2f}"
        for row in rows
        if row.ratio is not None and (then := before.get(row.name)) and row.ratio < _tolerated(then)
    ]


def _tolerated(row: Row) -> float:
    return TOLERANCE * (row.ratio or 0) * max(0.0, 1 - 2 * (row.spread or 0))
