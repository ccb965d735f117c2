"""A physicist's arrays get their corrections, whatever their order and structure."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import awkward as ak
import numpy as np
import onnx
import pytest
from tests.support.exports import SPECS, export_input, fitted, trained_storage
from tests.support.toys import toy_jets

from jetcal import Corrector
from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, OUTPUTS, Jets, take
from jetcal.errors import JetcalError
from jetcal.export.ensemble import Ensemble
from jetcal.export.graph import to_onnx
from jetcal.export.stage import export
from jetcal.export.validity import Validity
from jetcal.models import Network
from jetcal.serving import batches
from jetcal.serving.inference import OnnxModel


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.onnx"
    path.write_bytes(to_onnx(fitted(SPECS["pfn"], toy_jets(200)), 17, 8, {}).SerializeToString())
    return path


@pytest.fixture(scope="module")
def jets() -> Jets:
    return toy_jets(150, seed=9)


@pytest.fixture
def correct(model: Path) -> Corrector:
    return Corrector.load(str(model), threads=1)


def records(jets: Jets) -> ak.Array:
    nested = ak.zip(
        {name: ak.unflatten(jets.constituents[name], np.diff(jets.offsets)) for name in CONSTITUENT_COLUMNS}
    )
    return ak.zip({**{name: jets.jet[name] for name in JET_COLUMNS}, "constituents": nested}, depth_limit=1)


def shuffled(jets: ak.Array, seed: int = 4) -> ak.Array:
    """The same jets, the constituents of each in a random order."""
    rng = np.random.default_rng(seed)
    keys = ak.unflatten(rng.random(ak.sum(ak.num(jets.constituents))), ak.num(jets.constituents))
    return ak.with_field(jets, jets.constituents[ak.argsort(keys, axis=1)], "constituents")


def table(corrected: ak.Array) -> np.ndarray:
    return np.stack([ak.to_numpy(corrected[name]) for name in OUTPUTS], axis=1)


def test_answers_come_in_the_order_of_the_jets(model: Path, jets: Jets) -> None:
    one_by_one = [OnnxModel(model, 1).predict(take(jets, np.array([index]))) for index in range(len(jets))]
    together = OnnxModel(model, 1).predict(jets, batch_size=16)
    np.testing.assert_allclose(together, np.concatenate(one_by_one), rtol=1e-5)


def test_no_batch_is_larger_than_memory_allows(jets: Jets) -> None:
    crowded = Jets(
        jet={name: column[:6] for name, column in jets.jet.items()},
        constituents={name: np.ones(6 * 900, np.float32) for name in CONSTITUENT_COLUMNS},
        offsets=np.arange(7) * 900,
    )
    shapes = []

    def infer(constituents: np.ndarray, jet: np.ndarray) -> np.ndarray:
        shapes.append(constituents.shape)
        return np.ones((len(jet), 3), np.float32)

    batches.predict(crowded, infer, 1024)
    assert [shape[:2] for shape in shapes] == [(1, 900)] * 6
    shapes.clear()
    batches.predict(jets, infer, 40)
    assert sum(shape[0] for shape in shapes) == len(jets)
    assert max(shape[0] for shape in shapes) == 40


def test_a_question_has_its_batches_ready_before_it_is_asked(jets: Jets, monkeypatch: pytest.MonkeyPatch) -> None:
    def infer(constituents: np.ndarray, jet: np.ndarray) -> np.ndarray:
        return np.stack([(constituents[:, :, 0] > 0).sum(axis=1), jet[:, 0], jet[:, 1]], axis=1, dtype=np.float32)

    expected = batches.predict(jets, infer, 16)
    np.testing.assert_array_equal(expected[:, 0], np.diff(jets.offsets))
    asked = []
    ask = batches.question(jets, lambda *batch: asked.append(batch) or infer(*batch), 16)
    monkeypatch.setattr(batches, "Padder", None)
    assert asked == []
    np.testing.assert_array_equal(ask(), expected)
    assert len(asked) > 150 / 16


def test_a_model_answers_a_question_as_it_predicts(model: Path, jets: Jets) -> None:
    loaded = OnnxModel(model, 1)
    np.testing.assert_array_equal(loaded.question(jets)(), loaded.predict(jets))


def test_records_get_what_columns_get(correct: Corrector, jets: Jets) -> None:
    corrected = correct(records(jets))
    np.testing.assert_array_equal(table(corrected), table(correct(jets)))
    np.testing.assert_allclose(corrected.pt, corrected.correction * jets.jet["raw_pt"], rtol=1e-6)
    assert corrected.fields == [*OUTPUTS, "valid", "pt"]
    assert ak.all(corrected.valid)


def test_the_order_of_the_constituents_and_empty_slots_do_not_matter(correct: Corrector, jets: Jets) -> None:
    padded = records(jets)
    nothing = ak.zip({name: np.zeros((len(jets), 3), np.float32) for name in CONSTITUENT_COLUMNS})
    padded = ak.with_field(padded, ak.concatenate([padded.constituents, nothing], axis=1), "constituents")
    np.testing.assert_array_equal(table(correct(shuffled(padded))), table(correct(jets)))


def test_constituents_that_are_no_numbers_are_left_out(correct: Corrector, jets: Jets) -> None:
    broken = records(jets)
    bad = ak.zip({name: np.ones((len(jets), 1), np.float32) for name in CONSTITUENT_COLUMNS})
    bad = ak.with_field(bad, bad.deta * np.nan, "deta")
    broken = ak.with_field(broken, ak.concatenate([broken.constituents, bad], axis=1), "constituents")
    np.testing.assert_array_equal(table(correct(broken)), table(correct(jets)))


def test_jets_listed_by_event_stay_so(correct: Corrector, jets: Jets) -> None:
    counts = np.array([3, 0, 140, 7])
    corrected = correct(ak.unflatten(records(jets), counts))
    assert ak.to_list(ak.num(corrected)) == counts.tolist()
    np.testing.assert_array_equal(table(ak.flatten(corrected)), table(correct(jets)))


def test_no_jets_give_no_corrections(correct: Corrector, jets: Jets) -> None:
    assert len(correct(records(jets)[:0])) == 0
    assert ak.to_list(correct(ak.unflatten(records(jets)[:0], [0, 0]))) == [[], []]


def test_a_jet_without_constituents_has_a_correction(correct: Corrector, jets: Jets) -> None:
    bare = records(jets)[:4]
    bare = ak.with_field(bare, bare.constituents[:, :0], "constituents")
    assert np.isfinite(table(correct(bare))).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -5.0])
def test_a_jet_whose_pt_makes_no_sense_has_none(correct: Corrector, jets: Jets, value: float) -> None:
    raw_pt = jets.jet["raw_pt"].copy()
    raw_pt[7] = value
    answer = table(correct(ak.with_field(records(jets), raw_pt, "raw_pt")))
    assert np.isnan(answer[7]).all()
    assert not correct(ak.with_field(records(jets), raw_pt, "raw_pt")).valid[7]
    np.testing.assert_array_equal(np.delete(answer, 7, 0), np.delete(table(correct(jets)), 7, 0))


def test_jets_outside_the_training_keep_their_raw_pt_and_are_told(model: Path, jets: Jets) -> None:
    ranged = onnx.load(model)
    validity = Validity.of([take(jets, np.arange(50))])
    onnx.helper.set_model_props(ranged, {"validity": validity.to_json()})
    path = model.with_name("ranged.onnx")
    path.write_bytes(ranged.SerializeToString())
    corrected = Corrector.load(str(path), threads=1)(records(jets))
    valid = ak.to_numpy(corrected.valid)
    np.testing.assert_array_equal(valid, validity.covers(jets))
    assert 0 < np.sum(~valid) < len(jets)
    anywhere = table(Corrector.load(str(model), threads=1)(jets))
    np.testing.assert_array_equal(table(corrected)[valid], anywhere[valid])
    outside = table(corrected)[~valid]
    assert (outside[:, 0] == 1).all()
    assert np.isnan(outside[:, 1:]).all()
    np.testing.assert_array_equal(corrected.pt[~valid], jets.jet["raw_pt"][~valid])


def test_an_ensemble_tells_its_spread_where_it_is_valid(model: Path, jets: Jets) -> None:
    networks = [fitted(SPECS["pfn"], jets, seed) for seed in (1, 2)]
    told = {"validity": Validity.of([take(jets, np.arange(50))]).to_json()}
    path = model.with_name("ensemble.onnx")
    path.write_bytes(to_onnx(Ensemble(networks), 17, 8, told).SerializeToString())
    corrected = Corrector.load(str(path), threads=1)(records(jets))
    assert corrected.fields == [*OUTPUTS, "spread", "valid", "pt"]
    medians = [OnnxModel(alone, 1).predict(jets)[:, 0] for alone in exported(networks, path.parent)]
    expected = np.abs(np.log(medians[0] / medians[1])) / np.sqrt(2)
    valid = ak.to_numpy(corrected.valid)
    np.testing.assert_allclose(corrected.spread[valid], expected[valid], atol=1e-6)
    assert np.isnan(ak.to_numpy(corrected.spread[~valid])).all()


def exported(networks: list[Network], folder: Path) -> Iterator[Path]:
    for number, network in enumerate(networks):
        path = folder / f"alone-{number}.onnx"
        path.write_bytes(to_onnx(network, 17, 8, {}).SerializeToString())
        yield path


@pytest.mark.parametrize("field", ["raw_pt", "rho", "constituents"])
def test_a_missing_field_is_named(correct: Corrector, jets: Jets, field: str) -> None:
    with pytest.raises(JetcalError, match=f"field {field} is missing"):
        correct(ak.without_field(records(jets), field))


def test_a_missing_field_of_the_constituents_is_named(correct: Corrector, jets: Jets) -> None:
    whole = records(jets)
    with pytest.raises(JetcalError, match=r"jets\.constituents: field from_pv is missing"):
        correct(ak.with_field(whole, ak.without_field(whole.constituents, "from_pv"), "constituents"))


def test_words_are_no_numbers(correct: Corrector, jets: Jets) -> None:
    with pytest.raises(JetcalError, match="field area holds no plain numbers"):
        correct(ak.with_field(records(jets), ["large"] * len(jets), "area"))


@pytest.mark.parametrize("content", [b"", b"no model"])
def test_a_damaged_model_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(JetcalError, match=r"model\.onnx is no model that ONNX Runtime"):
        Corrector.load(str(tmp_path / "model.onnx"))


def test_a_place_without_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(JetcalError, match=r"an export is needed; there is none"):
        Corrector.load(str(tmp_path))


def test_every_address_of_an_export_finds_the_model(
    tmp_path: Path, jets: Jets, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained_storage(tmp_path, SPECS["pfn"])
    result = export(export_input(tmp_path, opset=17, ir=8))
    repository = Path(result.repository)
    expected = table(Corrector.load(str(repository / "jetcal/1/model.onnx"), threads=1)(jets))
    monkeypatch.chdir(tmp_path)
    for place in (repository, repository / "jetcal", repository.parent, Path(result.uri).parent, tmp_path, Path()):
        np.testing.assert_array_equal(table(Corrector.load(str(place), threads=1)(jets)), expected)


def test_importing_jetcal_is_light() -> None:
    code = "import sys, jetcal; assert 'numpy' not in sys.modules; jetcal.Corrector; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
