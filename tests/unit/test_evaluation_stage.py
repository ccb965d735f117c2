from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import correctionlib
import numpy as np
import pytest
from tests.support.evaluation import write_linear_model
from tests.support.ntuples import TREE, write_ntuple
from tests.support.toys import toy_jets

from jetcal import worker
from jetcal.data import shards
from jetcal.errors import JetcalError
from jetcal.evaluation import stage
from jetcal_api.columns import Columns
from jetcal_api.documents import EvaluateInput, Reading
from jetcal_api.results import Cut, EvaluateResult, ExportResult, PrepareResult, Shard, Source, TrainResult
from jetcal_api.spec import Acceptance, JetSelection, SystematicSample
from jetcal_api.status import JetCounts

JETS = 6000
STANDARD = 1 / 0.87
ACCEPTANCE = Acceptance(max_non_closure=0.03, min_resolution_gain=-0.05)


def put_part(home: Path, name: str, jets: int, seed: int) -> Shard:
    made = toy_jets(jets, seed=seed, mean_constituents=4)
    numbers = np.arange(jets) // 2
    events = shards.Events(run=np.ones_like(numbers), lumi=numbers * 0 + seed, event=numbers.astype(np.uint64))
    path = home / "attempts" / "a" / f"{name}-{seed}.arrow"
    path.parent.mkdir(parents=True, exist_ok=True)
    shards.write(path, made, events)
    return Shard(path=str(path.relative_to(home)), jets=jets, constituents=int(made.offsets[-1]))


def put_dataset(folder: Path, fingerprint: str, test: int, validation: int) -> None:
    home = folder / "dataset" / fingerprint
    result = PrepareResult(
        uri=str(home / "result.json"),
        fingerprint=fingerprint,
        folder=str(home),
        jets=JetCounts(train=0, validation=validation, test=test),
        read=test + validation + 7,
        cuts=[Cut(name="matched to a generator jet", removed=7)],
        sources=[Source(uri="/data/jets.root", size=1234, version="5678")],
        shards={
            "train": [],
            "validation": [put_part(home, "validation", validation, 9)] if validation else [],
            "test": [put_part(home, "test", test // 2, seed) for seed in (0, 1)],
        },
    )
    Path(result.uri).parent.mkdir(parents=True, exist_ok=True)
    Path(result.uri).write_text(result.model_dump_json(by_alias=True))


def put_training(folder: Path, *where: str, loss: float = 0.02, **hyperparameters: str) -> None:
    uri = folder.joinpath(*where, "result.json")
    uri.parent.mkdir(parents=True, exist_ok=True)
    course = [{"timestamp": "t", "train_loss": loss + 1 / n, "validation_loss": loss + 1 / n} for n in range(2, 9)]
    result = TrainResult(
        uri=str(uri),
        checkpoint=str(uri.parent / "best.pt"),
        hyperparameters=hyperparameters,
        epochs=7,
        best_epoch=7,
        metrics={"validation_loss": loss},
        parameters=4321,
        history=course,
    )
    uri.write_text(result.model_dump_json(by_alias=True))


def put_export(folder: Path, fingerprint: str, **model: float) -> None:
    """A model whose factors are linear in rho; it tells of the training ``training/net``."""
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
    put_dataset(folder, "data", test=JETS, validation=6000)
    put_dataset(folder, "few", test=400, validation=0)
    put_training(folder, "training", "net", learningRate="0.003", optimizer="AdamW")
    for number in range(8):
        put_training(folder, "tuning", "search", f"trial-{number}", loss=0.02 + 0.001 * number, fcDim=str(10 * number))
    (folder / "tuning/search/attempts/a/trial-8").mkdir(parents=True)
    (folder / "tuning/search/attempts/a/trial-8/last.pt").write_bytes(b"")
    write_ntuple(folder / "other.root", 1500, seed=4)
    # the toys' response falls with 0.2 % per unit of rho about 20; a factor that rises likewise undoes it
    slope = -0.002 * STANDARD
    put_export(folder, "good", median=STANDARD - 20 * slope, down=0.9 * STANDARD, up=1.1 * STANDARD, rho_slope=slope)
    put_export(folder, "plain", median=STANDARD)
    put_export(folder, "noisy", median=STANDARD + 200 * slope, rho_slope=-10 * slope)
    put_export(folder, "wrong", median=1.06 * STANDARD)
    return folder


def document(storage: Path, candidate: str, baseline: str | None = None, **more):
    settings = {"dataset": "data", "acceptance": ACCEPTANCE, **more}
    return EvaluateInput(storage=str(storage), candidate=candidate, baseline=baseline, **settings)


@pytest.fixture(scope="module")
def full(storage):
    """Everything that an evaluation can be asked for."""
    wanted = document(
        storage,
        "good",
        baseline="noisy",
        tuning="search",
        systematics=[SystematicSample(name="other-tune", files=[str(storage / "other.root")])],
        reading=Reading(tree=TREE, columns=Columns(), jets=JetSelection(min_gen_pt=30)),
    )
    return wanted, stage.run(wanted)


def test_a_good_candidate_is_accepted_and_its_artefacts_lie_where_the_result_says(storage, full):
    wanted, result = full
    assert result.accepted, result.reasons
    assert result.figures["baseline_gain"] > 0.1
    assert result.uri == str(storage / "evaluation" / wanted.fingerprint / "result.json")
    metrics = json.loads(Path(result.metrics).read_text())
    assert metrics["sample"]["jets"] == JETS
    assert metrics["corrections"] == ["raw", "standard", "network", "calibrated", "baseline"]
    page = Path(result.report).read_text()
    assert len(list(Path(result.report).parent.glob("plots/*.svg"))) == page.count("<svg")
    assert worker.find_result(wanted, EvaluateResult) == result
    assert len(result.message()) < 4096


def test_the_report_tells_where_everything_comes_from(full):
    page = Path(full[1].report).read_text()
    provenance = json.loads(Path(full[1].metrics).read_text())["provenance"]
    assert provenance["candidate"] == "good"
    assert provenance["dataset"]["cuts"] == [{"name": "matched to a generator jet", "removed": 7}]
    assert provenance["training"]["hyperparameters"] == {"learningRate": "0.003", "optimizer": "AdamW"}
    assert provenance["served"]["sha256"] != provenance["model"]["sha256"]
    for told in ("Model card of good", "/data/jets.root", "0.003", provenance["model"]["sha256"], "other.root"):
        assert told in page


def test_the_report_shows_the_search_and_the_training(full):
    page = Path(full[1].report).read_text()
    assert {f"trial-{number}" for number in range(8)} == set(re.findall(r'data-trial="([^"]*)"', page))
    assert "1 failed, collapsed or were stopped early: trial-8" in page
    assert 'id="figure-importance"' in page
    assert 'id="figure-learning"' in page


def test_what_follows_the_network_is_delivered_for_analyses(full):
    folder = Path(full[1].corrections)
    library = correctionlib.CorrectionSet.from_file(str(folder / "corrections.json"))
    assert library["L2Relative"].evaluate(0.5, 100.0) == pytest.approx(1, abs=0.03)
    assert library["uncertainty"].evaluate("other-tune", "up", 0.5, 100.0) >= 1
    assert list(folder.glob("*L2Relative*.txt"))


def evaluate(document: EvaluateInput, log: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "JETCAL_CALIBRATION": document.to_json(), "JETCAL_TERMINATION_LOG": str(log)}
    return subprocess.run(
        [sys.executable, "-m", "jetcal.cli", "evaluate"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_a_rejected_candidate_is_a_result_with_a_report(storage, tmp_path):
    wanted = document(storage, "plain", dataset="few")
    first = evaluate(wanted, tmp_path / "log")
    assert first.returncode == 0, first.stderr
    message = json.loads((tmp_path / "log").read_text())
    assert message["accepted"] is False
    assert "give more data" in message["reasons"][0]
    assert first.stdout.startswith("rejected\n")

    written = Path(message["uri"]).stat().st_mtime_ns
    again = evaluate(wanted, tmp_path / "again")
    assert again.stdout == first.stdout
    assert (tmp_path / "again").read_text() == (tmp_path / "log").read_text()
    assert Path(message["uri"]).stat().st_mtime_ns == written

    # Without validation jets and without a search, on a few jets: the report says so and shows what is left.
    page = Path(message["report"]).read_text()
    for told in ("Rejected", "the factor is 1", "No search of hyperparameters"):
        assert told in page
    assert json.loads(Path(message["metrics"]).read_text())["sample"]["jets"] == 400
    assert "coverage_68" not in message["figures"]


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
