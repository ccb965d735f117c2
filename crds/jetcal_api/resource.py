"""Models of ``JetCalibration.spec`` (jetcal.dev/v1alpha1): what a user writes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from jetcal_api.base import Model
from jetcal_api.rules import Problems, search_problems
from jetcal_api.scalars import DnsLabel
from jetcal_api.spec import Dataset, Evaluation, ModelSpec, Serving, Storage, TensorBoard, Training, Tuning
from jetcal_api.status import Status

GROUP = "jetcal.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "JetCalibration"

ResourceName = Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", max_length=40)]


NULL_SPEAKS = ("serving",)
"""Fields where null says something else than leaving them out."""


def _without_nulls(document: Any) -> Any:
    """A field with nothing behind it is left out, as an API server has it."""
    if not isinstance(document, dict):
        return document
    return {name: _without_nulls(value) for name, value in document.items() if value is not None or name in NULL_SPEAKS}


class JetCalibrationSpec(Model):
    """How a jet energy correction is made: data, network, tuning, training, judgement, endpoint."""

    storage: Storage
    """Where the artefacts go."""
    dataset: Dataset
    """The ntuples to learn from."""
    model: ModelSpec
    """The network."""
    tuning: Tuning | None = None
    """Search for hyperparameters; at least one of tuning and training is given."""
    training: Training | None = None
    """The final training; at least one of tuning and training is given."""
    evaluation: Evaluation = Evaluation()
    """How the candidate is judged."""
    serving: Serving | None = Serving()
    """The endpoint."""
    tensorboard: TensorBoard = TensorBoard()
    """Learning curves while training runs."""
    queue_name: DnsLabel | None = None
    """Kueue LocalQueue for every job."""
    history_limit: Annotated[int, Field(ge=1, le=50)] = 5
    """Accepted revisions whose records are kept."""
    suspend: bool = False
    """Pause every job; serving goes on."""

    @model_validator(mode="before")
    @classmethod
    def _left_out(cls, document: Any) -> Any:
        return _without_nulls(document)

    @model_validator(mode="after")
    def _something_to_do(self) -> JetCalibrationSpec:
        if self.tuning is None and self.training is None:
            problem = "give tuning, training or both: without them there is nothing to make a model from"
            raise Problems.error([((), problem)])
        return self

    @model_validator(mode="after")
    def _search_fits(self) -> JetCalibrationSpec:
        if self.tuning is not None:
            algorithm, space = self.tuning.algorithm.name, self.tuning.search_space
            problems = search_problems(self.model.architecture, algorithm, space)
            if problems:
                raise Problems.error([(("tuning", *path), problem) for path, problem in problems])
        return self


class ObjectMeta(Model):
    """The part of Kubernetes' metadata that jetcal reads."""

    model_config = {"extra": "allow"}

    name: ResourceName
    namespace: str = "default"
    uid: str = ""
    generation: int = 1
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class JetCalibration(Model):
    """One jet energy calibration, from ntuples to a served and verified model."""

    api_version: Literal["jetcal.dev/v1alpha1"]
    kind: Literal["JetCalibration"]
    metadata: ObjectMeta
    spec: JetCalibrationSpec
    status: Status | None = None

    @classmethod
    def parse(cls, document: Any) -> JetCalibration:
        """Validate a parsed YAML document as strictly as an API server does.

        Raises
        ------
        pydantic.ValidationError
            `jetcal_api.messages.explain` puts it into sentences.
        """
        return cls.model_validate(document, strict=True, by_alias=True, by_name=False)
