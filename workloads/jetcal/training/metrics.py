"""Metrics for those who watch: Katib's file, TensorBoard, and a line for the log."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from jetcal import storage
from jetcal.storage import local
from jetcal.training.state import Epoch
from jetcal.training.work import Work
from jetcal_api.documents import ADDITIONAL_METRICS, OBJECTIVE

NAMES = (OBJECTIVE, *ADDITIONAL_METRICS)


def timestamp() -> str:
    """Now, as Katib reads it: RFC 3339 with microseconds, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def katib_line(epoch: Epoch) -> str:
    """The metrics of an epoch in Katib's TEXT format."""
    values = " ".join(f"{name}={float(epoch[name]):.9g}" for name in NAMES)
    return f"{epoch['timestamp']} {values}"


class KatibFile:
    """The file that Katib's collector follows: created first, only ever appended to, each epoch in it once.

    Parameters
    ----------
    path
        The file; None where nobody collects.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._written: set[str] = set()
        if path:
            with local.sentences(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
                self._written = set(path.read_text().splitlines())

    @classmethod
    def from_environment(cls) -> KatibFile:
        """The file that ``JETCAL_METRICS_FILE`` names."""
        given = os.environ.get("JETCAL_METRICS_FILE")
        return cls(Path(given) if given else None)

    def write(self, history: list[Epoch]) -> None:
        """Append the epochs that are not there yet, with their own timestamps."""
        lines = [line for line in map(katib_line, history) if line not in self._written]
        if self._path and lines:
            with local.sentences(self._path), self._path.open("a") as file:
                file.writelines(f"{line}\n" for line in lines)
            self._written.update(lines)


class EventFile:
    """The learning curves as TensorBoard reads them, in storage after every epoch.

    Parameters
    ----------
    work
        Names the attempt's folder.
    """

    def __init__(self, work: Work) -> None:
        self._epochs = 0
        self._uri = work.uri(f"tensorboard/events.out.tfevents.{int(datetime.now(UTC).timestamp())}.jetcal")
        name = self._uri.rsplit("/", 1)[-1]
        self._path = storage.scratch_folder() / name if storage.is_remote(self._uri) else Path(self._uri)

    def write(self, history: list[Epoch]) -> None:
        """Add the epochs that are not there yet, at their own times."""
        with local.sentences(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                writer = RecordWriter(file)
                if self._epochs == 0:
                    writer.write(Event(file_version="brain.Event:2").SerializeToString())
                for number, epoch in enumerate(history[self._epochs :], self._epochs + 1):
                    writer.write(_event(number, epoch).SerializeToString())
        self._epochs = len(history)
        if storage.is_remote(self._uri):
            storage.upload(self._path, self._uri)


def _event(number: int, epoch: Epoch) -> Event:
    values = [Summary.Value(tag=name, simple_value=float(epoch[name])) for name in NAMES]
    moment = datetime.fromisoformat(str(epoch["timestamp"])).timestamp()
    return Event(wall_time=moment, step=number, summary=Summary(value=values))
