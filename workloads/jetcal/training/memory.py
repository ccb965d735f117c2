"""Memory of a training process: what one step has freed serves the next."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Have the C library keep large pieces that are freed, for the rest of the process.

    Else it hands each back to the system, which clears the same pages anew for every large tensor: a fifth of the time
    of a step. The process keeps the most that it has ever used, which a training uses in every step.
    """
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "mallopt"):
            library.mallopt(_M_MMAP_MAX, 0)
            library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
