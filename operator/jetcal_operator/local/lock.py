"""One writer to a storage folder: the second ``jetcal run`` is told who the first one is."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jetcal_operator.local.errors import LocalError


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file; the system frees it when the process ends, however it ends.

    Raises
    ------
    LocalError
        If another process holds it; the message names its process id.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            message = (
                f"{path.parent.parent} is in use by another jetcal (process {holder}): "
                "wait until it has ended, stop it with Ctrl-C, or give another folder with --storage"
            )
            raise LocalError(message) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
