"""The chart as helm renders it: its values, its rights, the security of its Pods, its golden files.

JETCAL_GOLDEN=write writes the golden files anew.
"""

from __future__ import annotations

import itertools
import os
import re
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.support.charts import CHART, DIGEST, VARIANTS, helm, objects, of_kind, pod_specs, render

from jetcal_api import crd
from jetcal_operator.kube.commands import operator
from jetcal_operator.kube.installation import read_platform
from jetcal_operator.kube.metrics import Metrics
from jetcal_operator.platform import OnnxLimits, Platform

GOLDEN = Path(__file__).parent / "golden" / "chart"
ROOT = CHART.parents[1]


@pytest.fixture(scope="module")
def texts():
    return {name: render(values) for name, values in VARIANTS.items()}


@pytest.fixture(scope="module")
def charts(texts):
    return {name: objects(text) for name, text in texts.items()}


def platform_of(manifests, folder):
    (config,) = of_kind(manifests, "ConfigMap")
    file = folder / "platform.yaml"
    file.write_text(config["data"]["platform.yaml"])
    return read_platform(file)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_chart_renders_as_the_golden_files_say(texts, name):
    parts = texts[name].split("---\n")
    wanted = "---\n".join(part for part in parts if "\nkind: CustomResourceDefinition\n" not in part)
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("JETCAL_GOLDEN") == "write":
        GOLDEN.mkdir(parents=True, exist_ok=True)
        file.write_text(wanted)
    assert file.read_text() == wanted, "run: make golden"


@pytest.mark.parametrize("name", VARIANTS)
def test_two_renders_are_equal_so_that_argo_cd_sees_no_drift(texts, name):
    assert render(VARIANTS[name]) == texts[name]


@pytest.mark.parametrize("name", VARIANTS)
def test_helm_finds_nothing_to_complain_about(name):
    helm("lint", "--strict", "--quiet", "--kube-version", "1.36.0", CHART, values=VARIANTS[name])


def test_chart_and_distribution_have_one_version():
    chart = YAML(typ="safe").load(CHART / "Chart.yaml")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (chart["version"], chart["appVersion"]) == (version, version)


def test_the_definition_in_the_chart_is_that_of_the_models(charts):
    original = ROOT / "crds" / "jetcalibrations.jetcal.dev.yaml"
    assert (CHART / "files" / original.name).read_text() == original.read_text(), "run: make crd"
    (rendered,) = of_kind(charts["default"], "CustomResourceDefinition")
    assert rendered["spec"] == crd.crd()["spec"]
    assert rendered["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_definition_may_be_left_out_given_up_or_annotated(charts):
    assert of_kind(charts["namespaced"], "CustomResourceDefinition") == []
    (given_up,) = of_kind(objects(render({"crds": {"keep": False}})), "CustomResourceDefinition")
    assert "annotations" not in given_up["metadata"]
    (annotated,) = of_kind(charts["everything"], "CustomResourceDefinition")
    assert annotated["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] == "-1"


def test_replicas_keep_apart_and_a_drain_takes_one_at_a_time(charts):
    (deployment,), (budget,) = (of_kind(charts["default"], kind) for kind in ("Deployment", "PodDisruptionBudget"))
    spec, template = deployment["spec"], deployment["spec"]["template"]
    labels = spec["selector"]["matchLabels"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["type"] == "RollingUpdate"
    assert labels.items() <= template["metadata"]["labels"].items()
    (preferred,) = template["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    (spread,) = template["spec"]["topologySpreadConstraints"]
    for selector in (
        preferred["podAffinityTerm"]["labelSelector"],
        spread["labelSelector"],
        budget["spec"]["selector"],
    ):
        assert selector["matchLabels"] == labels
    assert budget["spec"]["maxUnavailable"] == 1


def test_probes_ask_the_port_that_the_operator_is_told(charts):
    container = pod_specs(charts["default"])[0]["containers"][0]
    variables = {entry["name"]: entry.get("value") for entry in container["env"]}
    (port,) = container["ports"]
    assert str(port["containerPort"]) == variables["JETCAL_PORT"]
    paths = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
    assert {probe: ask["path"] for probe, ask in paths.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    assert all(ask["port"] == port["name"] for ask in paths.values())


def test_the_command_understands_every_variable_that_the_chart_sets(charts, monkeypatch, tmp_path):
    container = pod_specs(charts["everything"])[0]["containers"][0]
    given = {entry["name"]: entry.get("value", "from-the-pod") for entry in container["env"]}
    given |= {"JETCAL_PLATFORM": str(tmp_path / "platform.yaml"), "JETCAL_NAMESPACE": "jec top"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    options = operator.make_context("operator", []).params
    assert {name for name in given if name.startswith("JETCAL_")} <= {
        "JETCAL_NAMESPACE",
        *(f"JETCAL_{name.upper()}" for name in options),
    }
    assert options["namespaces"] == ("jec", "top")
    assert options["lease_namespace"] == options["identity"] == "from-the-pod"
    assert (options["lease_name"], options["port"], options["workers"]) == ("jetcal-operator", 8080, 8)
    assert (options["resync_seconds"], options["log_format"], options["log_level"]) == (120, "plain", "debug")
    assert container["command"] == ["jetcal", operator.name]


def test_the_operators_pods_change_with_the_platform():
    def annotations(values):
        (deployment,) = of_kind(objects(render(values)), "Deployment")
        return deployment["spec"]["template"]["metadata"]["annotations"]

    before = annotations({})
    assert annotations({"platform": {"cacheSize": "40Gi"}}) != before
    assert annotations({"serviceMonitor": {"enabled": True}}) == before


def test_without_values_the_platform_is_the_one_that_is_built_in(charts, tmp_path):
    assert platform_of(charts["default"], tmp_path) == Platform()


def test_every_value_of_the_platform_arrives(charts, tmp_path):
    platform = platform_of(charts["everything"], tmp_path)
    assert platform.worker_image == f"registry.example/jetcal/worker@{DIGEST}"
    assert platform.tensorboard_image == "registry.example/jetcal/tensorboard:2.20"
    assert platform.triton_releases["26.08"] == OnnxLimits("1.27.0", 26, 13)
    assert platform.onnx_limits("26.06-py3") == Platform().onnx_limits("26.06-py3")
    built_in = Platform()
    same = [name for name in vars(platform) if getattr(platform, name) == getattr(built_in, name)]
    assert same == ["retries"]


def test_an_image_is_named_by_digest_rather_than_by_tag():
    values = {"image": {"tag": "1.2.3", "digest": DIGEST}, "platform": {"workerImage": {"digest": DIGEST}}}
    manifests = objects(render(values))
    for spec in pod_specs(manifests):
        assert spec["containers"][0]["image"] == f"jetcal/operator@{DIGEST}"
    (config,) = of_kind(manifests, "ConfigMap")
    assert config["data"]["platform.yaml"].count(f"jetcal/worker@{DIGEST}") == 2


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"replicsa": 3}, "'replicsa' not allowed"),
        ({"platform": {"workerImages": {}}}, "'workerImages' not allowed"),
        ({"platform": {"jobResources": {"cpu": "1", "memory": "4Gi", "gpus": 1}}}, "'gpus' not allowed"),
        ({"replicas": "two"}, "/replicas"),
        ({"watchNamespaces": "jec"}, "/watchNamespaces"),
        ({"image": {"digest": "latest"}}, "/image/digest"),
        ({"platform": {"cacheSize": "20 GB"}}, "/platform/cacheSize"),
        ({"operator": {"logLevel": "loud"}}, "/operator/logLevel"),
        ({"platform": {"tritonReleases": {"26.08": {"opset": 26}}}}, "runtime"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(values, words):
    said = render(values, check=False)
    assert "values don't meet the specifications" in said
    assert words in said


def test_every_value_is_described_and_no_other_is_let_through():
    schema = YAML(typ="safe").load(CHART / "values.schema.json")
    defaults = YAML(typ="safe").load(CHART / "values.yaml")

    def walk(schema, value, path):
        if "properties" not in schema:
            return
        assert schema["additionalProperties"] is False, path
        for name, inner in schema["properties"].items():
            assert inner.get("description"), f"{path}.{name}"
        if isinstance(value, dict):
            assert set(value) <= set(schema["properties"]), path
            for name, inner in value.items():
                walk(schema["properties"][name], inner, f"{path}.{name}")

    walk(schema, defaults, "values")
    assert set(schema["properties"]) - {"global"} == set(defaults)


def test_every_value_has_a_comment():
    lines = (CHART / "values.yaml").read_text().splitlines()
    bare = {"digest", "tag", "cpu", "memory", "ephemeral-storage", "requests", "limits"}
    for before, line in itertools.pairwise(lines):
        name = re.match(r"\s*([A-Za-z-]+):", line)
        if name and name[1] not in bare and not before.strip().endswith(":"):
            assert before.strip().startswith("#"), line


def test_a_release_of_another_name_says_what_it_is():
    names = {one["metadata"]["name"] for one in of_kind(objects(render({}, release="physics")), "Deployment")}
    assert names == {"physics-jetcal-operator"}


def test_alerts_ask_for_metrics_that_the_operator_has(charts):
    metrics = Metrics()
    metrics.reconciled("ok", 0.1)
    metrics.error("Conflict")
    metrics.called("get", "Job", 200)
    known = {line.split()[2] for line in metrics.page().decode().splitlines() if line.startswith("# TYPE")}
    (rule,) = of_kind(charts["everything"], "PrometheusRule")
    alerts = [alert for group in rule["spec"]["groups"] for alert in group["rules"]]
    guide = (ROOT / "docs" / "operations.md").read_text()
    assert alerts
    for alert in alerts:
        asked = set(re.findall(r"jetcal_[a-z_]+", alert["expr"]))
        assert asked
        assert asked <= known
        assert alert["alert"] in guide
        assert {"summary", "description"} <= set(alert["annotations"])
