"""What is to be trained: the stage's document, which trial or member, and the network with its own hyperparameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from jetcal import worker
from jetcal.errors import JetcalError
from jetcal_api.documents import TrainInput, TrialInput
from jetcal_api.hyperparameters import OPTIMIZER_PARAMETERS, hyperparameters
from jetcal_api.spec import ModelSpec


@dataclass(frozen=True)
class Work:
    """One network to train.

    Attributes
    ----------
    document
        The stage's document.
    model
        The network, its optimiser and its loss.
    trial
        Name of the trial; None for a training.
    member
        Number of the network in its ensemble, from 0.
    """

    document: TrainInput | TrialInput
    model: ModelSpec
    trial: str | None = None
    member: int = 0

    @property
    def members(self) -> list[Work]:
        """The work of each member of the ensemble; of a single network itself."""
        return [replace(self, member=member) for member in range(self._size)]

    @property
    def seed(self) -> int:
        """Decides on weights, order and dropout; no two members have the same."""
        return self.document.seed + self.member

    @property
    def title(self) -> str:
        """What the log and errors say before a sentence on this member; nothing for a single network."""
        return f"member {self.member + 1} of {self._size} (seed {self.seed}): " if self._size > 1 else ""

    @property
    def _size(self) -> int:
        return self.document.ensemble if isinstance(self.document, TrainInput) else 1

    @property
    def parts(self) -> tuple[str, ...]:
        """Where the result lies below the stage's folder."""
        return (self.trial,) if self.trial else ()

    def uri(self, name: str) -> str:
        """Uri of one of this attempt's artefacts."""
        return worker.attempt_uri(self.document, *self._folder, name)

    def name_in_attempt(self, name: str) -> str:
        """How the uri of that artefact ends in every attempt."""
        return "/" + "/".join([*self._folder, name])

    @property
    def _folder(self) -> tuple[str, ...]:
        """Below the attempt's folder."""
        return (*self.parts, f"member-{self.member + 1}") if self._size > 1 else self.parts

    @property
    def result_uri(self) -> str:
        """Where the result is published."""
        return worker.result_uri(self.document, *self.parts)

    def to_json(self) -> str:
        """What another process needs beside the environment to do the same work."""
        return json.dumps({"trial": self.trial, "hyperparameters": self.hyperparameters})

    @property
    def hyperparameters(self) -> dict[str, str]:
        """Every hyperparameter by its name in the search space."""
        document = self.model.model_dump(mode="json", by_alias=True)
        optimizer = {OPTIMIZER_PARAMETERS[name]: value for name, value in document["optimizer"].items()}
        return {name: str(value) for name, value in (document[self.model.architecture] | optimizer).items()}


def read_work(trial: str | None, values: Mapping[str, str]) -> Work:
    """The work that the environment and the command line describe.

    Parameters
    ----------
    trial
        Name of the trial, or None for a training.
    values
        Hyperparameters that override the document's, as strings by their names in the search space.

    Raises
    ------
    JetcalError
        If the document is missing or a hyperparameter is unknown or out of range.
    """
    document = worker.read_input(TrialInput) if trial else worker.read_input(TrainInput)
    return Work(document, override(document.model, values), trial)


def work_from_json(text: str) -> Work:
    """The work that ``Work.to_json`` describes."""
    given = json.loads(text)
    return read_work(given["trial"], given["hyperparameters"])


def override(model: ModelSpec, values: Mapping[str, str]) -> ModelSpec:
    """The network with other hyperparameters.

    Raises
    ------
    JetcalError
        If one is unknown or out of range.
    """
    known = hyperparameters(model.architecture)
    for name in values:
        if name not in known:
            error = f"{model.architecture} has no hyperparameter '{name}'; it has {', '.join(known)}"
            raise JetcalError(error)
    try:
        return model.with_hyperparameters(values)
    except ValidationError as invalid:
        problem = invalid.errors(include_url=False)[0]
        error = f"hyperparameter {problem['loc'][-1]}: {problem['msg']}, got {problem['input']!r}"
        raise JetcalError(error) from invalid
