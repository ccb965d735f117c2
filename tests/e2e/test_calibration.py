"""One calibration on a real cluster, from ntuples to an endpoint: made, edited, disturbed, deleted, made again."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from ruamel.yaml import YAML
from tests.support import argocd
from tests.support.e2e import transcript
from tests.support.e2e.bucket import STAGES, ntuples
from tests.support.e2e.operator import mutating
from tests.support.e2e.story import Story, condition, settled
from tests.support.waiting import wait_for

NAME = "ak4"
PREFIX = "ak4"
CALIBRATION = YAML(typ="safe").load(Path(__file__).with_name("calibration.yaml"))
CONDITIONS = ("DatasetReady", "Tuned", "Trained", "Exported", "Accepted", "Serving", "Ready")
SHOWN = ("Dataset", "Tuning", "Training", "Export", "Evaluation", "Serving")
LABEL = f"jetcal.dev/calibration={NAME}"
CHILDREN = (
    "configmaps,services,pods,jobs.batch,deployments.apps,pytorchjobs.kubeflow.org,experiments.kubeflow.org,"
    "trials.kubeflow.org,inferenceservices.serving.kserve.io"
)
EPOCHS = 20
"""Of the training that is killed on its way."""
LONG = 300


def in_stage(stage):
    return lambda resource: (resource.get("status") or {}).get("stage") == stage


@pytest.fixture(scope="module")
def undisturbed(kubectl, namespace, operator, bucket):
    """The story of a calibration that nobody disturbs."""
    before = operator.calls()
    kubectl.apply(CALIBRATION)
    story = Story(kubectl, namespace, NAME).begin()
    for stage in SHOWN:
        story.wait(in_stage(stage), LONG, stage)
        transcript.add(kubectl, "get", "jetcal", f"--namespace={namespace}", "--output=wide")
    story.wait(settled, LONG, "Ready")
    transcript.add(kubectl, "get", "jetcal", f"--namespace={namespace}", "--output=wide")
    transcript.add(kubectl, "describe", f"jetcal/{NAME}", f"--namespace={namespace}")
    calls = operator.calls() - before
    changes = mutating(calls)
    notes = [f"{calls.total()} API calls, {changes.total()} of them mutating:"]
    notes += [f"  {count:3} {verb} {kind}" for (verb, kind), count in changes.most_common()]
    transcript.add_timeline("undisturbed", story.chapters(), notes)
    story.results = {stage: bucket.comparable(PREFIX, stage) for stage in STAGES}
    story.end()
    return story


def test_every_stage_ends_in_its_condition(undisturbed):
    status = undisturbed.seen[-1][1]["status"]
    found = {entry["type"]: entry for entry in status["conditions"]}
    assert {kind: found[kind]["status"] for kind in CONDITIONS} == dict.fromkeys(CONDITIONS, "True")
    assert all(entry["message"] and entry["observedGeneration"] == 1 for entry in found.values())
    assert status["observedGeneration"] == 1


def test_the_stages_follow_one_another(undisturbed):
    assert [chapter.stage for chapter in undisturbed.chapters()] == list(SHOWN)


@pytest.mark.usefixtures("undisturbed")
def test_the_events_tell_the_story(kubectl, namespace):
    events = kubectl.items("events", namespace)
    ours = [event for event in events if event["involvedObject"]["kind"] == "JetCalibration"]
    assert {*CONDITIONS} - {"Serving"} | {"Served"} <= {event["reason"] for event in ours}
    assert [event["message"] for event in ours if event["type"] == "Warning"] == []


def test_argo_cd_shows_progress_and_then_health(undisturbed):
    script = argocd.script("jetcal.dev", "JetCalibration")
    shown = [argocd.health(script, resource)[0] for _, resource in undisturbed.seen]
    assert list(dict.fromkeys(shown)) == ["Progressing", "Healthy"]
    assert shown == sorted(shown, reverse=True)


def test_the_bucket_holds_the_result_of_every_stage(undisturbed):
    assert {stage: len(results) for stage, results in undisturbed.results.items()} == {
        "inventory": 1,
        "dataset": 1,
        "tuning": 2,
        "training": 1,
        "export": 1,
        "evaluation": 1,
    }


@pytest.mark.usefixtures("undisturbed")
def test_the_endpoint_corrects_jets(kubectl, namespace, tmp_path):
    output = tmp_path / "corrected.parquet"
    with kubectl.forwarded(f"service/{NAME}-predictor", namespace, 80) as port:
        jetcal = Path(sys.executable).with_name("jetcal")
        command = [jetcal, "predict", ntuples()[0], f"--url=http://127.0.0.1:{port}", f"--output={output}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    corrections = ak.to_numpy(ak.from_parquet(output)["correction"])
    assert len(corrections) > 1000
    assert np.isfinite(corrections).all()


def test_the_chart_tests_itself(operator):
    operator.test()


def test_the_operator_may_not_read_secrets(operator, kubectl, namespace):
    (account,) = {pod["spec"]["serviceAccountName"] for pod in operator.pods()}
    user = f"--as=system:serviceaccount:{operator.namespace}:{account}"
    assert kubectl.attempt("auth", "can-i", "list", "pods", user, f"--namespace={namespace}")
    assert kubectl.attempt("auth", "can-i", "get", "secrets", user, f"--namespace={namespace}") is None


@pytest.fixture(scope="module")
def edited(undisturbed, kubectl, namespace, bucket, nodes):
    """The story of an edit that trains anew; one of the two training Pods is killed on the way."""
    assert undisturbed
    change = json.dumps({"spec": {"training": {"epochs": EPOCHS}}})
    kubectl("patch", f"jetcal/{NAME}", f"--namespace={namespace}", "--type=merge", f"--patch={change}")
    story = Story(kubectl, namespace, NAME).begin()
    old = set(bucket.keys(f"{PREFIX}/training/"))
    training = f"{LABEL},jetcal.dev/stage=training"
    story.wait(in_stage("Training"), LONG, "Training")

    def checkpoints():
        return {key for key in bucket.keys(f"{PREFIX}/training/") if key.endswith("/last.pt")} - old

    wait_for("the training has left a checkpoint", checkpoints, seconds=LONG)
    pods = {pod["metadata"]["name"]: pod for pod in kubectl.items("pods", namespace, training)}
    story.running = sorted(name for name, pod in pods.items() if pod["status"]["phase"] == "Running")
    story.killed = datetime.now(UTC)
    nodes.kill(pods[story.running[0]])
    story.wait(lambda resource: settled(resource) and resource["metadata"]["generation"] == 2, LONG, "Ready again")
    told = dict.fromkeys(
        entry["message"] for _, resource in story.seen if (entry := condition(resource, "Reconciling"))
    )
    transcript.add_timeline("edited: more epochs, a Pod killed on the way", story.chapters(), list(told))
    story.end()
    return story


def test_an_edit_makes_anew_only_what_it_concerns(undisturbed, edited, bucket):
    assert edited.seen
    now = {stage: set(bucket.results(PREFIX, stage)) for stage in STAGES}
    made = {stage: len(now[stage]) - len(undisturbed.results[stage]) for stage in STAGES}
    assert made == {"inventory": 0, "dataset": 0, "tuning": 0, "training": 1, "export": 1, "evaluation": 1}


def test_the_first_revision_serves_until_the_second_one_does(undisturbed, edited):
    first = undisturbed.seen[-1][1]["status"]["serving"]["revision"]
    for _, resource in edited.seen:
        assert condition(resource, "Ready")["status"] == "True"
        assert condition(resource, "Serving")["status"] == "True"
    healthy, _ = argocd.health(argocd.script("jetcal.dev", "JetCalibration"), edited.seen[-1][1])
    assert healthy == "Healthy"
    served = list(dict.fromkeys(resource["status"]["serving"]["revision"] for _, resource in edited.seen))
    assert served[0] == first
    assert len(served) == 2
    assert [entry["revision"] for entry in edited.seen[-1][1]["status"]["history"]] == served[::-1]


def test_two_training_pods_find_each_other_and_a_killed_one_resumes(edited, bucket):
    assert [name.rpartition("-training-")[2].split("-", 1)[1] for name in edited.running] == ["master-0", "worker-0"]
    (result,) = [found for found in bucket.results(PREFIX, "training").values() if found["epochs"] == EPOCHS]
    moments = [datetime.fromisoformat(epoch["timestamp"]) for epoch in result["history"]]
    assert len(moments) == EPOCHS
    assert moments == sorted(moments)
    assert moments[0] < edited.killed < moments[-1]
    folder = result["uri"].split(f"{PREFIX}/training/")[1].split("/")[0]
    attempts = {
        key.split("/attempts/")[1].split("/")[0] for key in bucket.keys(f"{PREFIX}/training/{folder}/attempts/")
    }
    assert len(attempts) >= 2


@pytest.fixture(scope="module")
def deleted(edited, kubectl, namespace):
    """The namespace after `kubectl delete`."""
    assert edited.seen
    kubectl("delete", f"jetcal/{NAME}", f"--namespace={namespace}", "--timeout=60s")
    return namespace


def remains(kubectl, namespace):
    return [f"{entry['kind']}/{entry['metadata']['name']}" for entry in kubectl.items(CHILDREN, namespace, LABEL)]


@pytest.mark.usefixtures("deleted")
def test_a_deleted_calibration_leaves_nothing_but_its_artefacts(kubectl, namespace, bucket):
    wait_for(
        lambda: f"all children go; {remains(kubectl, namespace)} remain",
        lambda: not remains(kubectl, namespace),
        seconds=90,
        pause=1,
    )
    assert [len(bucket.results(PREFIX, stage)) for stage in STAGES] == [1, 1, 2, 2, 2, 2]


@pytest.fixture(scope="module")
def disturbed(deleted, kubectl, operator, bucket):
    """The story of the same calibration in an empty bucket, while the leading operator is killed in every stage."""
    namespace = deleted
    wait_for("all children go", lambda: not remains(kubectl, namespace), seconds=90, pause=1)
    bucket.remove(f"{PREFIX}/")
    kubectl.apply(CALIBRATION)
    story = Story(kubectl, namespace, NAME).begin()
    story.killed = []
    for stage in SHOWN:
        story.wait(in_stage(stage), LONG, stage)
        story.killed.append(operator.kill_leader())
    story.wait(settled, LONG, "Ready")
    transcript.add_timeline("the leading operator killed in every stage", story.chapters(), [])
    story.results = {stage: bucket.comparable(PREFIX, stage) for stage in STAGES}
    story.end()
    return story


def test_an_operator_killed_in_every_stage_ends_where_an_undisturbed_one_does(undisturbed, disturbed):
    assert len(set(disturbed.killed)) == len(SHOWN)
    for stage in STAGES:
        assert disturbed.results[stage] == undisturbed.results[stage], stage
    last, first = disturbed.seen[-1][1]["status"], undisturbed.seen[-1][1]["status"]
    assert last["serving"] == first["serving"]
    assert last["dataset"] == first["dataset"]
