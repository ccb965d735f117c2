"""One training process: from the prepared jets to a published result, or on from where an earlier attempt stopped.

``python -m jetcal.training.process`` is what torchrun starts; a training of one process runs here without it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import click
import torch

from jetcal import worker
from jetcal.errors import JetcalError
from jetcal.models import build
from jetcal.training.member import Member, Prepared
from jetcal.training.memory import keep_freed_memory
from jetcal.training.metrics import NAMES, KatibFile
from jetcal.training.peers import Peers, join
from jetcal.training.shares import Share
from jetcal.training.state import State
from jetcal.training.stop import Stop
from jetcal.training.weights import learn_weights
from jetcal.training.work import Work, work_from_json
from jetcal_api import results
from jetcal_api.results import PrepareResult, TrainResult


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
    keep_freed_memory()
    with join() as peers, Stop() as stop:
        try:
            _train(work, peers, stop)
        except RuntimeError as error:
            if "allocate memory" in str(error) or isinstance(error, torch.OutOfMemoryError):
                raise MemoryError(str(error)) from error
            raise


def _train(work: Work, peers: Peers, stop: Stop) -> None:
    """One member after the other, each by all processes; an earlier attempt's are taken over."""
    prepared = _prepared(work, peers)
    katib = KatibFile.from_environment() if peers.leads else KatibFile(None)
    states = [_member(member, prepared, peers, stop, katib) for member in work.members]
    if peers.leads:
        _publish(work, states)
    peers.wait()


def _prepared(work: Work, peers: Peers) -> Prepared:
    dataset = worker.load_result(work.document.storage, "dataset", work.document.dataset, PrepareResult)
    counts = dataset.jets
    if not (counts.train and counts.validation):
        error = f"the dataset has {counts.train} training and {counts.validation} validation jets; give it more files"
        raise JetcalError(error)
    train = Share.open(dataset, "train", peers.rank, peers.count)
    validation = Share.open(dataset, "validation", peers.rank, peers.count)
    weights = learn_weights(train, work.model.jet_weights, peers)
    if peers.leads:
        for remark in weights.remarks:
            click.echo(remark)
    return Prepared(train.weighted(weights), validation.weighted(weights), counts.train)


def _member(work: Work, prepared: Prepared, peers: Peers, stop: Stop, katib: KatibFile) -> State:
    try:
        return Member(work, prepared, peers, stop, katib).run()
    except JetcalError as error:
        error.args = (f"{work.title}{error}",)
        raise


def _publish(work: Work, states: list[State]) -> None:
    members = [_result(member, state) for member, state in zip(work.members, states, strict=True)]
    first, state = members[0], states[0]
    worker.publish(
        TrainResult(
            uri=work.result_uri,
            checkpoint=first.checkpoint,
            members=members if len(members) > 1 else [],
            trial=work.trial,
            hyperparameters=work.hyperparameters,
            epochs=len(state.history),
            best_epoch=first.best_epoch,
            metrics=first.metrics,
            parameters=sum(weight.numel() for weight in build(work.model).parameters()),
            history=state.history,
        )
    )


def _result(work: Work, state: State) -> results.Member:
    best = state.history[state.best_epoch - 1]
    return results.Member(
        seed=work.seed,
        checkpoint=work.uri("best.pt"),
        best_epoch=state.best_epoch,
        metrics={name: float(best[name]) for name in NAMES},
        history=state.history,
    )


def main() -> None:
    """Train as one of torchrun's processes; the work comes as JSON, the sentence of a failure goes to a file."""
    work_json, messages = sys.argv[1:]
    os.environ["JETCAL_TERMINATION_LOG"] = str(Path(messages) / os.environ["LOCAL_RANK"])
    code = 0
    try:
        with worker.stage():
            train(work_from_json(work_json))
    except SystemExit as end:
        code = int(end.code or 0)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End without taking anything down: a peer's closed connection must not abort what is published already."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
