from __future__ import annotations

import torch

from jetcal.models import build, load
from jetcal.training import state as states
from jetcal.training.state import State
from jetcal.training.work import Work
from jetcal_api.documents import TrainInput, TrialInput
from jetcal_api.spec import ModelSpec

MODEL = ModelSpec(pfn={"phiDim": 8})


def work_of(tmp_path, monkeypatch, attempt, trial="first"):
    monkeypatch.setenv("JETCAL_POD_UID", attempt)
    document = TrialInput(
        storage=str(tmp_path),
        dataset="0",
        model=MODEL,
        epochs=9,
        algorithm={},
        search_space={"phiDim": {"values": [8, 9]}},
    )
    return Work(document, MODEL, trial)


def state_after(*losses, step=0):
    weights = build(MODEL).state_dict()
    history = [{"timestamp": "t", "validation_loss": loss} for loss in losses]
    return State(weights, {"state": {}, "param_groups": []}, step=step, history=history, best=weights)


def test_the_attempt_that_has_come_farthest_goes_on(tmp_path, monkeypatch):
    attempts = {"a": state_after(3.0, 2.0), "b": state_after(3.0, 2.0, 1.0, step=4), "c": state_after(3.0, 2.0, 1.0)}
    for attempt, state in attempts.items():
        states.save(state, work_of(tmp_path, monkeypatch, attempt))
    states.save(state_after(*[1.0] * 8), work_of(tmp_path, monkeypatch, "d", trial="another-first"))
    found = states.newest(work_of(tmp_path, monkeypatch, "new"))
    assert found.progress == (3, 4)
    for name, weight in attempts["b"].weights.items():
        assert torch.equal(found.weights[name], weight)


def test_a_damaged_checkpoint_is_told_of_and_an_older_one_serves(tmp_path, monkeypatch, capsys):
    states.save(state_after(3.0), work_of(tmp_path, monkeypatch, "whole"))
    damaged = work_of(tmp_path, monkeypatch, "damaged").uri("last.pt")
    states.save(state_after(3.0, 2.0), work_of(tmp_path, monkeypatch, "damaged"))
    with open(damaged, "r+b") as file:  # noqa: PTH123
        file.truncate(500)
    assert states.newest(work_of(tmp_path, monkeypatch, "new")).progress == (1, 0)
    assert f"{damaged}: is damaged" in capsys.readouterr().err


def test_without_any_attempt_there_is_no_state(tmp_path, monkeypatch):
    assert states.newest(work_of(tmp_path, monkeypatch, "new")) is None


def test_the_best_epoch_is_the_first_of_the_least_loss(tmp_path, monkeypatch):
    state = state_after(3.0, 1.0, 2.0, 1.0)
    assert state.best_epoch == 2
    work = work_of(tmp_path, monkeypatch, "a")
    states.save_best(state, work)
    network = load(tmp_path / work.uri("best.pt"))
    assert torch.equal(network.answer.weight, state.best["answer.weight"])


def test_members_of_an_ensemble_do_not_take_up_each_others_state(tmp_path, monkeypatch):
    monkeypatch.setenv("JETCAL_POD_UID", "a")
    document = TrainInput(storage=str(tmp_path), dataset="0", model=MODEL, epochs=9, ensemble=11)
    members = Work(document, MODEL).members
    states.save(state_after(3.0, 2.0), members[10])
    monkeypatch.setenv("JETCAL_POD_UID", "b")
    assert states.newest(members[10]).progress == (2, 0)
    assert states.newest(members[0]) is None
