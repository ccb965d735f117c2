"""Bad calibrations, one for each bound of the CRD, written from the CRD itself so that none is forgotten."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

from jetcal_api.crd import crd
from jetcal_api.hyperparameters import ARCHITECTURES, hyperparameters
from jetcal_api.messages import dotted

Path = tuple[str | int, ...]
Schema = dict[str, Any]
_SILENT = {"description", "default", "properties", "items", "format", "exclusiveMinimum", "exclusiveMaximum", "anyOf"}
"""Keywords that refuse nothing by themselves."""
_RULES = "x-kubernetes-validations"
_ALIEN = {"object": "text", "array": "text", "string": 7, "integer": "7", "number": "7", "boolean": "yes"}
"""A value that is not of the type."""
_REFUSALS = {
    "required": "Required value",
    "enum": "supported values",
    "pattern": "should match",
    "minLength": "should be at least {} chars long",
    "maxLength": "may not be more than {} ",
    "minItems": "should have at least {} items",
    "maxItems": "must have at most {} items",
    "minProperties": "should have at least {} properties",
    "minimum": "should be greater than or equal to {}",
    "maximum": "should be less than or equal to {}",
    "above": "should be greater than {}",
    "below": "should be less than {}",
    "type": "must be of type",
    "x-kubernetes-int-or-string": "must be of type",
    "x-kubernetes-list-map-keys": "Duplicate value",
}


class Fault(NamedTuple):
    """A calibration that breaks one bound at ``path``; ``message`` is what the API server says there."""

    path: Path
    keyword: str
    message: str
    calibration: dict[str, Any]

    def __str__(self) -> str:
        return f"{dotted(self.path)}-{self.keyword}"


def spec_schema() -> Schema:
    """Schema of ``spec``."""
    (version,) = crd()["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]["properties"]["spec"]


def schemas(schema: Schema, path: Path = ("spec",)) -> Iterator[tuple[Path, Schema]]:
    """Every schema below one, with its path; entries of lists are entry 0."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from schemas(inner, (*path, name))
    if "items" in schema:
        yield from schemas(schema["items"], (*path, 0))


def bases() -> list[dict[str, Any]]:
    """Good calibrations that together give every field of the resource."""
    return [
        full(architecture, listed=listed, null_serving=False)
        for architecture in ARCHITECTURES
        for listed in (False, True)
    ]


def full(architecture: str, *, listed: bool = False, null_serving: bool = False) -> dict[str, Any]:
    """A good calibration with all fields that go with an architecture; ``listed``: values, not ranges, to search."""
    space = spec_schema()["properties"]["tuning"]["properties"]["searchSpace"]["properties"]
    spec = _filled(spec_schema(), "")
    for other in set(ARCHITECTURES) - {architecture}:
        del spec["model"][other]
    spec["tuning"]["searchSpace"] = {
        name: _sought(space[name], listed=listed) for name in hyperparameters(architecture)
    }
    spec["dataset"]["split"] = {"train": 0.6, "validation": 0.2, "test": 0.2}
    if null_serving:
        spec["serving"] = None
    meta = {"name": "ak4", "namespace": "default"}
    return {"apiVersion": "jetcal.dev/v1alpha1", "kind": "JetCalibration", "metadata": meta, "spec": spec}


def faults() -> Iterator[Fault]:
    """One bad calibration for each bound of each field, and for each pattern also one for its sentence."""
    good = bases()
    for path, schema in schemas(spec_schema()):
        base = next((document for document in good if has(document, path)), None)
        assert base is not None, f"no base gives {dotted(path)}"
        for keyword, bound in schema.items():
            if keyword in _SILENT or (keyword == _RULES and "pattern" not in schema):
                continue
            yield from _breaks(base, path, schema, keyword, bound)


def changed(document: dict[str, Any], path: Path, value: Any = None, *, remove: bool = False) -> dict[str, Any]:
    """A copy with another value at the path, or without what is there."""
    document = copy.deepcopy(document)
    parent = at(document, path[:-1])
    if remove:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return document


def at(document: Any, path: Path) -> Any:
    """What lies at the path."""
    for part in path:
        document = document[part]
    return document


def has(document: Any, path: Path) -> bool:
    """Whether something lies at the path."""
    try:
        at(document, path)
    except (KeyError, IndexError):
        return False
    return True


def _breaks(base: dict[str, Any], path: Path, schema: Schema, keyword: str, bound: Any) -> Iterator[Fault]:
    if keyword == "required":
        for name in bound:
            yield Fault((*path, name), keyword, _REFUSALS[keyword], changed(base, (*path, name), remove=True))
        return
    if keyword in {"x-kubernetes-list-type", "nullable"}:
        return
    if keyword == _RULES:
        yield Fault(path, keyword, bound[0]["message"], changed(base, path, "no good?"))
        return
    if keyword == "x-kubernetes-list-map-keys":
        entry = at(base, path)[0]
        yield Fault((*path, 1), keyword, _REFUSALS[keyword], changed(base, path, [entry, entry]))
        return
    said, value = _outside(keyword, bound, schema, at(base, path))
    yield Fault(path, keyword, _REFUSALS[said].format(bound), changed(base, path, value))


def _outside(keyword: str, bound: Any, schema: Schema, good: Any) -> tuple[str, Any]:
    """What to say and a value just outside of a bound."""
    if keyword == "minimum":
        return ("above", bound) if schema.get("exclusiveMinimum") else (keyword, bound - 1)
    if keyword == "maximum":
        return ("below", bound) if schema.get("exclusiveMaximum") else (keyword, bound + 1)
    if keyword == "maxItems":
        return keyword, [
            entry | {"name": f"s{i}"} if isinstance(entry, dict) else entry
            for i, entry in enumerate([good[0]] * (bound + 1))
        ]
    values = {
        "type": lambda: _ALIEN[bound],
        "x-kubernetes-int-or-string": lambda: True,
        "enum": lambda: "nonsense",
        "pattern": lambda: "no good?",
        "minLength": lambda: "",
        "maxLength": lambda: "a" * (bound + 1),
        "minItems": list,
        "minProperties": dict,
    }
    return keyword, values[keyword]()


def _sought(schema: Schema, *, listed: bool) -> dict[str, Any]:
    fields = schema["properties"]
    if listed or "min" not in fields:
        values = fields["values"]["items"]
        return {
            "values": [
                values["enum"][0]
                if "enum" in values
                else values["maximum"] / 2
                if values["type"] == "number"
                else values["maximum"]
            ]
        }
    low, high = fields["min"], fields["max"]["maximum"]
    if low["type"] == "integer":
        return {"min": low["minimum"], "max": high, "scale": "linear"}
    return {"min": high / 4, "max": high / 2, "scale": "log"}


def _filled(schema: Schema, name: str) -> Any:
    """A value that the schema takes, with every field."""
    if "properties" in schema:
        return {name: _filled(inner, name) for name, inner in schema["properties"].items() if name != "searchSpace"}
    if "items" in schema:
        return [_filled(schema["items"], name)]
    if "default" in schema:
        return schema["default"]
    given = {"uri": "s3://jec/ak4", "files": "s3://jec/ntuples/*.root", "value": "4"}
    return given.get(name, schema["enum"][0] if "enum" in schema else "some")
