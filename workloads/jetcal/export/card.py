"""The model card: what the model eats and answers, where it holds, and where it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, OUTPUTS
from jetcal.export.golden import Golden
from jetcal.export.parity import Parity
from jetcal.export.validity import BOUNDING, Validity
from jetcal.models.features import CONSTITUENT_FEATURES, JET_FEATURES, Feature
from jetcal.models.standardisation import LIMIT
from jetcal_api.documents import ExportInput
from jetcal_api.results import PrepareResult, TrainResult

MEANINGS = {
    "pt": ("GeV", "transverse momentum, falling from slot to slot; 0 marks an empty slot"),
    "deta": ("-", "pseudorapidity minus the jet's"),
    "dphi": ("rad", "azimuth minus the jet's, in (-pi, pi]"),
    "mass": ("GeV", "mass"),
    "id": ("-", "PDG number with sign: 211, 11, 13, 22, 130"),
    "from_pv": ("-", "association with the primary vertex, 0 to 3"),
    "raw_pt": ("GeV", "transverse momentum of the jet before any correction"),
    "eta": ("-", "pseudorapidity of the jet"),
    "raw_mass": ("GeV", "mass of the jet before any correction"),
    "area": ("-", "catchment area of the jet"),
    "rho": ("GeV per unit area", "median pT density of the event"),
    "n_vertices": ("-", "good primary vertices of the event"),
}
"""Unit and meaning of each raw column."""


@dataclass(frozen=True)
class Facts:
    """What the card tells of."""

    document: ExportInput
    architecture: str
    training: TrainResult
    dataset: PrepareResult
    validity: Validity
    parity: Parity
    golden: Golden
    sha256: str
    versions: dict[str, str]


def write(facts: Facts) -> str:
    """The card in Markdown."""
    document, training, dataset, jets = facts.document, facts.training, facts.dataset, facts.dataset.jets
    metrics = ((name, f"{value:.6g}") for name, value in sorted(training.metrics.items()))
    trial = f", trial {document.source.trial}" if document.source.trial else ""
    return f"""\
# Jet energy correction {document.fingerprint}

{_what(facts)} that answers, for each jet, with the factor pT(generator) / pT(raw): its median and its
16 % and 84 % quantiles. Multiply the raw (uncorrected) four-momentum by the median; half the distance of the quantiles,
relative to the median, is the expected relative resolution of this jet.

## Inputs

Preprocessing is part of the model: give it the raw columns, as FP32, in this order.

`constituents` [N, P, {len(CONSTITUENT_COLUMNS)}]: N jets with P >= 1 slots each, filled from the hardest constituent,
the rest zero.

{_columns(CONSTITUENT_COLUMNS)}

`jet` [N, {len(JET_COLUMNS)}]:

{_columns(JET_COLUMNS)}

## Output

{_output(facts)}

## Where it holds

The jets of the training had values in these ranges:

{_ranges(facts.validity)}

A jet is valid within those of {", ".join(BOUNDING)} and constituents; the sign of eta does not
matter, and no abs(eta) is too small. To a jet outside `Corrector` and `jetcal predict` give the correction 1, so that
its raw pT stays, no interval (NaN), and `valid` false. The graph itself judges nothing: it answers outside too, but
nothing vouches for it. Every standardised feature is cut off at {LIMIT:g} spreads of the training's, so that the answer
levels off instead of growing without bound. Any number of constituents is accepted, also none. Constituents of pT 0 are
ignored. NaN and infinity are not looked for.

## Features computed inside

Of each constituent:

{_features(CONSTITUENT_FEATURES)}

Of the jet:

{_features(JET_FEATURES)}

## Data

Dataset {dataset.fingerprint} in `{dataset.folder}`: {dataset.read} jets read, split by event into {jets.train} for
training, {jets.validation} for validation, {jets.test} for test.

{_table(("requirement", "jets removed"), ((cut.name, cut.removed) for cut in dataset.cuts))}

## Training

{document.source.stage} {document.source.fingerprint}{trial}: {training.parameters} weights, best epoch
{training.best_epoch} of {training.epochs}.{_members(facts)}

{_table(("hyperparameter", "value"), sorted(training.hyperparameters.items()))}

{_table(("figure of the best epoch", "value"), metrics)}

## File

{_table(("", ""), _file(facts))}
"""


def _what(facts: Facts) -> str:
    members = len(facts.training.members)
    return f"The mean of {members} {facts.architecture} networks" if members else f"A {facts.architecture} network"


def _output(facts: Facts) -> str:
    columns = "median, 16 % and 84 % quantile of pT(generator) / pT(raw)"
    if not facts.training.members:
        return f"`correction` [N, 3]: {columns}."
    spread = facts.golden.batches[0].correction[:, len(OUTPUTS)]
    typical, large = np.quantile(spread, [0.5, 0.95])
    return (
        f"`correction` [N, 4]: {columns}, each the exponential of the networks' mean\n"
        f"logarithm; and the standard deviation of the logarithm of the median over the networks: how far the\n"
        f"correction depends on the seed of the training. It is no part of the interval, which is the resolution of\n"
        f"the jets. Among {len(spread)} test jets it is {typical:.2%} at the median, {large:.2%} at the 95 % quantile."
    )


def _members(facts: Facts) -> str:
    """The paragraph on the members of an ensemble."""
    members = facts.training.members
    if not members:
        return ""
    names = sorted(members[0].metrics)
    rows = [(item.seed, item.best_epoch, *(f"{item.metrics[name]:.6g}" for name in names)) for item in members]
    table = _table(("seed", "best epoch", *names), rows)
    return f" So the first of {len(members)} networks, which differ in nothing but the seed:\n\n{table}"


def _file(facts: Facts) -> list[tuple[str, str]]:
    parity = facts.parity
    return [
        ("revision", facts.document.fingerprint),
        ("sha256 of model.onnx", facts.sha256),
        ("ONNX operator set", str(facts.document.opset)),
        ("ONNX IR", str(facts.document.ir)),
        ("torch and ONNX Runtime on the golden sample", f"{len(facts.golden)} jets"),
        ("largest relative difference", f"{parity.max_relative:.2g}"),
        ("jets within 1e-5", f"{parity.share_within_1e5:.2%}"),
        *facts.versions.items(),
    ]


def _columns(names: Iterable[str]) -> str:
    return _table(("column", "unit", "meaning"), ((name, *MEANINGS[name]) for name in names))


def _ranges(validity: Validity) -> str:
    rows = [(name, f"{low:.4g}", f"{high:.4g}", MEANINGS[name][0]) for name, (low, high) in validity.jet.items()]
    fewest, most = validity.constituents
    return _table(("column", "smallest", "largest", "unit"), [*rows, ("constituents", str(fewest), str(most), "-")])


def _features(features: Sequence[Feature]) -> str:
    return _table(("feature", "formula", "unit"), ((item.name, f"`{item.formula}`", item.unit) for item in features))


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
