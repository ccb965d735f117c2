"""Epochs of steps: the loop that fits a network to this process's share of the jets."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jetcal.errors import JetcalError
from jetcal.models import Network
from jetcal.training.losses import LOSSES
from jetcal.training.optimisation import MAX_GRADIENT_NORM, learning_rate, make_optimiser
from jetcal.training.peers import Peers
from jetcal.training.shares import Chunk, Ragged, Share
from jetcal_api.spec import ModelSpec

CPU_SLOTS = 4096
"""Padded constituents in a chunk on a CPU: the activations of one layer stay in its cache."""
GPU_SLOTS = 262_144

Batch = Sequence[Chunk | Ragged]


def slots(device: torch.device) -> int:
    """Padded constituents that are worked on at a time."""
    return CPU_SLOTS if device.type == "cpu" else GPU_SLOTS


@dataclass(frozen=True)
class Course:
    """How long a training is.

    Attributes
    ----------
    epochs
        Passes over the training set.
    steps
        Steps in each, the same in every process.
    seed
        Decides on weights, order and dropout.
    """

    epochs: int
    steps: int
    seed: int

    @classmethod
    def plan(cls, epochs: int, jets: int, batch_size: int, seed: int, peers: Peers) -> Course:
        """As many steps as the batch size (jets over all processes) asks for, but no process goes without a jet.

        Raises
        ------
        JetcalError
            If there are fewer jets than processes.
        """
        if jets < peers.count:
            error = (
                f"{jets} training jets cannot be shared among {peers.count} processes; use more data or fewer workers"
            )
            raise JetcalError(error)
        return cls(epochs, min(math.ceil(jets / batch_size), jets // peers.count), seed)


class Fit:
    """A network being fitted.

    A step takes its jets in pieces and adds up their gradients: exactly the gradient of the random batch, with small
    activations. On a CPU a network that never pads gets whole batches so; others get chunks of similar multiplicity.

    Parameters
    ----------
    network
        With its scales learned.
    model
        Optimiser and loss.
    course
        How long.
    peers
        All processes.
    """

    def __init__(self, network: Network, model: ModelSpec, course: Course, peers: Peers) -> None:
        self.network = network.to(peers.device)
        self.optimiser = make_optimiser(model.optimizer, network)
        self._rate = model.optimizer.learning_rate
        self._loss = LOSSES[model.loss]
        self._course = course
        self._peers = peers
        self._slots = slots(peers.device)

    def train(self, share: Share, epoch: int, first_step: int, after_step: Callable[[int, float, float], None]) -> None:
        """The steps of one epoch.

        Parameters
        ----------
        share
            This process's training jets.
        epoch, first_step
            Both from 0.
        after_step
            Called after each step with the number of steps made and the step's sums of weighted losses and of weights.

        Raises
        ------
        JetcalError
            If the loss is not finite.
        """
        self.network.train()
        course = self._course
        order = np.random.default_rng((course.seed, epoch, self._peers.rank))
        rows = self.network.constituents_at_once if self._peers.device.type == "cpu" else 0
        batches: Iterator[Batch] = (
            share.ragged_batches(course.steps, rows, order, skip=first_step)
            if rows
            else share.batches(course.steps, self._slots, order, skip=first_step)
        )
        for step, batch in enumerate(batches, first_step):
            self._seed(hash_seed(course.seed, epoch, step, self._peers.rank))
            rate = learning_rate(self._rate, epoch * course.steps + step, course.epochs * course.steps)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            loss, weight = self._step(batch, f"epoch {epoch + 1}, step {step + 1} of {course.steps}")
            after_step(step + 1, loss, weight)

    def _seed(self, seed: int) -> None:
        """As ``torch.manual_seed``, which each time writes down where it was called from, for the device in use."""
        torch.default_generator.manual_seed(seed)
        if self._peers.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def _step(self, batch: Batch, place: str) -> tuple[float, float]:
        self.optimiser.zero_grad(set_to_none=True)
        jets = sum(len(piece.target) for piece in batch)
        sums = torch.zeros(2, device=self._peers.device)
        for piece in batch:
            losses, weights, _ = self._losses(piece)
            loss = (losses * weights).sum()
            (loss / jets).backward()  # type: ignore[no-untyped-call]
            sums += torch.stack([loss.detach(), weights.sum()])
        self._share_gradients()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), MAX_GRADIENT_NORM)
        total, weight = sums.tolist()
        if not (math.isfinite(total) and torch.isfinite(norm)):
            error = (
                f"the loss became {total / max(weight, 1e-12):g} in {place} (gradient {norm.item():g}); "
                f"lower learningRate, which is {self._rate:g}, or choose another loss"
            )
            raise JetcalError(error)
        self.optimiser.step()
        return total, weight

    def _share_gradients(self) -> None:
        """Give every process the mean of all processes' gradients: one exchange a step, whatever the chunks."""
        if self._peers.count == 1:
            return
        gradients = [weight.grad for weight in self.network.parameters() if weight.grad is not None]
        mean = self._peers.sum(torch.cat([gradient.flatten() for gradient in gradients])) / self._peers.count
        for gradient, part in zip(
            gradients, torch.split(mean, [gradient.numel() for gradient in gradients]), strict=True
        ):
            gradient.copy_(part.view_as(gradient))

    @torch.no_grad()
    def validate(self, share: Share, after_chunk: Callable[[], None]) -> tuple[float, float]:
        """Loss and mean absolute error of the median, over the jets of all processes.

        Parameters
        ----------
        share
            This process's validation jets.
        after_chunk
            Called after each chunk.
        """
        self.network.eval()
        sums = torch.zeros(3, dtype=torch.float64)
        for chunk in share.all(self._slots):
            losses, weights, errors = self._losses(chunk)
            parts = [(losses * weights).double().sum(), (errors * weights).double().sum(), weights.double().sum()]
            sums += torch.stack(parts).cpu()
            after_chunk()
        loss, error, weight = self._peers.sum(sums).tolist()
        return loss / weight, error / weight

    def _losses(self, piece: Chunk | Ragged) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, weight and absolute error of the median of each jet."""
        constituents, jet, y, weights = self._tensors((piece.constituents, piece.jet, piece.target, piece.weight))
        if isinstance(piece, Ragged):
            (counts,) = self._tensors((piece.counts,))
            prediction = self.network.ragged(constituents, jet, counts)
        else:
            prediction = self.network(constituents, jet)
        return self._loss(prediction, y), weights, (prediction[:, 0] - y).abs()

    def _tensors(self, arrays: Iterable[NDArray[Any]]) -> list[Tensor]:
        return [torch.from_numpy(array).to(self._peers.device, non_blocking=True) for array in arrays]


def hash_seed(*numbers: int) -> int:
    """One seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
