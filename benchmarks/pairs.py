"""Rates of two ways to do the same, taken in turns, so that what else the machine does meets both alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.rows import Row

Work = Callable[[], float]
"""Does some work and tells how much it was, in units of the rate: jets, plans."""


@dataclass(frozen=True)
class Rates:
    """Work a second of each round: ``ours`` and ``peer``, in the order of the rounds."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]

    def row(self, name: str, unit: str, peer_name: str, *, target: float | None = None) -> Row:
        """The medians, and the median of the rounds' ratios with its spread."""
        ratios = np.array(self.ours) / np.array(self.peer)
        ratio = float(np.median(ratios))
        ours, peer = float(np.median(self.ours)), float(np.median(self.peer))
        return Row(name, unit, ours, peer, peer_name, ratio, target, spread(ratios))


def spread(values: Sequence[float] | np.ndarray) -> float:
    """Half the range of the central 68 % of ``values``, as a share of their median."""
    low, middle, high = np.quantile(values, (0.16, 0.5, 0.84))
    return float((high - low) / 2 / abs(middle))


def in_turns(ours: Work, peer: Work, rounds: int, *, warm_up: int = 1) -> Rates:
    """Wall-clock rates of both, the one that begins changing from round to round.

    Parameters
    ----------
    ours, peer
        The two ways.
    rounds
        How often each is timed, after ``warm_up`` rounds that do not count.
    """
    rates: dict[Work, list[float]] = {ours: [], peer: []}
    for number in range(-warm_up, rounds):
        for work in (ours, peer) if number % 2 else (peer, ours):
            measured = rate(work)
            if number >= 0:
                rates[work].append(measured)
    return Rates(tuple(rates[ours]), tuple(rates[peer]))


def rate(work: Work) -> float:
    """Work a second of one round, by the clock on the wall."""
    begin = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - begin)
