"""The CRD equals the models, and keeps to what an API server takes."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from jetcal_api import crd
from jetcal_api.hyperparameters import ARCHITECTURES, bounds, hyperparameters
from jetcal_api.resource import JetCalibrationSpec
from jetcal_api.rules import Problems

FILE = Path(crd.__file__).parents[1] / "jetcalibrations.jetcal.dev.yaml"


@pytest.fixture(scope="module")
def definition():
    return YAML(typ="safe").load(FILE)


@pytest.fixture(scope="module")
def spec(definition):
    (version,) = definition["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]["properties"]["spec"]


def schemas(schema, path="spec"):
    """Every schema with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from schemas(inner, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from schemas(schema[name], f"{path}[]")


def at(schema, path):
    for part in path.split("."):
        schema = schema["properties"][part]
    return schema


def test_the_committed_file_equals_the_models():
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        crd.main()
    assert FILE.read_text() == text.getvalue(), "run: make crd"


def test_the_file_stays_small_enough_for_every_way_of_applying_it():
    assert FILE.stat().st_size < 100_000


def test_kubectl_knows_it_by_short_name_and_category_and_shows_the_columns(definition):
    names = definition["spec"]["names"]
    assert (names["shortNames"], names["categories"]) == (["jetcal"], ["jec"])
    (version,) = definition["spec"]["versions"]
    assert version["subresources"] == {"status": {}}
    always = [column["name"] for column in version["additionalPrinterColumns"] if "priority" not in column]
    assert always == ["Ready", "Stage", "Best", "Model", "Age"]


def test_the_schema_is_structural(definition):
    (version,) = definition["spec"]["versions"]
    for path, schema in schemas(version["schema"]["openAPIV3Schema"], ""):
        assert not {"$ref", "$defs", "oneOf", "const", "title", "exclusive"} & set(schema), path
        assert ("type" in schema) != ("x-kubernetes-int-or-string" in schema), path
        assert schema.get("additionalProperties") is not False, path
        for flag in ("exclusiveMinimum", "exclusiveMaximum"):
            assert isinstance(schema.get(flag, True), bool), path


def test_every_text_and_list_of_the_spec_is_bounded(spec):
    for path, schema in schemas(spec):
        if schema.get("type") == "string" and "enum" not in schema:
            assert "maxLength" in schema, path
        if schema.get("type") == "array":
            assert "maxItems" in schema, path


def test_every_field_is_described(spec):
    for path, schema in schemas(spec):
        if not path.endswith("[]"):
            assert schema.get("description"), path


def test_defaults_are_those_of_the_models(spec):
    assert at(spec, "training.epochs")["default"] == 50
    assert at(spec, "training.resources")["default"]["memory"] == "12Gi"
    assert at(spec, "model.pfn.phiDim")["default"] == 100
    assert "default" not in at(spec, "tuning")
    assert at(spec, "serving")["nullable"] is True


def test_named_lists_are_maps(definition, spec):
    assert at(spec, "tuning.algorithm.settings")["x-kubernetes-list-map-keys"] == ["name"]
    (version,) = definition["spec"]["versions"]
    conditions = at(version["schema"]["openAPIV3Schema"], "status.conditions")
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_quantities_may_be_numbers(spec):
    cpu = at(spec, "training.resources.cpu")
    assert cpu["x-kubernetes-int-or-string"] is True
    assert cpu["anyOf"] == [{"type": "integer"}, {"type": "string"}]


def test_a_search_space_carries_the_bounds_of_each_hyperparameter(spec):
    dropout = at(spec, "tuning.searchSpace.dropout.max")
    assert (dropout["minimum"], dropout["maximum"], dropout["exclusiveMaximum"]) == (0.0, 1.0, True)
    assert at(spec, "tuning.searchSpace.phiDim.values")["items"]["maximum"] == 1024


def test_architectures_that_share_a_name_share_its_bounds():
    seen = {}
    for architecture in ARCHITECTURES:
        for name, info in hyperparameters(architecture).items():
            assert seen.setdefault(name, bounds(info)) == bounds(info), name


def test_each_rule_of_the_models_stands_in_cel_too(spec):
    """Models raise through `Problems`; where one does, the schema of that model has rules."""
    judged = {
        "spec": spec,
        "split": at(spec, "dataset.split"),
        "model": at(spec, "model"),
        "tuning": at(spec, "tuning"),
        "training": at(spec, "training"),
        "serving": at(spec, "serving"),
        "range": at(spec, "tuning.searchSpace.learningRate"),
    }
    for name, schema in judged.items():
        rules = schema["x-kubernetes-validations"]
        assert all(rule["rule"] and rule["message"] for rule in rules), name
    assert Problems.KIND
    assert JetCalibrationSpec.model_fields.keys() >= {"tuning", "training"}
