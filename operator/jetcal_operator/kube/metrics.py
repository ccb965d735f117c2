"""The operator's numbers for Prometheus.

``Metrics()`` counts what it is told; ``watch(...)`` names the functions that are asked when somebody looks; ``page()``
is the text of ``/metrics``. No label holds the name of an object, so the series do not grow with the cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

PAGE_TYPE = CONTENT_TYPE_LATEST
disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody reads
_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)


class _Table(Collector):
    """A gauge with one label whose values are asked for as a whole: a row that vanishes leaves no last value behind."""

    def __init__(self, name: str, meaning: str, label: str) -> None:
        self._head = name, meaning, label
        self.rows: Callable[[], Mapping[str, float]] = dict

    def collect(self) -> Iterator[GaugeMetricFamily]:
        name, meaning, label = self._head
        family = GaugeMetricFamily(name, meaning, labels=[label])
        for row, value in sorted(self.rows().items()):
            family.add_metric([row], value)
        yield family


class Metrics:
    """Counters, gauges and a histogram in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._reconciles = Counter(
            "jetcal_reconciles", "Reconciles by result: ok, waiting, error.", ["result"], registry=registry
        )
        self._seconds = Histogram(
            "jetcal_reconcile_seconds", "Duration of one reconcile.", buckets=_SECONDS, registry=registry
        )
        self._errors = Counter("jetcal_errors", "Failed reconciles by reason.", ["reason"], registry=registry)
        self._calls = Counter(
            "jetcal_api_calls",
            "Calls to the API server; code 0 is one without an answer.",
            ["verb", "kind", "code"],
            registry=registry,
        )
        self._depth = Gauge("jetcal_queue_depth", "Resources that wait for a reconcile.", registry=registry)
        self._oldest = Gauge("jetcal_queue_oldest_seconds", "Age of the longest wait.", registry=registry)
        self._leader = Gauge("jetcal_leader", "1 while this process holds the lease.", registry=registry)
        self._stalled = Gauge("jetcal_stalled", "JetCalibrations that wait for a person.", registry=registry)
        self._stages = _Table("jetcal_resources", "JetCalibrations by the stage that they are in.", "stage")
        self._ages = _Table("jetcal_last_event_seconds", "Seconds since a watch last gave a sign of life.", "kind")
        registry.register(self._stages)
        registry.register(self._ages)

    def watch(
        self,
        *,
        depth: Callable[[], float],
        oldest: Callable[[], float],
        leader: Callable[[], bool],
        ages: Callable[[], Mapping[str, float]],
        stages: Callable[[], Mapping[str, float]],
        stalled: Callable[[], float],
    ) -> None:
        """Name the functions that are asked for what each gauge shows."""
        self._depth.set_function(depth)
        self._oldest.set_function(oldest)
        self._leader.set_function(leader)
        self._ages.rows = ages
        self._stages.rows = stages
        self._stalled.set_function(stalled)

    def reconciled(self, result: str, seconds: float) -> None:
        """One reconcile has ended: ``ok``, ``waiting`` or ``error``."""
        self._reconciles.labels(result).inc()
        self._seconds.observe(seconds)

    def error(self, reason: str) -> None:
        """A reconcile has failed; the reason is one of few words, never a message."""
        self._errors.labels(reason).inc()

    def called(self, verb: str, kind: str, code: int) -> None:
        """A call to the API server has ended; code 0 if no answer came."""
        self._calls.labels(verb, kind, str(code)).inc()

    def page(self) -> bytes:
        """The text that Prometheus reads, of type `PAGE_TYPE`."""
        return generate_latest(self.registry)
