"""The chart on a real API server: schemas, installation, upgrade, removal, and what the operator's token may do."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from tests.support.calibrations import example
from tests.support.charts import CHART, VARIANTS, helm, objects, of_kind, render
from tests.support.control_plane import running
from tests.support.kube_client import KubeError
from tests.support.programs import module_folder
from tests.support.schemas import kubeconform, write_schemas
from tests.support.waiting import wait_for

RESTRICTED = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}
MADE = {"get", "list", "watch", "create", "patch", "delete"}
READ = {"get", "list", "watch"}
RIGHTS = {
    ("jetcal.dev", "jetcalibrations"): READ,
    ("jetcal.dev", "jetcalibrations/status"): {"get", "patch"},
    ("jetcal.dev", "jetcalibrations/finalizers"): {"update"},
    ("kubeflow.org", "experiments"): MADE,
    ("kubeflow.org", "pytorchjobs"): MADE,
    ("kubeflow.org", "trials"): READ,
    ("trainer.kubeflow.org", "trainjobs"): MADE,
    ("batch", "jobs"): MADE,
    ("serving.kserve.io", "inferenceservices"): MADE,
    ("apps", "deployments"): MADE,
    ("", "configmaps"): MADE,
    ("", "services"): MADE,
    ("", "pods"): READ,
    ("", "events"): {"list", "create", "patch"},
    ("", "namespaces"): {"get"},
}
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


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """A control plane that knows the Prometheus operator's kinds, and JetCalibrations only by the chart."""
    module = module_folder("github.com/prometheus-operator/prometheus-operator")
    folder = module / "example" / "prometheus-operator-crd"
    crds = [folder / f"monitoring.coreos.com_{name}.yaml" for name in ("servicemonitors", "prometheusrules")]
    with running(tmp_path_factory.mktemp("chart"), crds) as started:
        yield started


@pytest.fixture(scope="module")
def schemas(plane, tmp_path_factory):
    """Schemas of every kind, once the API server has written down those of the CRDs."""
    path = "/openapi/v3/apis/monitoring.coreos.com/v1"
    both = ('"kind":"ServiceMonitor"', '"kind":"PrometheusRule"')
    wait_for("OpenAPI of the CRDs", lambda: all(kind in compact(plane.client.find(path)) for kind in both))
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas(plane.client, folder)
    return folder


@pytest.fixture
def system(plane):
    """A namespace for the operator that enforces the restricted level."""
    return plane.namespace(RESTRICTED)


@pytest.fixture
def release(plane, system):
    """Runs helm against the control plane, and takes away what a test has installed."""
    installed = []

    def run(command, *options, values=None, name="jetcal"):
        kubeconfig = ("--kubeconfig", plane.kubeconfig, "--namespace", system)
        if command == "install":
            installed.append(name)
        chart = (CHART,) if command in {"install", "upgrade"} else ()
        return helm(command, name, *chart, *kubeconfig, *options, values=values)

    yield run
    for name in installed:
        helm("uninstall", name, "--ignore-not-found", "--kubeconfig", plane.kubeconfig, "--namespace", system)
    plane.delete("crd", "jetcalibrations.jetcal.dev")
    wait_for("the definition is gone", lambda: plane.get("crd", "jetcalibrations.jetcal.dev") is None)


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def rules(client, namespace):
    """What a token may do in a namespace, as the API server sees it; without what everybody may."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = client.create("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review)["status"]
    table = {}
    for rule in answer["resourceRules"]:
        for group, resource in itertools.product(rule["apiGroups"], rule["resources"]):
            if group not in {"authorization.k8s.io", "authentication.k8s.io"}:
                table.setdefault((group, resource), set()).update(rule["verbs"])
    return table


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


@pytest.mark.parametrize("name", VARIANTS)
def test_every_object_fits_the_schemas_of_the_api_server(schemas, name):
    code, said = kubeconform(render(VARIANTS[name]), schemas)
    assert code == 0, said
    assert "Invalid: 0, Errors: 0, Skipped: 0" in said


def test_the_schemas_find_a_misspelt_field(schemas):
    text = render({}, "--show-only", "templates/deployment.yaml").replace(
        "revisionHistoryLimit", "revisionHistoryLimits"
    )
    code, said = kubeconform(text, schemas)
    assert code == 1
    assert "revisionHistoryLimits" in said


@pytest.mark.parametrize("name", VARIANTS)
def test_the_api_server_takes_every_object_under_the_restricted_level(plane, system, name):
    for namespace in VARIANTS[name].get("watchNamespaces", []):
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    manifests = objects(render(VARIANTS[name], namespace=system))
    plane.apply(*manifests, dry_run=True)
    (deployment,) = of_kind(manifests, "Deployment")
    (test,) = of_kind(manifests, "Pod")
    template = deployment["spec"]["template"]
    template["spec"].pop("priorityClassName", None)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"] | {"name": "one", "namespace": system}}
    for manifest in (pod | {"spec": template["spec"]}, test):
        plane.create(manifest, dryRun="All", fieldValidation="Strict")


def test_the_namespace_really_refuses_what_is_not_restricted(plane, system):
    container = {"name": "one", "image": "one"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": system}}
    with pytest.raises(KubeError, match="violates PodSecurity"):
        plane.create(pod | {"spec": {"containers": [container]}}, dryRun="All")


def test_helm_installs_upgrades_removes_and_comes_back_to_the_calibrations_that_stayed(plane, system, release):
    notes = release("install").partition("NOTES:")[2]
    assert f"kubectl -n {system} rollout status deployment/jetcal-operator" in notes
    assert f"helm -n {system} test jetcal" in notes
    pods = wait_for("two Pods under the restricted level", lambda: _pods(plane, system, 2))
    assert {pod["spec"]["serviceAccountName"] for pod in pods} == {"jetcal-operator"}
    wait_until_served(plane)
    calibration = example("quickstart-cluster")
    calibration["metadata"]["namespace"] = system
    plane.apply(calibration)
    name = calibration["metadata"]["name"]
    uid = plane.get("jetcalibrations", name, system)["metadata"]["uid"]

    release("upgrade", values={"replicas": 3, "platform": {"cacheSize": "40Gi"}})
    deployment = plane.get("deployments", "jetcal-operator", system)
    assert deployment["spec"]["replicas"] == 3
    assert deployment["metadata"]["generation"] == 2
    assert "cacheSize: 40Gi" in plane.get("configmaps", "jetcal-operator", system)["data"]["platform.yaml"]
    release("upgrade", values={"replicas": 3, "platform": {"cacheSize": "40Gi"}})
    assert plane.get("deployments", "jetcal-operator", system)["metadata"]["generation"] == 2

    release("uninstall")
    assert plane.get("deployments", "jetcal-operator", system) is None
    assert plane.get("clusterroles", f"{system}-jetcal-operator") is None
    assert plane.get("jetcalibrations", name, system)["metadata"]["uid"] == uid

    release("install")
    assert plane.get("jetcalibrations", name, system)["metadata"]["uid"] == uid


def test_the_operators_token_may_do_what_the_chart_says_in_every_namespace_and_nothing_else(plane, system, release):
    release("install")
    client = plane.client_for(plane.token("jetcal-operator", system))
    elsewhere = plane.namespace()
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


def test_the_operators_token_reads_pods_and_discovery_and_is_refused_secrets(plane, system, release):
    release("install")
    client = plane.client_for(plane.token("jetcal-operator", system))
    assert client.get("/apis")["groups"]
    assert "items" in client.get("/api/v1/pods")
    assert client.get(f"/api/v1/namespaces/{system}")["metadata"]["labels"].items() >= RESTRICTED.items()
    for path in ("/api/v1/secrets", f"/api/v1/namespaces/{system}/secrets", f"/api/v1/namespaces/{system}/secrets/one"):
        assert refused(client, path) == 403


def test_with_named_namespaces_the_token_is_worth_nothing_elsewhere(plane, system, release):
    watched, elsewhere = plane.namespace(), plane.namespace()
    release("install", values={"watchNamespaces": [watched], "rbac": {"aggregate": False}})
    client = plane.client_for(plane.token("jetcal-operator", system))
    assert rules(client, watched) == RIGHTS
    assert rules(client, elsewhere) == {}
    assert client.get(f"/api/v1/namespaces/{watched}")["metadata"]["name"] == watched
    assert "items" in client.get(f"/api/v1/namespaces/{watched}/pods")
    denied = [f"/api/v1/namespaces/{elsewhere}", f"/api/v1/namespaces/{elsewhere}/pods", "/api/v1/pods"]
    assert {refused(client, path) for path in [*denied, f"/api/v1/namespaces/{watched}/secrets"]} == {403}


def test_whoever_may_edit_calibrations_is_a_member_of_the_clusters_own_roles(plane, system, release):
    release("install")
    roles = {role["metadata"]["name"]: role for role in plane.list("clusterroles")}
    for name, suffix in (("view", "viewer"), ("edit", "editor")):
        selectors = roles[name]["aggregationRule"]["clusterRoleSelectors"]
        labels = roles[f"{system}-jetcal-{suffix}"]["metadata"]["labels"]
        assert any(selector["matchLabels"].items() <= labels.items() for selector in selectors)


@pytest.fixture
def credentials(plane, system, tmp_path):
    """What a Pod of the namespace's default ServiceAccount finds of the API server."""
    (tmp_path / "ca.crt").write_text(plane.ca.read_text())
    (tmp_path / "token").write_text(plane.token("default", system))
    return tmp_path


def helm_test(plane, credentials, *, status):
    """Exit code and words of what `helm test` runs, beside an operator that answers with ``status``."""
    with _ready(status) as address:
        command = [
            sys.executable,
            CHART / "files" / "ready.py",
            address,
            plane.url.removeprefix("https://"),
            credentials,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_helms_test_is_content_with_a_ready_operator_and_a_served_kind(plane, release, credentials):
    code, said = helm_test(plane, credentials, status=200)
    assert (code, "JetCalibrations are not served" in said) == (1, True)
    release("install")
    wait_until_served(plane)
    assert helm_test(plane, credentials, status=200) == (0, "")


def test_helms_test_repeats_what_an_operator_that_is_not_ready_says(plane, credentials):
    code, said = helm_test(plane, credentials, status=503)
    assert (code, "was not listed completely yet" in said) == (1, True)


def wait_until_served(plane):
    """A new kind is announced a moment before it can be listed."""

    def listed():
        try:
            return plane.client.find("/apis/jetcal.dev/v1alpha1/jetcalibrations")
        except KubeError:
            return None

    wait_for("JetCalibrations are served", listed)


def _pods(plane, namespace, count):
    found = plane.list("pods", namespace)
    return found if len(found) == count else None


class _ready:  # noqa: N801  # reads as a verb
    """An operator that answers /readyz with one status."""

    def __init__(self, status):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status if self.path == "/readyz" else 404)
                self.end_headers()
                self.wfile.write(b"JetCalibration was not listed completely yet\n")

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self):
        Thread(target=self._server.serve_forever, daemon=True).start()
        return f"127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
