from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.support.evaluation import write_linear_model
from tests.support.toys import toy_jets

from jetcal import worker
from jetcal.data import shards
from jetcal.errors import JetcalError
from jetcal.evaluation import stage
from jetcal_api.documents import EvaluateInput
from jetcal_api.results import Cut, EvaluateResult, ExportResult, PrepareResult, Shard
from jetcal_api.spec import Acceptance
from jetcal_api.status import JetCounts

JETS = 6000
STANDARD = 1 / 0.87
ACCEPTANCE = Acceptance(max_non_closure=0.03, min_resolution_gain=-0.05)


def put_dataset(folder: Path, parts: int = 2) -> None:
    home = folder / "dataset" / "data"
    files = []
    for part in range(parts):
        jets = toy_jets(JETS // parts, seed=part, mean_constituents=4)
        numbers = np.arange(len(jets)) // 2
        events = shards.Events(run=np.ones_like(numbers), lumi=numbers * 0 + part, event=numbers.astype(np.uint64))
        path = home / "attempts" / "a" / f"test-{part}.arrow"
        path.parent.mkdir(parents=True, exist_ok=True)
        shards.write(path, jets, events)
        files.append(Shard(path=str(path.relative_to(home)), jets=len(jets), constituents=int(jets.offsets[-1])))
    result = PrepareResult(
        uri=str(home / "result.json"),
        fingerprint="data",
        folder=str(home),
        jets=JetCounts(train=0, validation=0, test=JETS),
        read=JETS + 7,
        cuts=[Cut(name="matched to a generator jet", removed=7)],
        shards={"train": [], "validation": [], "test": files},
    )
    Path(result.uri).write_text(result.model_dump_json(by_alias=True))


def put_export(folder: Path, fingerprint: str, **model: float) -> None:
    home = folder / "export" / fingerprint
    path = home / "attempts" / "a" / "repository" / "jetcal" / "1" / "model.onnx"
    write_linear_model(path, **model)
    (home / "model-card.md").write_text(f"# Model card of {fingerprint}")
    result = ExportResult(
        uri=str(home / "result.json"),
        repository=str(path.parents[2]),
        model="jetcal",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        opset=20,
        ir=10,
        golden=str(home / "golden.npz"),
        card=str(home / "model-card.md"),
        parity={"max_relative": 1e-6, "share_within_1e5": 1.0},
    )
    Path(result.uri).write_text(result.model_dump_json(by_alias=True))


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("storage")
    put_dataset(folder)
    # the toys' response falls with 0.2 % per unit of rho about 20; a factor that rises likewise undoes it
    slope = -0.002 * STANDARD
    put_export(folder, "good", median=STANDARD - 20 * slope, down=0.9 * STANDARD, up=1.1 * STANDARD, rho_slope=slope)
    put_export(folder, "plain", median=STANDARD)
    put_export(folder, "noisy", median=STANDARD + 200 * slope, rho_slope=-10 * slope)
    put_export(folder, "wrong", median=1.06 * STANDARD)
    return folder


def document(storage: Path, candidate: str, baseline: str | None = None, acceptance: Acceptance = ACCEPTANCE):
    return EvaluateInput(
        storage=str(storage), dataset="data", candidate=candidate, baseline=baseline, acceptance=acceptance
    )


def test_a_good_candidate_is_accepted_and_its_artefacts_lie_where_the_result_says(storage):
    wanted = document(storage, "good", baseline="noisy")
    result = stage.run(wanted)
    assert result.accepted, result.reasons
    assert result.figures["baseline_gain"] > 0.1
    assert result.uri == str(storage / "evaluation" / wanted.fingerprint / "result.json")
    metrics = json.loads(Path(result.metrics).read_text())
    assert metrics["sample"]["jets"] == JETS
    assert metrics["corrections"] == ["raw", "standard", "network", "baseline"]
    assert metrics["provenance"]["candidate"] == "good"
    assert metrics["provenance"]["dataset"]["cuts"] == [{"name": "matched to a generator jet", "removed": 7}]
    page = Path(result.report).read_text()
    assert "Model card of good" in page
    assert "matched to a generator jet" in page
    assert len(list(Path(result.report).parent.glob("plots/*.svg"))) == page.count("<svg")
    assert worker.find_result(wanted, EvaluateResult) == result
    assert len(result.message()) < 4096


def test_the_standard_correction_as_a_candidate_gains_nothing(storage):
    figures = stage.run(document(storage, "plain")).figures
    assert figures["resolution_gain"] == pytest.approx(0, abs=1e-5)
    assert "coverage_68" not in figures


def evaluate(document: EvaluateInput, log: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "JETCAL_CALIBRATION": document.to_json(), "JETCAL_TERMINATION_LOG": str(log)}
    return subprocess.run(
        [sys.executable, "-m", "jetcal.cli", "evaluate"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_rejected_candidate_is_a_result_with_a_report(storage, tmp_path):
    wanted = document(storage, "wrong", baseline="good")
    first = evaluate(wanted, tmp_path / "log")
    assert first.returncode == 0, first.stderr
    message = json.loads((tmp_path / "log").read_text())
    assert message["accepted"] is False
    assert "maxNonClosure" in message["reasons"][0]
    assert "Rejected" in Path(message["report"]).read_text()
    assert first.stdout.startswith("rejected\n")

    written = Path(message["uri"]).stat().st_mtime_ns
    again = evaluate(wanted, tmp_path / "again")
    assert again.stdout == first.stdout
    assert (tmp_path / "again").read_text() == (tmp_path / "log").read_text()
    assert Path(message["uri"]).stat().st_mtime_ns == written


def test_a_missing_export_is_one_sentence(storage, tmp_path):
    ended = evaluate(document(storage, "nowhere"), tmp_path / "log")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "export" in ended.stderr
    assert "nowhere" in ended.stderr


def test_a_damaged_model_is_named(storage):
    put_export(storage, "damaged", median=1.0)
    path = storage / "export/damaged/attempts/a/repository/jetcal/1/model.onnx"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(JetcalError, match=r"model\.onnx"):
        stage.run(document(storage, "damaged"))


def test_events_are_numbered_over_files():
    def events(lumi, numbers):
        count = len(numbers)
        return shards.Events(
            run=np.ones(count, np.int64), lumi=np.full(count, lumi), event=np.array(numbers, np.uint64)
        )

    found = stage.event_numbers([events(1, [5, 5, 6]), events(2, [5]), events(1, [6])])
    assert found[0] == found[1]
    assert found[2] == found[4]
    assert len(set(found.tolist())) == 3
