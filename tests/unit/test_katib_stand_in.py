"""The stand-in of Katib's controller keeps to Katib's rules where they are odd, and its collector to the file."""

from __future__ import annotations

import json
import subprocess
from threading import Thread

import pytest
from tests.support.kubeflow import katib_collector
from tests.support.kubeflow.katib_objects import suggestion, trial_name
from tests.support.kubeflow.katib_status import after_trials, optimum

MINIMISE = {"type": "minimize", "objectiveMetricName": "loss"}


def trial(name, value=None, condition="Succeeded"):
    metrics = [{"name": "loss", "min": value, "max": value, "latest": value}] if value is not None else []
    conditions = [{"type": condition, "status": "True"}]
    return {
        "metadata": {"name": name},
        "spec": {"parameterAssignments": []},
        "status": {"conditions": conditions, "observation": {"metrics": metrics}},
    }


@pytest.mark.parametrize(
    ("values", "best"),
    [
        (["0.2", "0.5", "0.3"], 0),
        (["0.2", "0.5", ""], 2),
        (["nan", "0.5", "0.2"], 0),
        (["0.5", "nan", "0.2"], 2),
        (["unavailable", "0.5", "0.2"], 2),
    ],
)
def test_the_optimum_is_as_odd_as_katibs_own(values, best):
    found, is_reached = optimum(MINIMISE, [trial(str(index), value) for index, value in enumerate(values)])
    assert (found["metadata"]["name"], is_reached) == (str(best), False)


def test_a_first_value_that_cannot_be_read_reaches_the_goal():
    found, is_reached = optimum(MINIMISE | {"goal": 0.1}, [trial("a", ""), trial("b", "0.5")])
    assert (found["metadata"]["name"], is_reached) == ("a", True)


@pytest.mark.parametrize(("limit", "end"), [(0, "Failed"), (1, "Failed"), (2, None), (None, None)])
def test_any_failure_ends_an_experiment_with_a_limit_of_none_or_one(limit, end):
    spec = {"objective": MINIMISE, "maxTrialCount": 3, "maxFailedTrialCount": limit}
    status = after_trials({"spec": spec}, [trial("a", condition="Failed"), trial("b", condition="Running")])
    assert (status["conditions"][-1]["type"] == "Failed") == (end == "Failed")
    assert (status["trialsFailed"], status["trialsRunning"]) == (1, 1)


def test_suggestions_depend_on_seed_and_experiment_and_stay_in_their_space():
    spaces = {
        "rate": ("double", {"min": "0.0001", "max": "0.01", "distribution": "logUniform"}),
        "size": ("int", {"min": "1", "max": "3"}),
        "dim": ("discrete", {"list": ["50", "100"]}),
    }
    parameters = [
        {"name": name, "parameterType": kind, "feasibleSpace": space} for name, (kind, space) in spaces.items()
    ]
    experiment = {"metadata": {"name": "search", "uid": "1"}, "spec": {"parameters": parameters}}
    drawn = [{entry["name"]: entry["value"] for entry in suggestion(experiment, 7, index)} for index in range(20)]
    assert suggestion(experiment, 7, 3) == suggestion(experiment, 7, 3) != suggestion(experiment, 8, 3)
    assert all(0.0001 <= float(values["rate"]) <= 0.01 for values in drawn)
    assert {values["size"] for values in drawn} == {"1", "2", "3"}
    assert {values["dim"] for values in drawn} == {"50", "100"}
    again = {"metadata": {"name": "search", "uid": "2"}}
    assert trial_name(experiment, 7, 0) != trial_name(again, 7, 0)


@pytest.fixture
def answer(tmp_path, monkeypatch):
    path = tmp_path / "answer"
    monkeypatch.setattr(katib_collector, "ANSWER", path)
    return path


def wrapped(folder, command):
    """A trial's process as Katib's webhook starts it."""
    return subprocess.Popen(["sh", "-c", f"{command} && echo completed > {folder}/$$.pid"], stdin=subprocess.PIPE)


def test_the_collector_reports_each_metric_once_the_trials_process_has_ended_well(tmp_path, answer):
    metrics = tmp_path / "metrics.log"
    with wrapped(tmp_path, f"cat > {metrics}") as process:
        collector = Thread(target=katib_collector.main, args=(str(metrics), "loss", "mae"))
        collector.start()
        process.stdin.write(b"2026-11-21T03:00:00.000000Z loss=0.5 mae=2e-1\n2026-11-21T03:00:01.000000Z loss=0.25\n")
        process.stdin.flush()
        collector.join(0.2)
        assert not answer.exists()
        process.stdin.close()
        process.wait()
        collector.join(10)
    assert json.loads(answer.read_text()) == {
        "loss": {"min": "0.25", "max": "0.5", "latest": "0.25"},
        "mae": {"min": "2e-1", "max": "2e-1", "latest": "2e-1"},
    }


def test_the_collector_reports_nothing_of_a_trial_that_failed(tmp_path, answer):
    metrics = tmp_path / "metrics.log"
    metrics.write_text("loss=0.5\n")
    with wrapped(tmp_path, "false") as process:
        process.wait()
    with pytest.raises(SystemExit, match=r"unable to find main pid"):
        katib_collector.main(str(metrics), "loss")
    assert not answer.exists()
