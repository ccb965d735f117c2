"""The chart's rights and the security of its Pods, as helm renders them."""

from __future__ import annotations

import pytest
from tests.support.charts import RIGHTS, VARIANTS, allowed, objects, of_kind, pod_specs, render
from tests.support.restricted import violations


@pytest.fixture(scope="module")
def charts():
    return {name: objects(render(values)) for name, values in VARIANTS.items()}


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


def test_the_operator_may_do_exactly_what_it_does(charts):
    (role,) = operators_roles(charts["default"])
    assert role["kind"] == "ClusterRole"
    assert allowed(role["rules"]) == RIGHTS


def test_with_named_namespaces_the_operator_has_the_same_rights_there_and_none_in_the_cluster(charts):
    roles = operators_roles(charts["namespaced"])
    assert [(role["kind"], role["metadata"]["namespace"]) for role in roles] == [("Role", "jec"), ("Role", "top")]
    for role in roles:
        assert allowed(role["rules"]) == RIGHTS
    assert {one["kind"] for one in charts["namespaced"]} & {"ClusterRole", "ClusterRoleBinding"} == set()
    container = pod_specs(charts["namespaced"])[0]["containers"][0]
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
    container = pod_specs(charts["default"])[0]["containers"][0]
    lease = next(entry["value"] for entry in container["env"] if entry["name"] == "JETCAL_LEASE_NAME")
    assert (named["resourceNames"], named["verbs"]) == ([lease], ["get", "update"])
    assert unnamed["verbs"] == ["create"]
    assert {tuple(rule["resources"]) for rule in role["rules"]} == {("leases",)}


def test_people_get_their_rights_by_the_clusters_own_roles(charts):
    given = {}
    for role in of_kind(charts["default"], "ClusterRole"):
        labels = [label for label in role["metadata"]["labels"] if "/aggregate-to-" in label]
        for label in labels:
            given.setdefault(label.rpartition("/aggregate-to-")[2], []).append(allowed(role["rules"]))
    edits = {"create", "update", "patch", "delete", "deletecollection"}
    reads = {
        ("jetcal.dev", "jetcalibrations"): {"get", "list", "watch"},
        ("jetcal.dev", "jetcalibrations/status"): {"get"},
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
    for spec in pod_specs(charts[name]):
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
    operator, _ = pod_specs(charts["default"])
    broken = operator | {field: value}
    if field == "securityContext":
        bare = {name: entry for name, entry in operator["containers"][0].items() if name != "securityContext"}
        broken["containers"] = [bare]
    assert list(violations(broken))


def test_only_the_operators_pods_get_its_token(charts):
    (account,) = of_kind(charts["default"], "ServiceAccount")
    operator, test = pod_specs(charts["default"])
    assert account["automountServiceAccountToken"] is False
    assert (operator["serviceAccountName"], operator["automountServiceAccountToken"]) == ("jetcal-operator", True)
    assert test["serviceAccountName"] == "default"


def test_two_releases_of_one_name_in_two_namespaces_share_no_object_of_the_cluster():
    def shared(namespace):
        manifests = objects(render({"crds": {"enabled": False}}, namespace=namespace))
        return {(one["kind"], one["metadata"]["name"]) for one in manifests if "namespace" not in one["metadata"]}

    assert shared("first")
    assert shared("first") & shared("second") == set()


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
