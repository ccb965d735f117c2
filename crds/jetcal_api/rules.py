"""Rules that take more than one field to judge, as problems with the path at which each is to be mended."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from pydantic_core import PydanticCustomError

from jetcal_api.hyperparameters import ARCHITECTURES, IntegerRange, NumberRange, admits, bounds, hyperparameters

Path = tuple[str | int, ...]
Problem = tuple[Path, str]
"""Where, relative to the model that is judged, and what."""

NUMBER_RANGES_NEEDED = 2
"""Ranges that cmaes needs at least."""


class Problems:
    """Several problems as one error of pydantic."""

    KIND = "jetcal_problems"

    @classmethod
    def error(cls, problems: list[Problem]) -> PydanticCustomError:
        """An error to raise in a validator; its text lists all problems, its context holds them one by one."""
        text = "; ".join(f"{'.'.join(map(str, path))}: {problem}" if path else problem for path, problem in problems)
        return PydanticCustomError(cls.KIND, "{text}", {"text": text, "problems": problems})


class Named(Protocol):
    """What is told apart by its name."""

    @property
    def name(self) -> str:
        """Of which there is one in a list."""
        ...


N = TypeVar("N", bound=Named)


def named_once(entries: list[N]) -> list[N]:
    """The entries, if no two have the same name."""
    names = [entry.name for entry in entries]
    twice = [index for index, name in enumerate(names) if name in names[:index]]
    if twice:
        raise Problems.error([((index,), f"{names[index]} is given twice") for index in twice])
    return entries


def search_problems(architecture: str, algorithm: str, space: Any) -> list[Problem]:
    """What does not fit in a search space: unknown to the architecture, out of bounds, unfit for the algorithm."""
    given = {info.alias or name: getattr(space, name) for name, info in type(space).model_fields.items()}
    given = {name: values for name, values in given.items() if values is not None}
    if not given:
        return [(("searchSpace",), f"names no hyperparameter; {architecture} has {_names(architecture)}")]
    known = hyperparameters(architecture)
    problems: list[Problem] = []
    for name, values in given.items():
        if name not in known:
            where = next(other for other in ARCHITECTURES if name in hyperparameters(other))
            problem = f"is a hyperparameter of {where}, not of {architecture}, which has {_names(architecture)}"
            problems.append((("searchSpace", name), problem))
            continue
        problems += [(("searchSpace", name, *path), problem) for path, problem in _out_of_bounds(known[name], values)]
        problems += [(("searchSpace", name), problem) for problem in _unfit(algorithm, values)]
    ranges = [values for values in given.values() if getattr(values, "min", None) is not None]
    if algorithm == "cmaes" and len(ranges) < NUMBER_RANGES_NEEDED:
        problems.append((("algorithm", "name"), "cmaes needs at least two hyperparameters with min and max"))
    return problems


def _names(architecture: str) -> str:
    return ", ".join(hyperparameters(architecture))


def _out_of_bounds(info: Any, values: Any) -> list[Problem]:
    ends: dict[Path, Any] = {("min",): getattr(values, "min", None), ("max",): getattr(values, "max", None)}
    listed: dict[Path, Any] = {("values", index): value for index, value in enumerate(values.values or [])}
    return [
        (path, f"must be {bounds(info)}, got {value:g}")
        for path, value in {**ends, **listed}.items()
        if isinstance(value, int | float) and not admits(info, value)
    ]


def _unfit(algorithm: str, values: Any) -> list[str]:
    """What Katib's services cannot search; they would fail, or try for ever."""
    if not isinstance(values, IntegerRange | NumberRange):
        return ["cmaes cannot choose from names"] if algorithm == "cmaes" else []
    if algorithm == "grid" and isinstance(values, NumberRange) and values.values is None:
        return ["grid needs values to choose from, for a range of real numbers has no grid"]
    if algorithm == "bayesianoptimization" and isinstance(values, NumberRange) and values.min is not None:
        return ["bayesianoptimization needs min above 0"] if values.min <= 0 else []
    if algorithm == "cmaes" and values.values is not None:
        return ["cmaes needs min and max, it cannot choose from values"]
    return []
