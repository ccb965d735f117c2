"""The guides for platform engineers: every reason and every metric is explained, and what is to be pasted is right."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.support.restricted import violations

import jetcal_operator
from jetcal_operator.kube.metrics import Metrics
from jetcal_operator.stages import progress

HOUSE = Path(jetcal_operator.__file__).parent
GUIDE = (HOUSE.parents[1] / "docs" / "operations.md").read_text()
INSTALLING = (HOUSE.parents[1] / "docs" / "installing.md").read_text()
SPEAKERS = {"Failed", "Waiting", "Running", "Denial", "Endpoint", "Verdict", "replace"}
"""Names of those who are given a reason."""
REASON = re.compile(r"([A-Z][a-z]+)+")
NO_REASONS = {"True", "False", "Unknown", "Ready", "Reconciling", "Stalled", "Failed"}


def reasons():
    """Words that are handed as a reason anywhere in the planner and in the cluster's shell."""
    for path in HOUSE.rglob("*.py"):
        if "local" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SPEAKERS:
                yield from filter(REASON.fullmatch, map(said, ast.walk(node)))


def said(word):
    """The text of a literal, or of a constant that all who tell progress share."""
    if isinstance(word, ast.Name):
        return str(getattr(progress, word.id, ""))
    value = getattr(word, "value", "")
    return value if isinstance(value, str) else ""


def test_every_reason_is_explained():
    found = set(reasons()) - NO_REASONS
    assert {"KindMissing", "NameTaken", "QuotaExceeded", "Obstructed", "InvalidSpec"} <= found
    assert sorted(reason for reason in found if f"`{reason}`" not in GUIDE) == []


def test_every_metric_is_explained():
    types = re.findall(r"^# TYPE (jetcal_\w+) ", Metrics().page().decode(), re.MULTILINE)
    assert len(types) >= 8
    missing = [name for name in types if name not in GUIDE and not name.endswith("_created")]
    assert missing == []


def pasted(beginning):
    """The block of YAML that begins so, with what a product fills in."""
    (text,) = re.findall(rf"```yaml\n({beginning}.*?)```", INSTALLING, re.DOTALL)
    return YAML(typ="safe").load(re.sub(r"{{\.\w+}}", "filled-in", text))


@pytest.mark.parametrize("product", ["training operator", "Katib"])
def test_what_is_to_be_pasted_makes_added_containers_meet_the_restricted_level(product):
    if product == "Katib":
        config = pasted("init:")
        assert config["init"]["controller"]["injectSecurityContext"] is True
        containers = [{"name": one["algorithmName"]} | one for one in config["runtime"]["suggestions"]]
    else:
        containers = pasted("- name: init-pytorch")
    assert containers
    assert list(violations({"containers": containers})) == []
