"""How much each training jet counts: the spectrum evened out, the flavours balanced."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from jetcal_api.base import Model
from jetcal_api.rules import Problems

Share = Annotated[float, Field(ge=0, le=1000)]


class FlavourShares(Model):
    """Weight of each flavour group in all, relative to one another; 0 leaves a group out."""

    uds: Share = 2.0
    """Light quarks."""
    c: Share = 1.0
    """Charm."""
    b: Share = 1.0
    """Bottom."""
    g: Share = 2.0
    """Gluons."""

    @model_validator(mode="after")
    def _something_left(self) -> FlavourShares:
        if not any((self.uds, self.c, self.b, self.g)):
            raise Problems.error([((), "give at least one flavour a share above 0, or no jet counts")])
        return self


class JetWeights(Model):
    """How much each training jet counts."""

    spectrum: Literal["Flat", "AsGiven"] = "Flat"
    """Flat: no pT and no abs(eta) counts more for being frequent, so that the spectrum is not learned."""
    flavours: FlavourShares | None = None
    """Shares of the flavour groups; as they come when left out."""
