"""Bad input is refused with the path, the given value and what may stand there."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from tests.support.calibrations import EXAMPLES, calibration, changed, example

from jetcal_api.messages import explain
from jetcal_api.resource import JetCalibration


def told(document):
    """The sentences about a document; fails if it is admitted."""
    with pytest.raises(ValidationError) as caught:
        JetCalibration.parse(document)
    return explain(caught.value, document)


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        ("spec.tuning.searchSpace.phiDims", {"values": [1]}, ["phiDims: unknown hyperparameter of pfn", "phiDim?"]),
        ("spec.tuning.searchSpace.convDim", {"values": [64]}, ["convDim: is a hyperparameter of particleNet"]),
        ("spec.tuning.searchSpace.phiDim", {"values": [2, 64]}, ["phiDim.values[0]", "at least 4", "got 2"]),
        ("spec.tuning.searchSpace.dropout", {"min": 0.1, "max": 2}, ["dropout.max", "below 1", "got 2"]),
        ("spec.tuning.searchSpace.dropout", {"min": 0.5, "max": 0.1}, ["min must be below max"]),
        ("spec.tuning.searchSpace.dropout", {"min": 0, "max": 0.1, "scale": "log"}, ["above 0 on a logarithmic"]),
        ("spec.tuning.searchSpace.phiDim", {"min": 8}, ["give min and max, or values"]),
        ("spec.tuning.searchSpace.phiDim", {"min": 8, "values": [9]}, ["not both"]),
        ("spec.tuning.searchSpace", {}, ["searchSpace: names no hyperparameter", "phiDim"]),
        ("spec.tuning.searchSpace.optimizer", {"values": ["Adamw"]}, ["optimizer.values[0]", "did you mean AdamW?"]),
        ("spec.tuning.algorithm.name", "grid", ["learningRate: grid needs values"]),
        ("spec.tuning.algorithm.name", "cmaes", ["cmaes needs at least two"]),
        ("spec.tuning.algorithm.name", "tpee", ["must be random, tpe", "did you mean tpe?"]),
        ("spec.tuning.maxTrials", 0, ["maxTrials: must be at least 1 and at most 1000, got 0"]),
        ("spec.tuning.maxTrials", "3", ["maxTrials: must be a whole number, got '3'"]),
        ("spec.model.loss", "logcosh", ["loss: must be", "did you mean LogCosh?"]),
        ("spec.model.particleNet", {}, ["spec.model: give exactly one architecture", "got pfn, particleNet"]),
        ("spec.model.optimizer.learning_rate", 0.1, ["learning_rate: unknown field", "did you mean learningRate?"]),
        ("spec.model.pfn.phiDim", 1.5, ["phiDim: must be a whole number, got 1.5"]),
        ("spec.dataset.files", [], ["files: must have at least 1 entry"]),
        ("spec.dataset.files", "a.root", ["files: must be a list, got 'a.root'"]),
        ("spec.dataset.split", {"train": 0.9}, ["split: train, validation and test must sum to 1, got 1.3"]),
        ("spec.storage", {}, ["spec.storage.uri: is missing"]),
        ("spec.storage.uri", "s3://a/$(rm)", ["spec.storage.uri: must be a uri"]),
        ("spec.training.runtime", "Job", ["training.workers: runtime Job takes one worker, got 2"]),
        ("spec.training.resources", {"cpu": "four"}, ["cpu: must be a quantity such as 500m", "'four'"]),
        ("spec.serving", {"minReplicas": 5}, ["minReplicas: must not be above maxReplicas, got 5 and 3"]),
        ("spec.serving.tritonVersion", "26.6", ["must be a release of Triton such as 26.06-py3"]),
        ("spec.trainings", {}, ["spec.trainings: unknown field", "did you mean training?"]),
        ("spec.suspend", "yes", ["suspend: must be true or false, got 'yes'"]),
        ("metadata.name", "Ak4", ["metadata.name: must be lower-case"]),
        ("metadata.name", "a" * 41, ["metadata.name: must have at most 40 characters"]),
        ("kind", "Calibration", ["kind: must be JetCalibration, got 'Calibration'"]),
    ],
)
def test_one_sentence_says_where_what_and_what_else(path, value, parts):
    (sentence,) = told(changed(calibration(), path, value))
    for part in parts:
        assert part in sentence
    assert "\n" not in sentence


def test_each_problem_gets_its_own_sentence():
    document = changed(calibration(), "spec.model.loss", "L2")
    document = changed(document, "spec.tuning.epochs", 0)
    sentences = told(document)
    assert [sentence.split(":")[0] for sentence in sentences] == ["spec.model.loss", "spec.tuning.epochs"]


def test_something_must_be_made():
    assert told(calibration(tuning=None, training=None)) == [
        "spec: give tuning, training or both: without them there is nothing to make a model from"
    ]


@pytest.mark.parametrize("document", [None, [], "text", {}, {"spec": None}, {"spec": {"model": []}}])
def test_what_is_no_calibration_at_all_is_explained_too(document):
    assert told(document)


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.yaml")))
def test_every_example_is_valid(name):
    assert JetCalibration.parse(example(name)).metadata.name
