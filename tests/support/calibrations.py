"""JetCalibrations as dictionaries, for tests of the contract and of the planner."""

from __future__ import annotations

import copy
from pathlib import Path

from ruamel.yaml import YAML

EXAMPLES = Path(__file__).parents[2] / "examples"

BASE = {
    "apiVersion": "jetcal.dev/v1alpha1",
    "kind": "JetCalibration",
    "metadata": {"name": "ak4"},
    "spec": {
        "storage": {"uri": "s3://jec/ak4", "secretName": "s3-credentials"},
        "dataset": {"files": ["s3://jec/ntuples/*.root"]},
        "model": {"pfn": {"phiDim": 64}},
        "tuning": {
            "maxTrials": 3,
            "parallelTrials": 2,
            "searchSpace": {"learningRate": {"min": 1e-4, "max": 1e-2, "scale": "log"}},
        },
        "training": {"epochs": 5, "workers": 2},
    },
}


def calibration(**spec):
    """A small calibration with the given fields of its spec replaced; None leaves one out."""
    document = copy.deepcopy(BASE)
    document["spec"] |= copy.deepcopy(spec)
    document["spec"] = {name: value for name, value in document["spec"].items() if value is not None}
    return document


def changed(document, path, value):
    """A copy with the value at a dotted path replaced; the path's objects are made where they are missing."""
    document = copy.deepcopy(document)
    *parents, last = path.split(".")
    place = document
    for part in parents:
        place = place.setdefault(part, {})
    place[last] = value
    return document


def example(name):
    """A parsed file of examples/."""
    return YAML(typ="safe").load(EXAMPLES / f"{name}.yaml")
