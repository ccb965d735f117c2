"""The user's commands, as far as they need no worker: validate, render, status, and what run refuses at once."""

from __future__ import annotations

import socket

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML
from tests.support.calibrations import calibration

from jetcal_operator.local import lock
from jetcal_operator.local.changes import Changes
from jetcal_operator.local.commands import render, run, serve, status, validate
from jetcal_operator.local.objects import ObjectStore


@pytest.fixture
def file(tmp_path):
    def write(name="calibration.yaml", **spec):
        path = tmp_path / name
        with path.open("w") as stream:
            YAML(typ="safe").dump(calibration(storage={"uri": "results"}, **spec), stream)
        return path

    return write


def invoke(command, *arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_validate_tells_valid_and_broken_files_apart(file, tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    result = invoke(validate, file(), broken)
    assert result.exit_code == 1
    assert "calibration.yaml: JetCalibration ak4 is valid" in result.stdout
    assert "broken.yaml:1" in result.stderr
    assert invoke(validate, file()).exit_code == 0


def test_render_prints_the_manifests_of_a_cluster(file):
    result = invoke(render, file())
    assert result.exit_code == 0, result.output
    documents = list(YAML(typ="safe").load_all(result.stdout))
    kinds = [document["kind"] for document in documents]
    assert kinds[:4] == ["ConfigMap", "Job", "ConfigMap", "Job"]
    assert {"Experiment", "PyTorchJob", "InferenceService", "Deployment"} <= set(kinds)
    assert all(document["metadata"]["name"] for document in documents)
    assert all(document["data"] for document in documents if document["kind"] == "ConfigMap")


def test_render_names_an_unknown_release_of_triton(file):
    result = invoke(render, file(serving={"tritonVersion": "99.99-py3"}))
    assert result.exit_code == 1
    assert "99.99-py3" in result.stderr
    assert "Traceback" not in result.output


def test_run_refuses_an_algorithm_that_only_a_cluster_has(file, tmp_path):
    tuning = {"algorithm": {"name": "cmaes"}, "searchSpace": {"learningRate": {"min": 1e-4, "max": 1e-2}}}
    tuning["searchSpace"]["weightDecay"] = {"min": 0.1, "max": 0.2}
    result = invoke(run, file(tuning=tuning))
    assert result.exit_code == 1
    assert "the algorithm cmaes is Katib's on a cluster" in result.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("command", [run, serve])
def test_a_port_in_use_is_named(file, tmp_path, command):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        if command is serve:
            store_resource(tmp_path)
        result = invoke(command, file(), "--port", port)
    assert result.exit_code == 1
    assert f"port {port} cannot be had (Address already in use); choose another one with --port" in result.stderr


def test_a_second_run_on_one_storage_is_told_who_holds_it(file, tmp_path):
    with lock.exclusive(tmp_path / "results/.jetcal/lock"):
        result = invoke(run, file())
    assert result.exit_code == 1
    assert f"{tmp_path / 'results'} is in use by another jetcal" in result.stderr


def test_a_storage_that_cannot_be_written_is_named(file, tmp_path):
    (tmp_path / "results").write_text("a file")
    result = invoke(run, file())
    assert result.exit_code == 1
    assert f"{tmp_path / 'results'}" in result.stderr
    assert "Traceback" not in result.output


def store_resource(tmp_path, **state):
    store = ObjectStore(tmp_path / "results/.jetcal/objects", Changes())
    document = calibration(storage={"uri": str(tmp_path / "results")})
    document["metadata"]["namespace"] = "default"
    store.apply(document)
    if state:
        store.write_status(next(iter(store.list("JetCalibration"))), state)


def test_status_shows_table_and_yaml(file, tmp_path):
    moment = "2026-11-21T03:00:00Z"
    entry = {"observedGeneration": 1, "lastTransitionTime": moment, "reason": "Succeeded"}
    store_resource(
        tmp_path,
        observedGeneration=1,
        stage="Tuning",
        dataset={"fingerprint": "ab", "jets": {"train": 6, "validation": 2, "test": 1}},
        conditions=[
            entry | {"type": "Ready", "status": "False", "message": "2 trials succeeded", "reason": "TuningRunning"},
            entry | {"type": "DatasetReady", "status": "True", "message": ""},
            entry | {"type": "Tuned", "status": "False", "message": "2 trials succeeded", "reason": "Running"},
        ],
    )
    for target in (file(), tmp_path / "results"):
        table = invoke(status, target)
        assert table.exit_code == 0, table.output
        lines = table.stdout.splitlines()
        assert " ".join(lines[0].split()) == "Dataset done 6 jets to train, 2 to validate, 1 to test"
        assert " ".join(lines[1].split()) == "Tuning running 2 trials succeeded"
        assert lines[-1] == "2 trials succeeded"
        document = YAML(typ="safe").load(invoke(status, target, "-o", "yaml").stdout)
        assert list(document) == ["apiVersion", "kind", "metadata", "spec", "status"]
        assert "managedFields" not in document["metadata"]


def test_status_and_serve_of_what_never_ran_say_so(file, tmp_path):
    (tmp_path / "empty").mkdir()
    for command in (status, serve):
        result = invoke(command, file())
        assert result.exit_code == 1
        assert "ak4 has not been run yet" in result.stderr
        assert "holds no calibration yet" in invoke(command, tmp_path / "empty").stderr


def test_serve_needs_an_accepted_revision(file, tmp_path):
    store_resource(tmp_path)
    result = invoke(serve, file())
    assert result.exit_code == 1
    assert "ak4 has no accepted revision yet" in result.stderr
