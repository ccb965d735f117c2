"""Colours and markers: what the colour-blind can tell apart, and what differs without colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jetcal.evaluation.response import BASELINE, CALIBRATED, NETWORK, RAW, STANDARD

NAMES = {
    RAW: "before correction",
    STANDARD: "standard correction",
    NETWORK: "network",
    CALIBRATED: "network + residual",
    BASELINE: "served revision",
}
"""Names of corrections as people read them."""

Look = dict[str, Any]
"""Arguments for matplotlib: label, gid, colour and marker."""

_OWN: dict[str, tuple[str, str]] = {
    RAW: ("#717581", "D"),
    STANDARD: ("#d9760a", "s"),
    NETWORK: ("#2257c4", "o"),
    CALIBRATED: ("#00798c", "P"),
    BASELINE: ("#832db6", "^"),
}
_HOLLOW = {RAW, STANDARD, BASELINE}
_SPARE = (
    ("#2257c4", "o"),
    ("#bd1f01", "v"),
    ("#00798c", "P"),
    ("#832db6", "^"),
    ("#8a5a44", "X"),
    ("#5f6b00", "<"),
    ("#b2174f", ">"),
    ("#1b2333", "*"),
)
FLAVOUR_LOOKS: dict[str, Look] = {
    "uds": {"color": "#2257c4", "marker": "o"},
    "c": {"color": "#00798c", "marker": "^"},
    "b": {"color": "#bd1f01", "marker": "s"},
    "g": {"color": "#d9760a", "marker": "D"},
}
RANGE_LOOKS: tuple[Look, ...] = (
    {"color": "#2257c4", "marker": "o"},
    {"color": "#00798c", "marker": "^"},
    {"color": "#bd1f01", "marker": "s"},
    {"color": "#d9760a", "marker": "D"},
    {"color": "#832db6", "marker": "v"},
)
"""For curves that differ by a range."""

LINES = ("-", "--", "-.", ":")


def name_of(correction: str) -> str:
    """The correction's name as people read it."""
    return NAMES.get(correction, correction)


def looks(corrections: Sequence[str]) -> dict[str, Look]:
    """A look for each correction: its own, or one that no other of them has (as long as there are any left)."""
    taken = {_OWN[name] for name in corrections if name in _OWN}
    spare = [each for each in _SPARE if each[0] not in {colour for colour, _ in taken}] or list(_SPARE)
    others = [name for name in corrections if name not in _OWN]
    found = {}
    for name in corrections:
        colour, marker = _OWN.get(name) or spare[others.index(name) % len(spare)]
        found[name] = {"label": name_of(name), "gid": series_id(name), "color": colour, "marker": marker}
        if name in _HOLLOW:
            found[name]["markerfacecolor"] = "white"
    return found


def series_id(correction: str) -> str:
    """What marks the correction's curve in a drawing, so that the page can hide it."""
    return f"series:{correction}"
