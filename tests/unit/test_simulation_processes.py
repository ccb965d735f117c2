"""Child processes: results, failures, deaths, and none left behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from jetcal.errors import JetcalError
from jetcal.simulation.processes import run_tasks


def square(number):
    return number**2


def process_number():
    return os.getpid()


def refuse(sentence):
    raise JetcalError(sentence)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_ever(folder):
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(600)


def test_every_task_is_answered_under_its_number():
    assert sorted(run_tasks(square, [(3,), (5,), (7,)], processes=2)) == [(0, 9), (1, 25), (2, 49)]


def test_each_task_has_a_process_of_its_own():
    numbers = {number for _, number in run_tasks(process_number, [(), ()], processes=1)}
    assert len(numbers | {os.getpid()}) == 3


def test_an_expected_error_arrives_as_it_was_raised():
    with pytest.raises(JetcalError, match="the disk is full"):
        list(run_tasks(refuse, [("the disk is full",)], processes=1))


def test_a_process_that_dies_is_named():
    with pytest.raises(JetcalError, match=r"died \(exit code -9\).*--processes"):
        list(run_tasks(die, [()], processes=1))


def test_no_process_outlives_an_interruption(tmp_path):
    tasks = run_tasks(_wait_or_answer, [(str(tmp_path), 0), (str(tmp_path), 1)], processes=2)
    assert next(tasks) == (1, "answered")
    (waiting,) = tmp_path.iterdir()
    child = psutil.Process(int(waiting.name))
    tasks.close()
    assert not child.is_running()


def _wait_or_answer(folder, number):
    if number == 0:
        wait_for_ever(folder)
    deadline = time.monotonic() + 60
    while not list(Path(folder).iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return "answered"
