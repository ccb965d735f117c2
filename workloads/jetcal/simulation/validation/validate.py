"""Writes ``validation.html`` and ``validation.json`` beside the files of a sample."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from jetcal.errors import JetcalError
from jetcal.simulation.simulate import MANIFEST
from jetcal.simulation.validation.comparison import Row, rows, sentences
from jetcal.simulation.validation.figures import figures
from jetcal.simulation.validation.sample import Jets, read

PAGE, NUMBERS = "validation.html", "validation.json"


def validate(folder: Path, report: Callable[[str], None] = print) -> list[Row]:
    """Hold the jets in ``folder`` against those of CMS and write the two files there.

    Raises
    ------
    JetcalError
        The folder holds no jets, or cannot be written.
    """
    jets = read(folder)
    compared = rows(jets)
    like, unlike = sentences(compared)
    facts = _manifest(folder)
    document = {
        "jets": len(jets),
        "sample": facts,
        "like": like,
        "unlike": unlike,
        "numbers": [row.document() for row in compared],
    }
    _write(folder / NUMBERS, json.dumps(document, indent=1) + "\n")
    _write(folder / PAGE, page(jets, compared, facts))
    for sentence in (like, unlike, f"all of it: {folder / PAGE}"):
        report(sentence)
    return compared


def page(jets: Jets, compared: list[Row], facts: dict[str, Any]) -> str:
    """The report as one page that needs nothing else."""
    loaders = [jinja2.PackageLoader("jetcal.simulation.validation"), jinja2.PackageLoader("jetcal.evaluation.page")]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["svg"] = Markup
    like, unlike = sentences(compared)
    return environment.get_template("validation.html").render(
        title=f"Simulated jets ({facts.get('variation', 'unknown')})",
        jets=len(jets),
        rows=compared,
        alike=sum(row.like for row in compared),
        like=like,
        unlike=unlike,
        plots=figures(jets),
        sources=list(dict.fromkeys(row.source for row in compared)),
        manifest=facts,
    )


def _manifest(folder: Path) -> dict[str, Any]:
    """What the sample was made from; nothing where that is not known."""
    try:
        found = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text)
        part.replace(path)
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise JetcalError(message) from error
