"""The CRD on a real API server: accepted as it is, explained, defaulted, and kind to what older versions left."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.support.control_plane import OWN_CRD
from tests.support.crd_faults import changed, full, schemas, spec_schema
from tests.support.kube_client import KubeError

from jetcal_api.crd import COLUMNS, crd
from jetcal_api.resource import JetCalibration
from jetcal_operator.kube.observation import Reader, UnreadableError

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
ON_ONE_MACHINE = [path for path in EXAMPLES if path.stem == "quickstart"]
STATUS = {
    "observedGeneration": 1,
    "stage": "Training",
    "conditions": [
        {
            "type": "Ready",
            "status": "False",
            "reason": "Training",
            "message": "training runs",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-11-21T09:00:00Z",
        }
    ],
    "dataset": {"fingerprint": "abc", "jets": {"train": 600, "validation": 200, "test": 200}},
    "tuning": {
        "trials": {"succeeded": 12, "failed": 1, "running": 0},
        "best": {"name": "ak4-t1", "hyperparameters": {"phiDim": "100"}, "metrics": {"validation_loss": 0.0125}},
    },
    "evaluation": {"report": "s3://jec/ak4/report.html", "figures": {"closure": 0.01}},
    "serving": {"url": "http://ak4.jec", "revision": "0123456789abcdef"},
}


@pytest.fixture
def namespace(plain_control_plane):
    return plain_control_plane.namespace()


@pytest.fixture
def ak4(plain_control_plane, namespace):
    """A calibration with a status."""
    plain_control_plane.apply(full("pfn"), namespace=namespace)
    return plain_control_plane.patch("jetcal", "ak4", namespace, {"status": STATUS}, "status")


def explained(plane, field):
    return plane.kubectl("explain", field)


def test_it_is_accepted_without_a_warning(plain_control_plane):
    said = plain_control_plane.kubectl("apply", "--server-side", "--dry-run=server", "-f", OWN_CRD, check=False)
    assert "Warning" not in said
    conditions = plain_control_plane.get("crd", "jetcalibrations.jetcal.dev")["status"]["conditions"]
    assert {entry["type"]: entry["status"] for entry in conditions} == {"NamesAccepted": "True", "Established": "True"}


def test_it_can_be_applied_by_a_client_that_keeps_a_copy_in_an_annotation(plain_control_plane):
    said = plain_control_plane.kubectl("create", "--dry-run=server", "--save-config", "-f", OWN_CRD, check=False)
    assert "AlreadyExists" in said


@pytest.mark.parametrize("path", sorted({*EXAMPLES} - {*ON_ONE_MACHINE}), ids=lambda path: path.stem)
def test_every_example_is_accepted_as_strictly_as_can_be(plain_control_plane, namespace, path):
    calibration = example(path, namespace)
    answer = plain_control_plane.create(calibration, dryRun="All", fieldValidation="Strict")
    assert JetCalibration.parse(answer).spec == JetCalibration.parse(calibration).spec


@pytest.mark.parametrize("path", ON_ONE_MACHINE, ids=lambda path: path.stem)
def test_an_example_for_one_machine_is_told_what_a_cluster_needs(plain_control_plane, namespace, path):
    with pytest.raises(KubeError, match=r"(?=.*a cluster needs s3://)(?=.*a cluster reads s3://)"):
        plain_control_plane.create(example(path, namespace), dryRun="All")


def example(path, namespace):
    calibration = YAML(typ="safe").load(path)
    calibration["metadata"]["namespace"] = namespace
    return calibration


def test_an_unknown_field_is_refused_by_kubectl(plain_control_plane, namespace, tmp_path):
    wrong = changed(full("pfn"), ("spec", "model", "pfn", "phi_dim"), 8)
    (tmp_path / "wrong.yaml").write_text(json.dumps(wrong | {"metadata": {"name": "wrong"}}))
    apply = ("apply", "--dry-run=server", "-n", namespace, "-f", tmp_path / "wrong.yaml")
    for how in ((), ("--validate=strict",), ("--server-side",)):
        said = plain_control_plane.kubectl(*apply, *how, check=False)
        assert "phi_dim" in said, how
        assert "created" not in said, how
        assert "serverside-applied" not in said, how


def test_every_field_is_explained(plain_control_plane):
    told = plain_control_plane.kubectl("explain", "jetcal.spec", "--recursive")
    for path, _ in schemas(spec_schema()):
        if isinstance(path[-1], str) and path != ("spec",):
            assert f"{path[-1]}\t<" in told, path
    for path, schema in schemas(spec_schema()):
        if "properties" in schema and isinstance(path[-1], str):
            said = explained(plain_control_plane, ".".join(("jetcal", *path)))
            assert " ".join(schema["description"].split())[:60] in " ".join(said.split()), path


def test_an_architecture_is_explained_with_each_of_its_hyperparameters(plain_control_plane):
    told = " ".join(explained(plain_control_plane, "jetcal.spec.model.particleNet").split())
    assert "neighbours <integer> Nearest neighbours of each constituent." in told
    assert "convDim <integer> Width of each layer of the edge networks." in told


def test_it_is_found_by_short_name_and_category(plain_control_plane, ak4):
    namespace = ak4["metadata"]["namespace"]
    for name in ("jetcal", "jetcalibration", "jetcalibrations", "jec"):
        assert "ak4" in plain_control_plane.kubectl("get", name, "-n", namespace, "-o", "name")


def test_columns_show_how_a_calibration_is_doing(plain_control_plane, ak4):
    get = ("get", "jetcal", "-n", ak4["metadata"]["namespace"])
    head, row = (line.split() for line in plain_control_plane.kubectl(*get).splitlines())
    assert head == ["NAME", "READY", "STAGE", "BEST", "MODEL", "AGE"]
    assert row[:-1] == ["ak4", "False", "Training", "0.0125", "0123456789abcdef"]
    head, row = (line.split() for line in plain_control_plane.kubectl(*get, "-o", "wide").splitlines())
    assert head == ["NAME", *(name.upper() for name, *_ in COLUMNS)]
    assert row[6:] == ["Training", "600", "12", "http://ak4.jec", "s3://jec/ak4/report.html"]


def test_the_api_server_gives_the_defaults_of_the_models(plain_control_plane, namespace):
    meta = {"name": "least", "namespace": namespace}
    spec = {
        "storage": {"uri": "s3://a/b"},
        "dataset": {"files": ["s3://a/*.root"]},
        "model": {"pfn": {}},
        "training": {},
    }
    least = {"apiVersion": "jetcal.dev/v1alpha1", "kind": "JetCalibration", "metadata": meta, "spec": spec}
    made = plain_control_plane.create(least)
    models = JetCalibration.parse(least).spec
    assert made["spec"] == models.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert JetCalibration.parse({name: value for name, value in made.items() if name != "status"}).spec == models


@pytest.mark.parametrize(
    "left_out", [("tuning",), ("training",), ("evaluation",), ("training", "epochs"), ("suspend",)]
)
def test_a_field_with_nothing_behind_it_is_left_out_by_both_readers(plain_control_plane, namespace, left_out):
    calibration = changed(full("pfn"), ("metadata", "namespace"), namespace)
    empty = changed(calibration, ("spec", *left_out), None)
    without = changed(calibration, ("spec", *left_out), remove=True)
    made = plain_control_plane.create(empty, dryRun="All", fieldValidation="Strict")
    expected = plain_control_plane.create(without, dryRun="All", fieldValidation="Strict")
    assert made["spec"] == expected["spec"]
    assert JetCalibration.parse(empty).spec == JetCalibration.parse(without).spec == JetCalibration.parse(made).spec


def test_no_endpoint_is_not_the_default_endpoint(plain_control_plane, namespace):
    calibration = changed(full("pfn"), ("metadata", "namespace"), namespace)
    made = plain_control_plane.create(changed(calibration, ("spec", "serving"), None))
    assert made["spec"]["serving"] is None
    assert Reader().read(made).spec.serving is None


def test_spec_and_status_are_written_apart(plain_control_plane, ak4):
    namespace = ak4["metadata"]["namespace"]
    assert ak4["metadata"]["generation"] == 1
    both = {"spec": {"historyLimit": 7}, "status": {"stage": "Export"}}
    edited = plain_control_plane.patch("jetcal", "ak4", namespace, both)
    assert (edited["spec"]["historyLimit"], edited["status"]["stage"]) == (7, "Training")
    assert edited["metadata"]["generation"] == 2
    told = plain_control_plane.patch("jetcal", "ak4", namespace, both | {"spec": {"historyLimit": 9}}, "status")
    assert (told["spec"]["historyLimit"], told["status"]["stage"]) == (7, "Export")
    assert told["metadata"]["generation"] == 2


def test_a_status_of_the_users_own_is_dropped(plain_control_plane, namespace):
    made = plain_control_plane.create(
        full("pfn") | {"metadata": {"name": "own", "namespace": namespace}, "status": STATUS}
    )
    assert "status" not in made


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"type": "Happy"}, "Unsupported value"),
        ({"status": "Yes"}, "Unsupported value"),
        ({"reason": "not one word"}, "should match"),
        ({"reason": ""}, "should match"),
    ],
)
def test_a_condition_that_breaks_the_conventions_is_refused(plain_control_plane, ak4, condition, message):
    wrong = {"conditions": [STATUS["conditions"][0] | condition]}
    with pytest.raises(KubeError, match=message):
        plain_control_plane.patch("jetcal", "ak4", ak4["metadata"]["namespace"], {"status": wrong}, "status")


def test_what_an_older_version_wrote_survives(plain_control_plane, namespace):
    """An older CRD knew a condition, a field of the spec and one of the status that this one does not."""
    plain_control_plane.serve(older())
    try:
        calibration = changed(full("pfn"), ("spec", "model", "width"), 7)
        plain_control_plane.apply(calibration, namespace=namespace)
        forgotten = STATUS["conditions"][0] | {"type": "Rehearsed"}
        status = STATUS | {"progress": 0.5, "conditions": [*STATUS["conditions"], forgotten]}
        plain_control_plane.patch("jetcal", "ak4", namespace, {"status": status}, "status")
    finally:
        plain_control_plane.serve(OWN_CRD)

    def read():
        return plain_control_plane.get("jetcal", "ak4", namespace)

    found = plain_control_plane.wait(lambda: (found := read()) and "width" not in found["spec"]["model"] and found)
    assert Reader().read(found).spec == JetCalibration.parse(full("pfn")).spec
    edited = plain_control_plane.patch("jetcal", "ak4", namespace, {"spec": {"historyLimit": 9}})
    assert edited["metadata"]["generation"] == 2
    labelled = plain_control_plane.patch("jetcal", "ak4", namespace, {"metadata": {"labels": {"jec": "yes"}}})
    assert [entry["type"] for entry in labelled["status"]["conditions"]] == ["Ready", "Rehearsed"]
    told = plain_control_plane.patch("jetcal", "ak4", namespace, {"status": STATUS}, "status")
    assert told["status"].items() >= STATUS.items()


def test_what_an_older_version_let_pass_can_still_be_spoken_of(plain_control_plane, namespace):
    """Rules that came later do not lock up what is there: status and labels can be written, and the spec mended."""
    plain_control_plane.serve(older())
    try:
        plain_control_plane.apply(changed(full("pfn"), ("spec", "historyLimit"), 500), namespace=namespace)
    finally:
        plain_control_plane.serve(OWN_CRD)
    found = plain_control_plane.patch("jetcal", "ak4", namespace, {"status": STATUS}, "status")
    with pytest.raises(UnreadableError, match=r"spec\.historyLimit: must be at least 1 and at most 50, got 500"):
        Reader().read(found)
    plain_control_plane.patch("jetcal", "ak4", namespace, {"metadata": {"labels": {"jec": "yes"}}})
    mended = plain_control_plane.patch("jetcal", "ak4", namespace, {"spec": {"historyLimit": 50}})
    assert Reader().read(mended).spec.history_limit == 50


def older():
    definition = copy.deepcopy(crd())
    (version,) = definition["spec"]["versions"]
    fields = version["schema"]["openAPIV3Schema"]["properties"]
    del fields["spec"]["properties"]["historyLimit"]["maximum"]
    fields["spec"]["properties"]["model"]["properties"]["width"] = {"type": "integer"}
    fields["status"]["properties"]["progress"] = {"type": "number"}
    fields["status"]["properties"]["conditions"]["items"]["properties"]["type"]["enum"].append("Rehearsed")
    return definition


def test_it_stays_small_as_the_api_server_keeps_it(plain_control_plane):
    kept = plain_control_plane.get("crd", "jetcalibrations.jetcal.dev")
    del kept["metadata"]["managedFields"]
    assert len(json.dumps(kept)) < 100_000
