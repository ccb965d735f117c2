"""Real parts that tests of several folders share."""

from __future__ import annotations

from tests.support.control_plane import control_plane, plain_control_plane
from tests.support.s3 import s3, s3_server

__all__ = ["control_plane", "plain_control_plane", "s3", "s3_server"]
