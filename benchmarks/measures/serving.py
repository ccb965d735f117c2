"""A real tritonserver on one core, asked by clients on another, beside the same network in the client's own process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import perf_counter

import numpy as np
from benchmarks.pairs import in_turns
from benchmarks.rows import Row, within
from benchmarks.sample import ntuples, repeated
from benchmarks.served import Served, served
from numpy.typing import NDArray

from jetcal.data import ntuples as reading
from jetcal.data.jets import Jets, take
from jetcal.data.padding import pad
from jetcal.serving.triton import TritonModel

TREE = "AK4jets/jetTree"
PUBLISHED = {"PFN": 3086, "ParticleNet": 310}
"""End-to-end jets a second of the published networks on a CPU, 1024 jets in a request."""
AHEAD = 5
SLOW = "ParticleNet"
"""Left out of a quick run."""
BATCH = 1024
CLIENTS = 4
"""Who ask for ``BATCH`` jets at once."""
SINGLE_CLIENTS = 16
"""Who ask for one jet after the other."""
REQUESTS = {"PFN": 32, "ParticleNet": 4}
"""Of ``BATCH`` jets in a round."""


def measure(quick: bool) -> Iterator[Row]:  # noqa: FBT001  # every measurement is asked the same
    """Rates of batches beside those in process, and rates and latencies of single jets."""
    jets = next(reading.read(ntuples()[0], TREE, truth=False)).jets
    for name, requests in REQUESTS.items():
        if quick and name == SLOW:
            continue
        chosen = repeated(take(jets, np.arange(CLIENTS * BATCH)), requests // CLIENTS)
        with served(name) as there:
            yield from _batches(name, there, chosen, rounds=2 if quick else 7)
            yield from _singles(name, there, take(jets, np.arange(200 if quick else 2000)), rounds=1 if quick else 3)


def _batches(name: str, there: Served, jets: Jets, rounds: int) -> Iterator[Row]:
    what = f"{name} by Triton, {CLIENTS} clients by gRPC, {BATCH} jets at most at once, server on one core"
    shares = [take(jets, rows) for rows in np.array_split(np.arange(len(jets)), CLIENTS)]
    with ExitStack() as open_:
        models = [open_.enter_context(TritonModel(there.url)) for _ in shares]
        clients = open_.enter_context(ThreadPoolExecutor(CLIENTS))

        def ask() -> float:
            list(clients.map(lambda model, share: model.predict(share, BATCH), models, shares))
            return len(jets)

        def in_process() -> float:
            for share in shares:
                there.local.predict(share, BATCH)
            return len(jets)

        rates = in_turns(ask, in_process, rounds)
    row = rates.row(what, "jets/s", "ONNX Runtime in process, one core", target=0.8)
    yield row
    yield within(f"{what}: {AHEAD} x the published rate", "jets/s", row.ours, AHEAD * PUBLISHED[name], better="more")


def _singles(name: str, there: Served, jets: Jets, rounds: int) -> Iterator[Row]:
    singles = [take(jets, np.array([number])) for number in range(len(jets))]
    what = f"{name} by Triton, single jets"
    latencies: list[float] = []
    with ExitStack() as open_:
        models = [open_.enter_context(TritonModel(there.url)) for _ in range(SINGLE_CLIENTS)]
        clients = open_.enter_context(ThreadPoolExecutor(SINGLE_CLIENTS))

        def all_ask(ask: Callable[[TritonModel, Jets], object]) -> float:
            def one(number: int) -> list[float]:
                return [_seconds(ask, models[number], jet) for jet in singles[number::SINGLE_CLIENTS]]

            latencies[:] = [seconds for found in clients.map(one, range(SINGLE_CLIENTS)) for seconds in found]
            return len(jets)

        rates = in_turns(lambda: all_ask(TritonModel.predict), lambda: all_ask(_as_it_is), rounds)
        yield rates.row(f"{what}, {SINGLE_CLIENTS} clients", "jets/s", "jets not filled up to common lengths")
        all_ask(TritonModel.predict)
        yield from _latencies(f"{what}, {SINGLE_CLIENTS} clients", latencies)
        alone = [_seconds(TritonModel.predict, models[0], jet) for jet in singles[: len(singles) // 4]]
        yield from _latencies(f"{what}, 1 client", alone)


def _as_it_is(model: TritonModel, jet: Jets) -> NDArray[np.float32]:
    return model.infer(*pad(jet, 0, 1))


def _seconds(ask: Callable[[TritonModel, Jets], object], model: TritonModel, jet: Jets) -> float:
    begin = perf_counter()
    ask(model, jet)
    return perf_counter() - begin


def _latencies(what: str, seconds: list[float]) -> Iterator[Row]:
    for share in (50, 99):
        yield Row(f"{what}: p{share}", "ms", 1e3 * float(np.percentile(seconds, share)))
