"""Sentences for people about what is wrong in a YAML document: path, given value, and what may stand there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from jetcal_api import hyperparameters, resource, scalars
from jetcal_api.rules import Path, Problems

SHOWN = 80
"""Characters of a given value that a sentence repeats."""

_NOUNS = {
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "bool": "true or false",
    "list": "a list",
    "model": "fields below it",
    "dict": "fields below it",
}
_LENGTHS = {
    "too_short": "must have at least {min_length} entry",
    "too_long": "must have at most {max_length} entries",
    "string_too_short": "must have at least {min_length} character",
    "string_too_long": "must have at most {max_length} characters",
}
_PATTERNS: tuple[tuple[Any, str], ...] = (
    (scalars.Quantity, "a quantity such as 500m, 2 or 4Gi"),
    (scalars.DnsLabel, "lower-case letters, digits and dashes"),
    (resource.ResourceName, "lower-case letters, digits and dashes, a letter first"),
    (scalars.TritonVersion, "a release of Triton such as 26.06-py3"),
    (scalars.TreePath, "the path of a tree, such as AK4jets/jetTree"),
    (scalars.SettingName, "a name of letters, digits and underscores"),
    (scalars.SettingValue, "text of letters, digits, dots, signs and underscores"),
    (scalars.Formula, "a formula over branches, such as jet_pt / 1000"),
    (scalars.Uri, "a uri or a path without spaces, quotes or characters that a shell knows"),
)


def explain(error: ValidationError, document: Any = None) -> list[str]:
    """One sentence for each problem, with its path in the document.

    Parameters
    ----------
    error
        From ``JetCalibration.parse``.
    document
        What was parsed; it tells which architecture's hyperparameters are valid.
    """
    return [sentence for details in error.errors() for sentence in _sentences(details, document)]


def dotted(path: Iterable[str | int]) -> str:
    """``spec.dataset.files[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _sentences(details: ErrorDetails, document: Any) -> list[str]:
    path, kind = tuple(details["loc"]), details["type"]
    if kind == Problems.KIND:
        problems = details["ctx"]["problems"]
        return [_join((*path, *below), problem) for below, problem in problems]
    if kind == "extra_forbidden":
        return [_join(path, _unknown(path, document))]
    if kind == "missing":
        return [_join(path, _missing(path))]
    if kind == "value_error":
        return [_join(path, _pydantic(details))]
    return [_join(path, f"{_wanted(details, path)}, got {_shown(details['input'])}")]


def _join(path: Path, sentence: str) -> str:
    return f"{dotted(path)}: {sentence}" if path else sentence


def _unknown(path: Path, document: Any) -> str:
    name = str(path[-1])
    valid = _valid_names(path[:-1], document)
    near = _nearest(name, valid)
    hint = f"; did you mean {near}?" if near else ""
    what = "unknown field"
    if path[-2:-1] == ("searchSpace",):
        what = f"unknown hyperparameter of {_architecture(document) or 'every architecture'}"
    return f"{what}; valid ones: {', '.join(valid)}{hint}"


def _nearest(name: str, valid: list[str]) -> str | None:
    """The valid name that was probably meant: one that differs in case and separators only, else a similar one."""
    plain = name.replace("_", "").replace("-", "").lower()
    same = [candidate for candidate in valid if candidate.lower() == plain]
    return next(iter(same or difflib.get_close_matches(name, valid, n=1)), None)


def _valid_names(path: Path, document: Any) -> list[str]:
    architecture = _architecture(document)
    if path[-1:] == ("searchSpace",) and architecture:
        return list(hyperparameters.hyperparameters(architecture))
    model = _model_at(path)
    return [info.alias or name for name, info in model.model_fields.items()] if model else []


def _architecture(document: Any) -> str | None:
    """The one architecture that the document names."""
    model: Any = document
    for part in ("spec", "model"):
        model = model.get(part) if isinstance(model, Mapping) else None
    named = [name for name in hyperparameters.ARCHITECTURES if isinstance(model, Mapping) and name in model]
    return named[0] if len(named) == 1 else None


def _field_at(path: Path) -> FieldInfo | None:
    parent = _model_at(path[:-1])
    if parent is None or not path:
        return None
    fields = parent.model_fields.items()
    return next((info for name, info in fields if path[-1] in {info.alias, name}), None)


def _model_at(path: Path) -> type[BaseModel] | None:
    model: type[BaseModel] | None = resource.JetCalibration
    for part in path:
        if isinstance(part, int):
            continue
        fields = model.model_fields.items() if model else ()
        info = next((info for name, info in fields if part in {info.alias, name}), None)
        model = _model_in(info.annotation) if info else None
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model inside of Optional, list or Annotated."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model), None)


def _missing(path: Path) -> str:
    info = _field_at(path)
    return f"is missing ({info.description.rstrip('.')})" if info and info.description else "is missing"


def _wanted(details: ErrorDetails, path: Path) -> str:
    """What may stand at the path."""
    kind, context = details["type"], details.get("ctx", {})
    if kind == "literal_error":
        given = str(details["input"])
        valid = context["expected"].replace("'", "")
        names = valid.replace(" or ", ", ").split(", ")
        near = _nearest(given, names) if len(names) > 1 else None
        return f"must be {valid}" + (f" (did you mean {near}?)" if near else "")
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"must be {in_words(pattern) or f'text that matches {pattern}'}"
    if kind in {"greater_than_equal", "greater_than", "less_than_equal", "less_than"}:
        info = _field_at(path)
        limits = hyperparameters.bounds(info) if info and info.metadata else ""
        return f"must be {limits}" if limits else _pydantic(details)
    if kind in _LENGTHS:
        return _LENGTHS[kind].format(**context)
    noun = next((noun for prefix, noun in _NOUNS.items() if kind.startswith(prefix)), None)
    if noun and kind.endswith(("_type", "_parsing", "_from_float")):
        return f"must be {noun}"
    return _pydantic(details)


def in_words(pattern: str) -> str | None:
    """What a pattern of the spec admits; None for others."""
    for annotated, words in _PATTERNS:
        for info in get_args(annotated)[1:]:
            if any(getattr(part, "pattern", None) == pattern for part in getattr(info, "metadata", [])):
                return words
    return None


def _pydantic(details: ErrorDetails) -> str:
    text = details["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return text[:1].lower() + text[1:]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
