"""One training process: from the prepared jets to a published result, or on from where an earlier attempt stopped.

``python -m jetcal.training.process`` is what torchrun starts; a training of one process runs here without it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click
import torch

from jetcal import worker
from jetcal.errors import JetcalError
from jetcal.models import Network, build
from jetcal.training import state as states
from jetcal.training.fit import Course, Fit, slots
from jetcal.training.metrics import NAMES, EventFile, KatibFile, timestamp
from jetcal.training.peers import Peers, join
from jetcal.training.shares import Share
from jetcal.training.state import State, best_epoch
from jetcal.training.statistics import constant_error, learn_scales, learn_spectrum
from jetcal.training.stop import Stop, StoppedError
from jetcal.training.work import Work, work_from_json
from jetcal_api.results import PrepareResult, TrainResult

LEAST_GAIN = 0.005
"""By which share the error must be below that of a constant; a network that misses it has collapsed to one."""


def train(work: Work) -> None:
    """Train with all peers and publish the result.

    Raises
    ------
    JetcalError
        If data are missing, the loss is not finite, or the network has learned nothing.
    TransientError
        If a peer or the storage is lost.
    StoppedError
        After SIGTERM, with ``last.pt`` saved.
    """
    with join() as peers, Stop() as stop:
        try:
            Training(work, peers, stop).run()
        except RuntimeError as error:
            if "allocate memory" in str(error) or isinstance(error, torch.OutOfMemoryError):
                raise MemoryError(str(error)) from error
            raise


class Training:
    """A training on its way.

    Parameters
    ----------
    work
        What to train.
    peers
        All processes.
    stop
        Tells when to stop.
    """

    def __init__(self, work: Work, peers: Peers, stop: Stop) -> None:
        self._work = work
        self._peers = peers
        self._stop = stop
        dataset = worker.load_result(work.document.storage, "dataset", work.document.dataset, PrepareResult)
        counts = dataset.jets
        if not (counts.train and counts.validation):
            error = (
                f"the dataset has {counts.train} training and {counts.validation} validation jets; give it more files"
            )
            raise JetcalError(error)
        batch = work.model.optimizer.batch_size
        self._course = Course.plan(work.document.epochs, counts.train, batch, work.document.seed, peers)
        self._jets = counts.train
        self._train = Share.open(dataset, "train", peers.rank, peers.count)
        self._validation = Share.open(dataset, "validation", peers.rank, peers.count)
        self._katib = KatibFile.from_environment() if peers.leads else KatibFile(None)
        self._events = EventFile(work) if peers.leads else None

    def run(self) -> None:
        """Every epoch that is left, then the result."""
        spectrum = learn_spectrum(self._train, self._peers)
        torch.manual_seed(self._work.document.seed)
        network = build(self._work.model)
        state = states.newest(self._work)
        if state is None:
            learn_scales(network, self._train, spectrum, self._peers, slots(torch.device("cpu")))
        else:
            network.load_state_dict(state.weights)
        fit = Fit(network, self._work.model, self._course, spectrum, self._peers)
        if state is None:
            state = State(fit.network.state_dict(), fit.optimiser.state_dict())
        else:
            fit.optimiser.load_state_dict(state.optimiser)
            self._say(f"going on after epoch {len(state.history)}")
            self._report(state)
        constant = constant_error(self._validation, spectrum, network.target_centre.item(), self._peers)
        while len(state.history) < self._course.epochs:
            self._epoch(fit, state)
        self._refuse_collapse(state, constant)
        if self._peers.leads:
            self._publish(state, network)
        self._peers.wait()

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
            fit.train(self._train, epoch, first, after_step)
            seconds = time.perf_counter() - begin
            loss, error = fit.validate(self._validation, leave_if_asked)
        except RuntimeError:
            # Peers that were asked to stop as well are gone before this process has seen its own signal.
            leave_if_asked()
            raise
        sums = self._peers.sum(torch.tensor([state.loss, state.weight], dtype=torch.float64)).tolist()
        if not all(map(_is_finite, (loss, error))):
            message = (
                f"the validation loss became {loss:g} after epoch {epoch + 1}; lower learningRate or change the loss"
            )
            raise JetcalError(message)
        values = (loss, sums[0] / max(sums[1], 1e-12), error)
        state.history.append({"timestamp": timestamp(), **dict(zip(NAMES, values, strict=True))})
        state.step, state.loss, state.weight = 0, 0.0, 0.0
        if best_epoch(state.history) == len(state.history):
            state.best = _copy(fit.network.state_dict())
        if self._peers.leads:
            self._keep(fit, state)
            self._report(state)
        share = 1 - first / self._course.steps
        self._say(
            f"epoch {epoch + 1}/{self._course.epochs}  "
            + "  ".join(f"{name} {value:.5f}" for name, value in zip(NAMES, values, strict=True))
            + f"  {share * self._jets / max(seconds, 1e-9) / 1e3:.1f}k jets/s"
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
        if self._events:
            self._katib.write(state.history)
            self._events.write(state.history)

    def _refuse_collapse(self, state: State, constant: float) -> None:
        error = float(state.history[best_epoch(state.history) - 1]["validation_mae"])
        if error > (1 - LEAST_GAIN) * constant:
            message = (
                f"the network has collapsed to the constant predictor: validation_mae {error:.5f}, a constant reaches "
                f"{constant:.5f}; change learningRate ({self._work.model.optimizer.learning_rate:g}), optimizer or "
                f"dropout, or train for more than {self._course.epochs * self._course.steps} steps"
            )
            raise JetcalError(message)

    def _publish(self, state: State, network: Network) -> None:
        states.save_best(state, self._work)
        best = best_epoch(state.history)
        worker.publish(
            TrainResult(
                uri=self._work.result_uri,
                checkpoint=self._work.uri("best.pt"),
                trial=self._work.trial,
                hyperparameters=self._work.hyperparameters,
                epochs=len(state.history),
                best_epoch=best,
                metrics={name: float(state.history[best - 1][name]) for name in NAMES},
                parameters=sum(weight.numel() for weight in network.parameters()),
                history=state.history,
            )
        )

    def _say(self, line: str) -> None:
        if self._peers.leads:
            click.echo(line)
            sys.stdout.flush()


def _is_finite(value: float) -> bool:
    return abs(value) < float("inf")


def _copy(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: weight.detach().cpu().clone() for name, weight in weights.items()}


def main() -> None:
    """Train as one of torchrun's processes; the work comes as JSON, the sentence of a failure goes to a file."""
    work_json, messages = sys.argv[1:]
    os.environ["JETCAL_TERMINATION_LOG"] = str(Path(messages) / os.environ["LOCAL_RANK"])
    with worker.stage():
        train(work_from_json(work_json))


if __name__ == "__main__":
    main()
