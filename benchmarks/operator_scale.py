"""Many JetCalibrations at once on a real API server: ``python benchmarks/operator_scale.py --count 200``.

The operator runs as in production: its own process, the chart's ServiceAccount and rights. Real are etcd, API server
and garbage collector; jobs, searches and endpoints are played by hands that answer at once, so what is measured is the
operator. Prints one JSON object a line: how long until all are Ready, what the operator and the API server needed for
it, then what a few resyncs cost when nothing has changed. Ends with 1 if anything was written then.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from prometheus_client.parser import text_string_to_metric_families
from tests.support.control_plane import OWN_CRD, ControlPlane, running
from tests.support.operator_process import OperatorProcess, log_in
from tests.support.played_status import INFERENCE_SERVICE
from tests.support.playground import REAL_CONTROLLERS, small_calibration
from tests.support.stage_hands import STAND_INS, StageHands, open_crd
from tests.support.waiting import wait_for

from jetcal_operator.kube.kinds import RESOURCE, Kind
from jetcal_operator.stages.preflight import KATIB_LABEL

WRITES = {"create", "patch", "delete"}
TICK = os.sysconf("SC_CLK_TCK")


class Hands(StageHands):
    """Hands with so much to do that they meet news of what they have ended long ago."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ended: set[str] = set()

    def _move(self, kind: Kind, thing: dict[str, Any]) -> None:
        uid = thing["metadata"]["uid"]
        if uid not in self._ended:
            super()._move(kind, thing)
            if kind != INFERENCE_SERVICE:
                self._ended.add(uid)


class Account:
    """What the operator has done and used up to one moment."""

    def __init__(self, plane: ControlPlane, operator: OperatorProcess) -> None:
        families = text_string_to_metric_families(operator.ask("/metrics")[1])
        samples = [sample for family in families for sample in family.samples]
        self.calls: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self.reconciles, self.reconciling = 0, 0.0
        for sample in samples:
            if sample.name == "jetcal_api_calls_total":
                self.calls[sample.labels["verb"]] += int(sample.value)
                if sample.labels["verb"] in WRITES:
                    self.writes[sample.labels["kind"]] += int(sample.value)
            if sample.name == "jetcal_reconcile_seconds_count":
                self.reconciles = int(sample.value)
            if sample.name == "jetcal_reconcile_seconds_sum":
                self.reconciling = sample.value
        self.seconds = time.monotonic()
        self.processor = processor_seconds(operator.pid)
        self.api_server = processor_seconds(plane.api_server.pid)

    def since(self, before: Account, each: int) -> dict[str, Any]:
        """What has come since an earlier moment, in all and for each of so many."""
        calls, writes = self.calls - before.calls, self.writes - before.writes
        reconciles = self.reconciles - before.reconciles
        return {
            "seconds": round(self.seconds - before.seconds, 1),
            "operator_cpu_seconds": round(self.processor - before.processor, 2),
            "api_server_cpu_seconds": round(self.api_server - before.api_server, 2),
            "reconciles": reconciles,
            "reconciles_each": round(reconciles / each, 1),
            "reconcile_milliseconds": round(1000 * (self.reconciling - before.reconciling) / max(1, reconciles), 1),
            "calls": dict(sorted(calls.items())),
            "calls_each": round(calls.total() / each, 1),
            "writes": writes.total(),
            "writes_each": {kind: round(count / each, 1) for kind, count in sorted(writes.items())},
        }


def processor_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid: int) -> dict[str, float]:
    """Resident memory of a process, now and at its highest, in MB."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        name: round(int(lines[row].split()[0]) / 1024, 1) for name, row in {"rss": "VmRSS", "peak": "VmHWM"}.items()
    }


def tell(what: str, **figures: Any) -> None:
    """One line."""
    print(json.dumps({"benchmark": "operator_scale", "part": what, **figures}), flush=True)


def measure(plane: ControlPlane, folder: Path, options: argparse.Namespace) -> int:
    """Make all, wait, print; then look on for some resyncs. The number of needless writes."""
    namespaces = [plane.namespace({KATIB_LABEL: "enabled"}) for _ in range(options.namespaces)]
    flags = ("--workers", str(options.workers), "--resync-seconds", str(options.resync_seconds))
    token = log_in(plane, namespaces[0], everywhere=True)
    operator = OperatorProcess(folder, plane.url, token, namespaces[0], options=flags, namespaced=False, ca=plane.ca)
    with ExitStack() as stack:
        for namespace in namespaces:
            stack.enter_context(Hands(plane.client, namespace).working())
        stack.enter_context(operator.running())
        begin = Account(plane, operator)
        tell("begin", memory_mb=memory(operator.pid), processors=os.cpu_count(), count=options.count)

        def apply(index: int) -> None:
            name = f"c{index:04d}"
            path = RESOURCE.path(namespaces[index % len(namespaces)], name)
            plane.client.apply(path, small_calibration(name))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(apply, range(options.count)))
        applied = time.monotonic() - begin.seconds
        wait_for("all are Ready", lambda: ready(plane) == options.count, seconds=options.patience, pause=1)
        end = Account(plane, operator)
        figures = end.since(begin, options.count)
        tell("all Ready", applied_seconds=round(applied, 1), memory_mb=memory(operator.pid), **figures)
        wait_for("nothing is under way", lambda: operator.metric("jetcal_queue_depth") == 0)
        return rest(plane, operator, options)


def rest(plane: ControlPlane, operator: OperatorProcess, options: argparse.Namespace) -> int:
    """Look on while nothing changes; the number of writes."""

    def lists() -> float:
        return operator.metric("jetcal_api_calls_total", verb="list", kind=RESOURCE.kind)

    def after(count: float) -> None:
        wait_for("a resync", lambda: lists() >= count, seconds=(options.resyncs + 2) * options.resync_seconds + 60)
        wait_for("its end", lambda: operator.metric("jetcal_queue_depth") == 0)

    after(lists() + 1)
    begin = Account(plane, operator)
    after(lists() + options.resyncs)
    figures = Account(plane, operator).since(begin, options.resyncs)
    tell("at rest", resyncs=options.resyncs, memory_mb=memory(operator.pid), **figures)
    return int(figures["writes"])


def ready(plane: ControlPlane) -> int:
    """How many are Ready with nothing under way."""

    def is_ready(found: dict[str, Any]) -> bool:
        held = {entry["type"] for entry in found.get("status", {}).get("conditions", []) if entry["status"] == "True"}
        return "Ready" in held and "Reconciling" not in held

    return sum(map(is_ready, plane.client.items(RESOURCE.path(None))))


def main() -> None:
    """Start a control plane and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--namespaces", type=int, default=4, help="each with hands of its own")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--resyncs", type=int, default=5)
    parser.add_argument("--resync-seconds", type=float, default=30)
    parser.add_argument("--patience", type=float, default=1800, help="seconds until it is given up")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(folder, [OWN_CRD, *map(open_crd, STAND_INS)], REAL_CONTROLLERS) as plane:
            sys.exit(1 if measure(plane, folder / "operator", options) else 0)


if __name__ == "__main__":
    main()
