"""The benchmarks' own harness: rows, turns, records, tables."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from benchmarks import __main__ as bench
from benchmarks import probe
from benchmarks.pairs import Rates, in_turns, spread
from benchmarks.record import Record, regressions
from benchmarks.rows import LIMIT, Row, within
from benchmarks.table import figure, replace_table, table

STEP = Row("PFN training step", "jets/s", 9000.0, 1500.0, "published", 6.0, 5.0, 0.1)


def test_a_limit_is_kept_from_the_side_that_is_better():
    fast = within("planner", "plans/s", 6000.0, 5000.0, better="more")
    slow = within("evaluation", "s", 25.0, 20.0, better="less")
    assert (fast.ratio, fast.peer_name, fast.is_missed) == (1.2, LIMIT, False)
    assert (slow.ratio, slow.is_missed) == (0.8, True)


def test_a_row_without_a_target_misses_nothing():
    assert not replace(STEP, target=None, ratio=0.1).is_missed
    assert not Row("machine: copy", "GB/s", 10.0).is_missed


def test_both_are_timed_as_often_and_begin_by_turns():
    asked = []

    def work(name, amount):
        return lambda: asked.append(name) or amount

    rates = in_turns(work("ours", 2.0), work("peer", 1.0), rounds=3, warm_up=1)
    turns = [asked[start : start + 2] for start in range(0, 8, 2)]
    assert turns == [["ours", "peer"], ["peer", "ours"], ["ours", "peer"], ["peer", "ours"]]
    assert len(rates.ours) == len(rates.peer) == 3, "the warm-up does not count"


def test_the_ratio_is_the_median_of_the_rounds_ratios():
    row = Rates((2.0, 8.0, 6.0), (1.0, 2.0, 2.0)).row("step", "jets/s", "published", target=2.5)
    assert (row.ours, row.peer, row.ratio, row.is_missed) == (6.0, 2.0, 3.0, False)
    # of 2, 3, 4 the 16 % and 84 % quantiles are 2.32 and 3.68
    assert row.spread == pytest.approx(0.68 / 3)


def test_the_spread_of_equal_rounds_is_none():
    assert spread([3.0, 3.0, 3.0]) == 0


def test_a_record_reads_back_as_it_was_written(tmp_path):
    record = Record({"cores": 2, "processor": "a"}, (STEP, Row("machine: copy", "GB/s", 10.0)))
    path = tmp_path / "results" / "2026-11-21-a-2-cores.json"
    record.write(path)
    assert Record.read(path) == record
    assert list(path.parent.iterdir()) == [path]


def test_only_a_ratio_well_below_the_recorded_one_is_told():
    recorded = [STEP, replace(STEP, name="other"), Row("machine: copy", "GB/s", 10.0)]
    now = [replace(STEP, ratio=3.0), replace(STEP, name="other", ratio=3.7), Row("machine: copy", "GB/s", 1.0)]
    assert regressions(now, recorded) == ["PFN training step: 3.00 times published, recorded was 6.00"]
    assert regressions([replace(STEP, name="new", ratio=0.1)], recorded) == []


def test_the_table_says_which_target_is_missed():
    lines = table([STEP, replace(STEP, ratio=4.0), Row("machine: copy", "GB/s", 10.0)]).splitlines()[2:]
    assert lines == [
        "| PFN training step | 9 k jets/s | published | 1.5 k | 6.00 ± 0.60 | 5 |",
        "| PFN training step | 9 k jets/s | published | 1.5 k | 4.00 ± 0.40 | 5 (missed) |",
        "| machine: copy | 10 GB/s |  |  |  |  |",
    ]


def test_figures_have_three_digits():
    assert [figure(value) for value in (0.12345, 12.345, 1234.5, 12_345_678)] == ["0.123", "12.3", "1.23 k", "12.3 M"]


def test_a_page_keeps_all_but_its_table(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\nafter\n")
    replace_table(page, [STEP])
    replace_table(page, [STEP])
    assert page.read_text() == f"before\n<!-- benchmarks -->\n{table([STEP])}\n<!-- /benchmarks -->\nafter\n"


def test_a_page_without_a_place_for_the_table_is_named(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("no marks\n")
    with pytest.raises(ValueError, match=r"README.md: no <!-- benchmarks -->"):
        replace_table(page, [STEP])
    assert page.read_text() == "no marks\n"


def test_a_record_refuses_two_rows_of_one_name():
    with pytest.raises(ValueError, match="two rows are called 'PFN training step', by which runs are compared"):
        Record({}, (STEP, replace(STEP, name="other"), STEP))


def test_a_whole_run_ends_at_the_subject_that_repeats_a_name(monkeypatch):
    asked = []
    monkeypatch.setattr(bench, "rows_of", lambda subject, **_: asked.append(subject) or [STEP])
    with pytest.raises(SystemExit, match="second has one of them"):
        bench.measured(["first", "second", "third"], quick=False)
    assert asked == ["first", "second"]


def test_a_subject_that_fails_does_not_undo_the_others(monkeypatch):
    found = {"first": [STEP], "second": None, "third": [replace(STEP, name="other")]}
    monkeypatch.setattr(bench, "rows_of", lambda subject, **_: found[subject])
    rows, failed = bench.measured(list(found), quick=True)
    assert [row.name for row in rows] == ["PFN training step", "other"]
    assert failed == ["second"]


def test_the_peak_of_memory_is_that_of_the_work_alone():
    held = np.ones(60_000_000)  # 0.48 GB of the process that asks
    found = probe.cost(partial, np.ones, 10_000_000)
    assert 0.08 < found.gigabytes < 0.4 < held.nbytes / 1e9
