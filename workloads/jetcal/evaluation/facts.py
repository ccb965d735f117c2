"""Provenance in the form in which the report shows it: names with values, lists that fold, tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jetcal.evaluation.tables import Table

Value = str | tuple[str, ...]
"""One value, or a list that the page folds when it is long."""


@dataclass(frozen=True)
class Facts:
    """One folded group of the report's last section: where something comes from.

    Attributes
    ----------
    title
        What the facts are about.
    rows
        Name and value of each fact, in text.
    tables
        What takes a table to tell.
    """

    title: str
    rows: tuple[tuple[str, Value], ...]
    tables: tuple[Table, ...] = ()


def facts(provenance: dict[str, Any]) -> list[Facts]:
    """The groups of an evaluation's lineage, as of :func:`jetcal.evaluation.provenance.provenance`."""
    return [_jets(provenance["dataset"]), _model(provenance), _versions(provenance["versions"])]


def _jets(dataset: dict[str, Any]) -> Facts:
    counts = dataset["jets"]
    return Facts(
        "Data: files, counts, cuts",
        (
            ("Dataset", dataset["fingerprint"]),
            ("Folder", dataset["folder"]),
            ("Jets read", _count(dataset["read"])),
            *((f"Jets for {part}", _count(counts[part])) for part in ("train", "validation", "test")),
            ("Test files", tuple(dataset["test_files"])),
        ),
        (
            Table(
                "Requirements in their order",
                ("requirement", "jets removed"),
                tuple((cut["name"], _count(cut["removed"])) for cut in dataset["cuts"]),
            ),
            Table(
                "Files that were read",
                ("file", "bytes", "version"),
                tuple((each["uri"], _count(each["size"]), each["version"]) for each in dataset["sources"]),
            ),
        ),
    )


def _model(provenance: dict[str, Any]) -> Facts:
    model = provenance["model"]
    parity = ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in model["parity"].items())
    return Facts(
        "Model: hashes, format, parity",
        (
            ("Evaluation", provenance["evaluation"]),
            ("Candidate", provenance["candidate"]),
            *((("Compared with", provenance["baseline"]),) if provenance["baseline"] else ()),
            ("Repository", model["repository"]),
            ("SHA-256 of model.onnx", model["sha256"]),
            ("ONNX", f"opset {model['opset']}, IR {model['ir']}"),
            ("Torch beside ONNX Runtime", parity),
        ),
    )


def _versions(versions: dict[str, str]) -> Facts:
    return Facts("Versions of packages", tuple(versions.items()))


def _count(number: int) -> str:
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
