"""Errors that end a command: one sentence for the user, and the exit code that tells a controller whether to retry."""

from __future__ import annotations

PERMANENT = 1
TRANSIENT = 128
TERMINATED = 143


class JetcalError(Exception):
    """Something that only a change of input can heal; the message is one sentence: what, where, what to do."""

    exit_code = PERMANENT


class TransientError(JetcalError):
    """Something that may heal by itself: storage away, a peer lost."""

    exit_code = TRANSIENT
