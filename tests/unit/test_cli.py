"""The command line as a whole: help that teaches, quick start, and a missing extra said in one sentence."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import click
import pytest
from click.testing import CliRunner

from jetcal import cli
from jetcal.errors import JetcalError, TransientError

COMMANDS = sorted(point.name for point in entry_points(group="jetcal.commands"))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_tells_purpose_and_gives_an_example(command: str) -> None:
    result = CliRunner().invoke(cli.main, [command, "--help"])
    assert result.exit_code == 0, result.output
    assert f"jetcal {command}" in result.output.split("Usage:")[1].split("\n", 1)[1], "an example of a call is missing"


def test_help_imports_nothing_heavy() -> None:
    probe = (
        "import sys; from click.testing import CliRunner; from jetcal.cli import main; "
        "result = CliRunner().invoke(main, ['--help']); assert result.exit_code == 0, result.output; "
        "heavy = {'torch', 'awkward', 'uproot', 'optuna', 'matplotlib', 'boto3', 'onnxruntime'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("module", "extra"),
    [("optuna", "local"), ("torch", "worker"), ("pythia8mc", "simulate"), ("kubernetes", "operator")],
)
def test_a_missing_extra_answers_with_the_line_to_type(
    monkeypatch: pytest.MonkeyPatch, module: str, extra: str
) -> None:
    house = {
        "local": "jetcal_operator.local.x",
        "operator": "jetcal_operator.kube.x",
        "simulate": "jetcal.simulation.x",
        "worker": "jetcal.training.x",
    }[extra]

    @click.command()
    def needy() -> None:
        raise ModuleNotFoundError(name=module)

    class Point:
        name = "needy"
        module = house

        def load(self) -> click.Command:
            return needy

    monkeypatch.setattr(cli, "_registered", lambda: {"needy": Point()})
    result = CliRunner().invoke(cli.main, ["needy"])
    assert result.exit_code == 1
    assert result.output == f"Error: 'jetcal needy' needs {module}: type  pip install 'jetcal[{extra}]'\n"


@pytest.mark.parametrize(("error", "code"), [(JetcalError("no tree in a.root"), 1), (TransientError("s3 away"), 128)])
def test_expected_errors_end_in_one_sentence_and_their_exit_code(
    monkeypatch: pytest.MonkeyPatch, error: JetcalError, code: int
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    class Point:
        module = "jetcal.training.x"

        def load(self) -> click.Command:
            return failing

    monkeypatch.setattr(cli, "_registered", lambda: {"failing": Point()})
    result = CliRunner().invoke(cli.main, ["failing"])
    assert result.exit_code == code
    assert result.output == f"Error: {error}\n"


def test_an_unknown_command_is_refused_without_a_traceback() -> None:
    result = CliRunner().invoke(cli.main, ["calibrate"])
    assert result.exit_code == 2
    assert "No such command 'calibrate'" in result.output
