"""The range of jets that a network was trained on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from jetcal.data.jets import JET_COLUMNS, Jets


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
