"""What the API server refuses: every rule and bound of the CRD has a bad object, with the message that it must give.

`JetCalibration.parse`, which reads the same documents on one machine, refuses each of them at the same place.
"""

from __future__ import annotations

from itertools import product

import pytest
from pydantic import ValidationError
from tests.support.crd_faults import at, changed, faults, full, has, schemas, spec_schema
from tests.support.kube_client import KubeError

from jetcal_api.cel import ROOT_RULES
from jetcal_api.messages import dotted, explain
from jetcal_api.resource import JetCalibration

NAME = ("metadata", "name")
TUNING = ("spec", "tuning")
SPACE = (*TUNING, "searchSpace")
SYSTEMATICS = ("spec", "evaluation", "systematics")
PFN, PARTICLE_NET = full("pfn"), full("particleNet")
WITHOUT_WORK = changed(changed(PFN, TUNING, remove=True), ("spec", "training"), remove=True)
REAL, WHOLE = {"min": 0.1, "max": 0.2}, {"min": 8, "max": 9}


def searching(algorithm, **space):
    """A calibration that searches this space with an algorithm of Katib's."""
    return changed(changed(PFN, (*TUNING, "algorithm", "name"), algorithm), SPACE, space)


RULES = [
    ((), "40 characters", changed(PFN, NAME, "a" * 41)),
    ((), "a letter first", changed(PFN, NAME, "4k")),
    ((), "a letter first", changed(PFN, NAME, "ak4.chs")),
    (("spec",), "give tuning, training or both", WITHOUT_WORK),
    (("spec",), "spec.tuning.searchSpace: pfn has only", changed(PFN, (*SPACE, "convDim"), WHOLE)),
    (("spec",), "spec.tuning.searchSpace: particleNet has only", changed(PARTICLE_NET, (*SPACE, "phiDim"), WHOLE)),
    (("spec", "dataset", "split"), "must sum to 1", changed(PFN, ("spec", "dataset", "split", "train"), 0.7)),
    (("spec", "model"), "give exactly one architecture", changed(PFN, ("spec", "model", "particleNet"), {})),
    (("spec", "model"), "give exactly one architecture", changed(PFN, ("spec", "model", "pfn"), remove=True)),
    (TUNING, "grid needs values", searching("grid", dropout=REAL)),
    (
        TUNING,
        "bayesianoptimization needs min above 0",
        searching("bayesianoptimization", dropout={"min": 0, "max": 1e-3}),
    ),
    (TUNING, "cmaes needs at least two", searching("cmaes", dropout=REAL)),
    (TUNING, "cmaes needs at least two", searching("cmaes", dropout=REAL, phiDim=WHOLE, fcDim={"values": [8]})),
    (
        TUNING,
        "cmaes needs at least two",
        searching("cmaes", dropout=REAL, phiDim=WHOLE, optimizer={"values": ["Adam"]}),
    ),
    (
        ("spec", "model", "jetWeights", "flavours"),
        "give at least one flavour a share above 0",
        changed(PFN, ("spec", "model", "jetWeights", "flavours"), dict.fromkeys(("uds", "c", "b", "g"), 0)),
    ),
    (
        ("spec", "training"),
        "runtime Job takes one worker",
        changed(PFN, ("spec", "training"), {"runtime": "Job", "workers": 2}),
    ),
    (
        ("spec", "serving"),
        "minReplicas must not be above maxReplicas",
        changed(PFN, ("spec", "serving"), {"minReplicas": 4, "maxReplicas": 3}),
    ),
]
"""Rules that both readers know: where, what is said, a bad calibration."""
CLUSTER_RULES = [
    (("spec", "storage"), "a cluster needs s3://", changed(PFN, ("spec", "storage", "uri"), "/artefacts")),
    (("spec", "dataset"), "a cluster reads s3://", changed(PFN, ("spec", "dataset", "files", 0), "data/*.root")),
    ((*SYSTEMATICS, 0), "a cluster reads s3://", changed(PFN, (*SYSTEMATICS, 0, "files", 0), "data/*.root")),
]
"""What is good on one machine and bad on a cluster."""
RANGE_RULES = [
    ("give min and max, or values", {"min": 8}),
    ("give either min and max, or values, not both", {"min": 8, "max": 9, "values": [8]}),
    ("give either min and max, or values, not both", {"scale": "log", "values": [8]}),
    ("min must be below max", {"min": 8, "max": 8}),
    ("min must be above 0 on a logarithmic scale", {"min": 0, "max": 8, "scale": "log"}),
]
"""Of every range in the search space."""
CHANGES = [
    (("spec", "storage"), "uri cannot be changed", changed(PFN, ("spec", "storage", "uri"), "s3://jec/elsewhere")),
]
"""Changes of a good calibration that are refused."""
FAULTS = list(faults())
UNSAFE = (
    "$(touch /tmp/x)",
    "`touch /tmp/x`",
    "; touch /tmp/x",
    "| sh",
    "' '",
    '" "',
    "\n- command",
    "\x1b[2J",
    "\u00a0",
    "<b>",
)
TEXTS = [
    path
    for path, schema in schemas(spec_schema())
    if "string" in (schema.get("type"), *(option["type"] for option in schema.get("anyOf", ()))) and has(PFN, path)
]


def ranges():
    for path, schema in schemas(spec_schema()):
        if path[:-1] == SPACE and "min" in schema["properties"]:
            architecture = PFN if path[-1] in PFN["spec"]["tuning"]["searchSpace"] else PARTICLE_NET
            for message, given in RANGE_RULES:
                yield path, message, changed(architecture, path, given)


ALL_RULES = [*RULES, *CLUSTER_RULES, *ranges()]


def refusal(plane, calibration):
    """Fields and messages of what the API server has against a calibration; fails if it has nothing."""
    with pytest.raises(KubeError) as caught:
        plane.create(calibration, dryRun="All", fieldValidation="Strict")
    assert caught.value.status == 422, caught.value
    return [(cause.get("field"), cause["message"]) for cause in caught.value.body["details"]["causes"]]


def parsed(calibration):
    """What the models have against a calibration; fails if it is nothing."""
    with pytest.raises(ValidationError) as caught:
        JetCalibration.parse(calibration)
    return explain(caught.value, calibration)


def named(case):
    path, message, _ = case
    return f"{dotted(path)}-{message}"


@pytest.mark.parametrize("calibration", [PFN, PARTICLE_NET, full("pfn", listed=True), full("particleNet", listed=True)])
def test_what_the_bad_ones_are_made_from_is_good(plain_control_plane, calibration):
    plain_control_plane.create(calibration, dryRun="All", fieldValidation="Strict")
    JetCalibration.parse(calibration)


@pytest.mark.parametrize("case", ALL_RULES, ids=named)
def test_a_broken_rule_is_named_with_its_place(plain_control_plane, case):
    path, message, calibration = case
    told = refusal(plain_control_plane, calibration)
    assert any(field == (dotted(path) or "<nil>") and message in text for field, text in told), told


@pytest.mark.parametrize("case", [*RULES, *ranges()], ids=named)
def test_one_machine_refuses_what_a_cluster_refuses(case):
    path, _, calibration = case
    place = dotted(path) if path else "metadata.name"
    assert any(sentence.startswith(place) for sentence in parsed(calibration)), parsed(calibration)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_value_out_of_bounds_is_refused_by_both_readers(plain_control_plane, fault):
    told = refusal(plain_control_plane, fault.calibration)
    assert any(dotted(fault.path).startswith(field) and fault.message in text for field, text in told), told
    places = [sentence.partition(":")[0] for sentence in parsed(fault.calibration)]
    assert any(dotted(fault.path).startswith(place) for place in places), parsed(fault.calibration)


def named_text(value):
    return repr(value) if isinstance(value, str) else dotted(value)


HARMLESS = [
    (path, text)
    for path in TEXTS
    for text in UNSAFE
    if path[:3] == ("spec", "dataset", "columns") and text in {"| sh", "<b>"}
]
"""Formulas compare and combine; they are parsed by a worker, and no command line or page takes them as they are."""


@pytest.mark.parametrize(
    ("path", "text"), [case for case in product(TEXTS, UNSAFE) if case not in HARMLESS], ids=named_text
)
def test_no_text_carries_what_a_shell_or_a_log_would_obey(plain_control_plane, path, text):
    for calibration in (changed(PFN, path, text), changed(PFN, path, f"{at(PFN, path)}{text}")):
        assert any(field == dotted(path) for field, _ in refusal(plain_control_plane, calibration))
        assert any(sentence.startswith(f"{dotted(path)}:") for sentence in parsed(calibration))


def test_no_rule_is_forgotten():
    at_root = [((), rule.message) for rule in ROOT_RULES]
    below = [
        (path, rule["message"])
        for path, schema in schemas(spec_schema())
        for rule in schema.get("x-kubernetes-validations", ())
    ]
    shown = [*ALL_RULES, *CHANGES, *((fault.path, fault.message, fault.calibration) for fault in FAULTS)]
    for path, message in (*at_root, *below):
        cases = [case for case in shown if case[0] == path and case[1] in message]
        assert cases, f"no bad object for: {dotted(path)}: {message}"


@pytest.mark.parametrize("case", CHANGES, ids=named)
def test_a_change_that_makes_no_sense_is_refused(plain_control_plane, case):
    path, message, changed_calibration = case
    namespace = plain_control_plane.namespace()
    plain_control_plane.apply(PFN, namespace=namespace)
    with pytest.raises(KubeError) as caught:
        plain_control_plane.apply(changed_calibration, namespace=namespace)
    (cause,) = caught.value.body["details"]["causes"]
    assert cause["field"] == dotted(path)
    assert message in cause["message"]
