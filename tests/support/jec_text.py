"""A reader of the text files of jet energy corrections, written from the description of the format alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CorrectionText:
    """``{1 JetEta 1 JetPt formula Correction level}`` and its rows."""

    level: str
    formula: str
    rows: np.ndarray

    @classmethod
    def parse(cls, text: str, dtype=np.float64):
        header, *lines = text.strip().splitlines()
        assert header.startswith("{")
        assert header.endswith("}")
        bins, eta, variables, pt, formula, kind, level = header[1:-1].split()
        assert (bins, eta, variables, pt, kind) == ("1", "JetEta", "1", "JetPt", "Correction")
        rows = np.array([line.split() for line in lines], dtype=dtype)
        assert (rows[:, 2] == rows.shape[1] - 3).all()
        assert (rows[1:, 0] == rows[:-1, 1]).all()
        return cls(level, formula, rows.astype(np.float64))

    def __call__(self, eta, pt):
        return np.array([self._one(*jet) for jet in zip(eta, pt, strict=True)])

    def _one(self, eta, pt):
        for low, high, _, pt_low, pt_high, *parameters in self.rows:
            if low <= eta < high:
                names = {"x": min(max(pt, pt_low), pt_high), "p": parameters, "log10": np.log10}
                return eval(re.sub(r"\[(\d+)\]", r"p[\1]", self.formula), names)  # noqa: S307  # a test's own formula
        message = f"no bin for eta {eta}"
        raise ValueError(message)
