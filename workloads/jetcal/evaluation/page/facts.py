"""Provenance in the form in which the report shows it: names with values, lists that fold, tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jetcal.evaluation.page.tables import Table

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
    """The groups of an evaluation's lineage, as of :func:`jetcal.evaluation.page.provenance.provenance`."""
    found = [_jets(provenance["dataset"])]
    if provenance["systematics"]:
        rows = ((each["name"], tuple(each["files"])) for each in provenance["systematics"])
        found.append(Facts("Systematic samples", tuple(rows)))
    found.append(_model(provenance))
    if provenance["training"]:
        found.append(_training(provenance["training"]))
    found.append(Facts("Versions of packages", tuple(_versions(provenance).items())))
    return found


def _jets(dataset: dict[str, Any]) -> Facts:
    counts = dataset["jets"]
    return Facts(
        "Data: files, counts, cuts",
        (
            ("Dataset", dataset["fingerprint"]),
            ("Folder", dataset["folder"]),
            ("Jets read", count(dataset["read"])),
            *((f"Jets for {part}", count(counts[part])) for part in ("train", "validation", "test")),
            ("Split", "by event: the jets of an event are all in the same part"),
            ("Constituents left out", count(dataset["dropped_constituents"])),
            ("Jets cut to 1000 constituents", count(dataset["truncated_jets"])),
        ),
        (
            _table(
                "Requirements in their order",
                ("requirement", "jets removed"),
                ((cut["name"], count(cut["removed"])) for cut in dataset["cuts"]),
            ),
            _table(
                "Files that were read",
                ("file", "bytes", "version (ETag or time of last change)"),
                ((each["uri"], count(each["size"]), each["version"]) for each in dataset["sources"]),
            ),
            _table(
                "Prepared files",
                ("file", "part", "jets"),
                (
                    (file["path"], part, count(file["jets"]))
                    for part, files in dataset["shards"].items()
                    for file in files
                ),
            ),
        ),
    )


def _model(provenance: dict[str, Any]) -> Facts:
    model, served = provenance["model"], provenance["served"]
    rows: list[tuple[str, Value]] = [
        ("Evaluation", provenance["evaluation"]),
        ("Candidate", provenance["candidate"]),
        ("Repository", model["repository"]),
        ("SHA-256 of model.onnx", model["sha256"]),
        ("Members of the ensemble", str(model["members"])),
        ("ONNX", f"opset {model['opset']}, IR {model['ir']}"),
        ("Torch beside ONNX Runtime", _numbers(model["parity"])),
    ]
    if served:
        rows += [
            ("Served revision, compared with", provenance["baseline"]),
            ("Its repository", served["repository"]),
            ("SHA-256 of its model.onnx", served["sha256"]),
        ]
    return Facts("Model: hashes, format, parity", tuple(rows))


def _training(training: dict[str, Any]) -> Facts:
    rows: list[tuple[str, Value]] = [
        ("Result", training["result"]),
        *((("Trial", training["trial"]),) if training["trial"] else ()),
        ("Checkpoint", training["checkpoint"]),
        ("Weights", count(training["parameters"])),
        ("Best epoch", f"{training['best_epoch']} of {training['epochs']}"),
        ("Its figures", _numbers(training["metrics"])),
    ]
    tables = [_table("Hyperparameters", ("name", "value"), training["hyperparameters"].items())]
    if training["members"]:
        names = list(training["members"][0]["metrics"])
        tables.append(
            _table(
                "Members of the ensemble",
                ("seed", "best epoch", *names),
                (
                    (str(each["seed"]), str(each["best_epoch"]), *(f"{each['metrics'][name]:.6g}" for name in names))
                    for each in training["members"]
                ),
            )
        )
    return Facts("Training: hyperparameters, seeds, members", tuple(rows), tuple(tables))


def _versions(provenance: dict[str, Any]) -> dict[str, str]:
    """Of this evaluation, and those of the exporter that this one does not use."""
    mine: dict[str, str] = provenance["versions"]
    exported = {name: provenance["model"]["metadata"].get(name) for name in ("torch", "onnx")}
    return mine | {f"{name} (export)": found for name, found in exported.items() if found}


def _numbers(values: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:.5g}" for name, value in values.items())


def _table(title: str, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    return Table(title, header, tuple(rows))


def count(number: int) -> str:
    """A number of jets or bytes with its thousands apart."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
