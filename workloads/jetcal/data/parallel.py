"""All parts of a dataset on one machine: a process for each core, which ends with the one that started it."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait

from jetcal.data.prepare import prepare_part
from jetcal.errors import TransientError
from jetcal_api.documents import PrepareInput
from jetcal_api.results import PrepareResult

MAX_PROCESSES = 8
"""Each process needs about half a gigabyte."""


def prepare_parts(document: PrepareInput, indices: Sequence[int]) -> Iterator[tuple[int, PrepareResult]]:
    """Make the parts ``indices``; each with its index as it is ready.

    Raises
    ------
    JetcalError
        The first that a part raises; parts that are ready stay.
    """
    processes = min(len(indices), len(os.sched_getaffinity(0)), MAX_PROCESSES)
    if processes <= 1:
        yield from ((index, prepare_part(document, index)) for index in indices)
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([prepare_part.__module__])  # imported once, for it takes longer than 50 000 jets
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_parent)
    try:
        pending = {pool.submit(prepare_part, document, index): index for index in indices}
        for future in as_completed(pending):
            yield pending[future], future.result()
    except BrokenProcessPool as broken:
        error = "a process that prepares a part was killed, most likely for want of memory; close other programs"
        raise TransientError(error) from broken
    finally:
        children = multiprocessing.active_children()
        pool.shutdown(wait=False, cancel_futures=True)
        for child in children:
            child.terminate()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def follow() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
