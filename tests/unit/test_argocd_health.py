"""Argo CD's view: the health scripts over their test data, and over every outcome that the planner brings about.

JETCAL_GOLDEN=write writes the test data of JetCalibration and the snippet for argocd-cm anew.
"""

from __future__ import annotations

import io
import os

import pytest
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString
from tests.support.argocd import FOLDER, SCRIPTS, cases, health, script
from tests.support.calibrations import calibration
from tests.support.charts import objects, of_kind, render
from tests.support.outcomes import outcomes
from tests.support.scripted_cluster import ScriptedCluster

from jetcal_api.resource import JetCalibration

OWN = SCRIPTS / "jetcal.dev" / "JetCalibration"
EXPECTED = {
    "new": "Progressing",
    "edited": "Progressing",
    "dataset_running": "Progressing",
    "tuning_running": "Progressing",
    "training_running": "Progressing",
    "endpoint_starting": "Progressing",
    "retrying": "Progressing",
    "ready": "Healthy",
    "accepted_without_serving": "Healthy",
    "retraining_while_serving": "Healthy",
    "rejected": "Degraded",
    "rejected_while_serving": "Healthy",
    "stalled": "Degraded",
    "katib_missing": "Degraded",
    "rolled_back": "Degraded",
    "suspended": "Suspended",
    "suspended_while_serving": "Suspended",
}
SNIPPET = FOLDER / "argocd-cm.yaml"
SNIPPET_HEAD = """\
# Health of JetCalibrations and of what they are made of, for an Argo CD that does not know them:
#   kubectl -n argocd patch configmap argocd-cm --patch-file examples/argocd/argocd-cm.yaml
# Written from resource_customizations/ by `make golden`.
"""
BUILT_IN = {"Job"}
"""Kinds of which every Argo CD knows the health; their scripts are for those who have overridden it."""
WRITES = os.environ.get("JETCAL_GOLDEN") == "write"


@pytest.fixture(scope="module")
def driven():
    return outcomes()


def as_yaml(value):
    yaml = YAML()
    yaml.width = 110
    yaml.representer.ignore_aliases = lambda _: True
    text = io.StringIO()
    yaml.dump(value, text)
    return text.getvalue()


def own_files(driven):
    """Test data of JetCalibration and its table, as the runs and the script give them."""
    files, rows = {}, []
    for name, resource in driven.items():
        status, message = health(script("jetcal.dev", "JetCalibration"), resource)
        rows.append({"healthStatus": {"status": status, "message": message}, "inputPath": f"testdata/{name}.yaml"})
        files[f"testdata/{name}.yaml"] = as_yaml(resource)
    return files | {"health_test.yaml": as_yaml({"tests": rows})}


def snippet():
    """The ConfigMap's patch with all scripts that an Argo CD may lack."""
    found = sorted(path for path in SCRIPTS.glob("*/*/health.lua") if path.parent.name not in BUILT_IN)
    data = {
        f"resource.customizations.health.{path.parent.parent.name}_{path.parent.name}": LiteralScalarString(
            path.read_text()
        )
        for path in found
    }
    return SNIPPET_HEAD + as_yaml({"data": data})


def test_the_golden_test_data_come_from_the_planners_own_runs(driven):
    wanted = own_files(driven)
    if WRITES:
        (OWN / "testdata").mkdir(exist_ok=True)
        for path in (OWN / "testdata").iterdir():
            path.unlink()
        for name, text in wanted.items():
            (OWN / name).write_text(text)
    found = {str(path.relative_to(OWN)): path.read_text() for path in OWN.rglob("*.yaml")}
    assert found == wanted, "run: make golden"


def test_the_golden_snippet_for_argocd_cm_holds_the_scripts():
    if WRITES:
        SNIPPET.write_text(snippet())
    assert SNIPPET.read_text() == snippet(), "run: make golden"
    data = YAML(typ="safe").load(SNIPPET)["data"]
    assert data["resource.customizations.health.jetcal.dev_JetCalibration"] == script("jetcal.dev", "JetCalibration")


@pytest.mark.parametrize("outcome", EXPECTED)
def test_health_of_every_outcome(driven, outcome):
    status, message = health(script("jetcal.dev", "JetCalibration"), driven[outcome])
    assert (status, bool(message)) == (EXPECTED[outcome], True)


def test_every_outcome_has_an_expected_health(driven):
    assert driven.keys() == EXPECTED.keys()
    for resource in driven.values():
        JetCalibration.parse(resource)


def test_what_is_wrong_is_told_where_argo_cd_shows_it(driven):
    def told(outcome):
        return health(script("jetcal.dev", "JetCalibration"), driven[outcome])[1]

    assert "operator Foo has no ONNX form" in told("stalled")
    assert "install Katib" in told("katib_missing")
    assert "non-closure 0.031" in told("rejected")
    assert "non-closure 0.031" in told("rejected_while_serving")
    assert "PyTorchJob ak4-training-" in told("retraining_while_serving")
    assert "predictions differ by 0.2" in told("rolled_back")


def test_a_status_of_an_older_spec_says_nothing(driven):
    stale = driven["ready"] | {"metadata": driven["ready"]["metadata"] | {"generation": 7}}
    assert health(script("jetcal.dev", "JetCalibration"), stale)[0] == "Progressing"


@pytest.mark.parametrize(
    ("folder", "resource", "expected"),
    [pytest.param(*case[::2], case[3], id=f"{case[0].name}-{case[1]}") for case in cases()],
)
def test_a_script_says_of_its_test_data_what_its_table_says(folder, resource, expected):
    status, message = health((folder / "health.lua").read_text(), resource)
    assert {"status": status, "message": message} == expected


def test_each_script_has_test_data_for_a_failure_and_for_work_under_way():
    said = {}
    for folder, _, _, expected in cases():
        said.setdefault(folder.name, set()).add(expected["status"])
    assert said.keys() == {"JetCalibration", "Experiment", "PyTorchJob", "TrainJob", "InferenceService", "Job"}
    assert all({"Degraded", "Progressing", "Healthy"} <= statuses for statuses in said.values())


@pytest.mark.parametrize("runtime", ["PyTorchJob", "TrainJob", "Job"])
def test_children_are_healthy_when_they_have_done_their_work(runtime):
    cluster = ScriptedCluster(calibration(training={"runtime": runtime, "epochs": 5}))
    cluster.settle()
    seen = set()
    for key, child in cluster.objects.items():
        group = key.api_version.rpartition("/")[0]
        if (SCRIPTS / group / key.kind).exists():
            seen.add(key.kind)
            assert health(script(group, key.kind), child)[0] == "Healthy", key
    assert {"Job", "InferenceService", runtime} <= seen


def test_a_child_that_has_failed_is_degraded():
    cluster = ScriptedCluster(calibration())
    cluster.settle(stop_at=("training",))
    key = cluster.key("PyTorchJob", "training")
    assert health(script("kubeflow.org", "PyTorchJob"), cluster.objects[key])[0] == "Progressing"
    cluster.fail(key, reason="PyTorchJobFailed")
    assert health(script("kubeflow.org", "PyTorchJob"), cluster.objects[key])[0] == "Degraded"


def test_the_operator_comes_before_the_calibrations_and_the_definition_before_both():
    yaml = YAML(typ="safe")
    operator, calibrations = (yaml.load(FOLDER / f"{name}.yaml") for name in ("operator", "calibrations"))
    wave = "argocd.argoproj.io/sync-wave"
    values = operator["spec"]["source"]["helm"]["valuesObject"]
    (definition,) = of_kind(objects(render(values)), "CustomResourceDefinition")
    waves = [int(one["metadata"]["annotations"][wave]) for one in (definition, operator, calibrations)]
    assert waves == sorted(set(waves))
    for application in (operator, calibrations):
        options = set(application["spec"]["syncPolicy"]["syncOptions"])
        assert {"ServerSideApply=true", "SkipDryRunOnMissingResource=true"} <= options
    assert (FOLDER.parents[1] / operator["spec"]["source"]["path"] / "Chart.yaml").exists()
