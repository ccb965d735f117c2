"""The range of jets that a network was trained on, and which jets lie in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from jetcal.data.jets import JET_COLUMNS, Jets

BOUNDING = ("raw_pt", "eta", "rho", "n_vertices")
"""Columns that decide, with the number of constituents, whether a jet is like those of the training: its kinematics and
its surroundings. The others follow from its constituents."""


@dataclass(frozen=True)
class Validity:
    """Smallest and largest value in training.

    Attributes
    ----------
    jet
        (smallest, largest) of each of ``JET_COLUMNS``, in the column's unit.
    constituents
        Fewest and most constituents of a jet.
    """

    jet: dict[str, tuple[float, float]]
    constituents: tuple[int, int]

    @classmethod
    def of(cls, files: Sequence[Jets]) -> Validity:
        """The range of at least one jet, file by file."""
        lengths = [np.diff(jets.offsets) for jets in files if len(jets)]
        columns = {name: [jets.jet[name] for jets in files if len(jets)] for name in JET_COLUMNS}
        return cls(
            jet={
                name: (float(min(part.min() for part in parts)), float(max(part.max() for part in parts)))
                for name, parts in columns.items()
            },
            constituents=(int(min(part.min() for part in lengths)), int(max(part.max() for part in lengths))),
        )

    def to_json(self) -> str:
        """As it is stored with the model."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What ``to_json`` wrote."""
        stored = json.loads(text)
        fewest, most = stored["constituents"]
        return cls({name: (low, high) for name, (low, high) in stored["jet"].items()}, (fewest, most))

    def covers(self, jets: Jets) -> NDArray[np.bool_]:
        """Whether each jet lies in the range of all of ``BOUNDING`` and of the constituents, of shape (N,).

        The sign of eta does not matter, and no abs(eta) is too small.
        """
        lengths = np.diff(jets.offsets)
        inside = (lengths >= self.constituents[0]) & (lengths <= self.constituents[1])
        for name in BOUNDING:
            low, high = self.jet[name]
            if name == "eta":
                high = max(-low, high)
                low = -high
            inside &= (jets.jet[name] >= low) & (jets.jet[name] <= high)
        return inside
