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
from tests.support.charts import CHART, DIGEST, VARIANTS, helm, objects, of_kind, render
from tests.support.restricted import violations

from jetcal_api import crd
from jetcal_operator.kube.installation import read_platform
from jetcal_operator.kube.metrics import Metrics
from jetcal_operator.platform import OnnxLimits, Platform

GOLDEN = Path(__file__).parent / "golden" / "chart"
ROOT = CHART.parents[1]
MADE = ("get", "list", "watch", "create", "patch", "delete")
RIGHTS = {
    ("jetcal.dev", "jetcalibrations"): ("get", "list", "watch"),
    ("jetcal.dev", "jetcalibrations/status"): ("get", "patch"),
    ("jetcal.dev", "jetcalibrations/finalizers"): ("update",),
    ("kubeflow.org", "experiments"): MADE,
    ("kubeflow.org", "pytorchjobs"): MADE,
    ("trainer.kubeflow.org", "trainjobs"): MADE,
    ("batch", "jobs"): MADE,
    ("serving.kserve.io", "inferenceservices"): MADE,
    ("apps", "deployments"): MADE,
    ("", "configmaps"): MADE,
    ("", "services"): MADE,
    ("kubeflow.org", "trials"): ("get", "list", "watch"),
    ("", "pods"): ("get", "list", "watch"),
    ("", "events"): ("list", "create", "patch"),
    ("", "namespaces"): ("get",),
}


@pytest.fixture(scope="module")
def texts():
    return {name: render(values) for name, values in VARIANTS.items()}


@pytest.fixture(scope="module")
def charts(texts):
    return {name: objects(text) for name, text in texts.items()}


def rights(role):
    """What a role allows, by group and resource."""
    table = {}
    for rule in role["rules"]:
        for group, resource in itertools.product(rule["apiGroups"], rule["resources"]):
            table.setdefault((group, resource), []).extend(rule["verbs"])
    return table


def operators_roles(manifests):
    """Roles that are bound to the operator's ServiceAccount, without that of the Lease."""
    bindings = [manifest for manifest in manifests if manifest["kind"] in {"RoleBinding", "ClusterRoleBinding"}]
    assert all(subject["kind"] == "ServiceAccount" for binding in bindings for subject in binding["subjects"])
    bound = {(one["roleRef"]["kind"], one["roleRef"]["name"], one["metadata"].get("namespace")) for one in bindings}
    roles = [one for one in manifests if one["kind"] in {"Role", "ClusterRole"}]
    return [
        role
        for role in roles
        if (role["kind"], role["metadata"]["name"], role["metadata"].get("namespace")) in bound
        and not role["metadata"]["name"].endswith("-lease")
    ]


def pods(manifests):
    """Pod specs of the operator and of `helm test`."""
    (deployment,), (test,) = of_kind(manifests, "Deployment"), of_kind(manifests, "Pod")
    return deployment["spec"]["template"]["spec"], test["spec"]


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


def test_the_operator_may_do_exactly_what_it_does(charts):
    (role,) = operators_roles(charts["default"])
    assert role["kind"] == "ClusterRole"
    assert {thing: tuple(verbs) for thing, verbs in rights(role).items()} == RIGHTS


def test_with_named_namespaces_the_operator_has_the_same_rights_there_and_none_in_the_cluster(charts):
    roles = operators_roles(charts["namespaced"])
    assert [(role["kind"], role["metadata"]["namespace"]) for role in roles] == [("Role", "jec"), ("Role", "top")]
    for role in roles:
        assert {thing: tuple(verbs) for thing, verbs in rights(role).items()} == RIGHTS
    assert {one["kind"] for one in charts["namespaced"]} & {"ClusterRole", "ClusterRoleBinding"} == set()
    container = pods(charts["namespaced"])[0]["containers"][0]
    assert {"name": "JETCAL_NAMESPACE", "value": "jec top"} in container["env"]


@pytest.mark.parametrize("name", VARIANTS)
def test_no_role_has_a_wildcard_or_reads_secrets(charts, name):
    roles = [one for one in charts[name] if one["kind"] in {"Role", "ClusterRole"}]
    assert roles
    for role in roles:
        for rule in role["rules"]:
            for field in ("apiGroups", "resources", "verbs"):
                assert not [entry for entry in rule[field] if "*" in entry]
            assert "secrets" not in rule["resources"]
            assert not {"impersonate", "bind", "escalate"} & set(rule["verbs"])


def test_the_lease_is_one_named_object_in_the_releases_namespace(charts):
    (role,) = [one for one in of_kind(charts["default"], "Role") if one["metadata"]["name"].endswith("-lease")]
    assert role["metadata"]["namespace"] == "jetcal-system"
    named, unnamed = role["rules"]
    container = pods(charts["default"])[0]["containers"][0]
    lease = next(entry["value"] for entry in container["env"] if entry["name"] == "JETCAL_LEASE_NAME")
    assert (named["resourceNames"], named["verbs"]) == ([lease], ["get", "update"])
    assert unnamed["verbs"] == ["create"]
    assert {tuple(rule["resources"]) for rule in role["rules"]} == {("leases",)}


def test_people_get_their_rights_by_the_clusters_own_roles(charts):
    given = {}
    for role in of_kind(charts["default"], "ClusterRole"):
        labels = [label for label in role["metadata"]["labels"] if "/aggregate-to-" in label]
        for label in labels:
            given.setdefault(label.rpartition("/aggregate-to-")[2], []).append(rights(role))
    edits = ["create", "update", "patch", "delete", "deletecollection"]
    reads = {
        ("jetcal.dev", "jetcalibrations"): ["get", "list", "watch"],
        ("jetcal.dev", "jetcalibrations/status"): ["get"],
    }
    writes = {("jetcal.dev", "jetcalibrations"): edits}
    assert given == {
        "view": [reads],
        "kubeflow-view": [reads],
        "edit": [reads, writes],
        "admin": [reads, writes],
        "kubeflow-edit": [writes],
    }


@pytest.mark.parametrize("name", VARIANTS)
def test_every_pod_meets_the_restricted_level_with_requests_and_limits(charts, name):
    for spec in pods(charts[name]):
        assert list(violations(spec)) == []
        assert spec["enableServiceLinks"] is False
        for container in spec["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            for amounts in ("requests", "limits"):
                assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"][amounts])
        for volume in spec.get("volumes", []):
            assert "configMap" in volume or volume["emptyDir"]["sizeLimit"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("securityContext", {}),
        ("hostNetwork", True),
        ("volumes", [{"name": "disk", "hostPath": {"path": "/"}}]),
        ("containers", [{"name": "other", "image": "other"}]),
        ("initContainers", [{"name": "other", "securityContext": {"privileged": True}}]),
    ],
)
def test_the_checker_of_the_restricted_level_finds_what_is_wrong(charts, field, value):
    operator, _ = pods(charts["default"])
    broken = operator | {field: value}
    if field == "securityContext":
        bare = {name: entry for name, entry in operator["containers"][0].items() if name != "securityContext"}
        broken["containers"] = [bare]
    assert list(violations(broken))


def test_only_the_operators_pods_get_its_token(charts):
    (account,) = of_kind(charts["default"], "ServiceAccount")
    operator, test = pods(charts["default"])
    assert account["automountServiceAccountToken"] is False
    assert (operator["serviceAccountName"], operator["automountServiceAccountToken"]) == ("jetcal-operator", True)
    assert test["serviceAccountName"] == "default"


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
    container = pods(charts["default"])[0]["containers"][0]
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
    for spec in pods(manifests):
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


def test_two_releases_of_one_name_in_two_namespaces_share_no_object_of_the_cluster():
    def shared(namespace):
        manifests = objects(render({"crds": {"enabled": False}}, namespace=namespace))
        return {(one["kind"], one["metadata"]["name"]) for one in manifests if "namespace" not in one["metadata"]}

    assert shared("first")
    assert shared("first") & shared("second") == set()


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


def test_the_network_policy_lets_out_to_the_api_server_and_dns_only(charts):
    (policy,) = of_kind(charts["everything"], "NetworkPolicy")
    api, dns = policy["spec"]["egress"]
    assert [port["port"] for port in api["ports"]] == [443, 6443]
    assert api["to"] == [{"ipBlock": {"cidr": "10.96.0.1/32"}}]
    assert {port["port"] for port in dns["ports"]} == {53}
    (ingress,) = policy["spec"]["ingress"]
    (test,) = of_kind(charts["everything"], "Pod")
    assert any(
        peer.get("podSelector", {}).get("matchLabels", {}).items() <= test["metadata"]["labels"].items()
        for peer in ingress["from"]
        if "podSelector" in peer
    )
