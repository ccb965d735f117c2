"""How the inputs and the output of a network made elsewhere follow from our columns: the mapping's YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from jetcal.data import formula
from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS
from jetcal.documents import read_yaml
from jetcal.errors import JetcalError
from jetcal_api.base import Model
from jetcal_api.scalars import Formula

DERIVED = ("multiplicity", "qg_multiplicity", "pt_dispersion", "axis2")
"""Columns of the jet that are worked out from its constituents (``jetcal.evaluation.comparison.derived``)."""
OF_JET = (*JET_COLUMNS, "standard_pt", *DERIVED)
OF_CONSTITUENT = (*CONSTITUENT_COLUMNS, *OF_JET)


class Input(Model):
    """What one input of the network is filled with."""

    of: Literal["constituents", "jet", "mask"]
    """``mask`` is 1 for a constituent and ``padding`` for an empty slot."""
    features: list[Formula] = []
    """Formulas in the order of the network's channels."""
    layout: Literal["features-first", "slots-first", "slots"] = "features-first"
    """(N, features, slots), (N, slots, features) or, for a single feature or the mask, (N, slots)."""
    slots: int | None = Field(None, ge=1)
    """Constituents that it has room for; as many as the longest jet of a batch has when left out."""
    where: Formula | None = None
    """Which constituents enter; all when left out."""
    padding: float = 0.0
    """What empty slots hold."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.of == "mask") == bool(self.features):
            message = "a mask has no features" if self.features else "features are missing"
            raise ValueError(message)
        if self.of == "jet" and self.model_fields_set & {"layout", "slots", "where", "padding"}:
            message = "layout, slots, where and padding are for constituents and masks"
            raise ValueError(message)
        if self.layout == "slots" and len(self.features) > 1:
            message = "layout slots has room for one feature"
            raise ValueError(message)
        known = OF_JET if self.of == "jet" else OF_CONSTITUENT
        for text in (*self.features, *filter(None, [self.where])):
            _check(text, known)
        return self

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Shape of the tensor; None is free."""
        features = len(self.features) or 1
        if self.of == "jet":
            return (None, features)
        return {
            "features-first": (None, features, self.slots),
            "slots-first": (None, self.slots, features),
            "slots": (None, self.slots),
        }[self.layout]


class Output(Model):
    """What the network answers."""

    name: str | None = None
    """Which output; may be left out if there is one."""
    kind: Literal["log-correction", "factor", "pt"]
    """ln(pT_gen / pT), pT_gen / pT, or pT_gen in GeV."""
    relative_to: Literal["raw_pt", "standard_pt"] = "raw_pt"
    """The pT in log-correction and factor."""
    median: int = Field(0, ge=0)
    """Column of the answer, from 0, with the correction itself."""
    down: int | None = Field(None, ge=0)
    """Column with the 16 % quantile; needs ``up``."""
    up: int | None = Field(None, ge=0)
    """Column with the 84 % quantile; needs ``down``."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.down is None) != (self.up is None):
            message = "down and up come together"
            raise ValueError(message)
        return self

    @property
    def columns(self) -> tuple[int, int, int]:
        """Columns of the median, the 16 % and the 84 % quantile; the median's where there is no quantile."""
        if self.down is None or self.up is None:
            return (self.median, self.median, self.median)
        return (self.median, self.down, self.up)


class Mapping(Model):
    """The whole mapping."""

    inputs: dict[str, Input]
    """By the names of the network's inputs."""
    output: Output


def read(path: Path) -> Mapping:
    """The mapping in a YAML file.

    Raises
    ------
    JetcalError
        With one sentence about the first thing that is wrong.
    """
    try:
        return Mapping.model_validate(read_yaml(path))
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        reason = str(first["msg"]).removeprefix("Value error, ")
        message = f"{path}: {field}: {reason}" if field else f"{path}: {reason}"
        raise JetcalError(message) from invalid


def _check(text: str, known: tuple[str, ...]) -> None:
    try:
        missing = formula.branches(text) - set(known)
    except JetcalError as error:
        raise ValueError(str(error)) from error
    if missing:
        message = f"'{text}': our jets have no {', '.join(sorted(missing))}; there are {', '.join(known)}"
        raise ValueError(message)
