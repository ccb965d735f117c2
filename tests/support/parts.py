"""Real parts that a machine may lack: without one a test is skipped, in continuous integration it fails."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(sentence: str) -> NoReturn:
    """End the test: ``sentence`` tells what is missing and how to get it."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)
