"""Ports for the servers of tests."""

from __future__ import annotations

import random
import socket

_RANGE = (20_000, 32_767)
"""Below the ephemeral ports: outgoing connections never take one between its choice and its use."""


def free_port() -> int:
    """A port of the loopback interface that nothing listens on."""
    while True:
        port = random.SystemRandom().randint(*_RANGE)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
