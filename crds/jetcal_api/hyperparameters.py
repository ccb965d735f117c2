"""The one table of hyperparameters: architectures, optimiser, and the search space derived from them.

Adding an architecture: one class here with a default, a range and a description for each field, one row in
``ARCHITECTURES``, one registration in ``jetcal.models``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError, create_model, model_validator
from pydantic.fields import FieldInfo

from jetcal_api.base import Model

OptimizerName = Literal["AdamW", "Adam", "RAdam", "RMSprop", "Adagrad"]


class Pfn(Model):
    """Particle Flow Network (arXiv:1810.05165): F(sum over constituents of phi(constituent), jet)."""

    phi_layers: Annotated[int, Field(ge=1, le=8)] = 3
    """Layers of the per-constituent network phi."""
    phi_dim: Annotated[int, Field(ge=4, le=1024)] = 100
    """Width of each layer of phi."""
    fc_layers: Annotated[int, Field(ge=1, le=8)] = 3
    """Layers of the per-jet network F."""
    fc_dim: Annotated[int, Field(ge=4, le=1024)] = 100
    """Width of each layer of F."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability with which a unit of F is dropped in training."""


class ParticleNet(Model):
    """ParticleNet (arXiv:1902.08570): edge convolutions over each constituent's nearest ones."""

    neighbours: Annotated[int, Field(ge=1, le=64)] = 16
    """Nearest neighbours of each constituent."""
    blocks: Annotated[int, Field(ge=1, le=4)] = 3
    """Edge convolution blocks."""
    conv_layers: Annotated[int, Field(ge=1, le=4)] = 3
    """Layers of each block's edge network."""
    conv_dim: Annotated[int, Field(ge=4, le=512)] = 64
    """Width of each layer of the edge networks."""
    fc_layers: Annotated[int, Field(ge=1, le=8)] = 1
    """Layers of the per-jet network."""
    fc_dim: Annotated[int, Field(ge=4, le=1024)] = 128
    """Width of each layer of the per-jet network."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Probability with which a unit of the per-jet network is dropped in training."""


class Optimizer(Model):
    """How the weights are fitted."""

    name: OptimizerName = "AdamW"
    """Algorithm."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-3
    """Peak learning rate; reached after the warm-up, then decayed over the training's own epochs."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    """Jets in one step, over all processes together."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-4
    """Decoupled weight decay."""


ARCHITECTURES: dict[str, type[Model]] = {"pfn": Pfn, "particleNet": ParticleNet}
"""Architectures by the name of their field in ``spec.model``."""


class IntegerRange(Model):
    """Whole numbers to try: either ``min`` and ``max``, or ``values``."""

    min: int | None = None
    """Smallest value."""
    max: int | None = None
    """Largest value."""
    scale: Literal["linear", "log"] | None = None
    """How a range is sampled; linear when left out."""
    values: Annotated[list[int], Field(min_length=1, max_length=64)] | None = None
    """The values to choose from."""

    @model_validator(mode="after")
    def _one_form(self) -> IntegerRange:
        _check_form(self.min, self.max, self.scale, self.values)
        return self


class NumberRange(Model):
    """Real numbers to try: either ``min`` and ``max``, or ``values``."""

    min: float | None = None
    """Smallest value."""
    max: float | None = None
    """Largest value."""
    scale: Literal["linear", "log"] | None = None
    """How a range is sampled; linear when left out."""
    values: Annotated[list[float], Field(min_length=1, max_length=64)] | None = None
    """The values to choose from."""

    @model_validator(mode="after")
    def _one_form(self) -> NumberRange:
        _check_form(self.min, self.max, self.scale, self.values)
        return self


def _check_form(low: float | None, high: float | None, scale: str | None, values: list[Any] | None) -> None:
    if values is not None:
        if low is not None or high is not None or scale is not None:
            msg = "give either min and max, or values, not both"
            raise ValueError(msg)
        return
    if low is None or high is None:
        msg = "give min and max, or values"
        raise ValueError(msg)
    if low >= high:
        msg = f"min must be below max, got {low:g} and {high:g}"
        raise ValueError(msg)
    if scale == "log" and low <= 0:
        msg = f"min must be above 0 on a logarithmic scale, got {low:g}"
        raise ValueError(msg)


def tunable_fields(model: type[Model]) -> dict[str, FieldInfo]:
    """Hyperparameters of one architecture or of the optimiser, by their YAML names."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def hyperparameters(architecture: str) -> dict[str, FieldInfo]:
    """Every hyperparameter that may be tuned with ``architecture``, by YAML name.

    The optimiser's ``name`` is tuned as ``optimizer``.
    """
    fields = tunable_fields(ARCHITECTURES[architecture])
    optimizer = tunable_fields(Optimizer)
    return fields | {OPTIMIZER_PARAMETERS[name]: info for name, info in optimizer.items()}


OPTIMIZER_PARAMETERS = {name: "optimizer" if name == "name" else name for name in tunable_fields(Optimizer)}
"""Field of ``spec.model.optimizer`` -> name in the search space."""


class OptimizerChoice(Model):
    """Optimisers to try."""

    values: Annotated[list[OptimizerName], Field(min_length=1, max_length=8)]
    """The names to choose from."""


def bounds(info: FieldInfo) -> str:
    """The values that a hyperparameter may take, in words."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    limits = [
        f"{word} {getattr(limit, name):g}"
        for limit in info.metadata
        for name, word in words.items()
        if getattr(limit, name, None) is not None
    ]
    return " and ".join(limits) if limits else ", ".join(get_args(info.annotation))


def admits(info: FieldInfo, value: float | str) -> bool:
    """Whether a hyperparameter may take the value."""
    try:
        bounded: Any = Annotated[info.annotation, *info.metadata]
        TypeAdapter(bounded).validate_python(value)
    except ValidationError:
        return False
    return True


def _range_type(info: FieldInfo) -> type[Model]:
    if info.annotation is int:
        return IntegerRange
    if info.annotation is float:
        return NumberRange
    return OptimizerChoice


def _search_space() -> type[Model]:
    fields: dict[str, Any] = {}
    for architecture in ARCHITECTURES:
        for name, info in hyperparameters(architecture).items():
            description = f"{(info.description or name).rstrip('.')}: values to try."
            fields[name] = (_range_type(info) | None, Field(default=None, description=description))
    return create_model("SearchSpace", __base__=Model, __doc__="Hyperparameters to tune, by name.", **fields)


SearchSpace = _search_space()
