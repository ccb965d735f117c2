"""One network's training: epoch after epoch, from fresh weights or on from where an earlier attempt stopped."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass

import click
import torch

from jetcal.errors import JetcalError
from jetcal.models import build
from jetcal.training import state as states
from jetcal.training.fit import Course, Fit, slots
from jetcal.training.metrics import NAMES, EventFile, KatibFile, timestamp
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal.training.state import State
from jetcal.training.statistics import constant_error, learn_scales
from jetcal.training.stop import Stop, StoppedError
from jetcal.training.work import Work

LEAST_GAIN = 0.005
"""By which share the error must be below that of a constant; a network that misses it has collapsed to one."""


@dataclass(frozen=True)
class Prepared:
    """What all members learn from.

    Attributes
    ----------
    train, validation
        This process's jets with their weights.
    jets
        Training jets of all processes.
    """

    train: Share
    validation: Share
    jets: int


class Member:
    """A network on its way.

    Parameters
    ----------
    work
        What to train.
    prepared
        What to learn from.
    peers
        All processes.
    stop
        Tells when to stop.
    katib
        Gets the metrics.
    """

    def __init__(self, work: Work, prepared: Prepared, peers: Peers, stop: Stop, katib: KatibFile) -> None:
        self._work = work
        self._prepared = prepared
        self._peers = peers
        self._stop = stop
        self._katib = katib
        self._events = EventFile(work) if peers.leads else None
        batch = work.model.optimizer.batch_size
        self._course = Course.plan(work.document.epochs, prepared.jets, batch, work.seed, peers)

    def run(self) -> State:
        """Every epoch that is left; leaves ``last.pt`` and ``best.pt`` behind.

        Raises
        ------
        JetcalError
            If the loss is not finite, or the network has learned nothing.
        StoppedError
            After SIGTERM, with ``last.pt`` saved.
        """
        torch.manual_seed(self._work.seed)
        network = build(self._work.model)
        state = states.newest(self._work)
        if state is None:
            learn_scales(network, self._prepared.train, self._peers, slots(torch.device("cpu")))
        else:
            network.load_state_dict(state.weights)
        fit = Fit(network, self._work.model, self._course, self._peers)
        if state is None:
            state = State(fit.network.state_dict(), fit.optimiser.state_dict())
        else:
            fit.optimiser.load_state_dict(state.optimiser)
            self._say(f"going on after epoch {len(state.history)}")
            self._report(state)
        constant = constant_error(self._prepared.validation, network.target_centre.item(), self._peers)
        while len(state.history) < self._course.epochs:
            self._epoch(fit, state)
        self._refuse_collapse(state, constant)
        if self._peers.leads:
            states.save_best(state, self._work)
        return state

    def _epoch(self, fit: Fit, state: State) -> None:
        """One epoch: steps, validation, checkpoint, metrics."""
        epoch, begin, first = len(state.history), time.perf_counter(), state.step

        def after_step(step: int, loss: float, weight: float) -> None:
            state.step, state.loss, state.weight = step, state.loss + loss, state.weight + weight
            leave_if_asked()

        def leave_if_asked() -> None:
            if self._stop.asked and self._peers.leads:
                self._leave(fit, state)

        try:
            fit.train(self._prepared.train, epoch, first, after_step)
            seconds = time.perf_counter() - begin
            loss, error = fit.validate(self._prepared.validation, leave_if_asked)
        except RuntimeError:
            # Peers that were asked to stop as well are gone before this process has seen its own signal.
            leave_if_asked()
            raise
        sums = self._peers.sum(torch.tensor([state.loss, state.weight], dtype=torch.float64)).tolist()
        if not (math.isfinite(loss) and math.isfinite(error)):
            message = (
                f"the validation loss became {loss:g} after epoch {epoch + 1}; lower learningRate or change the loss"
            )
            raise JetcalError(message)
        values = (loss, sums[0] / max(sums[1], 1e-12), error)
        state.history.append({"timestamp": timestamp(), **dict(zip(NAMES, values, strict=True))})
        state.step, state.loss, state.weight = 0, 0.0, 0.0
        if state.best_epoch == len(state.history):
            state.best = _copy(fit.network.state_dict())
        if self._peers.leads:
            self._keep(fit, state)
            self._report(state)
        share = 1 - first / self._course.steps
        self._say(
            f"epoch {epoch + 1}/{self._course.epochs}  "
            + "  ".join(f"{name} {value:.5f}" for name, value in zip(NAMES, values, strict=True))
            + f"  {share * self._prepared.jets / max(seconds, 1e-9) / 1e3:.1f}k jets/s"
        )

    def _leave(self, fit: Fit, state: State) -> None:
        self._keep(fit, state)
        message = (
            f"stopped by SIGTERM after {len(state.history)} epochs and {state.step} of {self._course.steps} steps; "
            f"last.pt is saved, run again to go on"
        )
        raise StoppedError(message)

    def _keep(self, fit: Fit, state: State) -> None:
        state.weights = fit.network.state_dict()
        state.optimiser = fit.optimiser.state_dict()
        states.save(state, self._work)
        if state.best:
            states.save_best(state, self._work)

    def _report(self, state: State) -> None:
        self._katib.write(state.history)
        if self._events:
            self._events.write(state.history)

    def _refuse_collapse(self, state: State, constant: float) -> None:
        error = float(state.history[state.best_epoch - 1]["validation_mae"])
        if error > (1 - LEAST_GAIN) * constant:
            message = (
                f"the network has collapsed to the constant predictor: validation_mae {error:.5f}, a constant reaches "
                f"{constant:.5f}; change learningRate ({self._work.model.optimizer.learning_rate:g}), optimizer or "
                f"dropout, or train for more than {self._course.epochs * self._course.steps} steps"
            )
            raise JetcalError(message)

    def _say(self, line: str) -> None:
        if self._peers.leads:
            click.echo(f"{self._work.title}{line}")
            sys.stdout.flush()


def _copy(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: weight.detach().cpu().clone() for name, weight in weights.items()}
