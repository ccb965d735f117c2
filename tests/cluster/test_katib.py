"""Our Experiment on the stand-in of Katib's controller, with Trials on the real training-operator."""

from __future__ import annotations

import copy
import json

import pytest
from tests.support import kubelet
from tests.support.calibrations import calibration
from tests.support.kube_client import KubeError
from tests.support.kubeflow.children import family
from tests.support.kubeflow.katib_objects import INJECTION
from tests.support.waiting import wait_for

from jetcal_api.documents import ADDITIONAL_METRICS, OBJECTIVE
from jetcal_operator import naming
from jetcal_operator.stages import jobs
from jetcal_operator.stages.progress import condition, is_true, outcome

pytestmark = pytest.mark.usefixtures("katib", "training_operator")
LABELLED = {INJECTION: "enabled"}
SEARCH = {"learningRate": {"min": 1e-4, "max": 1e-2, "scale": "log"}, "convDim": {"values": [50, 100]}}
KINDS = {"PyTorchJob": "pytorchjobs", "Job": "jobs"}


@pytest.fixture(params=list(KINDS))
def home(kubeflow_plane, request):
    return searching(kubeflow_plane, runtime=request.param)


def searching(plane, *, runtime="PyTorchJob", labels=LABELLED, **tuning):
    document = calibration(model={"particleNet": {}})
    document["spec"]["tuning"] |= {"searchSpace": SEARCH, "runtime": runtime} | tuning
    return family(plane, document, labels=labels)


def trials(home, count):
    """So many Trials with a running Pod each, in the order of their names."""

    def find():
        pods = {pod["metadata"]["labels"]["katib.kubeflow.org/trial"]: pod for pod in home.pods().values()}
        active = {name: pods[name] for name in sorted(pods) if pods[name]["status"]["phase"] == "Pending"}
        return active if len(active) >= count else None

    found = wait_for(f"{count} Trials have Pods", find)
    for pod in found.values():
        kubelet.run(home.plane, pod)
    return found


def answer(home, pod, objective):
    """The trial's worker ends well and answers."""
    metrics = {OBJECTIVE: objective} | dict.fromkeys(ADDITIONAL_METRICS, 0.5)
    kubelet.succeed(home.plane, pod, json.dumps({"metrics": metrics}))


def reach(home, experiment, kind):
    return wait_for(f"the Experiment is {kind}", lambda: is_true(found := home.read(experiment), kind) and found)


def trial(home, name):
    return home.plane.get("trials", name, home.namespace)


def environment(pod, container):
    (found,) = [entry for entry in pod["spec"]["containers"] if entry["name"] == container]
    return found, {entry["name"]: entry.get("value") for entry in found["env"]}


def test_a_search_ends_with_its_trials_counted_and_the_best_named(home):
    experiment = home.make("Experiment", "tuning")
    first = trials(home, 2)
    wait_for("both are counted", lambda: home.read(experiment)["status"]["trialsRunning"] == 2)
    assert outcome(home.read(experiment)).phase == "Running"
    for name, objective in zip(first, (0.3, 0.2), strict=True):
        answer(home, first[name], objective)
    (last,) = trials(home, 1).items()
    answer(home, last[1], 0.4)
    ended = reach(home, experiment, "Succeeded")
    status = ended["status"]
    assert condition(ended, "Succeeded")["reason"] == "ExperimentMaxTrialsReached"
    assert condition(ended, "Running")["status"] == "False"
    assert (status["trials"], status["trialsSucceeded"], status["trialsRunning"]) == (3, 3, 0)
    assert sorted(status["succeededTrialList"]) == sorted([*first, last[0]])
    best = status["currentOptimalTrial"]
    assert best["bestTrialName"] == list(first)[1]
    assert best["observation"]["metrics"][0] == {"name": OBJECTIVE, "min": "0.2", "max": "0.2", "latest": "0.2"}
    assert {entry["name"] for entry in best["parameterAssignments"]} == set(SEARCH)


def test_a_trials_pod_runs_our_command_through_katibs_shell_with_the_collector_beside(home):
    home.make("Experiment", "tuning")
    name, pod = next(iter(trials(home, 2).items()))
    primary = trial(home, name)["spec"]["primaryContainerName"]
    container, variables = environment(pod, primary)
    values = {entry["name"]: entry["value"] for entry in trial(home, name)["spec"]["parameterAssignments"]}
    assert container["command"] == ["sh", "-c"]
    command, mark = container["args"][0].split(" && ")
    assert command == (
        f"jetcal train --trial {name} --learning-rate={values['learningRate']} --conv-dim={values['convDim']}"
    )
    assert mark == "echo completed > /var/log/katib/$$$$.pid"
    assert variables["KATIB_TRIAL_NAME"] == name
    assert pod["spec"]["shareProcessNamespace"]
    assert {entry["name"] for entry in pod["spec"]["containers"]} == {primary, "metrics-logger-and-collector"}
    labels = pod["metadata"]["labels"]
    assert labels[naming.KATIB_EXPERIMENT] == home.find("Experiment", "tuning")["metadata"]["name"]


def test_trials_and_their_jobs_carry_the_labels_by_which_we_find_them(home):
    experiment = home.make("Experiment", "tuning")
    name = next(iter(trials(home, 2)))
    made = trial(home, name)
    job = home.plane.get(KINDS[made["spec"]["runSpec"]["kind"]], name, home.namespace)
    for thing, owner in ((made, experiment), (job, made)):
        assert thing["metadata"]["labels"][naming.CALIBRATION] == "ak4"
        assert thing["metadata"]["labels"][naming.STAGE] == "tuning"
        assert thing["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]
    assert naming.KATIB_EXPERIMENT not in job["metadata"]["labels"]


def test_failed_trials_fail_the_experiment_at_its_limit(kubeflow_plane):
    home = searching(kubeflow_plane, maxFailedTrials=2)
    experiment = home.make("Experiment", "tuning")
    for pod in trials(home, 2).values():
        kubelet.fail(home.plane, pod, 1)
    ended = reach(home, experiment, "Failed")
    assert condition(ended, "Failed")["reason"] == "ExperimentFailed"
    assert ended["status"]["trialsFailed"] == 2
    assert outcome(ended).phase == "Failed"


def test_a_job_that_succeeds_without_metrics_leaves_its_trial_running(kubeflow_plane):
    home = searching(kubeflow_plane)
    home.make("Experiment", "tuning")
    name, pod = next(iter(trials(home, 2).items()))
    kubelet.succeed(home.plane, pod)
    job = {"apiVersion": jobs.KUBEFLOW, "kind": "PyTorchJob", "metadata": {"name": name}}
    wait_for("the job has succeeded", lambda: outcome(home.read(job)).phase == "Succeeded")
    assert is_true(trial(home, name), "Running")
    answer(home, pod, 0.1)
    wait_for("the late answer is taken", lambda: is_true(trial(home, name), "Succeeded"))


def test_metrics_without_the_objective_make_a_trial_unavailable(kubeflow_plane):
    home = searching(kubeflow_plane)
    experiment = home.make("Experiment", "tuning")
    name, pod = next(iter(trials(home, 2).items()))
    kubelet.succeed(home.plane, pod, json.dumps({"metrics": {"another": 1.0}}))
    wait_for("the Trial has ended", lambda: is_true(trial(home, name), "MetricsUnavailable"))
    wait_for("it is counted", lambda: home.read(experiment)["status"]["trialMetricsUnavailable"] == 1)


def test_a_trials_job_is_suspended_and_resumed(home):
    home.make("Experiment", "tuning")
    name = next(iter(trials(home, 2)))
    kind = trial(home, name)["spec"]["runSpec"]["kind"]
    api_version = jobs.KUBEFLOW if kind == "PyTorchJob" else jobs.BATCH
    job = home.read({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}})
    own = {"katib.kubeflow.org/trial": name}
    home.apply(jobs.suspension(job, suspend=True))
    wait_for("its Pod is gone", lambda: not home.pods(**own))
    assert is_true(trial(home, name), "Running")
    home.apply(jobs.suspension(home.read(job), suspend=False))
    wait_for("its Pod is back", lambda: len(home.pods(**own)) == 1)


def test_only_the_counters_of_a_running_experiment_change(kubeflow_plane):
    home = searching(kubeflow_plane)
    experiment = home.make("Experiment", "tuning")
    trials(home, 2)
    wider = copy.deepcopy(home.find("Experiment", "tuning"))
    wider["metadata"]["uid"] = experiment["metadata"]["uid"]
    wider["spec"] |= {"maxTrialCount": 5, "parallelTrialCount": 3}
    home.apply(wider)
    trials(home, 1)
    wait_for("all three are counted", lambda: home.read(experiment)["status"]["trials"] == 3)
    other = copy.deepcopy(wider)
    other["spec"]["algorithm"]["algorithmName"] = "tpe"
    with pytest.raises(KubeError, match="are editable"):
        home.apply(other)


def test_a_namespace_without_the_label_takes_no_experiment(kubeflow_plane):
    home = searching(kubeflow_plane, labels={})
    with pytest.raises(KubeError, match="metrics-collector-injection"):
        home.make("Experiment", "tuning")


def test_an_experiment_that_breaks_a_rule_is_refused_with_the_rule(kubeflow_plane):
    home = searching(kubeflow_plane)
    home.find("Experiment", "tuning")["spec"]["trialTemplate"]["retain"] = False
    with pytest.raises(KubeError, match="retain is not set"):
        home.make("Experiment", "tuning")


def test_a_deleted_experiment_takes_trials_jobs_and_pods_with_it(home):
    experiment = home.make("Experiment", "tuning")
    trials(home, 2)
    home.delete(experiment)
    kinds = ("experiments", "trials", "pytorchjobs", "jobs", "pods")
    wait_for("all is gone", lambda: not any(home.plane.list(kind, home.namespace) for kind in kinds))


def test_while_the_controller_is_away_no_pod_starts_in_its_namespaces(kubeflow_plane, katib):
    home = searching(kubeflow_plane)
    katib.stop()
    try:
        job = home.make("Job", "inventory")
        refused = wait_for("the refusal is told", lambda: _refusals(home))
        assert "katib.kubeflow.org" in refused[0]
        assert not home.pods()
    finally:
        katib.start()
    home.delete(job)
    wait_for("the job is gone", lambda: not home.read(job))
    home.make("Job", "inventory")
    wait_for("its Pod starts", home.pods)


def _refusals(home):
    events = home.plane.list("events", home.namespace)
    return [event["message"] for event in events if event["reason"] == "FailedCreate"]
