"""What ends a command on one machine: one sentence for the user."""

from __future__ import annotations

import click


class LocalError(click.ClickException):
    """Something that the user can mend; the message is one sentence: what, where, what to do."""
