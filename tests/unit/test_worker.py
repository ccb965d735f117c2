"""The life of a stage command: input, adoption, publication, termination message, exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from jetcal import storage, worker
from jetcal.errors import JetcalError, TransientError
from jetcal_api.documents import InventoryInput, PrepareInput
from jetcal_api.results import InventoryResult


@pytest.fixture
def document(tmp_path: Path) -> InventoryInput:
    return InventoryInput(storage=str(tmp_path / "storage"), files=["/data/*.root"])


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "termination.log"
    monkeypatch.setenv("JETCAL_TERMINATION_LOG", str(path))
    return path


def result(document: InventoryInput, files: int = 1) -> InventoryResult:
    return InventoryResult(uri=worker.result_uri(document), sources="0" * 16, files=files, size=1, shards=1)


def test_the_document_comes_from_the_environment(document: InventoryInput, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JETCAL_CALIBRATION", document.to_json())
    assert worker.read_input(InventoryInput) == document


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (None, "JETCAL_CALIBRATION is not set"),
        ("", "JETCAL_CALIBRATION is not set"),
        ("{", "JETCAL_CALIBRATION is no PrepareInput: Invalid JSON"),
        ('{"stage": "inventory", "storage": "/x", "files": []}', "JETCAL_CALIBRATION is no PrepareInput: stage: "),
    ],
)
def test_a_wrong_document_is_refused(text: str | None, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JETCAL_CALIBRATION", raising=False)
    if text is not None:
        monkeypatch.setenv("JETCAL_CALIBRATION", text)
    with pytest.raises(JetcalError) as caught:
        worker.read_input(PrepareInput)
    assert str(caught.value).startswith(word)
    assert "\n" not in str(caught.value)


def test_uris_follow_the_contract(document: InventoryInput, monkeypatch: pytest.MonkeyPatch) -> None:
    base = f"{document.storage}/inventory/{document.fingerprint}"
    assert worker.stage_uri(document) == base
    assert worker.result_uri(document, "trial-1") == f"{base}/trial-1/result.json"
    monkeypatch.setenv("JETCAL_POD_UID", "pod-1")
    assert worker.attempt_uri(document, "best.pt") == f"{base}/attempts/pod-1/best.pt"
    monkeypatch.delenv("JETCAL_POD_UID")
    assert worker.attempt_uri(document) == worker.attempt_uri(document) != f"{base}/attempts/pod-1"


def test_twins_agree_on_the_first_result(document: InventoryInput) -> None:
    assert worker.find_result(document, InventoryResult) is None
    with ThreadPoolExecutor(8) as pool:
        published = list(pool.map(lambda index: worker.publish(result(document, index)), range(16)))
    assert len(set(map(InventoryResult.model_dump_json, published))) == 1
    assert worker.find_result(document, InventoryResult) == published[0]
    assert worker.load_result(document.storage, "inventory", document.fingerprint, InventoryResult) == published[0]


def test_a_missing_predecessor_is_named(document: InventoryInput) -> None:
    with pytest.raises(JetcalError, match=r"inventory/abc/result.json: no result; the stage 'inventory' must be made"):
        worker.load_result(document.storage, "inventory", "abc", InventoryResult)


@pytest.mark.parametrize("content", ["", "{}", '{"uri": "x", "odd": 1}'])
def test_a_broken_result_is_told_and_not_adopted(document: InventoryInput, content: str) -> None:
    storage.write_bytes(worker.result_uri(document), content.encode())
    with pytest.raises(JetcalError, match=r"result.json: is no InventoryResult .*; delete it"):
        worker.publish(result(document))


def test_the_message_is_the_short_result(document: InventoryInput, log: Path) -> None:
    worker.finish(result(document))
    assert InventoryResult.model_validate_json(log.read_text()) == result(document)


def test_a_message_that_cannot_be_written_is_a_warning(
    document: InventoryInput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JETCAL_TERMINATION_LOG", str(tmp_path / "absent" / "log"))
    worker.finish(result(document))
    assert capsys.readouterr().err.startswith("Warning: the termination message cannot be written")


class OddError(Exception):
    """What no one expects."""


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (JetcalError("a.root: no tree"), 1, "a.root: no tree"),
        (TransientError("s3://a: away"), 128, "s3://a: away"),
        (MemoryError(), 1, "out of memory; give the stage more (resources.memory) or close other programs"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_expected_failures_end_in_one_sentence(
    error: BaseException, code: int, sentence: str, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught, worker.stage():
        raise error
    assert caught.value.code == code
    assert capsys.readouterr().err == f"Error: {sentence}\n"
    assert log.read_text() == sentence


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OddError("surprise\nsecond line"), 1, ["unexpected OddError: surprise (test_worker.py:", "this is a bug"]),
        (ConnectionResetError(104, "reset"), 128, ["lost a connection", "reset"]),
        (OSError(28, "No space left on device", "/tmp/x"), 1, ["/tmp/x: the disk is full", "MB free"]),
    ],
)
def test_unexpected_failures_keep_the_traceback_out_of_the_message(
    error: Exception, code: int, words: list[str], log: Path
) -> None:
    with pytest.raises(SystemExit) as caught, worker.stage():
        raise error
    assert caught.value.code == code
    assert all(word in log.read_text() for word in words), log.read_text()
    assert "\n" not in log.read_text()
    assert "Traceback" not in log.read_text()


def test_a_bug_leaves_its_traceback_in_the_log(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), worker.stage():
        raise OddError
    assert "Traceback" in capsys.readouterr().err
    assert log.read_text().startswith("unexpected OddError")


def test_a_long_sentence_is_cut_to_what_kubernetes_keeps(log: Path) -> None:
    with pytest.raises(SystemExit), worker.stage():
        raise JetcalError("a" + "ä" * 5000)
    assert len(log.read_bytes()) == 4095
    assert log.read_text(encoding="utf-8") == "a" + "ä" * 2047


def test_an_exit_passes_unchanged(log: Path) -> None:
    with pytest.raises(SystemExit) as caught, worker.stage():
        sys.exit(7)
    assert caught.value.code == 7
    assert not log.exists()


@contextmanager
def running(code: str, log: Path) -> Iterator[subprocess.Popen[str]]:
    program = f"from jetcal import worker\nwith worker.stage():\n    {code}\n"
    environment = os.environ | {"JETCAL_TERMINATION_LOG": str(log)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], text=True, env=environment, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def test_sigterm_ends_with_143_after_cleaning_up(tmp_path: Path) -> None:
    log, mark = tmp_path / "log", tmp_path / "clean"
    code = (
        "import pathlib, threading\n"
        "    try:\n"
        "        print('ready', flush=True); threading.Event().wait(60)\n"
        f"    finally: pathlib.Path({str(mark)!r}).touch()"
    )
    with running(code, log) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
    assert mark.exists()
    assert log.read_text() == "stopped by SIGTERM; run again to go on"


def test_a_closed_pipe_is_no_complaint(tmp_path: Path) -> None:
    with running("[print('line', flush=True) for _ in range(100000)]", tmp_path / "log") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 141
        assert process.stderr.read() == ""
