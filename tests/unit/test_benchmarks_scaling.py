"""How a record's rows about growth become tables, pictures and core-hours."""

from __future__ import annotations

import pytest
from benchmarks.pages import fill
from benchmarks.probe import Cost
from benchmarks.record import Record
from benchmarks.rows import Row
from benchmarks.scaling import costs, drawing, sizes
from benchmarks.scaling.points import Point, curves

RATES = {"training": 6000.0, "validation": 2000.0, "inference": 1000.0}


def rows():
    """Rows of all axes: one core prepares 50 000 jets a second, PFN and ParticleNet are as fast as each other."""
    points = {
        Point("prepare, one process", 100_000, "jets"): (3.0, None),
        Point("prepare, one process", 1_000_000, "jets"): (20.0, None),
        Point("evaluation", 10_000, "jets"): (1.0, None),
        Point("evaluation", 40_000, "jets"): (2.0, None),
    }
    for network in ("PFN", "ParticleNet"):
        for what, rate in RATES.items():
            points[Point(f"{network} {what}", 1024, "jets a batch")] = (1000 / rate, 1000)
        points[Point(f"{network} training", 64, "jets a batch")] = (1.0, 1000)
        for constituents in (10, 100):
            points[Point(f"{network} training", constituents, "constituents a jet")] = (constituents / 100, 1000)
        for parameters in (50_000, 200_000):
            points[Point(f"{network} training", parameters, "parameters")] = (1.0, 1000)
    measured = [
        row
        for point, (seconds, jets) in points.items()
        for row in point.rows(Cost(seconds, 0.8 if point.size == 40_000 else 0.5), jets)
    ]
    return [*measured, Point("plan", 30, "trials").row("time", "s", 2e-4)]


def test_a_point_is_found_again_in_its_rows():
    assert curves(rows(), "jets")["prepare, one process"] == {
        100_000: {"time": 3.0, "memory": 0.5},
        1_000_000: {"time": 20.0, "memory": 0.5},
    }
    assert curves(rows(), "jets a batch")["PFN training"][1024]["rate"] == pytest.approx(6000)
    assert set(curves(rows(), "jets a batch")["PFN training"]) == {64, 1024}


def test_each_axis_has_a_table_with_a_column_for_each_size():
    tables = sizes.tables(rows()).split("\n\n")
    assert tables[0].splitlines() == [
        "| jets | 10 k | 40 k | 100 k | 1 M |",
        "|---|---:|---:|---:|---:|",
        "| prepare, one process |  |  | 3 s, 0.50 GB | 20 s, 0.50 GB |",
        "| evaluation | 1 s, 0.50 GB | 2 s, 0.80 GB |  |  |",
    ]
    assert tables[-1].splitlines()[-1] == "| plan | 0.2 ms |"


def test_core_hours_follow_from_the_rates_of_one_core():
    lines = costs.table(rows()).splitlines()
    # 14 M jets at 50 000 a second are 280 s
    assert lines[3] == "| prepare | 1 x | 50 k | 0.078 | 5.6 |"
    # an epoch takes 0.6 of the jets at 6000 and 0.2 at 2000: 0.8 in 0.2 ms, 4000 a second; 16 times 1e9 of them
    assert lines[5] == "| training of 20 epochs | 16 x | 4 k | 16 | 1 111 |"
    assert lines[7] == "| test jets evaluated | 0.2 x | 20 k | 0.039 | 2.8 |"
    assert lines[8] == "| all jets corrected | 1 x | 1 k | 3.9 | 278 |"


def test_the_memory_of_an_evaluation_goes_on_along_its_two_largest_sizes():
    # 0.3 GB for 30 000 jets: 10 GB for a million, of which the samples' test parts hold 2.8 and 200
    assert "28 GB and 2000 GB" in costs.memory(rows())


def test_pictures_of_the_same_rows_are_the_same(tmp_path):
    first, second = (drawing.draw(rows(), tmp_path / name) for name in ("first", "second"))
    assert [path.name for path in first] == ["scaling-data.svg", "scaling-networks.svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_pages_show_a_record_and_keep_their_words(tmp_path):
    performance = tmp_path / "docs" / "performance.md"
    performance.parent.mkdir()
    marks = "".join(
        f"<!-- {mark} -->\n<!-- /{mark} -->\nwords\n" for mark in ("machine", "benchmarks", "scaling", "costs")
    )
    performance.write_text(marks)
    (tmp_path / "README.md").write_text("<!-- benchmarks -->\n<!-- /benchmarks -->\n")
    machine = {"cores": 2, "processor": "A", "memory_gb": 8.0, "accelerator": "none", "torch": "2", "onnxruntime": "1"}
    copy = Row("machine: copy", "GB/s", 12.0)
    fill(tmp_path, Record({**machine, "load": 0.1}, (*rows(), copy)))
    text = performance.read_text()
    assert sizes.tables(rows()) in text
    assert costs.table(rows()) in text
    assert "load of others at the start 0.1. One core: copy 12 GB/s." in text
    assert text.count("words\n") == 4
    assert (tmp_path / "docs" / "images" / "scaling-data.svg").exists()
    assert "scaling" not in (tmp_path / "README.md").read_text()
