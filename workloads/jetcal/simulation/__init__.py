"""QCD jets in a parametrised detector, written as CERN Open Data record 12100 is."""

from __future__ import annotations

VARIATION_NAMES = ("nominal", "generator", "detector")
"""What a sample can be made with, the usual one first; :mod:`jetcal.simulation.variations` says what they are."""
