"""What workers answer: each stage's result document, and its short form for the termination message."""

from __future__ import annotations

from typing import ClassVar

from jetcal_api.base import Model
from jetcal_api.status import JetCounts

MESSAGE_LIMIT = 4096
"""Bytes that Kubernetes keeps of a container's termination message."""


class Result(Model):
    """What a stage has made; published once as ``result.json``."""

    long_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that only result.json holds, because the termination message has room for 4 KiB."""

    uri: str
    """Where this result.json lies."""

    def message(self) -> str:
        """The result as a termination message of at most 4 KiB.

        Raises
        ------
        ValueError
            If even the shortened document is longer.
        """
        text = self.model_dump_json(by_alias=True, exclude_none=True, exclude=set(self.long_fields))
        if len(text.encode()) > MESSAGE_LIMIT:
            error = (
                f"{type(self).__name__} takes {len(text.encode())} bytes, a termination message holds {MESSAGE_LIMIT}"
            )
            raise ValueError(error)
        return text


class Source(Model):
    """One input file as it was found."""

    uri: str
    size: int
    """Bytes."""
    version: str
    """ETag or time of last change."""


class InventoryResult(Result):
    """The files that the globs matched."""

    sources: str
    """Content fingerprint of the file list; the list itself lies at ``<storage>/sources/<sources>.json``."""
    files: int
    size: int
    """Bytes in all."""
    shards: int
    """Parts that ``prepare`` is divided into."""


class Cut(Model):
    """How many jets one requirement removed."""

    name: str
    removed: int


class PrepareResult(Result):
    """The shards and what went into them."""

    long_fields: ClassVar[frozenset[str]] = frozenset({"shards", "sources"})

    fingerprint: str
    folder: str
    """Folder that the shards' paths start from: ``<storage>/dataset/<fp>``."""
    jets: JetCounts
    read: int
    """Jets read."""
    cuts: list[Cut]
    """Requirements in their order, with the jets that each removed."""
    dropped_constituents: int = 0
    """Constituents that the jets do without: a value was not finite, or pT not positive."""
    truncated_jets: int = 0
    """Jets of which only the hardest 1000 constituents were kept."""
    sources: list[Source] = []
    """The files that were read."""
    shards: dict[str, list[Shard]] = {}
    """``train``, ``validation``, ``test`` -> files."""


class Shard(Model):
    """One Arrow file of prepared jets."""

    path: str
    """Relative to the dataset's folder."""
    jets: int
    constituents: int


class Member(Model):
    """One network of an ensemble."""

    seed: int
    checkpoint: str
    """Uri of its best.pt."""
    best_epoch: int
    """Counted from 1."""
    metrics: dict[str, float]
    """Metrics of the best epoch."""
    history: list[dict[str, float | str]] = []
    """Metrics of each epoch with its ``timestamp``."""


class TrainResult(Result):
    """A trained network, or an ensemble of them."""

    long_fields: ClassVar[frozenset[str]] = frozenset({"history", "members"})

    checkpoint: str
    """Uri of best.pt; of the first member's, as are epochs and metrics."""
    members: list[Member] = []
    """All members of an ensemble; empty for a single network."""
    trial: str | None = None
    hyperparameters: dict[str, str]
    """By their names in the search space."""
    epochs: int
    best_epoch: int
    """Counted from 1."""
    metrics: dict[str, float]
    """Metrics of the best epoch."""
    parameters: int
    """Weights of the network."""
    history: list[dict[str, float | str]] = []
    """Metrics of each epoch with its ``timestamp``; of the first member's."""


class ExportResult(Result):
    """A model repository that Triton can load."""

    repository: str
    """Uri of the folder that Triton is pointed at."""
    model: str
    """Name of the model in it."""
    sha256: str
    """Checksum of model.onnx."""
    opset: int
    ir: int
    golden: str
    """Uri of golden.npz: inputs and expected outputs."""
    card: str
    """Uri of model-card.md."""
    members: int = 1
    """Networks in the graph, whose mean is the correction."""
    parity: dict[str, float]
    """``max_relative`` and ``share_within_1e5`` between torch and ONNX Runtime on the golden sample."""


class EvaluateResult(Result):
    """The judgement."""

    accepted: bool
    reasons: list[str]
    """One sentence with its number for each threshold that was missed."""
    figures: dict[str, float]
    """The figures that decided."""
    report: str
    """Uri of report.html."""
    metrics: str
    """Uri of metrics.json."""
    corrections: str | None = None
    """Uri of the folder with the residual correction and the resolution: L2Relative text and correctionlib JSON."""


class VerifyResult(Result):
    """The endpoint's answer."""

    revision: str
    """Revision that the endpoint serves."""
    server_version: str
    """Version that the server reports."""
    jets: int
    max_relative: float
    """Largest relative difference from the golden predictions."""


PrepareResult.model_rebuild()
