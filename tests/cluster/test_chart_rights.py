"""What the operator's token may do on a real API server, and that it is enough for a real operator."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3
from tests.support.calibrations import example
from tests.support.charts import RIGHTS, allowed
from tests.support.kube_client import KubeError
from tests.support.ports import free_port
from tests.support.releases import RESTRICTED
from tests.support.waiting import wait_for

FORBIDDEN = [
    ("get", "", "secrets"),
    ("list", "", "secrets"),
    ("watch", "", "secrets"),
    ("create", "", "secrets"),
    ("create", "", "pods"),
    ("create", "", "pods/exec"),
    ("create", "", "serviceaccounts/token"),
    ("get", "", "persistentvolumeclaims"),
    ("list", "", "namespaces"),
    ("get", "", "nodes"),
    ("update", "jetcal.dev", "jetcalibrations"),
    ("patch", "jetcal.dev", "jetcalibrations"),
    ("delete", "jetcal.dev", "jetcalibrations"),
    ("create", "kubeflow.org", "trials"),
    ("deletecollection", "batch", "jobs"),
    ("create", "rbac.authorization.k8s.io", "rolebindings"),
    ("get", "apiextensions.k8s.io", "customresourcedefinitions"),
    ("impersonate", "", "users"),
]


def rules(client, namespace):
    """What a token may do in a namespace, as the API server sees it; without what everybody may."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = client.create("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review)["status"]
    everybodys = {"authorization.k8s.io", "authentication.k8s.io"}
    return {thing: verbs for thing, verbs in allowed(answer["resourceRules"]).items() if thing[0] not in everybodys}


def may(client, verb, group, resource, **where):
    """Whether the API server would let the token do it."""
    plural, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": plural, "subresource": subresource} | where
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    return client.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)["status"]["allowed"]


def refused(client, path):
    """Status with which a read is refused."""
    with pytest.raises(KubeError) as caught:
        client.get(path)
    return caught.value.status


def test_the_operators_token_may_do_what_the_chart_says_everywhere_and_nothing_else(chart_plane, system, release):
    release("install")
    client = chart_plane.client_for(chart_plane.token("jetcal-operator", system))
    elsewhere = chart_plane.namespace()
    assert rules(client, elsewhere) == RIGHTS
    lease = {("coordination.k8s.io", "leases"): {"get", "update", "create"}}
    assert rules(client, system) == RIGHTS | lease
    for (group, resource), verbs in RIGHTS.items():
        assert all(may(client, verb, group, resource, namespace=elsewhere) for verb in verbs), resource
    for verb, group, resource in FORBIDDEN:
        assert not may(client, verb, group, resource, namespace=elsewhere), (verb, resource)
    assert may(client, "get", "coordination.k8s.io", "leases", namespace=system, name="jetcal-operator")
    assert not may(client, "get", "coordination.k8s.io", "leases", namespace=system, name="another")
    assert not may(client, "create", "coordination.k8s.io", "leases", namespace=elsewhere)


def test_the_operators_token_reads_pods_and_discovery_and_is_refused_secrets(chart_plane, system, release):
    release("install")
    client = chart_plane.client_for(chart_plane.token("jetcal-operator", system))
    assert client.get("/apis")["groups"]
    assert "items" in client.get("/api/v1/pods")
    assert client.get(f"/api/v1/namespaces/{system}")["metadata"]["labels"].items() >= RESTRICTED.items()
    for path in ("/api/v1/secrets", f"/api/v1/namespaces/{system}/secrets", f"/api/v1/namespaces/{system}/secrets/one"):
        assert refused(client, path) == 403


def test_with_named_namespaces_the_token_is_worth_nothing_elsewhere(chart_plane, system, release):
    watched, elsewhere = chart_plane.namespace(), chart_plane.namespace()
    release("install", values={"watchNamespaces": [watched], "rbac": {"aggregate": False}})
    client = chart_plane.client_for(chart_plane.token("jetcal-operator", system))
    assert rules(client, watched) == RIGHTS
    assert rules(client, elsewhere) == {}
    assert client.get(f"/api/v1/namespaces/{watched}")["metadata"]["name"] == watched
    assert "items" in client.get(f"/api/v1/namespaces/{watched}/pods")
    denied = [f"/api/v1/namespaces/{elsewhere}", f"/api/v1/namespaces/{elsewhere}/pods", "/api/v1/pods"]
    assert {refused(client, path) for path in [*denied, f"/api/v1/namespaces/{watched}/secrets"]} == {403}


def test_whoever_may_edit_calibrations_is_a_member_of_the_clusters_own_roles(chart_plane, system, release):
    release("install")
    roles = {role["metadata"]["name"]: role for role in chart_plane.list("clusterroles")}
    for name, suffix in (("view", "viewer"), ("edit", "editor")):
        selectors = roles[name]["aggregationRule"]["clusterRoleSelectors"]
        labels = roles[f"{system}-jetcal-{suffix}"]["metadata"]["labels"]
        assert any(selector["matchLabels"].items() <= labels.items() for selector in selectors)


@contextmanager
def operator_of_the_chart(plane, namespace, folder):
    """`jetcal operator` as the installed Deployment starts it, with the token of its ServiceAccount; gives its port."""
    (container,) = plane.get("deployments", "jetcal-operator", namespace)["spec"]["template"]["spec"]["containers"]
    platform = plane.get("configmaps", "jetcal-operator", namespace)["data"]["platform.yaml"]
    (folder / "platform.yaml").write_text(platform)
    port, token = free_port(), plane.token("jetcal-operator", namespace)
    environment = {entry["name"]: entry.get("value", "") for entry in container["env"]} | {
        "JETCAL_PLATFORM": str(folder / "platform.yaml"),
        "JETCAL_LEASE_NAMESPACE": namespace,
        "JETCAL_IDENTITY": "operator-0",
        "JETCAL_PORT": str(port),
        "HOME": str(folder),
        "KUBECONFIG": str(plane.kubeconfig_for(token, namespace=namespace)),
    }
    program, *arguments = container["command"]
    command = [Path(sys.executable).with_name(program), *arguments]
    with (folder / "operator.log").open("w") as log:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(15)
        print((folder / "operator.log").read_text()[-4000:])  # noqa: T201  # pytest shows it with a failure


def asked(port, path):
    """Status and text of the operator's answer; 0 while it does not listen."""
    try:
        answer = urllib3.request("GET", f"http://127.0.0.1:{port}{path}", retries=False, timeout=2)
    except urllib3.exceptions.HTTPError:
        return 0, ""
    return answer.status, answer.data.decode()


@pytest.mark.parametrize("named", [False, True], ids=["everywhere", "named namespaces"])
def test_a_real_operator_works_with_the_charts_settings_and_rights_and_is_refused_nothing(
    chart_plane, system, release, tmp_path, named
):
    home = chart_plane.namespace({"katib.kubeflow.org/metrics-collector-injection": "enabled"})
    release("install", values={"watchNamespaces": [home] if named else []})
    with operator_of_the_chart(chart_plane, system, tmp_path) as port:
        wait_for("the operator is ready", lambda: asked(port, "/readyz")[0] == 200)
        calibration = example("quickstart-cluster")
        calibration["metadata"]["namespace"] = home
        chart_plane.apply(calibration)
        (job,) = wait_for("a Job", lambda: chart_plane.list("jobs", home))
        assert job["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] is True
        seen = wait_for("a status", lambda: chart_plane.get("jetcal", "quickstart", home).get("status"))
        assert seen["observedGeneration"] == 1
        chart_plane.patch("jetcal", "quickstart", home, {"spec": {"suspend": True}})
        wait_for("an Event", lambda: [one for one in chart_plane.list("events", home) if is_ours(one)])
        metrics = asked(port, "/metrics")[1]
        assert "jetcal_leader 1.0" in metrics
        assert 'code="403"' not in metrics
    assert chart_plane.get("leases", "jetcal-operator", system) is not None


def is_ours(event):
    return event["involvedObject"]["kind"] == "JetCalibration"
