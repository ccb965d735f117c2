"""`jetcal simulate` as a user types it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import uproot

SMALL = ("--jets", "60", "--files", "2", "--seed", "5", "--pool-size", "100")
DEADLINE = 240


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def environment(cache):
    return {**os.environ, "XDG_CACHE_HOME": str(cache), "OMP_NUM_THREADS": "1"}


def command(*arguments):
    return [sys.executable, "-m", "jetcal.cli", "simulate", *map(str, arguments)]


@pytest.fixture
def simulate(environment):
    def run(*arguments, **options):
        return subprocess.run(
            command(*arguments),
            env=environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
            **options,
        )

    return run


@pytest.fixture(scope="module")
def sample(cache, tmp_path_factory):
    """A small sample, made by two processes."""
    folder = tmp_path_factory.mktemp("sample")
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command(folder, *SMALL, "--processes", "2"), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def arrays(path):
    with uproot.open(path) as file:
        return file["AK4jets/jetTree"].arrays(library="np")


def assert_same_jets(left, right):
    left, right = arrays(left), arrays(right)
    assert left.keys() == right.keys()
    for name, column in left.items():
        if column.dtype == object:
            assert all(np.array_equal(a, b) for a, b in zip(column, right[name], strict=True)), name
        else:
            assert np.array_equal(column, right[name]), name


def test_help_shows_an_example_to_copy(simulate):
    assert "    jetcal simulate jets --jets 60000 --files 6 --processes 2\n" in simulate("--help").stdout


def test_one_line_tells_of_each_file(sample):
    folder, output = sample
    assert sorted(path.name for path in folder.glob("[!.]*")) == [
        "JetNtuple_1.root",
        "JetNtuple_2.root",
        "simulation.json",
    ]
    assert len(re.findall(r"^JetNtuple_\d\.root: 30 jets in .* jets/s a core$", output, re.MULTILINE)) == 2
    assert json.loads((folder / "simulation.json").read_text())["seed"] == 5


def test_events_are_unique_over_files(sample):
    folder, _ = sample
    first, second = (arrays(folder / f"JetNtuple_{number}.root") for number in (1, 2))
    assert not set(first["event"]) & set(second["event"])
    assert not np.isin(first["jetPt"], second["jetPt"]).any()


def test_one_process_and_an_empty_cache_give_the_same_jets(sample, simulate, environment, tmp_path):
    folder, _ = sample
    environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    done = simulate(tmp_path / "again", *SMALL, "--processes", "1")
    assert done.returncode == 0, done.stderr
    for number in (1, 2):
        assert_same_jets(folder / f"JetNtuple_{number}.root", tmp_path / "again" / f"JetNtuple_{number}.root")


def test_a_second_run_keeps_whole_files_and_makes_missing_ones_anew(sample, simulate):
    folder, _ = sample
    first, second = folder / "JetNtuple_1.root", folder / "JetNtuple_2.root"
    kept, before = first.stat().st_mtime_ns, arrays(second)["jetPt"]
    assert "there already" in simulate(folder, *SMALL).stdout
    second.unlink()
    (folder / ".JetNtuple_2.root.1.part").write_bytes(b"half")
    done = simulate(folder, *SMALL)
    assert done.returncode == 0, done.stderr
    assert first.stat().st_mtime_ns == kept
    assert np.array_equal(arrays(second)["jetPt"], before)
    assert not list(folder.glob("*.part")) + list(folder.glob(".*.part"))


def test_another_seed_shares_nothing(sample, simulate, tmp_path):
    folder, _ = sample
    done = simulate(tmp_path, "--jets", 30, "--seed", 6, "--pool-size", 100)
    assert done.returncode == 0, done.stderr
    ours, theirs = arrays(folder / "JetNtuple_1.root"), arrays(tmp_path / "JetNtuple_1.root")
    assert set(ours["run"]) == {5}
    assert set(theirs["run"]) == {6}
    assert not np.isin(np.concatenate(ours["PF_pT"]), np.concatenate(theirs["PF_pT"])).any()


def test_jets_are_held_against_those_of_cms(sample, simulate, tmp_path):
    folder, _ = sample
    done = simulate(folder, "--validate")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Like CMS: ")
    assert json.loads((folder / "validation.json").read_text())["sample"]["seed"] == 5
    for name in ("validation.html", "validation.json"):
        (folder / name).unlink()
    refused = simulate(tmp_path, "--validate")
    assert refused.returncode == 1
    assert refused.stderr == (f"Error: {tmp_path} holds no file JetNtuple_*.root: simulate some jets into it first\n")


def test_a_systematic_sample_has_its_own_folder(sample, simulate, tmp_path):
    folder, _ = sample
    assert "(variation" in simulate(folder, *SMALL, "--variation", "detector").stderr
    done = simulate(tmp_path, "--jets", 30, "--seed", 5, "--pool-size", 100, "--variation", "generator")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "simulation.json").read_text())["variation"] == "generator"
    assert simulate(tmp_path, "--variation", "moon").returncode == 2


def test_a_folder_with_other_settings_is_left_alone(sample, simulate):
    folder, _ = sample
    done = simulate(folder, *SMALL, "--pileup", 40)
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: {folder} holds jets of other settings (pileup differ): remove it or choose another folder\n"
    )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--jets", 0), r"--jets must lie in 1\.\.1000000000, not 0"),
        (("--jets", 2, "--files", 5), "5 files cannot share 2 jets: ask for at most as many files as jets"),
        (("--seed", -1), r"--seed must lie in 1\.\..*, not -1"),
        (("--pileup", "nan"), r"--pileup must lie in 0\.\.200, not nan"),
        (("--processes", 0), "--processes must be at least 1, not 0"),
    ],
)
def test_nonsense_is_refused_in_one_sentence(simulate, tmp_path, options, sentence):
    done = simulate(tmp_path / "out", *options)
    assert done.returncode == 1
    assert re.fullmatch(f"Error: {sentence}\n", done.stderr)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_named(simulate, tmp_path):
    (tmp_path / "file").touch()
    done = simulate(tmp_path / "file" / "out", *SMALL)
    assert done.returncode == 1
    assert re.fullmatch(r"Error: .*/file/out cannot be written \(Not a directory\): choose another.*\n", done.stderr)


def test_two_simulations_do_not_write_to_one_folder(simulate, tmp_path):
    with (tmp_path / ".simulation.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = simulate(tmp_path, *SMALL)
    assert done.returncode == 1
    assert "another simulation is writing" in done.stderr


@pytest.mark.usefixtures("sample")
def test_no_room_for_a_file_ends_in_one_sentence(simulate, tmp_path):
    """A limit on the size of files stands for the full disk; the pool is in the cache already."""
    done = simulate(
        tmp_path, *SMALL, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    )
    assert done.returncode == 1
    assert re.fullmatch(r"Error: no room for .*\.root \(File too large\): free some space .*\n", done.stderr)
    assert not list(tmp_path.glob("*.root")) + list(tmp_path.glob(".*.part"))


def wait_until(condition):
    deadline = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_simulation_leaves_no_process_and_goes_on_later(environment, simulate, tmp_path, number):
    options = ("--jets", 100_000, "--files", 2, "--seed", 5, "--pool-size", 100, "--processes", 2)
    with subprocess.Popen(
        command(tmp_path, *options), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: len(list(tmp_path.glob(".*.part"))) == 2)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        _, errors = process.communicate(timeout=DEADLINE)
    assert children
    wait_until(lambda: not any(child.is_running() and child.status() != "zombie" for child in children))
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert errors == f"stopped: whole files in {tmp_path} are kept, the same command goes on from there\n"
        assert not list(tmp_path.glob(".*.part"))
    assert not list(Path(tmp_path).glob("*.root"))
    refused = simulate(tmp_path, *SMALL)
    assert "holds jets of other settings (jets differ)" in refused.stderr
    assert not list(tmp_path.glob(".*.part"))
