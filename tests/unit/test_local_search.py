"""Experiment and Trials: suggestions, limits, early stopping, and the status that Katib would write."""

from __future__ import annotations

import asyncio

import pytest
from tests.support.machine import condition, end_of, experiment, opened, shell, turns_true

from jetcal_operator.cluster import ObjectKey
from jetcal_operator.local.controllers import medianstop, search
from jetcal_operator.local.controllers.metrics import observation, read_metrics

REPORT = 'echo "2026-11-21T03:00:00Z validation_loss={0} train_loss=0.5" >> "$JETCAL_METRICS_FILE"; '


def search_for(tmp_path, wanted, **size):
    """The ended Experiment and its Trials."""

    async def main():
        async with opened(tmp_path, **size) as machine:
            machine.store.create(wanted)
            ended = await machine.ended(wanted)
            return ended, list(machine.store.owned(ended, "Trial")), machine.store.list("Job")

    return asyncio.run(main())


def assignments(trial):
    return {entry["name"]: entry["value"] for entry in trial["spec"]["parameterAssignments"]}


def test_a_search_ends_with_katibs_status(tmp_path):
    script = REPORT.format("0.9") + REPORT.format("${trialParameters.learningRate}") + REPORT.format("0.8")
    ended, trials, jobs = search_for(tmp_path, experiment("toy-tuning", shell(script)))
    status = ended["status"]
    assert condition(ended, "Succeeded")["reason"] == "ExperimentMaxTrialsReached"
    assert condition(ended, "Running")["status"] == "False"
    assert (status["trials"], status["trialsSucceeded"], status["trialsFailed"]) == (3, 3, 0)
    assert sorted(status["succeededTrialList"]) == sorted(trial["metadata"]["name"] for trial in trials)
    best = min(trials, key=lambda trial: float(assignments(trial)["learningRate"]))
    optimal = status["currentOptimalTrial"]
    assert optimal["bestTrialName"] == best["metadata"]["name"]
    assert optimal["parameterAssignments"] == best["spec"]["parameterAssignments"]
    observed = {entry["name"]: entry for entry in optimal["observation"]["metrics"]}
    assert float(observed["validation_loss"]["min"]) == float(assignments(best)["learningRate"])
    assert observed["validation_loss"]["latest"] == "0.8"
    assert {job["metadata"]["name"] for job in jobs} == {trial["metadata"]["name"] for trial in trials}


def test_trials_carry_what_katib_gives_them(tmp_path):
    _, trials, jobs = search_for(tmp_path, experiment("toy-tuning", shell(REPORT.format("0.5"))))
    for trial, job in zip(trials, jobs, strict=True):
        labels = trial["metadata"]["labels"]
        assert labels == {"jetcal.dev/calibration": "toy", "katib.kubeflow.org/experiment": "toy-tuning"}
        assert trial["metadata"]["name"].startswith("toy-tuning-")
        assert job["metadata"]["ownerReferences"][0]["uid"] == trial["metadata"]["uid"]
        assert job["metadata"]["labels"] == {"jetcal.dev/calibration": "toy"}
        assert condition(trial, "Succeeded")["reason"] == "TrialSucceeded"


def test_the_same_experiment_makes_the_same_trials_again(tmp_path):
    wanted = experiment("toy-tuning", shell(REPORT.format("0.5")))
    _, first, _ = search_for(tmp_path / "one", wanted)
    _, second, _ = search_for(tmp_path / "two", wanted | {"spec": wanted["spec"] | {"parallelTrialCount": 3}})
    _, other, _ = search_for(tmp_path / "three", experiment("other-tuning", shell(REPORT.format("0.5"))))
    assert [assignments(trial) for trial in first] == [assignments(trial) for trial in second]
    assert [trial["metadata"]["name"] for trial in first] == [trial["metadata"]["name"] for trial in second]
    assert [assignments(trial) for trial in first] != [assignments(trial) for trial in other]


def test_no_more_trials_run_at_once_than_allowed(tmp_path):
    script = f"cd {tmp_path}; touch up-$$; ls | grep -c up- >> peaks; sleep 0.1; rm up-$$;" + REPORT.format("0.5")
    search_for(tmp_path, experiment("toy-tuning", shell(script), trials=5, parallel=2))
    assert set((tmp_path / "peaks").read_text().split()) <= {"1", "2"}


def test_a_failing_trial_does_not_end_the_search(tmp_path):
    script = f"mkdir {tmp_path}/first && exit 1; " + REPORT.format("0.5")
    ended, trials, _ = search_for(tmp_path, experiment("toy-tuning", shell(script), trials=3, failures=2))
    assert end_of(ended) == "Succeeded"
    assert (ended["status"]["trialsSucceeded"], ended["status"]["trialsFailed"]) == (2, 1)
    assert sum(bool(condition(trial, "Failed")) for trial in trials) == 1


def test_too_many_failing_trials_end_the_search(tmp_path):
    ended, trials, _ = search_for(tmp_path, experiment("toy-tuning", shell("exit 1"), trials=9, parallel=1, failures=2))
    assert condition(ended, "Failed")["reason"] == "ExperimentFailed"
    assert len(trials) == 2
    assert "currentOptimalTrial" not in ended["status"]


def test_a_search_whose_trials_all_fail_below_the_limit_succeeds_without_an_optimum(tmp_path):
    ended, _, _ = search_for(tmp_path, experiment("toy-tuning", shell("exit 1"), trials=2, failures=5))
    assert end_of(ended) == "Succeeded"
    assert "currentOptimalTrial" not in ended["status"]


def test_a_trial_that_reports_no_objective_counts_as_failed(tmp_path):
    script = 'echo "train_loss=0.5" >> "$JETCAL_METRICS_FILE"'
    ended, trials, _ = search_for(tmp_path, experiment("toy-tuning", shell(script), trials=2, parallel=1, failures=2))
    assert end_of(ended) == "Failed"
    assert ended["status"]["trialMetricsUnavailable"] == 2
    assert condition(trials[0], "MetricsUnavailable")["status"] == "True"


@pytest.mark.parametrize(
    ("algorithm", "words"),
    [
        (
            {"algorithmName": "sobol"},
            "the algorithm sobol is Katib's on a cluster; 'jetcal run' searches with random or tpe",
        ),
        ({"algorithmName": "tpe", "algorithmSettings": [{"name": "gamma", "value": "1"}]}, "the setting gamma of tpe"),
        (
            {"algorithmName": "random", "algorithmSettings": [{"name": "random_state", "value": "x"}]},
            "must be a number",
        ),
    ],
)
def test_what_only_a_cluster_can_search_is_refused_with_a_word(tmp_path, algorithm, words):
    ended, trials, _ = search_for(tmp_path, experiment("toy-tuning", shell("exit 0"), algorithm=algorithm))
    assert words in condition(ended, "Failed")["message"]
    assert trials == []


def test_a_hopeless_trial_is_ended_early(tmp_path):
    """Good trials report 0.1 and end; a bad one would report 0.9 for ever."""
    settings = [{"name": "min_trials_required", "value": "1"}, {"name": "start_step", "value": "2"}]
    script = (
        f"mkdir {tmp_path}/first && {{ {REPORT.format('0.1') * 3} exit 0; }}; "
        f"trap 'exit 143' TERM; while :; do {REPORT.format('0.9')} sleep 0.05; done"
    )
    stopping = {"algorithmName": "medianstop", "algorithmSettings": settings}
    wanted = experiment("toy-tuning", shell(script), trials=2, parallel=1, earlyStopping=stopping)
    ended, trials, jobs = search_for(tmp_path, wanted)
    assert end_of(ended) == "Succeeded"
    assert ended["status"]["trialsEarlyStopped"] == 1
    assert trials[1]["spec"]["earlyStoppingRules"] == [
        {"name": "validation_loss", "value": "0.1", "comparison": "greater", "startStep": 2}
    ]
    assert condition(trials[1], "EarlyStopped")["status"] == "True"
    assert condition(trials[1], "Succeeded") is None
    assert end_of(jobs[1]) == "Complete", "as Katib's wrapper has it: early stopping is no failure of the job"


def test_the_median_rule():
    spec = experiment("toy", shell(""))["spec"] | {"earlyStopping": {"algorithmName": "medianstop"}}
    histories = [[0.5, 0.4, 0.3, 0.2, 0.0], [0.9, 0.9, 0.9, 0.9], [0.6, 0.6, 0.6, 0.6]]
    assert medianstop.stopping_rules(spec, histories[:2]) == []
    (rule,) = medianstop.stopping_rules(spec, histories)
    assert (rule["value"], rule["startStep"]) == ("0.6", 4)
    assert not medianstop.is_hopeless([rule], {"validation_loss": [0.9, 0.9, 0.9]})
    assert medianstop.is_hopeless([rule], {"validation_loss": [0.9, 0.9, 0.9, 0.7]})
    assert not medianstop.is_hopeless([rule], {"validation_loss": [0.9, 0.5, 0.9, 0.9]})
    assert not medianstop.is_hopeless([rule], {})


def toy_spec(algorithm):
    return experiment("toy", shell(""), algorithm={"algorithmName": algorithm})["spec"]


@pytest.mark.parametrize("algorithm", ["random", "tpe"])
def test_suggestions_lie_in_the_space_and_differ(algorithm):
    spec = toy_spec(algorithm)
    spec["parameters"].append(
        {"name": "blocks", "parameterType": "int", "feasibleSpace": {"min": "1", "max": "5", "step": "2"}}
    )
    seen = set()
    for index in range(20):
        found = {entry["name"]: entry["value"] for entry in search.suggest("toy", spec, index, [])}
        assert 1e-5 <= float(found["learningRate"]) <= 1e-2
        assert found["convDim"] in ("50", "100")
        assert found["blocks"] in ("1", "3", "5")
        seen.add(found["learningRate"])
    assert len(seen) == 20


def test_tpe_learns_from_what_has_been_tried():
    spec = toy_spec("tpe")
    tried = [
        search.Finished({"learningRate": repr(10 ** -(2 + index / 10)), "convDim": "50"}, abs(index - 20) / 10)
        for index in range(30)
    ]
    near = [float(search.suggest("toy", spec, index, tried)[0]["value"]) for index in range(10)]
    far = [float(search.suggest("toy", spec, index, [])[0]["value"]) for index in range(10)]

    def distance(rates):
        return sum(abs(rate / 1e-4 - 1) < 0.9 for rate in rates)

    assert distance(near) > distance(far)


def test_tpe_waits_for_the_trials_that_it_learns_from(tmp_path):
    wanted = experiment("toy-tuning", shell(REPORT.format("${trialParameters.learningRate}")), trials=4, parallel=2)
    wanted["spec"]["algorithm"] = {"algorithmName": "tpe"}
    _, first, _ = search_for(tmp_path / "one", wanted)
    _, second, _ = search_for(tmp_path / "two", wanted, cpu=1.0)
    assert [assignments(trial) for trial in first] == [assignments(trial) for trial in second]


def test_a_search_goes_on_where_it_was_interrupted(tmp_path):
    script = (
        f"mkdir {tmp_path}/$JETCAL_TRIAL || echo again >> {tmp_path}/again; "
        f"test -e {tmp_path}/go || {{ test $(ls {tmp_path} | grep -c toy-) -gt 1 && exec sleep 1000; }}; "
    ) + REPORT.format("0.5")
    container = shell(script, env=[{"name": "JETCAL_TRIAL", "value": "${trialParameters.trialName}"}])
    wanted = experiment("toy-tuning", container, trials=3, parallel=1)

    async def interrupt():
        async with opened(tmp_path) as machine:
            machine.store.create(wanted)
            await machine.until(lambda: len(list(tmp_path.glob("toy-*"))) == 2 or None)

    async def run_and_interrupt():
        task = asyncio.create_task(interrupt())
        await turns_true(lambda: len(list(tmp_path.glob("toy-*"))) == 2)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(run_and_interrupt())
    (tmp_path / "go").touch()
    ended, trials, _ = search_for(tmp_path, wanted)
    assert ended["status"]["trialsSucceeded"] == 3
    assert (tmp_path / "again").read_text() == "again\n", "only the interrupted trial ran twice"
    assert ObjectKey.of(ended).name == "toy-tuning"
    assert len(trials) == 3


def test_metrics_are_read_as_katibs_collector_reads_them(tmp_path):
    file = tmp_path / "metrics.log"
    file.write_text(
        "2026-11-21T03:00:00.000000Z validation_loss=0.5 train_loss = 1e-3\n"
        "noise loss: 0.3\n"
        "validation_loss=nan\n"
        "validation_loss=+.25\n"
        "validation_loss=0.1"
    )
    reported = read_metrics(file)
    assert reported == {"validation_loss": [0.5, 0.25], "train_loss": [1e-3]}
    assert observation(reported, ["validation_loss", "validation_mae"]) == [
        {"name": "validation_loss", "min": "0.25", "max": "0.5", "latest": "0.25"},
        {"name": "validation_mae", "min": "unavailable", "max": "unavailable", "latest": "unavailable"},
    ]
    assert read_metrics(tmp_path / "missing") == {}
