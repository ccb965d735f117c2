from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from jetcal_operator.kube.metrics import Metrics


def samples(metrics):
    families = text_string_to_metric_families(metrics.page().decode())
    return {
        (s.name, *(value for _, value in sorted(s.labels.items()))): s.value
        for family in families
        for s in family.samples
    }


QUIET = {"depth": int, "oldest": float, "leader": bool, "ages": dict, "stages": dict, "stalled": int}


@pytest.fixture
def metrics():
    made = Metrics()
    made.watch(**QUIET)
    return made


def test_what_is_told_is_counted(metrics):
    metrics.reconciled("ok", 0.02)
    metrics.reconciled("ok", 0.2)
    metrics.reconciled("error", 2)
    metrics.error("Conflict")
    metrics.called("patch", "Job", 200)
    metrics.called("patch", "Job", 0)
    found = samples(metrics)
    assert found["jetcal_reconciles_total", "ok"] == 2
    assert found["jetcal_reconciles_total", "error"] == 1
    assert found["jetcal_reconcile_seconds_count",] == 3
    assert found["jetcal_reconcile_seconds_bucket", "0.1"] == 1
    assert found["jetcal_errors_total", "Conflict"] == 1
    assert found["jetcal_api_calls_total", "200", "Job", "patch"] == 1
    assert found["jetcal_api_calls_total", "0", "Job", "patch"] == 1


def test_what_is_watched_is_asked_for_when_somebody_looks(metrics):
    metrics.watch(
        depth=lambda: 3,
        oldest=lambda: 7.5,
        leader=lambda: True,
        ages=lambda: {"Job": 2.0, "Pod": 1.0},
        stages=lambda: {"Training": 2},
        stalled=lambda: 4,
    )
    found = samples(metrics)
    assert found["jetcal_queue_depth",] == 3
    assert found["jetcal_queue_oldest_seconds",] == 7.5
    assert found["jetcal_leader",] == 1
    assert found["jetcal_last_event_seconds", "Job"] == 2
    assert found["jetcal_resources", "Training"] == 2
    assert found["jetcal_stalled",] == 4


def test_a_row_that_has_vanished_leaves_no_number_behind(metrics):
    metrics.watch(**QUIET | {"stages": lambda: {"Training": 2, "Tuning": 1}})
    assert samples(metrics)["jetcal_resources", "Tuning"] == 1
    metrics.watch(**QUIET | {"stages": lambda: {"Training": 3}})
    found = samples(metrics)
    assert found["jetcal_resources", "Training"] == 3
    assert ("jetcal_resources", "Tuning") not in found


def test_two_engines_in_one_process_count_apart():
    first, second = Metrics(), Metrics()
    first.error("Conflict")
    assert ("jetcal_errors_total", "Conflict") not in samples(second)


def test_memory_and_processor_time_are_told_too(metrics):
    found = samples(metrics)
    assert found["process_resident_memory_bytes",] > 1e6
    assert found["process_cpu_seconds_total",] > 0
