"""The whole evaluation of test jets, with its bootstrap."""

from __future__ import annotations

from collections.abc import Callable

from tests.support.evaluation import evaluation_sample

from jetcal.evaluation.measurement import REPLICAS, evaluate


def judge(jets: int) -> Callable[[], object]:
    """All cells of all corrections."""
    sample = evaluation_sample(jets)
    return lambda: evaluate(sample, REPLICAS)
