"""The worker: physics of a jet energy calibration, from ROOT ntuples to a served and judged model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jetcal.serving.corrector import Corrector

__all__ = ["Corrector"]


def __getattr__(name: str) -> Any:
    """``Corrector`` on first use: what it needs is slow to import and not wanted by every command."""
    if name == "Corrector":
        from jetcal.serving.corrector import Corrector  # noqa: PLC0415

        return Corrector
    message = f"module 'jetcal' has no attribute '{name}'"
    raise AttributeError(message)
