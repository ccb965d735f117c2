"""Real parts that tests of several folders share."""

from __future__ import annotations

import signal

from tests.support.control_plane import control_plane, plain_control_plane
from tests.support.s3 import s3, s3_server

__all__ = ["control_plane", "plain_control_plane", "s3", "s3_server"]

# A shell that starts tests in the background lets them ignore SIGINT, and the programs under test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
