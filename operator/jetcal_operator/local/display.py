"""Shows a running calibration: a live table on a terminal, a line for each change elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jetcal_api.resource import JetCalibration
from jetcal_operator.local.cluster import LocalCluster
from jetcal_operator.local.controllers.metrics import read_metrics
from jetcal_operator.local.view import StageRow, TrialRow, WorkerRow, stage_rows, trial_rows, worker_rows

REFRESH_SECONDS = 0.5
SHOWN_TRIALS = 12
"""Trials that the live table has room for; running ones and the best come first."""
_SIGNS = {
    "waiting": Text("·", "dim"),
    "running": Text("▶", "cyan"),
    "done": Text("✓", "green"),
    "failed": Text("✗", "red"),
    "left out": Text("-", "dim"),
}


class Display:
    """Follows one resource of a cluster."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self.console = Console(file=stream, highlight=False)
        self._live: Live | None = None
        self._started = time.monotonic()
        self._shown: set[Any] = set()

    def tell(self, text: str) -> None:
        """One line beside the table."""
        line = text if self._live else f"{self._elapsed()} {text}"
        self.console.print(line, markup=False, soft_wrap=True)

    @asynccontextmanager
    async def following(self, cluster: LocalCluster, name: str) -> AsyncIterator[None]:
        """Show the resource as long as the block runs."""
        if self.console.is_terminal:
            self._live = Live(console=self.console, auto_refresh=False, transient=False)
            self._live.start()
        task = asyncio.create_task(self._follow(cluster, name), name="display")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})
            self._update(cluster, name)
            if self._live:
                self._live.stop()
                self._live = None
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def _follow(self, cluster: LocalCluster, name: str) -> None:
        while True:
            count = cluster.changes.count
            self._update(cluster, name)
            await cluster.changes.since(count, datetime.now(UTC) + timedelta(seconds=REFRESH_SECONDS))

    def _update(self, cluster: LocalCluster, name: str) -> None:
        resource = cluster.resource(name)
        if resource is None:
            return
        pods = cluster.store.list("Pod")

        def reports(pod: str) -> dict[str, list[float]]:
            return read_metrics(cluster.kubelet.metrics_file(pod))

        stages = stage_rows(resource)
        searches = cluster.store.list("Trial")
        trials = trial_rows(searches, pods, reports)
        names = {trial["metadata"]["name"] for trial in searches}
        workers = [row for row in worker_rows(pods, reports) if row.job not in names]
        if self._live:
            self._live.update(self._table(resource, stages, trials, workers), refresh=True)
        else:
            self._print_news(stages, trials, workers)

    def _print_news(self, stages: list[StageRow], trials: list[TrialRow], workers: list[WorkerRow]) -> None:
        """A line for each row that has not been seen in this state."""
        for stage in stages:
            if stage.state in ("running", "done", "failed"):
                self._news(stage, f"{stage.name}: {stage.state}{f', {stage.detail}' if stage.detail else ''}")
        for trial in (row for row in trials if row.state != "Pending"):
            loss = "" if trial.loss is None or trial.state == "Running" else f", loss {trial.loss:.5g}"
            self._news((trial.name, trial.state), f"Trial {trial.name}: {trial.state}{loss} ({trial.hyperparameters})")
        for worker in workers:
            self._news(worker, f"{worker.job}: epoch {worker.epoch}, loss {worker.loss:.5g}")

    def _news(self, mark: Any, line: str) -> None:
        if mark not in self._shown:
            self._shown.add(mark)
            self.console.print(f"{self._elapsed()} {line}", markup=False, soft_wrap=True)

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        return f"{minutes:3d}:{seconds:02d}"

    def _table(
        self, resource: JetCalibration, stages: list[StageRow], trials: list[TrialRow], workers: list[WorkerRow]
    ) -> Group:
        overview = Table(
            box=None, padding=(0, 1), title_justify="left", title=f"{resource.metadata.name} {self._elapsed().strip()}"
        )
        for column in ("", "stage", "what"):
            overview.add_column(column, overflow="fold")
        for stage in stages:
            overview.add_row(_SIGNS[stage.state], Text(stage.name), Text(stage.detail))
        parts: list[Any] = [overview]
        parts += [Text(f"  {row.job}: epoch {row.epoch}, loss {row.loss:.5g}", "cyan") for row in workers]
        if trials:
            parts.append(_trial_table(trials))
        return Group(*parts)


def _trial_table(trials: list[TrialRow]) -> Table:
    ranked = sorted(trials, key=lambda row: (row.state != "Running", row.loss is None, row.loss or 0.0))
    table = Table(box=None, padding=(0, 1), title_justify="left", title=f"{len(trials)} trials")
    for column in ("trial", "state", "epochs", "best loss", "hyperparameters"):
        table.add_column(column, overflow="fold", justify="right" if column in ("epochs", "best loss") else "left")
    for row in ranked[:SHOWN_TRIALS]:
        loss = "" if row.loss is None else f"{row.loss:.5g}"
        table.add_row(row.name.rpartition("-")[2], row.state, str(row.epochs or ""), loss, row.hyperparameters)
    if len(ranked) > SHOWN_TRIALS:
        table.add_row("...", "", "", "", f"{len(ranked) - SHOWN_TRIALS} more")
    return table
