"""An exported model behind a real tritonserver: verified, asked, and refused when it is another one."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import tritonclient.http
import uproot
from click.testing import CliRunner
from tests.support.exports import SPECS, export_input, trained_storage
from tests.support.ntuples import TREE, write_ntuple
from tests.support.toys import toy_jets
from tests.support.triton import serving

from jetcal import Corrector, storage
from jetcal.cli import main
from jetcal.data import ntuples
from jetcal.data.jets import take
from jetcal.errors import JetcalError, TransientError
from jetcal.export.golden import Batch, Golden
from jetcal.export.parity import LIMITS
from jetcal.export.stage import export
from jetcal.serving.inference import OnnxModel
from jetcal.serving.triton import TritonModel
from jetcal.serving.verification import verify
from jetcal_api.documents import VerifyInput
from jetcal_api.results import ExportResult, VerifyResult
from jetcal_operator.local.triton.server import TritonServer

pytestmark = [pytest.mark.triton]


@dataclass(frozen=True)
class Served:
    architecture: str
    storage: Path
    fingerprint: str
    result: ExportResult
    server: TritonServer

    def address(self, scheme: str) -> str:
        port = {"http": self.server.ports.http, "grpc": self.server.ports.grpc}[scheme]
        return f"{scheme}://127.0.0.1:{port}"

    def document(self, **changes: str) -> VerifyInput:
        fields = {"storage": str(self.storage), "export": self.fingerprint, "url": self.server.url}
        return VerifyInput(**fields | changes, triton_version="26.06-py3")


@pytest.fixture(
    scope="module",
    params=[("pfn", 1, 20, 10), ("particleNet", 1, 20, 10), ("pfn", 3, 17, 8)],
    ids=["pfn", "particleNet", "three"],
)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    architecture, members, opset, ir = request.param
    folder = tmp_path_factory.mktemp("calibration")
    trained_storage(folder, SPECS[architecture], members=members)
    document = export_input(folder, opset=opset, ir=ir)
    result = export(document)
    with serving(Path(result.repository), tmp_path_factory.mktemp("server")) as server:
        yield Served(architecture, folder, document.fingerprint, result, server)


def test_the_endpoint_reproduces_the_golden_predictions(served: Served) -> None:
    verified = verify(served.document(), ready_seconds=10)
    assert verified.revision == served.fingerprint
    assert re.fullmatch(r"2\.\d+\.\d+", verified.server_version)
    assert verified.max_relative <= LIMITS[served.architecture].max_relative
    assert verified.jets > 256


def test_the_command_writes_the_result(served: Served, tmp_path: Path) -> None:
    log = tmp_path / "message"
    environment = {"JETCAL_CALIBRATION": served.document().to_json(), "JETCAL_TERMINATION_LOG": str(log)}
    done = CliRunner().invoke(main, ["verify"], env=environment, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert f"serves revision {served.fingerprint}" in done.output
    assert VerifyResult.model_validate_json(log.read_text()).uri == served.server.url


def test_another_revision_is_worth_another_try(served: Served) -> None:
    other = "f" * 16
    published = served.result.model_dump_json(by_alias=True).encode()
    storage.write_bytes(f"{served.storage}/export/{other}/result.json", published)
    with pytest.raises(TransientError, match=f"serves revision {served.fingerprint}, not {other}"):
        verify(served.document(export=other), ready_seconds=10)


def test_other_answers_are_refused(served: Served, tmp_path: Path) -> None:
    golden = Golden.from_bytes(storage.read_bytes(served.result.golden))
    moved = [Batch(batch.constituents, batch.jet, batch.correction * np.float32(1.01)) for batch in golden.batches]
    (tmp_path / "golden.npz").write_bytes(Golden(tuple(moved), golden.limits).to_bytes())
    forged = served.result.model_copy(update={"golden": str(tmp_path / "golden.npz")})
    marker = tmp_path / "export" / served.fingerprint / "result.json"
    storage.write_bytes(str(marker), forged.model_dump_json(by_alias=True).encode())
    with pytest.raises(JetcalError, match=r"does not reproduce .* largest relative difference is 0\.0099"):
        verify(served.document(storage=str(tmp_path)), ready_seconds=10)


def test_an_endpoint_that_is_away_is_worth_another_try(served: Served) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(TransientError, match=f"{url}: was not ready within 1 s: does not answer"):
            verify(served.document(url=url), ready_seconds=1)


@pytest.mark.parametrize("scheme", ["http", "grpc"])
@pytest.mark.parametrize("batch_size", [1, 64, 200])
def test_served_and_local_model_agree_on_any_jets(served: Served, scheme: str, batch_size: int) -> None:
    jets = toy_jets(300, seed=17)
    local = OnnxModel(Path(served.result.repository, "jetcal/1/model.onnx"), 1).predict(jets)
    with TritonModel(served.address(scheme)) as model:
        np.testing.assert_allclose(model.predict(jets, batch_size), local, rtol=1e-5, atol=1e-6)


def test_one_server_says_the_same_of_itself_by_http_and_grpc(served: Served) -> None:
    with TritonModel(served.address("http")) as http, TritonModel(served.address("grpc")) as grpc:
        grpc.wait_ready(10)
        assert grpc.server_version() == http.server_version()
        assert grpc.revision() == http.revision() == served.fingerprint
        assert grpc.validity == http.validity
        assert grpc.validity is not None


def test_a_refusal_by_grpc_is_one_sentence(served: Served) -> None:
    wrong = np.zeros((1, 3, 5), np.float32), np.zeros((1, 6), np.float32)
    with TritonModel(served.address("grpc")) as model, pytest.raises(JetcalError, match="the server refuses") as told:
        model.infer(*wrong)
    assert not isinstance(told.value, TransientError)
    assert "\n" not in str(told.value)


def test_single_jets_of_several_multiplicities_share_runs(served: Served) -> None:
    jets = toy_jets(64, seed=19)
    assert len(set(np.diff(jets.offsets))) > 8
    with TritonModel(served.address("grpc")) as model, ThreadPoolExecutor(16) as clients:
        before = executions(served)
        found = list(clients.map(lambda row: model.predict(take(jets, np.array([row]))), range(len(jets))))
    local = OnnxModel(Path(served.result.repository, "jetcal/1/model.onnx"), 1).predict(jets)
    np.testing.assert_allclose(np.concatenate(found), local, rtol=1e-5, atol=1e-6)
    assert executions(served) - before < len(jets)


def figures(rows: list[dict], name: str) -> dict[str, float]:
    """All numbers of one correction's rows, by where they stand."""
    return {
        f"{row['pt']} {row['abs_eta']} {row['flavour']} {figure}": value
        for row in rows
        if row["correction"] == name
        for figure, value in row.items()
        if isinstance(value, float)
    }


def executions(served: Served) -> int:
    with tritonclient.http.InferenceServerClient(served.server.url.removeprefix("http://")) as client:
        (statistics,) = client.get_inference_statistics("jetcal")["model_stats"]
    return statistics["execution_count"]


def test_a_corrector_by_url_corrects(served: Served) -> None:
    jets = toy_jets(300, seed=18)
    by_url = Corrector.load(served.server.url)
    found = by_url(jets)
    by_url.model.close()
    expected = Corrector.load(served.result.repository, threads=1)(jets)
    assert found.fields == expected.fields
    assert ("spread" in found.fields) == (served.result.members > 1)
    assert 0 < np.sum(ak.to_numpy(found.valid)) < len(jets)
    for name in found.fields:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-5)


def test_predict_asks_the_server(served: Served, tmp_path: Path) -> None:
    write_ntuple(tmp_path / "in.root", 60)
    arguments = ["predict", str(tmp_path / "in.root"), "--url", served.server.url, "-o", str(tmp_path / "out.root")]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (piece,) = ntuples.read(tmp_path / "in.root", TREE)
    expected = OnnxModel(Path(served.result.repository, "jetcal/1/model.onnx"), 1).predict(piece.jets)
    with uproot.open(tmp_path / "out.root") as file:
        found = file[TREE].arrays(["correction", "correction_valid"], library="np")
    valid = found["correction_valid"]
    assert valid.any()
    np.testing.assert_allclose(found["correction"], np.where(valid, expected[:, 0], 1), rtol=1e-5)


def test_a_served_model_is_compared_like_its_file(served: Served, tmp_path: Path) -> None:
    models = ("--model", f"file={served.result.repository}", "--model", f"served={served.server.url}")
    arguments = ("evaluate", "--jets", str(served.storage), *models, "--out", str(tmp_path))
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    numbers = json.loads((tmp_path / "metrics.json").read_text())
    by_file, by_server = (figures(numbers["response"], name) for name in ("file", "served"))
    assert len(by_file) > 100
    assert by_server == pytest.approx(by_file, rel=1e-3, abs=1e-5)
    told = [line for line in done.output.splitlines() if "lie outside the range that" in line]
    assert told[1] == told[0].replace("range that file", "range that served")
    assert numbers["provenance"]["Model served"] == {"Server": served.server.url, "Revision": served.fingerprint}


def test_requests_of_the_same_shape_are_batched_together(served: Served) -> None:
    with tritonclient.http.InferenceServerClient(served.server.url.removeprefix("http://"), concurrency=8) as client:
        batch = Golden.from_bytes(storage.read_bytes(served.result.golden)).batches[1]
        inputs = []
        for name, array in (("constituents", batch.constituents), ("jet", batch.jet)):
            tensor = tritonclient.http.InferInput(name, array.shape, "FP32")
            tensor.set_data_from_numpy(array)
            inputs.append(tensor)
        pending = [client.async_infer("jetcal", inputs) for _ in range(40)]
        for answer in pending:
            found = answer.get_result().as_numpy("correction")
            np.testing.assert_allclose(
                found, batch.correction, rtol=LIMITS[served.architecture].max_relative, atol=1e-6
            )
        (statistics,) = client.get_inference_statistics("jetcal")["model_stats"]
    assert statistics["execution_count"] < statistics["inference_count"]
