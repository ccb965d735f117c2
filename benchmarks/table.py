"""Rows as a Markdown table, and its place in a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.rows import LIMIT, Row


def table(rows: Sequence[Row]) -> str:
    """One line a row, those that miss their target said so."""
    lines = ["| what | jetcal | beside | | times better | asked |", "|---|---:|---|---:|---:|---:|"]
    return "\n".join([*lines, *map(_line, rows)])


def replace_table(page: Path, rows: Sequence[Row]) -> None:
    """Put the table of the rows into the page, between ``<!-- benchmarks -->`` and its end.

    Raises
    ------
    ValueError
        If the page has no such marks.
    """
    replace(page, "benchmarks", table(rows))


def replace(page: Path, mark: str, content: str) -> None:
    """Put some text between ``<!-- mark -->`` and ``<!-- /mark -->`` of the page.

    Raises
    ------
    ValueError
        If the page has no such marks.
    """
    text = page.read_text()
    before, begin, rest = text.partition(f"<!-- {mark} -->")
    _, end, after = rest.partition(f"<!-- /{mark} -->")
    if not (begin and end):
        message = f"{page}: no <!-- {mark} --> ... <!-- /{mark} --> to fill"
        raise ValueError(message)
    page.write_text(f"{before}{begin}\n{content}\n{end}{after}")


def _line(row: Row) -> str:
    peer_name = {None: "", LIMIT: "asked for"}.get(row.peer_name, row.peer_name or "")
    peer = "" if row.peer is None else figure(row.peer)
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    if ratio and row.spread is not None:
        ratio += f" ± {row.spread * row.ratio:.2f}" if row.ratio is not None else ""
    target = "" if row.target is None else f"{row.target:g}{' (missed)' if row.is_missed else ''}"
    return f"| {row.name} | {figure(row.ours)} {row.unit} | {peer_name} | {peer} | {ratio} | {target} |"


def figure(value: float) -> str:
    """Three significant digits, thousands as k and millions as M."""
    for size, letter in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"
