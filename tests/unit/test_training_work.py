from __future__ import annotations

import pytest

from jetcal.errors import JetcalError
from jetcal.training.work import Work, override, read_work, work_from_json
from jetcal_api.documents import TrainInput, TrialInput
from jetcal_api.spec import ModelSpec

PFN = ModelSpec(pfn={"phiDim": 16})


def test_values_of_the_command_line_win():
    model = override(PFN, {"learningRate": "3e-3", "phiLayers": "2", "optimizer": "RAdam"})
    assert model.optimizer.learning_rate == 3e-3
    assert (model.pfn.phi_layers, model.pfn.phi_dim) == (2, 16)
    assert model.optimizer.name == "RAdam"


def test_another_architectures_hyperparameter_is_refused_with_the_valid_ones():
    with pytest.raises(JetcalError, match=r"pfn has no hyperparameter 'convDim'; it has phiLayers, .*learningRate"):
        override(PFN, {"convDim": "64"})


@pytest.mark.parametrize(
    ("name", "value"), [("phiDim", "2"), ("dropout", "1"), ("optimizer", "SGD"), ("batchSize", "x")]
)
def test_a_value_out_of_range_is_named(name, value):
    field = {"optimizer": "name"}.get(name, name)
    with pytest.raises(JetcalError, match=rf"hyperparameter {field}: .*got '{value}'"):
        override(PFN, {name: value})


def test_other_processes_do_the_same_work(monkeypatch, tmp_path):
    document = TrialInput(
        storage=str(tmp_path),
        dataset="0",
        model=PFN,
        epochs=2,
        algorithm={},
        search_space={"phiDim": {"values": [8, 9]}},
    )
    monkeypatch.setenv("JETCAL_CALIBRATION", document.to_json())
    work = read_work("first", {"phiDim": "9", "learningRate": "0.002"})
    assert work_from_json(work.to_json()) == work
    assert work.hyperparameters["phiDim"] == "9"
    assert work.result_uri.endswith(f"/tuning/{document.fingerprint}/first/result.json")


def test_members_of_an_ensemble_differ_in_seed_folder_and_title(monkeypatch, tmp_path):
    monkeypatch.setenv("JETCAL_POD_UID", "pod")
    document = TrainInput(storage=str(tmp_path), dataset="0", model=PFN, epochs=2, seed=7, ensemble=2)
    first, second = Work(document, PFN).members
    assert (first.seed, second.seed) == (7, 8)
    assert second.title == "member 2 of 2 (seed 8): "
    assert second.uri("best.pt").endswith("/attempts/pod/member-2/best.pt")
    assert first.uri("best.pt").endswith(first.name_in_attempt("best.pt"))
    assert first.result_uri == second.result_uri


def test_a_single_network_is_its_only_member(monkeypatch, tmp_path):
    monkeypatch.setenv("JETCAL_POD_UID", "pod")
    work = Work(TrainInput(storage=str(tmp_path), dataset="0", model=PFN, epochs=2), PFN)
    assert work.members == [work]
    assert (work.seed, work.title) == (1, "")
    assert work.uri("best.pt").endswith("/attempts/pod/best.pt")
