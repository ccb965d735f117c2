"""The command's own process: replays a finished training, or starts torchrun and turns its end into an exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from jetcal import worker
from jetcal.errors import PERMANENT, TERMINATED, JetcalError, TransientError
from jetcal.training.metrics import KatibFile
from jetcal.training.stop import StoppedError
from jetcal.training.work import Work
from jetcal_api.results import TrainResult

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

LEAST_SECONDS = 10.0
"""A trial lives at least that long: Katib's collector must be there before its end. ``JETCAL_REPLAY_SECONDS``."""


def run(work: Work) -> TrainResult:
    """Train, or adopt what an earlier attempt has published.

    Raises
    ------
    JetcalError, TransientError, StoppedError
        As the process that failed first says.
    """
    begin = time.monotonic()
    result = worker.find_result(work.document, TrainResult, *work.parts)
    if result is None:
        _train(work)
        result = worker.find_result(work.document, TrainResult, *work.parts)
        if result is None:
            error = f"{work.result_uri}: is not there although the training has ended; run again"
            raise TransientError(error)
    elif _is_first_node():
        KatibFile.from_environment().write(result.history)
    _outlive_collector(work, begin)
    return result


def _train(work: Work) -> None:
    processes = int(os.environ.get("JETCAL_PROCESSES", "1"))
    # Threads that spin while they wait make a training up to twenty times slower as soon as cores are shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if processes == 1 and _nodes() == 1:
        from jetcal.training.process import train  # noqa: PLC0415  # torch takes seconds that a replay need not wait

        train(work)
    else:
        _launch_torchrun(work, processes)


def _launch_torchrun(work: Work, processes: int) -> None:
    from torch.distributed import run as torchrun  # noqa: PLC0415
    from torch.distributed.elastic.multiprocessing import SignalException  # noqa: PLC0415
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # noqa: PLC0415

    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, len(os.sched_getaffinity(0)) // processes)))
    with tempfile.TemporaryDirectory(prefix="jetcal-") as messages:
        place = ["--standalone"] if _nodes() == 1 else []
        module = ["--module", "jetcal.training.process", work.to_json(), messages]
        arguments = [*place, f"--nproc-per-node={processes}", "--max-restarts=0", *module]
        options = torchrun.parse_args(arguments)  # type: ignore[no-untyped-call]
        try:
            torchrun.run(options)  # type: ignore[no-untyped-call]
        except SignalException as stopped:
            if stopped.sigval == signal.SIGINT:
                raise KeyboardInterrupt from stopped
            message = "stopped by SIGTERM; last.pt is saved, run again to go on"
            raise StoppedError(message) from stopped
        except ChildFailedError as failed:
            raise _root_cause(failed, Path(messages)) from failed


def _root_cause(failed: ChildFailedError, messages: Path) -> JetcalError:
    """The failure that the others follow from: a permanent one if there is any, else the first."""
    failures = sorted(failed.failures.values(), key=lambda failure: failure.timestamp)
    permanent = [failure for failure in failures if 0 < failure.exitcode < TransientError.exit_code]
    first = (permanent or failures)[0]
    note = messages / str(first.local_rank)
    if first.exitcode < 0:
        name = signal.Signals(-first.exitcode).name
        sentence = f"training process {first.local_rank} was killed by {name}; if memory was short, give it more"
    else:
        sentence = note.read_text() if note.exists() else f"training process {first.local_rank} has failed; see the log"
    code = 128 - first.exitcode if first.exitcode < 0 else first.exitcode
    error = JetcalError(sentence) if PERMANENT <= code < TransientError.exit_code else TransientError(sentence)
    if code == TERMINATED:
        error = StoppedError(sentence)
    error.exit_code = code
    return error


def _nodes() -> int:
    return int(os.environ.get("PET_NNODES", "1").split(":")[-1])


def _is_first_node() -> bool:
    return os.environ.get("PET_NODE_RANK", os.environ.get("RANK", "0")) == "0"


def _outlive_collector(work: Work, begin: float) -> None:
    if work.trial and os.environ.get("JETCAL_METRICS_FILE"):
        least = float(os.environ.get("JETCAL_REPLAY_SECONDS", str(LEAST_SECONDS)))
        sys.stdout.flush()
        time.sleep(max(0.0, least - (time.monotonic() - begin)))
