"""``jetcal train`` as the controllers start it: its results, its files, its ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from tests.support.prepared import FINGERPRINT, prepare_toys

from jetcal.models import load
from jetcal_api.documents import TrainInput, TrialInput
from jetcal_api.results import TrainResult
from jetcal_api.spec import ModelSpec

JETCAL = Path(sys.executable).with_name("jetcal")
MODEL = {"pfn": {"phiDim": 16, "phiLayers": 2, "fcDim": 16}, "optimizer": {"batchSize": 256, "learningRate": 0.005}}
DEADLINE = 240


class Training:
    """One ``jetcal train`` with its own attempt, started but not waited for."""

    def __init__(self, storage, document, *arguments, name="attempt", **environment):
        self.metrics, self.termination = storage / f"{name}.log", storage / f"{name}.term"
        variables = {
            "JETCAL_CALIBRATION": document.to_json(),
            "JETCAL_POD_UID": name,
            "JETCAL_METRICS_FILE": str(self.metrics),
            "JETCAL_TERMINATION_LOG": str(self.termination),
            "JETCAL_REPLAY_SECONDS": "0",
            "OMP_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [JETCAL, "train", *arguments],
            env=os.environ | variables | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self):
        """Exit code, stdout, stderr."""
        out, err = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, out, err

    def wait_for_epochs(self, count):
        deadline = time.monotonic() + DEADLINE
        while len(self.lines()) < count:
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def lines(self):
        return self.metrics.read_text().splitlines() if self.metrics.exists() else []


def values(lines):
    return [[float(pair.split("=")[1]) for pair in line.split()[1:]] for line in lines]


def result_of(storage, stage, document, *parts):
    path = Path(storage, stage, document.fingerprint, *parts, "result.json")
    return TrainResult.model_validate_json(path.read_text())


@pytest.fixture
def storage(tmp_path):
    prepare_toys(tmp_path, train=3000, validation=800, mean=5)
    return tmp_path


def train_input(storage, epochs=3, *, seed=1, ensemble=1, **model):
    fields = {"storage": str(storage), "dataset": FINGERPRINT, "epochs": epochs, "seed": seed, "ensemble": ensemble}
    return TrainInput(**fields, model=ModelSpec(**(MODEL | model)))


def test_a_trial_publishes_its_result_and_a_replay_its_metrics(storage):
    document = TrialInput(
        storage=str(storage),
        dataset=FINGERPRINT,
        model=ModelSpec(**MODEL),
        epochs=4,
        algorithm={},
        search_space={"phiDim": {"values": [8, 16]}},
    )
    first = Training(storage, document, "--trial", "t1", "--phi-dim", "8", "--optimizer", "RAdam", name="a")
    code, out, err = first.end()
    assert code == 0, err
    assert len([line for line in out.splitlines() if line.startswith("epoch ")]) == 4
    result = result_of(storage, "tuning", document, "t1")
    assert result.hyperparameters["phiDim"] == "8"
    assert result.hyperparameters["optimizer"] == "RAdam"
    assert result.metrics["validation_loss"] == min(epoch["validation_loss"] for epoch in result.history)
    assert load(Path(result.checkpoint)).encoder.phi.layers[0].out_features == 8
    assert list(Path(result.checkpoint).parent.glob("tensorboard/*tfevents*"))
    assert json.loads(first.termination.read_text())["metrics"] == result.metrics

    begin = time.monotonic()
    replay = Training(storage, document, "--trial", "t1", "--phi-dim", "8", name="b", JETCAL_REPLAY_SECONDS="3")
    assert replay.end()[0] == 0
    assert time.monotonic() - begin > 3
    assert replay.lines() == first.lines()
    assert json.loads(replay.termination.read_text()) == json.loads(first.termination.read_text())


def test_a_killed_training_goes_on_and_ends_like_an_undisturbed_one(storage, tmp_path_factory):
    other = tmp_path_factory.mktemp("undisturbed")
    prepare_toys(other, train=3000, validation=800, mean=5)
    undisturbed = Training(other, train_input(other, epochs=12), name="whole")
    killed = Training(storage, train_input(storage, epochs=12), name="a")
    killed.wait_for_epochs(2)
    killed.process.kill()
    assert killed.end()[0] == -signal.SIGKILL
    again = Training(storage, train_input(storage, epochs=12), name="b")
    code, out, err = again.end()
    assert code == 0, err
    assert "going on after epoch" in out
    assert undisturbed.end()[0] == 0
    assert again.lines()[:2] == killed.lines()[:2]
    for one, two in zip(values(again.lines()), values(undisturbed.lines()), strict=True):
        assert one == pytest.approx(two, rel=1e-6)


def test_sigterm_saves_the_state_and_two_processes_take_it_up(storage):
    document = train_input(storage, epochs=40)
    stopped = Training(storage, document, name="a")
    stopped.wait_for_epochs(1)
    stopped.process.terminate()
    code, _, err = stopped.end()
    assert code == 143
    assert "last.pt is saved" in err
    assert stopped.termination.read_text() in err
    folder = storage / "training" / document.fingerprint
    assert (folder / "attempts" / "a" / "last.pt").exists()
    assert not (folder / "result.json").exists()

    both = Training(storage, document, name="b", JETCAL_PROCESSES="2")
    both.wait_for_epochs(len(stopped.lines()) + 2)
    assert both.lines()[: len(stopped.lines())] == stopped.lines()
    both.process.terminate()
    assert both.end()[0] == 143


def test_two_processes_reach_what_one_reaches(storage, tmp_path_factory):
    other = tmp_path_factory.mktemp("alone")
    prepare_toys(other, train=3000, validation=800, mean=5)
    pair = Training(storage, train_input(storage, epochs=4), name="pair", JETCAL_PROCESSES="2")
    code, out, err = pair.end()
    assert code == 0, err
    assert len(pair.lines()) == len([line for line in out.splitlines() if line.startswith("epoch ")]) == 4
    assert Training(other, train_input(other, epochs=4)).end()[0] == 0
    alone = result_of(other, "training", train_input(other, epochs=4)).metrics
    together = result_of(storage, "training", train_input(storage, epochs=4)).metrics
    assert together == pytest.approx(alone, rel=0.05)


def weights_of(checkpoint):
    return load(Path(checkpoint)).state_dict()


def identical(one, two):
    return all(torch.equal(weight, two[name]) for name, weight in one.items())


def test_each_member_of_an_ensemble_is_what_its_seed_alone_gives(storage):
    document = train_input(storage, epochs=2, ensemble=2)
    both = Training(storage, document, name="both")
    code, out, err = both.end()
    assert code == 0, err
    result = result_of(storage, "training", document)
    assert [member.seed for member in result.members] == [1, 2]
    assert "members" not in json.loads(both.termination.read_text())
    assert sum(line.startswith("member 2 of 2 (seed 2): epoch ") for line in out.splitlines()) == 2
    weights = [weights_of(member.checkpoint) for member in result.members]
    assert not identical(*weights)
    for member, own in zip(result.members, weights, strict=True):
        assert list(Path(member.checkpoint).parent.glob("tensorboard/*tfevents*"))
        alone = train_input(storage, epochs=2, seed=member.seed)
        assert Training(storage, alone, name=f"alone-{member.seed}").end()[0] == 0
        single = result_of(storage, "training", alone)
        assert single.members == []
        assert identical(own, weights_of(single.checkpoint))
        assert (single.best_epoch, single.metrics) == (member.best_epoch, member.metrics)
    assert (result.checkpoint, result.metrics) == (result.members[0].checkpoint, result.members[0].metrics)
    assert [len(member.history) for member in result.members] == [2, 2]
    assert result.history == result.members[0].history
    assert result.epochs == 2


def test_a_killed_ensemble_trains_no_member_twice(storage):
    document = train_input(storage, epochs=6, ensemble=3)
    killed = Training(storage, document, name="a", JETCAL_PROCESSES="2")
    killed.wait_for_epochs(6 + 2)
    processes = [*psutil.Process(killed.process.pid).children(recursive=True), killed.process]
    for process in processes:
        process.kill()
    killed.end()
    psutil.wait_procs(processes[:-1], timeout=DEADLINE)
    again = Training(storage, document, name="b", JETCAL_PROCESSES="2")
    code, out, err = again.end()
    assert code == 0, err
    assert again.lines()[: len(killed.lines())] == killed.lines()
    assert len(again.lines()) == 3 * 6
    told = out.splitlines()
    assert "member 1 of 3 (seed 1): going on after epoch 6" in told
    assert not [line for line in told if line.startswith("member 1 of 3 (seed 1): epoch ")]
    assert len([line for line in told if line.startswith("member 2 of 3 (seed 2): epoch ")]) < 6
    members = result_of(storage, "training", document).members
    assert [member.seed for member in members] == [1, 2, 3]
    assert all("/attempts/b/" in member.checkpoint for member in members)
    undisturbed = train_input(storage, epochs=6, seed=2)
    assert Training(storage, undisturbed, name="c", JETCAL_PROCESSES="2").end()[0] == 0
    assert members[1].metrics == pytest.approx(result_of(storage, "training", undisturbed).metrics, rel=1e-6)


def test_sigterm_in_an_ensemble_names_the_member(storage):
    document = train_input(storage, epochs=6, ensemble=50)
    stopped = Training(storage, document, name="a")
    stopped.wait_for_epochs(7)
    stopped.process.terminate()
    code, _, _ = stopped.end()
    assert code == 143
    assert re.match(r"member \d+ of 50 \(seed \d+\): stopped by SIGTERM after \d", stopped.termination.read_text())


def test_a_lost_peer_is_worth_another_try(storage):
    training = Training(storage, train_input(storage, epochs=5000), name="a", JETCAL_PROCESSES="2")
    training.wait_for_epochs(1)
    victim = max(psutil.Process(training.process.pid).children(), key=lambda child: child.pid)
    victim.kill()
    code, _, err = training.end()
    assert code >= 128
    assert code != 143
    assert "Traceback" not in training.termination.read_text()
    assert training.termination.read_text().strip() in err


@pytest.mark.parametrize(
    ("processes", "ensemble", "who"), [("1", 1, ""), ("2", 1, ""), ("1", 2, "member 1 of 2 (seed 1): ")]
)
def test_a_training_that_learns_nothing_fails_for_good_and_says_so(storage, processes, ensemble, who):
    document = train_input(storage, epochs=1, ensemble=ensemble, optimizer={"learningRate": 1e-12, "batchSize": 256})
    training = Training(storage, document, JETCAL_PROCESSES=processes)
    code, _, err = training.end()
    assert code == 1
    sentence = training.termination.read_text()
    assert sentence.startswith(f"{who}the network has collapsed to the constant predictor: validation_mae 0.")
    assert sentence in err
    assert not (storage / "training" / document.fingerprint / "result.json").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "no result; the stage 'dataset' must be made first"),
        (("--conv-dim", "8"), "pfn has no hyperparameter 'convDim'"),
        (("--learning-rate", "7"), "hyperparameter learningRate: Input should be less than or equal to 1, got '7'"),
    ],
)
def test_bad_input_ends_in_one_sentence(tmp_path, arguments, sentence):
    training = Training(tmp_path, train_input(tmp_path), *arguments)
    code, _, err = training.end()
    assert code == 1
    assert sentence in err
    assert err.count("\n") == 1
