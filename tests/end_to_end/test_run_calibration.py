"""`jetcal run` from ROOT files to a verified endpoint, everything real: interrupted, killed, finished, edited."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML
from tests.support import triton
from tests.support.ntuples import write_ntuple

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DEADLINE_SECONDS = 300
CALIBRATION = {
    "apiVersion": "jetcal.dev/v1alpha1",
    "kind": "JetCalibration",
    "metadata": {"name": "tiny"},
    "spec": {
        "storage": {"uri": "results"},
        "dataset": {"files": ["ntuples/*.root"], "split": {"train": 0.25, "validation": 0.15, "test": 0.6}},
        "model": {
            "pfn": {"phiDim": 16, "fcDim": 16, "phiLayers": 2, "fcLayers": 2},
            "optimizer": {"batchSize": 256},
        },
        "tuning": {
            "maxTrials": 2,
            "parallelTrials": 2,
            "epochs": 2,
            "searchSpace": {"learningRate": {"min": 2e-3, "max": 1e-2, "scale": "log"}},
            "resources": {"cpu": "1", "memory": "1Gi"},
        },
        "training": {"epochs": 3, "resources": {"cpu": "1", "memory": "1Gi"}},
        "evaluation": {"acceptance": {"maxNonClosure": 1, "minResolutionGain": -1}},
        "tensorboard": {"enabled": False},
    },
}


class Workplace:
    """A folder with ntuples, a YAML file and what becomes of it."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "calibration.yaml"
        self.storage = folder / "results"
        self.write(CALIBRATION)

    def write(self, document):
        with self.file.open("w") as stream:
            YAML(typ="safe").dump(document, stream)

    def edit(self, section, **fields):
        document = YAML(typ="safe").load(self.file)
        document["spec"].setdefault(section, {}).update(fields)
        self.write(document)

    def command(self, *arguments):
        return [sys.executable, "-m", "jetcal.cli", *map(str, arguments)]

    def run(self):
        """A finished `jetcal run`."""
        return subprocess.run(self.command("run", self.file), capture_output=True, text=True, check=False, timeout=600)

    def start(self, *arguments):
        """A running command in a process group of its own, as a shell's job."""
        command = self.command(*arguments)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, start_new_session=True, **pipes)

    def interrupt(self, number, condition):
        """The exit code and errors of a run that gets a signal once the condition holds; nothing of it is left."""
        with self.start("run", self.file) as runner:
            wait_for(condition, runner)
            os.kill(runner.pid, number)
            _, errors = runner.communicate(timeout=60)
        wait_for(lambda: not workers_of(self.storage))
        return runner.returncode, errors

    def objects(self, kind="*"):
        """Stored objects by their file."""
        folder = self.storage / ".jetcal/objects"
        paths = [path for path in folder.rglob("*.json") if kind in ("*", path.parent.name)]
        return {str(path.relative_to(folder)): json.loads(path.read_text()) for path in paths}

    def resource(self):
        return next(iter(self.objects("JetCalibration").values()))

    def result(self, stage):
        """Results of a stage, without what tells attempts apart."""
        found = {}
        for path in sorted((self.storage / stage).rglob("result.json")):
            document = json.loads(path.read_text())
            for entry in document.get("history", []):
                entry.pop("timestamp", None)
            found[str(path.relative_to(self.storage))] = document
        return found


def wait_for(condition, runner=None):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        assert runner is None or runner.poll() is None, runner.communicate()
        time.sleep(0.02)


def workers_of(storage):
    """Living processes that work on a storage."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                variables = (folder / "environ").read_bytes()
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if f"JETCAL_TERMINATION_LOG={storage}/".encode() in variables and state != "Z":
                found.append(int(folder.name))
    return found


def reported(storage, stage):
    """Whether a worker of the stage has reported an epoch."""
    logs = (storage / ".jetcal/pods").glob(f"tiny-{stage}-*/metrics.log")
    return any(log.exists() and "validation_loss" in log.read_text() for log in logs)


def conditions(resource):
    return {entry["type"]: entry for entry in resource["status"]["conditions"]}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    for index in range(2):
        write_ntuple(folder / f"ntuples/{index}.root", 6000, seed=index + 1, first_event=1 + 10_000 * index)
    return Workplace(folder)


COMPARED = ("dataset", "tuning", "training")


@pytest.fixture(scope="module")
def undisturbed(workplace):
    """What a run makes up to the training, before Ctrl-C ends it; its folder is used again: names follow from it."""
    code, errors = workplace.interrupt(signal.SIGINT, lambda: workplace.result("training"))
    assert code == 130
    assert "type the same command again" in errors
    made = {stage: workplace.result(stage) for stage in COMPARED}
    shutil.move(workplace.storage, workplace.folder / "undisturbed")
    return made


@pytest.fixture(scope="module")
def finished(workplace, undisturbed):
    """The same, interrupted in the dataset, killed in tuning and in training, and run to its end."""
    assert undisturbed
    storage = workplace.storage
    code, _ = workplace.interrupt(signal.SIGINT, lambda: workers_of(storage))
    assert code == 130
    for stage in ("tuning", "training"):
        code, _ = workplace.interrupt(signal.SIGKILL, lambda stage=stage: reported(storage, stage))
        assert code == -signal.SIGKILL
    done = workplace.run()
    assert done.returncode == 0, done.stdout + done.stderr
    return workplace, done.stdout


def without_attempts(value):
    return json.loads(re.sub(r"attempts/[0-9a-f-]{36}", "attempts/UID", json.dumps(value)))


def test_a_disturbed_run_makes_the_same_results(undisturbed, finished):
    workplace, _ = finished
    for stage in COMPARED:
        assert without_attempts(workplace.result(stage)) == without_attempts(undisturbed[stage])
    failed = [pod for pod in workplace.objects("Pod").values() if pod["status"]["phase"] == "Failed"]
    assert failed == [], "an interruption is no failure"


def test_a_finished_run_is_ready_and_says_what_to_do_next(finished):
    workplace, shown = finished
    resource = workplace.resource()
    assert conditions(resource)["Ready"]["status"] == "True"
    assert conditions(resource)["Accepted"]["status"] == "True"
    status = resource["status"]
    for path in (status["evaluation"]["report"], status["model"]["uri"]):
        assert Path(path).exists()
        assert path in shown
    offered = [line.split() for line in shown.split("\nNext:\n")[1].splitlines()]
    assert [words[1] for words in offered] == ["status", "serve", "predict"]
    assert all(shutil.which(words[0]) for words in offered)
    printed = YAML(typ="safe").load(shown[shown.index("apiVersion: jetcal.dev") : shown.index("\nReport:")])
    assert printed["status"] == status


@pytest.mark.triton
def test_the_endpoint_was_verified_and_stopped(finished):
    asyncio.run(triton.environment())
    workplace, _ = finished
    serving = conditions(workplace.resource())["Serving"]
    assert (serving["status"], serving["reason"]) == ("False", "NotKept")
    verified = [pod for name, pod in workplace.objects("Pod").items() if "verification" in name]
    assert [pod["status"]["phase"] for pod in verified] == ["Succeeded"]


def test_running_again_computes_nothing(finished):
    workplace, _ = finished
    before, started = workplace.objects(), time.monotonic()
    assert workplace.run().returncode == 0
    assert time.monotonic() - started < 20
    after = workplace.objects()
    assert {name: entry["metadata"]["uid"] for name, entry in after.items()} == {
        name: entry["metadata"]["uid"] for name, entry in before.items()
    }


@pytest.mark.triton
def test_editing_the_replicas_changes_one_object(finished):
    asyncio.run(triton.environment())
    workplace, _ = finished
    before = workplace.objects()
    workplace.edit("serving", maxReplicas=2)
    assert workplace.run().returncode == 0
    after = workplace.objects()
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert changed == {
        "serving.kserve.io/v1beta1/InferenceService/tiny.json",
        "jetcal.dev/v1alpha1/JetCalibration/tiny.json",
    }
    assert workplace.resource()["metadata"]["generation"] == 2


def test_deleting_a_result_makes_just_that_again(finished):
    workplace, _ = finished
    before = workplace.objects("Pod")
    results = {stage: workplace.result(stage) for stage in ("tuning", "training", "export")}
    (deleted,) = (workplace.storage / "evaluation").rglob("result.json")
    deleted.unlink()
    done = workplace.run()
    assert done.returncode == 0, done.stdout + done.stderr
    new = [name for name in workplace.objects("Pod") if name not in before]
    assert len(new) == 1
    assert "tiny-evaluation-" in new[0]
    assert deleted.exists()
    assert {stage: workplace.result(stage) for stage in results} == results


@pytest.mark.triton
def test_serve_answers_until_it_is_stopped(finished):
    asyncio.run(triton.environment())
    workplace, _ = finished
    with workplace.start("serve", workplace.storage) as server:
        line = next(line for line in server.stdout if line.startswith("Serving "))
        url = urlsplit(re.search(r"http://\S+", line)[0])
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
        connection.request("GET", "/v2/models/jetcal")
        answer = json.loads(connection.getresponse().read())
        connection.close()
        os.kill(server.pid, signal.SIGINT)
        _, errors = server.communicate(timeout=60)
    assert answer["name"] == "jetcal"
    assert server.returncode == 0, errors
    assert "Traceback" not in errors
    serving = conditions(workplace.resource())["Serving"]
    assert serving["reason"] == "NotKept"
