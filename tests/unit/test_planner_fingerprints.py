"""Fingerprints react to exactly what changes a stage's answer."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.calibrations import calibration, changed

from jetcal_api.resource import JetCalibration
from jetcal_operator.platform import Platform
from jetcal_operator.stages.chain import STAGES, chain
from jetcal_operator.stages.records import Records
from jetcal_operator.stages.scope import Scope

PLATFORM = Platform()


def fingerprints(document, platform=PLATFORM):
    """Fingerprint of each stage, where every worker answers the same."""
    steps = chain(Scope.of(JetCalibration.parse(document), platform), Records((), (), {}))
    found, result = {}, None
    while True:
        try:
            stage = steps.send(result)
        except StopIteration:
            return found
        found[stage.name] = stage.fingerprint
        result = chosen(stage, "0.003") if stage.name == "tuning" else stage.placeholder()


def chosen(tuning, learning_rate):
    """A choice of that learning rate."""
    choice = tuning.placeholder()
    result = choice.result.model_copy(update={"hyperparameters": {"learningRate": learning_rate}})
    return choice.model_copy(update={"result": result})


def from_stage(name):
    """The stages that follow, and the stage itself."""
    return set(STAGES[STAGES.index(name) :])


def moved(before, after):
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


names = st.text(string.ascii_lowercase, min_size=1, max_size=30)
cores = st.integers(1, 64).map(str)
memory = st.integers(1, 512).map(lambda size: f"{size}Gi")
irrelevant = st.one_of(
    st.tuples(st.just("metadata.name"), names),
    st.tuples(st.just("metadata.namespace"), names),
    st.tuples(st.just("spec.storage.secretName"), names),
    st.tuples(st.just("spec.dataset.cache"), names.map(lambda name: {"claimName": name})),
    st.tuples(st.just("spec.queueName"), names),
    st.tuples(st.just("spec.historyLimit"), st.integers(1, 50)),
    st.tuples(st.just("spec.suspend"), st.booleans()),
    st.tuples(st.just("spec.tensorboard.enabled"), st.booleans()),
    st.tuples(st.just("spec.tuning.maxTrials"), st.integers(1, 1000)),
    st.tuples(st.just("spec.tuning.parallelTrials"), st.integers(1, 100)),
    st.tuples(st.just("spec.tuning.maxFailedTrials"), st.integers(0, 1000)),
    st.tuples(st.just("spec.tuning.runtime"), st.sampled_from(["PyTorchJob", "Job"])),
    st.tuples(st.just("spec.tuning.resources.cpu"), cores),
    st.tuples(st.just("spec.tuning.resources.gpus"), st.integers(0, 8)),
    st.tuples(st.just("spec.training.runtime"), st.sampled_from(["PyTorchJob", "TrainJob"])),
    st.tuples(st.just("spec.training.workers"), st.integers(1, 256)),
    st.tuples(st.just("spec.training.processesPerWorker"), st.integers(1, 64)),
    st.tuples(st.just("spec.training.resources.memory"), memory),
    st.tuples(st.just("spec.serving.minReplicas"), st.integers(0, 3)),
    st.tuples(st.just("spec.serving.maxReplicas"), st.integers(3, 1000)),
    st.tuples(st.just("spec.serving.resources.cpu"), cores),
    st.tuples(st.just("spec.model.optimizer.learningRate"), st.floats(1e-5, 1, allow_nan=False)),
)


@settings(deadline=None)
@given(st.lists(irrelevant, max_size=6))
def test_names_resources_replicas_runtimes_and_tuned_defaults_move_nothing(edits):
    document = calibration()
    for path, value in edits:
        document = changed(document, path, value)
    assert moved(fingerprints(calibration()), fingerprints(document)) == set()


@settings(deadline=None)
@given(names, st.integers(0, 9), cores, st.booleans())
def test_the_platform_moves_nothing(image, backoff, cpu, mesh):
    platform = replace(
        PLATFORM,
        worker_image=image,
        backoff_limit=backoff,
        job_resources=PLATFORM.job_resources.model_copy(update={"cpu": cpu}),
        serving_in_mesh=mesh,
        tolerations=({"key": image},),
    )
    assert fingerprints(calibration(), platform) == fingerprints(calibration())


@pytest.mark.parametrize(
    ("path", "value", "first"),
    [
        ("spec.storage.uri", "s3://jec/other", "inventory"),
        ("spec.dataset.tree", "AK8jets/jetTree", "dataset"),
        ("spec.dataset.jets.minGenPt", 30.0, "dataset"),
        ("spec.dataset.split", {"train": 0.5, "validation": 0.25, "test": 0.25}, "dataset"),
        ("spec.model.loss", "Huber", "tuning"),
        ("spec.model.pfn.phiDim", 65, "tuning"),
        ("spec.model.optimizer.batchSize", 512, "tuning"),
        ("spec.training.epochs", 6, "training"),
    ],
)
def test_what_changes_an_answer_moves_its_stage_and_all_that_follow(path, value, first):
    document = calibration()
    after = fingerprints(changed(document, path, value))
    assert moved(fingerprints(document), after) == from_stage(first)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.tuning.epochs", 11),
        ("spec.tuning.algorithm.name", "tpe"),
        ("spec.tuning.earlyStopping", {"algorithm": "medianstop"}),
        ("spec.tuning.searchSpace.learningRate", {"min": 1e-4, "max": 2e-2}),
        ("spec.tuning.searchSpace.dropout", {"values": [0.0, 0.1]}),
    ],
)
def test_another_search_with_the_same_choice_trains_nothing_again(path, value):
    document = calibration()
    moved_stages = moved(fingerprints(document), fingerprints(changed(document, path, value)))
    assert moved_stages == {"tuning", "evaluation"}, "the report shows the search"


def test_another_choice_trains_again():
    found = []
    for rate in ("0.001", "0.002"):
        steps = chain(Scope.of(JetCalibration.parse(calibration()), PLATFORM), Records((), (), {}))
        prepare = steps.send(next(steps).placeholder())
        tuning = steps.send(prepare.placeholder())
        found.append(steps.send(chosen(tuning, rate)).fingerprint)
    assert found[0] != found[1]


def test_other_globs_that_find_the_same_data_move_the_inventory_only():
    after = fingerprints(changed(calibration(), "spec.dataset.files", ["s3://jec/ntuples/*"]))
    assert moved(fingerprints(calibration()), after) == {"inventory"}


def test_the_thresholds_move_the_judgement_only():
    after = fingerprints(changed(calibration(), "spec.evaluation.acceptance.maxNonClosure", 0.5))
    assert moved(fingerprints(calibration()), after) == {"evaluation"}


def test_a_release_moves_the_export_only_if_it_cannot_load_the_model():
    before = fingerprints(calibration())
    newer = fingerprints(changed(calibration(), "spec.serving.tritonVersion", "26.07-py3"))
    older = fingerprints(changed(calibration(), "spec.serving.tritonVersion", "23.05-py3"))
    assert moved(before, newer) == set()
    assert moved(before, older) == {"export", "evaluation"}


def test_the_content_of_the_data_moves_all_but_the_inventory():
    found = []
    for content in ("a", "b"):
        steps = chain(Scope.of(JetCalibration.parse(calibration()), PLATFORM), Records((), (), {}))
        inventory = next(steps)
        answer = inventory.placeholder().model_copy(update={"sources": content})
        found.append((inventory.fingerprint, steps.send(answer).fingerprint))
    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_fields_moves_nothing(random):
    def shuffled(value):
        if isinstance(value, dict):
            items = list(value.items())
            random.shuffle(items)
            return {name: shuffled(entry) for name, entry in items}
        return value

    assert fingerprints(shuffled(calibration())) == fingerprints(calibration())


def test_defaults_written_out_move_nothing():
    written = JetCalibration.parse(calibration()).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert fingerprints(written) == fingerprints(calibration())
