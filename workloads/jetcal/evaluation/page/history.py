"""What led to the model: the trials of its search and the course of its training, as the storage holds them."""

from __future__ import annotations

from dataclasses import dataclass

from jetcal import storage, worker
from jetcal_api.documents import OBJECTIVE
from jetcal_api.results import TrainResult

TRAINING_PROPERTY = "training"
"""Property of model.onnx: ``<stage>/<fingerprint>[/<trial>]`` of the training that it was exported from."""


@dataclass(frozen=True)
class Trial:
    """A finished trial.

    Attributes
    ----------
    name
        Its name in the search.
    objective
        Least validation loss (no unit); smaller is better.
    hyperparameters
        Values by their names in the search space.
    epochs, parameters
        Epochs that it took, and weights of its network.
    """

    name: str
    objective: float
    hyperparameters: dict[str, str]
    epochs: int
    parameters: int


@dataclass(frozen=True)
class History:
    """What led to the model.

    Attributes
    ----------
    trials
        Finished trials, best first.
    unfinished
        Names of trials that left no result: they failed, collapsed or were stopped early.
    training
        The training behind the model; None where it is not known.
    """

    trials: tuple[Trial, ...] = ()
    unfinished: tuple[str, ...] = ()
    training: TrainResult | None = None

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the hyperparameters that differ between trials, in their order."""
        names = dict.fromkeys(name for trial in self.trials for name in trial.hyperparameters)
        return tuple(
            name for name in names if len({trial.hyperparameters.get(name) for trial in self.trials} - {None}) > 1
        )


def load(folder: str, tuning: str | None, training: str | None) -> History:
    """The history that the storage holds; what is missing there is missing in it.

    Parameters
    ----------
    folder
        The calibration's storage.
    tuning
        Fingerprint of the search, if there was one.
    training
        ``<stage>/<fingerprint>[/<trial>]`` of the training, if it is known.

    Raises
    ------
    JetcalError
        If the storage cannot be read, or what lies there is no result.
    """
    trials, unfinished = _search(storage.join(folder, "tuning", tuning)) if tuning else ([], [])
    where = storage.join(folder, training, "result.json") if training else None
    return History(
        trials=tuple(sorted(trials, key=lambda trial: trial.objective)),
        unfinished=tuple(unfinished),
        training=worker.read_result(where, TrainResult) if where else None,
    )


def _search(folder: str) -> tuple[list[Trial], list[str]]:
    """Trials with a result, and names of those that only left work below ``attempts/<uid>/<trial>/``."""
    finished, begun = {}, set()
    for file in storage.list_files(folder):
        match file.uri.removeprefix(folder).strip("/").split("/"):
            case [name, "result.json"]:
                result = worker.read_result(file.uri, TrainResult)
                if result is not None and OBJECTIVE in result.metrics:
                    finished[name] = result
            case ["attempts", _, name, _, *_]:
                begun.add(name)
    trials = [
        Trial(name, result.metrics[OBJECTIVE], result.hyperparameters, result.epochs, result.parameters)
        for name, result in finished.items()
    ]
    return trials, sorted(begun - set(finished))
