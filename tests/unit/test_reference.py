"""The resource reference tells what the models say."""

from __future__ import annotations

from pathlib import Path

from jetcal_api.hyperparameters import ARCHITECTURES
from jetcal_api.reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "resource.md"


def test_the_committed_page_equals_the_models() -> None:
    assert PAGE.read_text() == reference(), "run: make reference"


def test_each_architecture_has_a_section_with_defaults_and_bounds() -> None:
    text = reference()
    for name in ARCHITECTURES:
        assert f"## spec.model.{name}\n" in text
    assert "| `neighbours` | integer, ≥ 1, ≤ 64 | `16` |" in text
