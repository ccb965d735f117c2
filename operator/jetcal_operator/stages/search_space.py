"""The search space as Katib spells it: parameters of an Experiment and options of a trial's command."""

from __future__ import annotations

import re
from typing import Any

from jetcal_api.hyperparameters import IntegerRange, NumberRange, OptimizerChoice
from jetcal_api.spec import Tuning as TuningSpec


def search_space(spec: TuningSpec) -> dict[str, IntegerRange | NumberRange | OptimizerChoice]:
    """What is tuned, by YAML name, in the order of the table."""
    space: Any = spec.search_space
    named = ((info.alias or name, getattr(space, name)) for name, info in type(space).model_fields.items())
    return {name: values for name, values in named if values is not None}


def parameter(name: str, values: IntegerRange | NumberRange | OptimizerChoice) -> dict[str, Any]:
    """One parameter of an Experiment."""
    if isinstance(values, OptimizerChoice):
        return {"name": name, "parameterType": "categorical", "feasibleSpace": {"list": list(values.values)}}
    if values.values is not None:
        listed = [number(value) for value in values.values]
        return {"name": name, "parameterType": "discrete", "feasibleSpace": {"list": listed}}
    space = {
        "min": number(values.min or 0),
        "max": number(values.max or 0),
        "distribution": "logUniform" if values.scale == "log" else "uniform",
    }
    kind = "int" if isinstance(values, IntegerRange) else "double"
    return {"name": name, "parameterType": kind, "feasibleSpace": space}


def number(value: float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(value)


def kebab(name: str) -> str:
    """``learningRate`` -> ``learning-rate``, as options are spelt."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


def describe(name: str) -> str:
    """A few words for Katib's UI."""
    return kebab(name).replace("-", " ")
