"""Runs a program that ends when its parent does, however the parent ends: ``python -m ... PROGRAM ARGUMENT...``."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before the call
        sys.exit(128 + signal.SIGTERM)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606  # no shell is wanted
