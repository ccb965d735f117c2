"""What a measurement says: one row beside one peer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LIMIT = "limit"
"""Name of the peer of a figure that is held to a number instead of to other software."""

Better = Literal["more", "less"]


@dataclass(frozen=True)
class Row:
    """One figure beside that of a peer, both from one run on one machine.

    Attributes
    ----------
    name
        What was measured, and the key by which runs are compared: "PFN training step".
    unit
        Of ``ours`` and ``peer``.
    ours, peer
        Medians over the rounds; a figure without a peer has none.
    peer_name
        Who the peer is; ``LIMIT`` for a number that is to be kept.
    ratio
        How many times better ours is, whichever way is better; 2 is twice the rate or half the seconds.
    target
        The ratio that is asked for.
    spread
        Half the range that holds the central 68 % of the rounds' ratios (of ours, without a peer), as a share of it.
    """

    name: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str | None = None
    ratio: float | None = None
    target: float | None = None
    spread: float | None = None

    @property
    def is_missed(self) -> bool:
        """Whether the target is not reached."""
        return self.ratio is not None and self.target is not None and self.ratio < self.target


def within(name: str, unit: str, ours: float, limit: float, *, better: Better, spread: float | None = None) -> Row:
    """A figure that is to stay on the good side of a limit."""
    ratio = ours / limit if better == "more" else limit / ours
    return Row(name, unit, ours, limit, LIMIT, ratio, 1.0, spread)
