"""The CustomResourceDefinition, written from the models: ``python -m jetcal_api.crd``."""

from __future__ import annotations

import sys
from typing import Any

from ruamel.yaml import YAML

from jetcal_api.cel import ROOT_RULES, RULES, pattern_rules
from jetcal_api.hyperparameters import ARCHITECTURES, Optimizer, hyperparameters
from jetcal_api.resource import GROUP, KIND, VERSION, JetCalibrationSpec
from jetcal_api.status import Status

PLURAL = "jetcalibrations"
SHORT_NAME = "jetcal"
CATEGORY = "jec"
HEAD = "# Written from the models of jetcal_api by `make crd`; a test keeps it equal to them.\n"
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
LIST_KEYS = {"conditions": "type", "settings": "name", "systematics": "name"}
"""Lists whose entries are told apart by one of their fields, so that several writers can own entries."""

COLUMNS: tuple[tuple[str, str, str, int], ...] = (
    ("Ready", "string", '.status.conditions[?(@.type=="Ready")].status', 0),
    ("Stage", "string", ".status.stage", 0),
    ("Best", "number", ".status.tuning.best.metrics.validation_loss", 0),
    ("Model", "string", ".status.serving.revision", 0),
    ("Age", "date", ".metadata.creationTimestamp", 0),
    ("Reason", "string", '.status.conditions[?(@.type=="Ready")].reason', 1),
    ("Jets", "integer", ".status.dataset.jets.train", 1),
    ("Trials", "integer", ".status.tuning.trials.succeeded", 1),
    ("URL", "string", ".status.serving.url", 1),
    ("Report", "string", ".status.evaluation.report", 1),
)
"""Name, type, JSON path and priority of what ``kubectl get`` shows; priority 1 only with ``-o wide``."""


def crd() -> dict[str, Any]:
    """The whole definition."""
    columns = [
        {"name": name, "type": kind, "jsonPath": path, **({"priority": priority} if priority else {})}
        for name, kind, path, priority in COLUMNS
    ]
    names = {
        "kind": KIND,
        "listKind": f"{KIND}List",
        "plural": PLURAL,
        "singular": KIND.lower(),
        "shortNames": [SHORT_NAME],
        "categories": [CATEGORY],
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": _root()},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _root() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "One jet energy calibration, from ntuples to a served and verified model.",
        "required": ["spec"],
        "x-kubernetes-validations": [rule.schema() for rule in ROOT_RULES],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(JetCalibrationSpec.model_json_schema()),
            "status": structural(Status.model_json_schema()),
        },
    }


def structural(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema of pydantic as the structural schema that an API server takes."""
    definitions = schema.pop("$defs", {})
    title = schema.get("title", "")
    found = _structural(schema, definitions)
    return _with_rules(found, title)


def _structural(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        found = _structural(definitions[name] | beside, definitions)
        return _with_rules(_with_bounds(found) if name == "SearchSpace" else found, name)
    if "anyOf" in schema:
        return _optional(schema, definitions)
    kept = _scalars(schema)
    if isinstance(schema.get("additionalProperties"), dict):
        kept["additionalProperties"] = _structural(schema["additionalProperties"], definitions)
    if "items" in schema:
        kept["items"] = _structural(schema["items"], definitions)
    if "properties" in schema:
        kept["properties"] = {name: _property(name, value, definitions) for name, value in schema["properties"].items()}
    if schema.get("required"):
        kept["required"] = schema["required"]
    return kept


def _scalars(schema: dict[str, Any]) -> dict[str, Any]:
    """All that does not hold another schema."""
    elsewhere = {"title", "properties", "items", "required", "additionalProperties"}
    kept = _old_bounds({key: value for key, value in schema.items() if key not in elsewhere})
    if "const" in kept:
        kept["enum"] = [kept.pop("const")]
    if "default" in kept:
        kept["default"] = _without_nulls(kept["default"])
    if kept.get("type") == "integer":
        kept["format"] = "int64"
    if "description" in kept:
        kept["description"] = " ".join(kept["description"].replace("``", "").split())
    return _in_words(kept)


def _property(name: str, schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    found = _structural(schema, definitions)
    if name in LIST_KEYS and found.get("type") == "array":
        found |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [LIST_KEYS[name]]}
    if found.get("format") == "int-or-string":
        found = {key: value for key, value in found.items() if key not in {"type", "format"}}
        found |= {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}
    return found


def _without_nulls(default: Any) -> Any:
    """A field that an object's default leaves out; null is no value of its type."""
    if not isinstance(default, dict):
        return default
    return {name: _without_nulls(value) for name, value in default.items() if value is not None}


def _in_words(schema: dict[str, Any]) -> dict[str, Any]:
    """A pattern with a sentence for whoever does not meet it."""
    rules = pattern_rules(schema.get("pattern", ""), or_whole_number=schema.get("format") == "int-or-string")
    return schema | ({"x-kubernetes-validations": [rule.schema() for rule in rules]} if rules else {})


def _optional(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """``X or null``: nullable where null says something else than leaving the field out."""
    inner = next(option for option in schema["anyOf"] if option.get("type") != "null")
    beside = {key: value for key, value in schema.items() if key not in {"anyOf", "title"}}
    has_default = beside.get("default") is not None
    if not has_default:
        beside.pop("default", None)
    found = _structural(inner | beside, definitions)
    return found | {"nullable": True} if has_default else found


def _old_bounds(schema: dict[str, Any]) -> dict[str, Any]:
    """Exclusive bounds as OpenAPI 3.0 spells them: a bound, and a flag beside it."""
    for exclusive, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if exclusive in schema and not isinstance(schema[exclusive], bool):
            schema[plain] = schema[exclusive]
            schema[exclusive] = True
    return schema


def _with_rules(schema: dict[str, Any], name: str) -> dict[str, Any]:
    rules = [rule.schema() for rule in RULES.get(name, ())]
    return schema | ({"x-kubernetes-validations": rules} if rules else {})


def _with_bounds(space: dict[str, Any]) -> dict[str, Any]:
    """A search space whose ranges stay within the bounds of the hyperparameters that they range over."""
    space = space | {"minProperties": 1}
    for name, schema in space["properties"].items():
        if "min" not in schema.get("properties", {}):
            continue
        limits = _limits(name)
        fields = dict(schema["properties"])
        fields["min"] = fields["min"] | limits
        fields["max"] = fields["max"] | limits
        fields["values"] = fields["values"] | {"items": fields["values"]["items"] | limits}
        schema["properties"] = fields
    return space


def _limits(name: str) -> dict[str, Any]:
    """Bounds of a hyperparameter; architectures that share a name share its bounds, which a test asserts."""
    for architecture, model in ARCHITECTURES.items():
        if name in hyperparameters(architecture):
            schemas = [model.model_json_schema(), Optimizer.model_json_schema()]
            found = next(schema["properties"][name] for schema in schemas if name in schema["properties"])
            return _old_bounds({key: found[key] for key in BOUNDS if key in found})
    message = f"no architecture has a hyperparameter {name}"
    raise LookupError(message)


def main() -> None:
    """Print the definition as YAML."""
    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.ignore_aliases = lambda _: True
    sys.stdout.write(HEAD)
    yaml.dump(crd(), sys.stdout)


if __name__ == "__main__":
    main()
