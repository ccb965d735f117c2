from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from jetcal.training.metrics import EventFile, KatibFile, katib_line, timestamp
from jetcal.training.work import Work
from jetcal_api.documents import TrainInput
from jetcal_api.spec import ModelSpec

KATIB_TEXT = re.compile(r"([\w|-]+)\s*=\s*([+-]?\d*(\.\d+)?([Ee][+-]?\d+)?)")
HISTORY = [
    {
        "timestamp": "2026-11-21T03:00:00.000000Z",
        "validation_loss": 0.0123,
        "train_loss": 1.5e-07,
        "validation_mae": 2.0,
    },
    {"timestamp": "2026-11-21T03:00:05.250000Z", "validation_loss": 0.0111, "train_loss": 0.01, "validation_mae": 0.08},
]


def test_katib_reads_every_metric_and_the_time():
    moment, rest = katib_line(HISTORY[0]).split(" ", 1)
    found = {match[0]: float(match[1]) for match in KATIB_TEXT.findall(rest)}
    assert found == {"validation_loss": 0.0123, "train_loss": 1.5e-07, "validation_mae": 2.0}
    assert datetime.fromisoformat(moment) == datetime(2026, 11, 21, 3, tzinfo=UTC)


def test_timestamps_are_what_katib_parses():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", timestamp())


def test_the_file_is_there_before_the_first_epoch_and_each_epoch_is_in_it_once(tmp_path):
    path = tmp_path / "katib" / "metrics.log"
    file = KatibFile(path)
    assert path.read_text() == ""
    file.write(HISTORY[:1])
    file.write(HISTORY)
    KatibFile(path).write(HISTORY)
    assert path.read_text().splitlines() == [katib_line(epoch) for epoch in HISTORY]


def test_without_a_collector_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.delenv("JETCAL_METRICS_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    KatibFile.from_environment().write(HISTORY)
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_reads_the_curves_with_their_times(tmp_path, monkeypatch):
    monkeypatch.setenv("JETCAL_POD_UID", "pod")
    document = TrainInput(storage=str(tmp_path), dataset="0", model=ModelSpec(pfn={}), epochs=2)
    file = EventFile(Work(document, document.model))
    file.write(HISTORY[:1])
    file.write(HISTORY)
    [path] = tmp_path.rglob("*tfevents*")
    assert path.parent.name == "tensorboard"
    events = [event for event in EventFileLoader(str(path)).Load() if event.summary.value]
    assert [event.step for event in events] == [1, 2]
    assert events[1].wall_time - events[0].wall_time == pytest.approx(5.25)
    assert {value.tag: value.tensor.float_val[0] for value in events[1].summary.value} == pytest.approx(
        {"validation_loss": 0.0111, "train_loss": 0.01, "validation_mae": 0.08}
    )
