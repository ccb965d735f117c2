"""Networks that turn the particles of a jet into its energy correction, with their preprocessing inside."""

from __future__ import annotations

from jetcal.models.checkpoint import load
from jetcal.models.network import Network
from jetcal.models.registry import build

__all__ = ["Network", "build", "load"]
