"""CEL rules of the CRD: what an API server judges where more than one field is concerned, by model."""

from __future__ import annotations

import json
from typing import NamedTuple

from jetcal_api import messages
from jetcal_api.hyperparameters import ARCHITECTURES, NumberRange, hyperparameters
from jetcal_api.resource import JetCalibrationSpec
from jetcal_api.rules import NUMBER_RANGES_NEEDED

NAME_LIMIT = 40


class Rule(NamedTuple):
    """One rule with what to tell the user who breaks it."""

    rule: str
    message: str

    def schema(self) -> dict[str, str]:
        """As it stands in a schema."""
        return {"rule": self.rule, "message": self.message}


def pattern_rules(pattern: str, *, or_whole_number: bool = False) -> list[Rule]:
    """A pattern of the spec that tells people what it admits; tools read the schema's own ``pattern``."""
    words = messages.in_words(pattern)
    rule = f"self.matches({json.dumps(pattern)})"
    return [Rule(f"type(self) == int || {rule}" if or_whole_number else rule, f"must be {words}")] if words else []


def _one_of(names: list[str]) -> str:
    return f"[{', '.join(f'has(self.{name})' for name in names)}].filter(given, given).size() == 1"


def _range_rules() -> list[Rule]:
    values_alone = "!has(self.values) || !(has(self.min) || has(self.max) || has(self.scale))"
    return [
        Rule("has(self.values) || (has(self.min) && has(self.max))", "give min and max, or values"),
        Rule(values_alone, "give either min and max, or values, not both"),
        Rule("!has(self.min) || !has(self.max) || self.min < self.max", "min must be below max"),
    ]


def _log_rule(zero: str) -> Rule:
    rule = f"!has(self.scale) || self.scale != 'log' || !has(self.min) || self.min > {zero}"
    return Rule(rule, "min must be above 0 on a logarithmic scale")


def _architecture_rules() -> list[Rule]:
    """Names in a search space that the chosen architecture does not have."""
    rules = []
    for architecture in ARCHITECTURES:
        own = hyperparameters(architecture)
        foreign = sorted({name for other in ARCHITECTURES for name in hyperparameters(other)} - set(own))
        given = " || ".join(f"has(self.tuning.searchSpace.{name})" for name in foreign)
        rule = f"!has(self.model.{architecture}) || !has(self.tuning) || !({given})"
        message = f"spec.tuning.searchSpace: {architecture} has only {', '.join(own)}"
        rules.append(Rule(rule, message))
    return rules


def _algorithm_rules() -> list[Rule]:
    """What Katib's services cannot search."""
    fields = _search_fields()
    numbers = [name for name, kind in fields.items() if kind is NumberRange]
    ranged = [name for name in fields if name != "optimizer"]
    space = "self.searchSpace"
    grid = " && ".join(f"(!has({space}.{name}) || has({space}.{name}.values))" for name in numbers)
    bayes = " && ".join(
        f"(!has({space}.{name}) || !has({space}.{name}.min) || {space}.{name}.min > 0.0)" for name in numbers
    )
    listed = " && ".join(f"(!has({space}.{name}) || !has({space}.{name}.values))" for name in fields)
    count = ", ".join(f"has({space}.{name}) && has({space}.{name}.min)" for name in ranged)
    enough = f"[{count}].filter(given, given).size() >= {NUMBER_RANGES_NEEDED}"
    return [
        Rule(f"self.algorithm.name != 'grid' || ({grid})", "grid needs values: a range of real numbers has no grid"),
        Rule(
            f"self.algorithm.name != 'bayesianoptimization' || ({bayes})",
            "bayesianoptimization needs min above 0 for real numbers",
        ),
        Rule(
            f"self.algorithm.name != 'cmaes' || (({listed}) && {enough})",
            "cmaes needs at least two hyperparameters, all with min and max",
        ),
    ]


def _search_fields() -> dict[str, object]:
    found: dict[str, object] = {}
    for architecture in ARCHITECTURES:
        for name, info in hyperparameters(architecture).items():
            found[name] = NumberRange if info.annotation is float else info.annotation
    return found


def _files_on_a_cluster() -> Rule:
    schemes = " || ".join(f"file.startsWith('{scheme}://')" for scheme in ("s3", "https", "root"))
    return Rule(
        f"self.files.all(file, {schemes})",
        "files: a cluster reads s3://, https:// and root:// uris; paths are for jetcal run",
    )


RULES: dict[str, list[Rule]] = {
    JetCalibrationSpec.__name__: [
        Rule("has(self.tuning) || has(self.training)", "give tuning, training or both"),
        *_architecture_rules(),
    ],
    "Storage": [
        Rule("self.uri.startsWith('s3://')", "uri: a cluster needs s3://bucket/prefix; folders are for jetcal run"),
        Rule(
            "self.uri == oldSelf.uri",
            "uri cannot be changed: what serves and its history lie there; make another JetCalibration instead",
        ),
    ],
    "Dataset": [_files_on_a_cluster()],
    "Split": [
        Rule(
            "[self.train + self.validation + self.test].all(total, total > 0.999999 && total < 1.000001)",
            "train, validation and test must sum to 1",
        ),
    ],
    "ModelSpec": [Rule(_one_of(list(ARCHITECTURES)), f"give exactly one architecture of {', '.join(ARCHITECTURES)}")],
    "FlavourShares": [
        Rule(
            "self.uds > 0.0 || self.c > 0.0 || self.b > 0.0 || self.g > 0.0",
            "give at least one flavour a share above 0, or no jet counts",
        ),
    ],
    "SystematicSample": [_files_on_a_cluster()],
    "IntegerRange": [*_range_rules(), _log_rule("0")],
    "NumberRange": [*_range_rules(), _log_rule("0.0")],
    "Tuning": _algorithm_rules(),
    "Training": [
        Rule(
            "self.runtime != 'Job' || self.workers == 1", "runtime Job takes one worker: choose PyTorchJob or TrainJob"
        ),
    ],
    "Serving": [Rule("self.minReplicas <= self.maxReplicas", "minReplicas must not be above maxReplicas")],
}
"""Rules by the name of the model that they judge."""

ROOT_RULES = [
    Rule(
        f"self.metadata.name.size() <= {NAME_LIMIT}",
        f"metadata.name may have {NAME_LIMIT} characters, so that the names of what is made from it fit",
    ),
    Rule(
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name: lower-case letters, digits and dashes, a letter first",
    ),
]
