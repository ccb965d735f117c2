"""The control plane that the other tests trust."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.control_plane import MUTATING
from tests.support.kube_client import KubeError

EXAMPLE = Path(__file__).parents[2] / "examples" / "quickstart-cluster.yaml"


@pytest.fixture(scope="module")
def namespace(plain_control_plane):
    return plain_control_plane.namespace()


def config_map(name, namespace, **meta):
    meta = {"name": name, "namespace": namespace, **meta}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


def test_children_go_with_their_owner(plain_control_plane, namespace):
    (made,) = plain_control_plane.apply(EXAMPLE, namespace=namespace)
    name = made["metadata"]["name"]
    owner = {"apiVersion": made["apiVersion"], "kind": made["kind"], "name": name, "uid": made["metadata"]["uid"]}
    plain_control_plane.apply(config_map("child", namespace, ownerReferences=[owner]))
    assert plain_control_plane.get("configmaps", "child", namespace)
    plain_control_plane.delete("jetcal", name, namespace)
    plain_control_plane.wait(lambda: not plain_control_plane.get("configmaps", "child", namespace))


def test_rights_are_those_of_roles(plain_control_plane, namespace):
    client = plain_control_plane.client_for(plain_control_plane.token("nobody", namespace))
    with pytest.raises(KubeError, match="cannot list resource") as refusal:
        client.get(f"/api/v1/namespaces/{namespace}/secrets")
    assert refusal.value.status == 403


def test_a_kubeconfig_carries_its_token(plain_control_plane, namespace):
    token = plain_control_plane.token("somebody", namespace)
    kubeconfig = plain_control_plane.kubeconfig_for(token)
    said = plain_control_plane.kubectl("--kubeconfig", kubeconfig, "auth", "whoami")
    assert f"system:serviceaccount:{namespace}:somebody" in said


def test_every_call_is_on_record(plain_control_plane, namespace):
    user = f"system:serviceaccount:{namespace}:writer"
    client = plain_control_plane.client_for(plain_control_plane.token("writer", namespace))
    with pytest.raises(KubeError):
        client.create(f"/api/v1/namespaces/{namespace}/configmaps", config_map("a", namespace))
    (entry,) = plain_control_plane.audit(user, MUTATING)
    assert (entry["verb"], entry["objectRef"]["resource"]) == ("create", "configmaps")
    assert entry["responseStatus"]["code"] == 403


def test_objects_outlive_the_api_server(plain_control_plane, namespace):
    plain_control_plane.apply(config_map("kept", namespace))
    plain_control_plane.restart_api_server()
    assert plain_control_plane.get("configmaps", "kept", namespace)


def test_the_job_controller_makes_pods(plain_control_plane, namespace):
    container = {"name": "c", "image": "none"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    meta = {"name": "job", "namespace": namespace}
    plain_control_plane.apply(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": template}}
    )
    (pod,) = plain_control_plane.wait(
        lambda: plain_control_plane.list("pods", namespace, "batch.kubernetes.io/job-name=job")
    )
    assert pod["status"]["phase"] == "Pending"


def test_the_kinds_of_kubeflow_are_served_and_cleaned_up(control_plane):
    namespace = control_plane.namespace()
    owner = control_plane.apply(config_map("owner", namespace))[0]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    meta = {"name": "search", "namespace": namespace, "ownerReferences": [reference]}
    control_plane.apply({"apiVersion": "kubeflow.org/v1beta1", "kind": "Experiment", "metadata": meta, "spec": {}})
    for kind in ("experiments", "trials", "suggestions", "pytorchjobs", "inferenceservices", "servingruntimes"):
        assert control_plane.resource(kind).namespaced
    control_plane.delete("configmaps", "owner", namespace)
    control_plane.wait(lambda: control_plane.get("experiments", "search", namespace) is None, deadline=10)
