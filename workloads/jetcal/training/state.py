"""A training as a file: ``last.pt`` holds all that is needed to go on, ``best.pt`` the network of the best epoch."""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, field
from typing import Any

import click
import torch
from torch import Tensor

from jetcal import storage, worker
from jetcal.models import checkpoint
from jetcal.training.work import Work
from jetcal_api.documents import OBJECTIVE

FORMAT = "jetcal training 1"

Epoch = dict[str, float | str]
"""Metrics of an epoch by name, and its ``timestamp``."""


@dataclass
class State:
    """Where a training stands.

    Attributes
    ----------
    step
        Steps made in the epoch under way.
    loss, weight
        Sums over the jets of these steps.
    history
        Metrics of each epoch that is over.
    weights, optimiser
        State of network and optimiser.
    best
        Weights of the best epoch so far.
    """

    weights: dict[str, Tensor]
    optimiser: dict[str, Any]
    step: int = 0
    loss: float = 0.0
    weight: float = 0.0
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    @property
    def best_epoch(self) -> int:
        """Number of the epoch with the least objective, from 1."""
        losses = [float(epoch[OBJECTIVE]) for epoch in self.history]
        return 1 + losses.index(min(losses))

    @property
    def progress(self) -> tuple[int, int]:
        """Epochs that are over, and steps beyond them."""
        return len(self.history), self.step


def save(state: State, work: Work) -> None:
    """Write ``last.pt`` of this attempt; a reader sees the old one or the new one."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **vars(state)}, buffer)
    storage.write_bytes(work.uri("last.pt"), buffer.getvalue())


def save_best(state: State, work: Work) -> None:
    """Write ``best.pt`` of this attempt."""
    storage.write_bytes(work.uri("best.pt"), checkpoint.dump(work.model, state.best))


def newest(work: Work) -> State | None:
    """The state of this member in the attempt that has come farthest, or None if none has come anywhere.

    A checkpoint that cannot be read is told of and left alone: an older one may serve.
    """
    found = []
    for source in storage.list_files(worker.stage_uri(work.document, "attempts")):
        if source.uri.endswith(work.name_in_attempt("last.pt")):
            state = _read(source.uri)
            found += [state] if state else []
    return max(found, key=lambda state: state.progress, default=None)


def _read(uri: str) -> State | None:
    try:
        content = torch.load(io.BytesIO(storage.read_bytes(uri)), map_location="cpu", weights_only=True)
        if content.pop("format") != FORMAT:
            click.echo(f"Warning: {uri}: is of another version of jetcal and is left alone", err=True)
            return None
        return State(**content)
    except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError, KeyError, TypeError) as error:
        click.echo(f"Warning: {uri}: is damaged and is left alone ({type(error).__name__})", err=True)
        return None
