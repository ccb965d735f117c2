"""The resource reference for people, written from the models: ``python -m jetcal_api.reference > docs/resource.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from jetcal_api.resource import JetCalibrationSpec
from jetcal_api.status import Status

HEAD = """# JetCalibration, field by field

`apiVersion: jetcal.dev/v1alpha1`, `kind: JetCalibration`. Written from the models by `make reference`; the same
sentences answer `kubectl explain jetcal.spec`.
"""

SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def reference() -> str:
    """The whole page as Markdown."""
    return "\n".join([HEAD, *_section("spec", JetCalibrationSpec), *_section("status", Status)])


def _section(path: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"## {path}\n"
    yield f"{_one_line(model.__doc__)}\n"
    yield "| field | type | default | meaning |\n|---|---|---|---|"
    for field in model.model_fields.values():
        yield f"| `{field.alias}` | {_type_name(field)} | {_default(field)} | {_one_line(field.description)} |"
    yield ""
    for field in model.model_fields.values():
        for nested, suffix in _nested_models(field.annotation):
            yield from _section(f"{path}.{field.alias}{suffix}", nested)


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("``", "`").replace("|", "\\|")


def _nested_models(annotation: Any, suffix: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, suffix
    for argument in get_args(annotation):
        yield from _nested_models(argument, "[]" if get_origin(annotation) is list else suffix)


def _type_name(field: FieldInfo) -> str:
    bounds = ", ".join(text for text in map(_bound, field.metadata) if text)
    name = _annotation_name(field.annotation)
    return f"{name}, {bounds}" if bounds else name


def _annotation_name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " \\| ".join(f"`{value}`" for value in arguments)
    if origin is list:
        return f"list of {_annotation_name(arguments[0])}"
    if origin is dict:
        return f"map of {_annotation_name(arguments[1])}"
    if origin is Annotated:
        return _annotation_name(arguments[0])
    if origin in (Union, UnionType):
        return " or ".join(_annotation_name(argument) for argument in arguments if argument is not NoneType)
    return SCALARS.get(annotation, "object")


def _bound(constraint: Any) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    return " ".join(
        f"{sign} {getattr(constraint, name):g}" for name, sign in signs.items() if hasattr(constraint, name)
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is None or isinstance(field.default, BaseModel) or field.default in ([], {}, ""):
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
