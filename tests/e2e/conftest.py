"""A whole cluster for the end-to-end suite: Kubeflow's parts, a bucket, the operator by Helm."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.e2e import kubeflow, transcript
from tests.support.e2e.bucket import Bucket
from tests.support.e2e.kubectl import Kubectl
from tests.support.e2e.nodes import Nodes
from tests.support.e2e.operator import NAMESPACE as OPERATOR_NAMESPACE
from tests.support.e2e.operator import Operator
from tests.support.e2e.place import place
from tests.support.images import IMAGES
from tests.support.programs import program
from tests.support.s3 import serving

HERE = Path(__file__).parent
NAMESPACE = "jec"


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.timeout(1800))


def pytest_terminal_summary(terminalreporter):
    for timeline in transcript.TIMELINES:
        terminalreporter.write_line(f"\n{timeline}")


@pytest.fixture(scope="session")
def cluster():
    """The cluster, with every image that its Pods need."""
    with place() as found:
        found.load(list(IMAGES.values()))
        yield found


@pytest.fixture(scope="session")
def kubectl(cluster):
    return Kubectl(cluster.kubeconfig, program("kubectl"))


@pytest.fixture(scope="session")
def bucket(cluster, tmp_path_factory):
    """An S3 server where Pods reach it, with ntuples."""
    folder, metadata = tmp_path_factory.mktemp("bucket"), tmp_path_factory.mktemp("bucket-metadata")
    with serving(folder, metadata, cluster.host) as server:
        made = Bucket(server)
        made.upload_ntuples()
        yield made


@pytest.fixture(scope="session")
def kubeflow_parts(cluster, kubectl, tmp_path_factory):
    """Training operator, KServe and the stand-in for Katib, at work."""
    kubeflow.refuse_other_peoples(kubectl)
    with kubeflow.running(cluster, kubectl, tmp_path_factory.mktemp("kubeflow")):
        yield cluster


@pytest.fixture(scope="session")
def nodes(cluster, kubectl):
    """Hands on the node's side."""
    assert cluster
    made = Nodes(kubectl)
    made.prepare()
    yield made
    made.remove()


@pytest.fixture(scope="session")
def namespace(kubectl, bucket, kubeflow_parts):
    """The calibrations' namespace under the restricted level, with Katib's label and the Secret of the bucket."""
    assert kubeflow_parts
    labels = {
        "katib.kubeflow.org/metrics-collector-injection": "enabled",
        "pod-security.kubernetes.io/enforce": "restricted",
    }
    head = {"apiVersion": "v1", "metadata": {"name": NAMESPACE, "labels": labels}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s3-credentials", "namespace": NAMESPACE},
        "stringData": bucket.server.environment,
    }
    kubectl.apply(head | {"kind": "Namespace"})
    kubectl.apply(secret)
    yield NAMESPACE
    kubectl("delete", f"namespace/{NAMESPACE}", "--timeout=60s")


@pytest.fixture(scope="session")
def operator(kubectl, namespace, request):
    """The operator, installed by its chart."""
    made = Operator(kubectl)
    made.install(HERE / "values.yaml")
    yield made
    if request.session.testsfailed:
        transcript.add_trouble(kubectl, namespace, made.logs())
    made.uninstall()
    kubectl("delete", f"namespace/{OPERATOR_NAMESPACE}", "crd/jetcalibrations.jetcal.dev", "--timeout=60s")
