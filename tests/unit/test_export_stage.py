"""A checkpoint becomes a model repository that answers as torch does, however old the server."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from tests.support.exports import SPECS, export_input, fitted, trained_storage
from tests.support.toys import toy_jets

from jetcal.cli import main
from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS
from jetcal.errors import JetcalError
from jetcal.export import golden, graph
from jetcal.export.parity import LIMITS
from jetcal.export.stage import export
from jetcal.serving.inference import OnnxModel
from jetcal_api.results import ExportResult


@pytest.fixture(scope="module", params=list(SPECS))
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory, architecture: str) -> Path:
    folder = tmp_path_factory.mktemp("storage")
    trained_storage(folder, SPECS[architecture])
    return folder


@pytest.fixture(scope="module")
def result(storage: Path) -> ExportResult:
    return export(export_input(storage))


def model_path(result: ExportResult) -> Path:
    return Path(result.repository, "jetcal/1/model.onnx")


def test_onnx_runtime_agrees_with_torch(result: ExportResult, architecture: str) -> None:
    assert result.parity["share_within_1e5"] >= LIMITS[architecture].share_within_1e5
    assert result.parity["max_relative"] <= LIMITS[architecture].max_relative


def test_the_golden_sample_replays_from_its_file(result: ExportResult) -> None:
    sample = golden.Golden.from_bytes(Path(result.golden).read_bytes())
    assert len(sample) >= golden.JETS
    assert sample.compare(OnnxModel(model_path(result)).infer).max_relative == result.parity["max_relative"]


def test_the_golden_sample_has_the_edge_cases(result: ExportResult) -> None:
    batches = golden.Golden.from_bytes(Path(result.golden).read_bytes()).batches
    lengths = [set((batch.constituents[:, :, 0] > 0).sum(axis=1)) for batch in batches]
    training_longest = int(np.diff(toy_jets(600, seed=3).offsets[:201]).max())
    assert any(len(batch.jet) == 1 for batch in batches)
    assert {0} in lengths
    assert {1} in lengths
    assert max(max(numbers) for numbers in lengths) > training_longest
    assert all(np.isfinite(batch.correction).all() for batch in batches)


def test_outputs_are_ordered_factors(result: ExportResult) -> None:
    answer = OnnxModel(model_path(result)).predict(toy_jets(50))
    assert (answer[:, 1] < answer[:, 0]).all()
    assert (answer[:, 0] < answer[:, 2]).all()
    assert 0.5 < np.median(answer[:, 0]) < 2


def test_the_file_tells_what_it_is(result: ExportResult, storage: Path) -> None:
    model = onnx.load(model_path(result))
    assert [entry.version for entry in model.opset_import] == [20]
    assert model.ir_version == 10
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert told["constituents"].split() == list(CONSTITUENT_COLUMNS)
    assert told["jet"].split() == list(JET_COLUMNS)
    assert told["revision"] == export_input(storage).fingerprint
    assert hashlib.sha256(model_path(result).read_bytes()).hexdigest() == result.sha256
    assert str(Path(__file__).parents[2]).encode() not in model_path(result).read_bytes()


def test_the_configuration_names_revision_and_shapes(result: ExportResult, storage: Path) -> None:
    text = Path(result.repository, "jetcal/config.pbtxt").read_text()
    assert 'name: "jetcal"' in text
    assert f'key: "revision" value {{ string_value: "{export_input(storage).fingerprint}" }}' in text
    assert "dims: [ -1, 6 ]" in text
    assert "dynamic_batching" in text


def test_the_card_gives_order_units_and_range(result: ExportResult) -> None:
    card = Path(result.card).read_text()
    for name in (*CONSTITUENT_COLUMNS, *JET_COLUMNS):
        assert f"| {name} |" in card
    training = toy_jets(600, seed=3).jet["raw_pt"][:200]
    assert f"| raw_pt | {training.min():.4g} | {training.max():.4g} | GeV |" in card
    assert result.sha256 in card
    assert not re.search(r"\bnan\b|None", card)


def test_the_result_fits_a_termination_message(result: ExportResult) -> None:
    assert ExportResult.model_validate_json(result.message()) == result


def test_the_same_checkpoint_gives_the_same_bytes(result: ExportResult, storage: Path, monkeypatch) -> None:
    monkeypatch.setenv("JETCAL_POD_UID", "second")
    before = model_path(result).read_bytes()
    again = export(export_input(storage))
    assert again == result  # the first attempt stays the published one
    attempt = Path(storage, "export", export_input(storage).fingerprint, "attempts/second")
    assert (attempt / "repository/jetcal/1/model.onnx").read_bytes() == before


@pytest.mark.parametrize(
    ("kind", "opset", "ir"),
    [
        ("pfn", 14, 7),
        ("pfn", 18, 9),
        ("pfn", 23, 11),
        ("particleNet", 14, 7),
        ("particleNet", 17, 8),
        ("particleNet", 18, 8),
    ],
)
def test_every_wanted_operator_set_loads_and_agrees(tmp_path: Path, kind: str, opset: int, ir: int) -> None:
    jets = toy_jets(100, seed=5)
    network = fitted(SPECS[kind], jets)
    model = graph.to_onnx(network, opset, ir, {"revision": "r"})
    assert ([entry.version for entry in model.opset_import], model.ir_version) == ([opset], ir)
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    limits = LIMITS[kind]
    sample = golden.make(graph.Factors(network), [jets], 60, limits)
    sample.compare(OnnxModel(path).infer).require(limits, "ONNX Runtime")


def test_a_file_format_too_old_is_refused() -> None:
    network = fitted(SPECS["pfn"], toy_jets(20))
    with pytest.raises(JetcalError, match=r"operator set 17 and IR 3 .*choose a newer Triton"):
        graph.to_onnx(network, 17, 3, {})


def test_a_network_that_onnx_runtime_cannot_follow_is_not_published(tmp_path: Path, monkeypatch) -> None:
    [network] = trained_storage(tmp_path, SPECS["pfn"])
    shifted = graph.to_onnx(network, 17, 8, {})
    bias = next(item for item in shifted.graph.initializer if item.name.endswith("answer.bias"))
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.01), bias.name))
    monkeypatch.setattr("jetcal.export.stage.to_onnx", lambda *_: shifted)
    with pytest.raises(JetcalError, match=r"ONNX Runtime .* does not reproduce .* 0\.00% of the jets"):
        export(export_input(tmp_path))
    assert not list(tmp_path.glob("export/*/result.json"))


def test_the_command_exports_a_trial_and_adopts_its_result(tmp_path: Path) -> None:
    trained_storage(tmp_path, SPECS["pfn"], trial="trial-1")
    document = export_input(tmp_path, opset=17, ir=8, trial="trial-1")
    log = tmp_path / "message"
    environment = {"JETCAL_CALIBRATION": document.to_json(), "JETCAL_TERMINATION_LOG": str(log)}
    first = CliRunner().invoke(main, ["export"], env=environment, catch_exceptions=False)
    assert first.exit_code == 0, first.output
    told = ExportResult.model_validate_json(log.read_text())
    written = model_path(told).stat().st_mtime_ns
    second = CliRunner().invoke(main, ["export"], env=environment, catch_exceptions=False)
    assert second.output == first.output
    assert model_path(told).stat().st_mtime_ns == written
    assert "trial trial-1" in Path(told.card).read_text()


def test_a_missing_training_is_named(tmp_path: Path) -> None:
    with pytest.raises(JetcalError, match=r"training/a{16}/result.json: no result"):
        export(export_input(tmp_path))
