"""The life of a stage command: adopt a finished result or publish a new one, and end with the right exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

import click
from pydantic import ValidationError

from jetcal import storage
from jetcal.errors import PERMANENT, TERMINATED, TRANSIENT, JetcalError
from jetcal.storage import NotFoundError, local
from jetcal_api.documents import StageInput
from jetcal_api.results import MESSAGE_LIMIT, Result

Input = TypeVar("Input", bound=StageInput)
Outcome = TypeVar("Outcome", bound=Result)

_BROKEN_PIPE = 128 + signal.SIGPIPE
_INTERRUPTED = 128 + signal.SIGINT
_RANDOM_ATTEMPT = uuid.uuid4().hex


def read_input(kind: type[Input]) -> Input:
    """The stage's document from ``JETCAL_CALIBRATION``.

    Raises
    ------
    JetcalError
        If it is missing, of another stage, or not as the contract says.
    """
    text = os.environ.get("JETCAL_CALIBRATION")
    if not text:
        error = (
            f"JETCAL_CALIBRATION is not set; it holds the {kind.__name__} that 'jetcal run' or the operator hands over"
        )
        raise JetcalError(error)
    try:
        return kind.model_validate_json(text)
    except ValidationError as invalid:
        error = f"JETCAL_CALIBRATION is no {kind.__name__}: {_first(invalid)}"
        raise JetcalError(error) from invalid


def stage_uri(document: StageInput, *parts: str) -> str:
    """``<storage>/<stage>/<fingerprint>[/parts]``."""
    return storage.join(document.storage, document.stage, document.fingerprint, *parts)


def result_uri(document: StageInput, *parts: str) -> str:
    """Where the stage's result is published: ``<stage uri>[/parts]/result.json``."""
    return stage_uri(document, *parts, "result.json")


def attempt_uri(document: StageInput, *parts: str) -> str:
    """Folder of this attempt's artefacts: ``<stage uri>/attempts/<uid>[/parts]``.

    ``uid`` is ``JETCAL_POD_UID``; without it a random one, the same throughout the process.
    """
    return stage_uri(document, "attempts", os.environ.get("JETCAL_POD_UID") or _RANDOM_ATTEMPT, *parts)


def find_result(document: StageInput, kind: type[Outcome], *parts: str) -> Outcome | None:
    """The stage's published result, or None.

    Raises
    ------
    JetcalError
        If what lies there is no such result.
    """
    return read_result(result_uri(document, *parts), kind)


def load_result(folder: str, stage: str, fingerprint: str, kind: type[Outcome], *parts: str) -> Outcome:
    """The published result of an earlier stage.

    Parameters
    ----------
    folder
        The calibration's storage.
    stage, fingerprint, parts
        Name the result: ``<folder>/<stage>/<fingerprint>[/parts]/result.json``.

    Raises
    ------
    JetcalError
        If that stage has not been made.
    """
    uri = storage.join(folder, stage, fingerprint, *parts, "result.json")
    result = read_result(uri, kind)
    if result is None:
        error = f"{uri}: no result; the stage '{stage}' must be made first"
        raise JetcalError(error)
    return result


def read_result(uri: str, kind: type[Outcome]) -> Outcome | None:
    """The result at ``uri``, or None; raises ``JetcalError`` if what lies there is no such result."""
    try:
        return kind.model_validate_json(storage.read_bytes(uri))
    except NotFoundError:
        return None
    except ValidationError as invalid:
        error = f"{uri}: is no {kind.__name__} ({_first(invalid)}); delete it to have the stage made again"
        raise JetcalError(error) from invalid


def publish(result: Outcome) -> Outcome:
    """Publish ``result`` at its uri, unless another attempt was quicker.

    Returns
    -------
    Result
        The published one: of twins exactly one wins, the others adopt it.
    """
    text = result.model_dump_json(by_alias=True, exclude_none=True, indent=1)
    if storage.put_if_absent(result.uri, text.encode()):
        return result
    winner = read_result(result.uri, type(result))
    if winner is None:
        error = f"{result.uri}: was deleted while it was read; run again"
        raise JetcalError(error)
    return winner


def finish(result: Result) -> None:
    """Hand the result to the operator as the container's termination message."""
    _leave_message(result.message())


@contextmanager
def stage() -> Iterator[None]:
    """The frame of a stage command: every failure ends in one sentence and the exit code of the contract.

    Also a decorator, ``@stage()``. The sentence goes to stderr and to the termination log; SIGTERM ends with 143, a
    bug with its traceback on stderr and 1.
    """
    try:
        with _terminable():
            yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except JetcalError as error:
        _fail(str(error), error.exit_code)
    except BrokenPipeError:
        _close_stdout()
        sys.exit(_BROKEN_PIPE)
    except KeyboardInterrupt:
        _fail("interrupted", _INTERRUPTED)
    except MemoryError:
        _fail("out of memory; give the stage more (resources.memory) or close other programs", PERMANENT)
    except (ConnectionError, TimeoutError) as error:
        traceback.print_exc()
        _fail(f"lost a connection ({error})", TRANSIENT)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            _fail(str(local.translate(error, error.filename or storage.scratch_folder())), PERMANENT)
        _fail_unexpectedly(error)
    except Exception as error:  # noqa: BLE001  # the last frame before the user
        _fail_unexpectedly(error)


class _Terminated(SystemExit):
    """SIGTERM as an exit, so that blocks are left in order."""


@contextmanager
def _terminable() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise _Terminated(TERMINATED)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except _Terminated:
        _fail("stopped by SIGTERM; run again to go on", TERMINATED)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _fail_unexpectedly(error: Exception) -> NoReturn:
    traceback.print_exc()
    place = traceback.extract_tb(error.__traceback__)[-1]
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    where = f"{Path(place.filename).name}:{place.lineno}"
    _fail(f"unexpected {what} ({where}); this is a bug, the log has its traceback", PERMANENT)


def _fail(sentence: str, code: int) -> NoReturn:
    click.echo(f"Error: {sentence}", err=True)
    _leave_message(sentence)
    sys.exit(code)


def _leave_message(text: str) -> None:
    given = os.environ.get("JETCAL_TERMINATION_LOG")
    path = Path(given or "/dev/termination-log")
    if not given and not path.exists():
        return
    try:
        path.write_text(text.encode()[:MESSAGE_LIMIT].decode(errors="ignore"), encoding="utf-8")
    except OSError as error:
        click.echo(f"Warning: the termination message cannot be written: {local.translate(error, path)}", err=True)


def _close_stdout() -> None:
    """Spare the interpreter its own complaint when it flushes a pipe that nobody reads."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())


def _first(invalid: ValidationError) -> str:
    error: Any = invalid.errors(include_url=False)[0]
    field = ".".join(str(part) for part in error["loc"])
    return f"{field}: {error['msg']}" if field else str(error["msg"])
