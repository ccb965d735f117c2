"""Where the local tritonserver can run, and what is said where it cannot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jetcal_operator.local.triton import environment
from jetcal_operator.local.triton.server import complaint


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (("Darwin", "arm64", ("", "")), "runs on Linux x86-64 only, this is Darwin arm64"),
        (("Linux", "aarch64", ("glibc", "2.39")), "this is Linux aarch64"),
        (("Linux", "x86_64", ("glibc", "2.34")), "needs glibc 2.35 or newer, this machine has glibc 2.34"),
        (("Linux", "x86_64", ("", "")), "this machine has another C library"),
    ],
)
def test_a_machine_that_cannot_run_the_wheel_is_told_why(machine: tuple, reason: str) -> None:
    assert reason in environment.obstacle(*machine)


@pytest.mark.parametrize("version", ["2.35", "2.36", "2.41", "3.0"])
def test_a_newer_machine_can(version: str) -> None:
    assert environment.obstacle("Linux", "x86_64", ("glibc", version)) is None


def test_every_wheel_is_pinned_by_hash() -> None:
    lines = environment.REQUIREMENTS.read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert any(pin.startswith(f"nvidia-pytriton=={environment.WHEEL} ") for pin in pins)
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert sum("--hash=sha256:" in line for line in lines) >= len(pins)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environment, "obstacle", lambda *_: None)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return tmp_path / "cache"


def test_wheels_that_cannot_be_had_leave_nothing_behind(offline: Path) -> None:
    told: list[str] = []
    with pytest.raises(environment.TritonUnavailable, match=r"could not be made .*with a network, run again"):
        asyncio.run(environment.prepare_environment(told.append, offline))
    assert str(offline) in told[0]
    assert not list(offline.iterdir())


def test_a_cache_that_cannot_be_written_is_named(offline: Path) -> None:
    offline.write_text("a file")
    with pytest.raises(environment.TritonUnavailable, match=f"cannot write to {offline} .*XDG_CACHE_HOME"):
        asyncio.run(environment.prepare_environment(print, offline))


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ([], "it wrote nothing"),
        (["I1121 09:46:17.158760 1 server.cc:321] starting", ""], "starting"),
        (
            [
                r"""E1121 09:46:17 1 model.cc:6] "failed to load 'jetcal' version 1: Internal: bad\n\nAt: x.py" """,
                "I1121 09:46:17 1 model.cc:7] \"failed to load 'jetcal'\"",
                "error: creating server: Internal - failed to load all models",
            ],
            "failed to load 'jetcal' version 1: Internal: bad",
        ),
        (["stub: error while loading shared libraries: libpython3.11.so.1.0", "later"], "libpython3.11.so.1.0"),
    ],
)
def test_the_cause_is_found_in_the_log(log: list[str], cause: str) -> None:
    assert cause in complaint(log)
