from __future__ import annotations

import pytest
import torch
from tests.support.toys import toy_jets

from jetcal.data.padding import pad
from jetcal.errors import JetcalError
from jetcal.models import build, checkpoint, load
from jetcal.models.checkpoint import dump
from jetcal_api.spec import ModelSpec

SPEC = ModelSpec(pfn={"phiDim": 8, "fcDim": 8})


def test_a_loaded_network_predicts_the_same(tmp_path):
    network = build(SPEC).eval()
    network.jet_scale.centre.fill_(0.7)
    network.target_spread.fill_(0.3)
    path = tmp_path / "best.pt"
    path.write_bytes(dump(SPEC, network.state_dict()))
    inputs = [torch.from_numpy(array) for array in pad(toy_jets(10), 0, 10)]
    loaded = load(path)
    assert not loaded.training
    assert torch.equal(loaded(*inputs), network(*inputs))


@pytest.mark.parametrize("content", [b"", b"no checkpoint", dump(SPEC, build(SPEC).state_dict())[:-200]])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "best.pt"
    path.write_bytes(content)
    with pytest.raises(JetcalError, match=r"best\.pt: is no checkpoint or is damaged"):
        load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(JetcalError, match=r"best\.pt: cannot be read"):
        load(tmp_path / "best.pt")


def test_a_file_of_another_version_is_refused(tmp_path):
    torch.save({"format": "something else"}, tmp_path / "best.pt")
    with pytest.raises(JetcalError, match="no network of this version"):
        load(tmp_path / "best.pt")


def test_a_network_of_other_features_is_refused_with_their_names(tmp_path, monkeypatch):
    content = dump(SPEC, build(SPEC).state_dict())
    (tmp_path / "best.pt").write_bytes(content)
    monkeypatch.setattr(checkpoint, "JET_FEATURES", checkpoint.JET_FEATURES[:-1])
    with pytest.raises(JetcalError, match=r"best\.pt: sees other features .* \(loose_track_share\); train again"):
        load(tmp_path / "best.pt")
