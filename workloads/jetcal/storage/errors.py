"""What can go wrong with storage, apart from what may heal by itself (``jetcal.errors.TransientError``)."""

from __future__ import annotations

from jetcal.errors import JetcalError


class StorageError(JetcalError):
    """Storage refuses, and will refuse again: no rights, no bucket, no credentials, no space."""


class NotFoundError(StorageError):
    """Nothing lies at the uri."""
