"""Plans a second of one core: ``python benchmarks/planner_rate.py``.

One JSON object a line, by the number of trials in the search and by where the calibration is. Processor time counts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.calibrations import calibration
from tests.support.scripted_cluster import ScriptedCluster

from jetcal_operator.planner import plan
from jetcal_operator.platform import Platform

SECONDS = 2.0
MOMENTS = {"searching": ("tuning",), "training": ("training",), "ready": ()}
"""Stages whose workers go on running, by moment."""


def measure(trials: int, moment: str) -> None:
    """Print the rate at one moment of one life."""
    tuning = calibration()["spec"]["tuning"] | {"maxTrials": trials, "parallelTrials": 2}
    cluster = ScriptedCluster(calibration(tuning=tuning))
    cluster.settle(stop_at=MOMENTS[moment])
    if moment == "searching":
        half_way(cluster)
    observed, platform = cluster.observe(), Platform()
    plans, begin = 0, time.process_time()
    while time.process_time() - begin < SECONDS:
        plan(observed, platform)
        plans += 1
    rate = plans / (time.process_time() - begin)
    figures = {"trials": trials, "moment": moment, "objects": len(observed.children), "plans_per_second": round(rate)}
    print(json.dumps({"benchmark": "planner_rate", **figures}), flush=True)


def half_way(cluster: ScriptedCluster) -> None:
    """All trials have begun, every other one has ended."""
    experiment = cluster.key("Experiment", "tuning")
    for index, (trial, job) in enumerate(list(cluster.start_trials(experiment))):
        if index % 2:
            answer = cluster.answer(cluster.document(cluster.objects[job]), trial.name)
            cluster.succeed(job, answer)
            cluster.condition(trial, "Succeeded", "TrialSucceeded")


def main() -> None:
    """Measure small and large searches."""
    for trials in (3, 30, 300):
        for moment in MOMENTS:
            measure(trials, moment)


if __name__ == "__main__":
    main()
