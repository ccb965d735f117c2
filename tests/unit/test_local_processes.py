"""Processes behind their guard, and the machine's shares."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.machine import turns_true

from jetcal_operator.local.machine import Amounts, Machine, installed, quantity
from jetcal_operator.local.processes import Process, explain_exit

DEADLINE_SECONDS = 20
STRAY = "setsid sh -c 'echo $$ > {0}.tmp; mv {0}.tmp {0}; exec sleep 1000' & "
"""Starts a process in a session of its own, as torchrun does, which writes its id to a file."""


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def pid_in(path):
    return wait_for(lambda: path.exists() and int(path.read_text()))


async def exit_code(tmp_path, script):
    process = await Process.start(["sh", "-c", script], os.environ, tmp_path / "log")
    return await process.wait()


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
def test_exit_codes_are_those_a_kubelet_reports(tmp_path, script, code):
    assert asyncio.run(exit_code(tmp_path, script)) == code


def test_a_command_that_cannot_be_started_says_so(tmp_path):
    async def start():
        process = await Process.start([str(tmp_path / "missing")], os.environ, tmp_path / "log")
        return await process.wait()

    assert asyncio.run(start()) == 127
    assert "cannot be started: No such file" in (tmp_path / "log").read_text()


def test_output_is_appended_to_the_log(tmp_path):
    asyncio.run(exit_code(tmp_path, "echo one"))
    asyncio.run(exit_code(tmp_path, "echo two >&2"))
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_what_a_program_leaves_behind_is_killed_with_its_end(tmp_path):
    script = STRAY.format(tmp_path / "stray") + f"while [ ! -e {tmp_path}/stray ]; do sleep 0.01; done"
    assert asyncio.run(exit_code(tmp_path, script)) == 0
    assert not alive(pid_in(tmp_path / "stray"))


def test_stopping_asks_first_and_kills_after_the_grace(tmp_path):
    async def stop(script, grace):
        process = await Process.start(["sh", "-c", script], os.environ, tmp_path / "log")
        await turns_true((tmp_path / "up").exists)
        (tmp_path / "up").unlink()
        await process.stop(grace)
        return await process.wait()

    up = f"touch {tmp_path}/up; while :; do sleep 0.05; done"
    assert asyncio.run(stop(f"trap 'echo saved; exit 143' TERM; {up}", DEADLINE_SECONDS)) == 143
    assert (tmp_path / "log").read_text() == "saved\n"
    assert asyncio.run(stop(f"trap '' TERM; {up}", 0.1)) == 137


RUNNER = """
import asyncio, os, sys
from pathlib import Path
from jetcal_operator.local.processes import Process
async def main():
    process = await Process.start(["sh", "-c", sys.argv[1]], os.environ, Path(sys.argv[2]))
    await process.wait()
asyncio.run(main())
"""


def test_nothing_outlives_a_runner_that_is_killed(tmp_path):
    script = STRAY.format(tmp_path / "stray") + f"echo $$ > {tmp_path}/own; exec sleep 1000"
    with subprocess.Popen([sys.executable, "-c", RUNNER, script, tmp_path / "log"]) as runner:
        pids = [pid_in(tmp_path / "stray"), pid_in(tmp_path / "own")]
        assert all(map(alive, pids))
        runner.kill()
    wait_for(lambda: not any(map(alive, pids)))


def test_a_program_does_not_outlive_its_guard(tmp_path):
    async def kill_guard():
        process = await Process.start(
            ["sh", "-c", f"echo $$ > {tmp_path}/own; exec sleep 1000"], os.environ, tmp_path / "log"
        )
        await turns_true((tmp_path / "own").exists)
        os.kill(process.pid, signal.SIGKILL)
        return await process.wait()

    assert asyncio.run(kill_guard()) == 137
    pid = pid_in(tmp_path / "own")
    wait_for(lambda: not alive(pid))


def test_exit_codes_in_words():
    assert "out of memory?" in explain_exit(137)
    assert explain_exit(143) == "was ended by SIGTERM"
    assert explain_exit(7) == "ended with exit code 7"


@pytest.mark.parametrize(
    ("text", "value"), [("2", 2), ("500m", 0.5), ("4Gi", 4 * 2**30), ("1.5k", 1500), ("3M", 3e6), ("2Ti", 2**41)]
)
def test_quantities(text, value):
    assert quantity(text) == pytest.approx(value)


def test_a_wrong_quantity_is_refused():
    with pytest.raises(ValueError, match="no quantity"):
        quantity("4 GB")


def test_the_machine_has_something():
    total, gpus = installed()
    assert total.cpu >= 1
    assert total.memory > 2**28
    assert total.gpus == len(gpus)


def test_no_more_is_used_at_once_than_there_is():
    async def measure():
        machine = Machine(Amounts(2, 8, 0), (), lambda _: None)
        used = peak = 0

        async def work(cpu):
            nonlocal used, peak
            async with machine.reserve(Amounts(cpu, 1, 0)):
                used += cpu
                peak = max(peak, used)
                await asyncio.sleep(0)
                used -= cpu

        await asyncio.gather(*(work(cpu) for cpu in (1, 2, 1, 1, 2, 1)))
        return used, peak

    assert asyncio.run(measure()) == (0, 2)


def test_a_request_beyond_the_machine_is_clamped_with_one_warning():
    async def reserve():
        told = []
        machine = Machine(Amounts(2, 2**33, 0), (), told.append)
        for _ in range(2):
            async with machine.reserve(Amounts(4, 12 * 2**30, 1)) as share:
                assert share.cpu == 2
                assert share.gpus == ()
        return told

    assert asyncio.run(reserve()) == [
        "4 cores, 12 GiB, 1 GPUs are asked for, this machine has 2 cores, 8 GiB: going on with 2 cores, 8 GiB"
    ]


def test_each_gpu_has_one_user():
    async def reserve():
        machine = Machine(Amounts(8, 8, 2), ("0", "1"), lambda _: None)
        async with machine.reserve(Amounts(1, 1, 1)) as one, machine.reserve(Amounts(1, 1, 1)) as two:
            waiting = asyncio.ensure_future(machine.reserve(Amounts(1, 1, 1)).__aenter__())
            await asyncio.sleep(0)
            assert not waiting.done()
            waiting.cancel()
            return one.gpus + two.gpus

    assert asyncio.run(reserve()) == ("0", "1")
