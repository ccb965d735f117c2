"""The chart on a real API server: schemas, installation, upgrade, removal, and what the operator's token may do."""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from tests.support.calibrations import example
from tests.support.charts import CHART, VARIANTS, objects, of_kind, render
from tests.support.kube_client import KubeError
from tests.support.releases import wait_until_served
from tests.support.schemas import kubeconform, write_schemas
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def schemas(chart_plane, tmp_path_factory):
    """Schemas of every kind, once the API server has written down those of the CRDs."""
    path = "/openapi/v3/apis/monitoring.coreos.com/v1"
    both = ('"kind":"ServiceMonitor"', '"kind":"PrometheusRule"')
    wait_for("OpenAPI of the CRDs", lambda: all(kind in compact(chart_plane.client.find(path)) for kind in both))
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas(chart_plane.client, folder)
    return folder


def compact(value):
    return json.dumps(value, separators=(",", ":"))


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
def test_the_api_server_takes_every_object_under_the_restricted_level(chart_plane, system, name):
    for namespace in VARIANTS[name].get("watchNamespaces", []):
        chart_plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    manifests = objects(render(VARIANTS[name], namespace=system))
    chart_plane.apply(*manifests, dry_run=True)
    (deployment,) = of_kind(manifests, "Deployment")
    (test,) = of_kind(manifests, "Pod")
    template = deployment["spec"]["template"]
    template["spec"].pop("priorityClassName", None)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"] | {"name": "one", "namespace": system}}
    for manifest in (pod | {"spec": template["spec"]}, test):
        chart_plane.create(manifest, dryRun="All", fieldValidation="Strict")


def test_the_namespace_really_refuses_what_is_not_restricted(chart_plane, system):
    container = {"name": "one", "image": "one"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": system}}
    with pytest.raises(KubeError, match="violates PodSecurity"):
        chart_plane.create(pod | {"spec": {"containers": [container]}}, dryRun="All")


def test_helm_installs_upgrades_removes_and_comes_back_to_the_calibrations_that_stayed(chart_plane, system, release):
    notes = release("install").partition("NOTES:")[2]
    assert f"kubectl -n {system} rollout status deployment/jetcal-operator" in notes
    assert f"helm -n {system} test jetcal" in notes
    pods = wait_for("two Pods under the restricted level", lambda: _pods(chart_plane, system, 2))
    assert {pod["spec"]["serviceAccountName"] for pod in pods} == {"jetcal-operator"}
    wait_until_served(chart_plane)
    calibration = example("quickstart-cluster")
    calibration["metadata"]["namespace"] = system
    chart_plane.apply(calibration)
    name = calibration["metadata"]["name"]
    uid = chart_plane.get("jetcalibrations", name, system)["metadata"]["uid"]

    release("upgrade", values={"replicas": 3, "platform": {"cacheSize": "40Gi"}})
    deployment = chart_plane.get("deployments", "jetcal-operator", system)
    assert deployment["spec"]["replicas"] == 3
    assert deployment["metadata"]["generation"] == 2
    assert "cacheSize: 40Gi" in chart_plane.get("configmaps", "jetcal-operator", system)["data"]["platform.yaml"]
    release("upgrade", values={"replicas": 3, "platform": {"cacheSize": "40Gi"}})
    assert chart_plane.get("deployments", "jetcal-operator", system)["metadata"]["generation"] == 2

    release("uninstall")
    assert chart_plane.get("deployments", "jetcal-operator", system) is None
    assert chart_plane.get("clusterroles", f"{system}-jetcal-operator") is None
    assert chart_plane.get("jetcalibrations", name, system)["metadata"]["uid"] == uid

    release("install")
    assert chart_plane.get("jetcalibrations", name, system)["metadata"]["uid"] == uid


@pytest.fixture
def credentials(chart_plane, system, tmp_path):
    """What a Pod of the namespace's default ServiceAccount finds of the API server."""
    (tmp_path / "ca.crt").write_text(chart_plane.ca.read_text())
    (tmp_path / "token").write_text(chart_plane.token("default", system))
    return tmp_path


def helm_test(chart_plane, credentials, *, status):
    """Exit code and words of what `helm test` runs, beside an operator that answers with ``status``."""
    with _ready(status) as address:
        command = [
            sys.executable,
            CHART / "files" / "ready.py",
            address,
            chart_plane.url.removeprefix("https://"),
            credentials,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_helms_test_is_content_with_a_ready_operator_and_a_served_kind(chart_plane, release, credentials):
    code, said = helm_test(chart_plane, credentials, status=200)
    assert (code, "JetCalibrations are not served" in said) == (1, True)
    release("install")
    wait_until_served(chart_plane)
    assert helm_test(chart_plane, credentials, status=200) == (0, "")


def test_helms_test_repeats_what_an_operator_that_is_not_ready_says(chart_plane, credentials):
    code, said = helm_test(chart_plane, credentials, status=503)
    assert (code, "was not listed completely yet" in said) == (1, True)


def _pods(chart_plane, namespace, count):
    found = chart_plane.list("pods", namespace)
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
