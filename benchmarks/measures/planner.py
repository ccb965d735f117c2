"""Plans a second of one core, by where a calibration is and by the trials of its search.

Each plan sees another world than the plan before, as reconciles do: one more trial has ended. Processor time counts,
for a plan waits for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from benchmarks.pairs import spread
from benchmarks.rows import Row, within
from tests.support.calibrations import calibration
from tests.support.scripted_cluster import ScriptedCluster

from jetcal_operator.cluster import Observed
from jetcal_operator.planner import plan
from jetcal_operator.platform import Platform

WANTED = 5000.0
WORKING = {"search": "tuning", "training": "training", "endpoint": None}
"""Stage that is under way at each moment."""


def measure(quick: bool) -> Iterator[Row]:  # noqa: FBT001  # every measurement is asked the same
    """A resource in mid-run, which is held to a rate; other moments and searches, which are not, in a whole run."""
    rounds, seconds = (3, 0.1) if quick else (15, 0.4)
    rates = plans_a_second(worlds("search", 30), rounds, seconds)
    name = "planner: mid-run, 30 trials"
    yield within(name, "plans/s", float(np.median(rates)), WANTED, better="more", spread=spread(rates))
    if quick:
        return
    for moment, trials in (("training", 30), ("endpoint", 30), ("search", 3), ("search", 300)):
        rates = plans_a_second(worlds(moment, trials), rounds, seconds)
        yield Row(f"planner: {moment}, {trials} trials", "plans/s", float(np.median(rates)), spread=spread(rates))


def worlds(moment: str, trials: int) -> list[Observed]:
    """Worlds that follow each other; those of a search from a third to two thirds of its way."""
    tuning = calibration()["spec"]["tuning"] | {"maxTrials": trials, "parallelTrials": 2}
    cluster = ScriptedCluster(calibration(tuning=tuning))
    working = WORKING[moment]
    cluster.settle(stop_at=(working,) if working else ())
    if moment != "search":
        return [cluster.observe()]
    found = []
    started = list(cluster.start_trials(cluster.key("Experiment", "tuning")))
    for ended, (trial, job) in enumerate(started[: 2 * trials // 3], 1):
        cluster.succeed(job, cluster.answer(cluster.document(cluster.objects[job]), trial.name))
        cluster.condition(trial, "Succeeded", "TrialSucceeded")
        cluster.reconcile()
        if ended >= trials // 3:
            found.append(cluster.observe())
    return found


def plans_a_second(observed: list[Observed], rounds: int, seconds: float) -> list[float]:
    """The rate of each round."""
    platform = Platform()
    rates = []
    for _ in range(rounds):
        plans, begin = 0, time.process_time()
        while (spent := time.process_time() - begin) < seconds:
            for world in observed:
                plan(world, platform)
            plans += len(observed)
        rates.append(plans / spent)
    return rates
