"""The table of published sizes in docs/physics.md against the networks that its snippets make."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from jetcal.models import build
from jetcal.models.features import CONSTITUENT_FEATURES, JET_FEATURES
from jetcal.models.raw import PARTICLES
from jetcal_api.spec import ModelSpec

PAGE = (Path(__file__).parents[2] / "docs" / "physics.md").read_text()
ROWS = re.findall(r"^\|.*\| `((?:pfn|particleNet): \{.*\})` \| ([\d ]+) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("snippet", "parameters"), ROWS)
def test_the_page_has_the_parameters_that_the_network_has(snippet, parameters):
    network = build(ModelSpec.model_validate(yaml.safe_load(snippet)))
    assert sum(weight.numel() for weight in network.parameters()) == int(parameters.replace(" ", ""))


def test_the_page_has_every_published_size_and_every_feature():
    assert len(ROWS) == 10
    in_between = {"from_pv_1", "from_pv_2"}
    like_the_first = {f"{name}_share" for name in list(PARTICLES)[1:]}
    names = {feature.name for feature in (*CONSTITUENT_FEATURES, *JET_FEATURES)}
    assert {name for name in names if f"`{name}`" not in PAGE} == in_between | like_the_first
