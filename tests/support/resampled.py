"""Bootstrap of one list of responses, fast and by brute force."""

from __future__ import annotations

import numpy as np

from jetcal.evaluation.binning import Range
from jetcal.evaluation.statistics.partition import along, partition
from jetcal.evaluation.statistics.resampling import replicate, rows_of_events
from jetcal.evaluation.statistics.responses import Responses, common_edges
from jetcal.evaluation.statistics.summary import STATISTICS, plain


def summaries(*responses, replicas=300, events=None, seed=1):
    """The summary of each list of responses of the same jets, with the same replicas."""
    whole = partition([along(np.zeros(len(responses[0])), [Range(0.0, 1.0)])])
    event = rows_of_events(events, whole.base)
    jobs = [Responses(whole, [0], each, common_edges(whole, each), event) for each in responses]
    answers = replicate(jobs, int(event.max()) + 1, replicas, seed)
    return [job.summaries(answer)[0] for job, answer in zip(jobs, answers, strict=True)]


def drawn_again(*responses, replicas=300, seed=2):
    """Statistics of samples drawn with replacement, a dict of arrays of shape (replicas,) for each list."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, len(responses[0]), len(responses[0])) for _ in range(replicas)]
    return [
        dict(zip(STATISTICS, np.array([plain(np.sort(each[row])).statistics for row in rows]).T, strict=True))
        for each in responses
    ]
