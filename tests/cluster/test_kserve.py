"""Our InferenceService on the real KServe: what it makes of it, and how far `read_rollout` takes a rollout to be."""

from __future__ import annotations

import copy

import pytest
from tests.support import kubelet
from tests.support.kube_client import KubeError
from tests.support.kubeflow.children import family
from tests.support.waiting import wait_for

from jetcal_operator import naming
from jetcal_operator.stages.progress import is_true
from jetcal_operator.stages.serving import read_rollout

pytestmark = pytest.mark.usefixtures("kserve")
STOP = "serving.kserve.io/stop"
KINDS = ("deployments", "inferenceservices")


@pytest.fixture
def home(kubeflow_plane):
    home = family(kubeflow_plane)
    home.plane.apply(credentials(home.namespace))
    yield home
    home.plane.delete("jetcalibrations", "ak4", home.namespace)
    wait_for("the endpoint is gone", lambda: not home.read(home.find("InferenceService", "serving")))


def credentials(namespace):
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "S3_ENDPOINT": "http://s3.invalid:9000"}
    meta = {"name": "s3-credentials", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": keys}


def pod_of(home, model):
    """The Pod that loads a model, once it is there."""

    def find():
        for pod in home.pods().values():
            (storage,) = pod["spec"]["initContainers"]
            if storage["args"][0] == model["spec"]["predictor"]["model"]["storageUri"]:
                return pod
        return None

    return wait_for("a Pod that loads the model", find)


def rollout(home, service):
    return read_rollout(home.read(service), home.world(*KINDS))


def observed(home, service):
    """The generation that KServe has looked at."""
    return home.read(service)["status"].get("observedGeneration")


def reach(home, service, phase):
    """The rollout once it has come to a phase."""
    return wait_for(f"the rollout is {phase}", lambda: (found := rollout(home, service)).phase == phase and found)


def served(home):
    """An endpoint that serves its first model, and its Pod."""
    service = home.make("InferenceService", "serving")
    pod = pod_of(home, service)
    kubelet.run(home.plane, pod)
    reach(home, service, "Complete")
    return service, pod


def moved(home, service, uri="s3://jec/ak4/export/other/repository"):
    """The endpoint after it was told, as the operator does it, to serve another model."""
    wanted = copy.deepcopy(home.find("InferenceService", "serving"))
    wanted["metadata"]["uid"] = service["metadata"]["uid"]
    wanted["spec"]["predictor"]["model"]["storageUri"] = uri
    return home.apply(wanted)


def test_the_first_model_is_loaded_with_the_users_credentials_and_served(home):
    service = home.make("InferenceService", "serving")
    pod = pod_of(home, service)
    assert rollout(home, service).phase == "Starting"
    (storage,) = pod["spec"]["initContainers"]
    variables = {entry["name"]: entry for entry in storage["env"]}
    assert storage["args"] == [service["spec"]["predictor"]["model"]["storageUri"], "/mnt/models"]
    assert variables["AWS_ACCESS_KEY_ID"]["valueFrom"]["secretKeyRef"]["name"] == "s3-credentials"
    assert variables["AWS_ENDPOINT_URL"]["value"] == "http://s3.invalid:9000"
    (server,) = [entry for entry in pod["spec"]["containers"] if entry["name"] == "kserve-container"]
    assert server["image"].endswith(":26.06-py3")
    assert server["readinessProbe"]["httpGet"]["path"] == "/v2/models/jetcal/ready"
    assert pod["metadata"]["labels"][naming.CALIBRATION] == "ak4"
    assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
    kubelet.run(home.plane, pod)
    done = reach(home, service, "Complete")
    name = service["metadata"]["name"]
    assert done.inner_url == f"http://{name}-predictor.{home.namespace}.svc.cluster.local"
    assert done.url
    (deployment,) = home.plane.list("deployments", home.namespace)
    assert deployment["metadata"]["labels"][naming.CALIBRATION] == "ak4"
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    assert annotations["internal.serving.kserve.io/storage-initializer-sourceuri"] == storage["args"][0]
    (autoscaler,) = home.plane.list("horizontalpodautoscalers", home.namespace)
    assert (autoscaler["spec"]["minReplicas"], autoscaler["spec"]["maxReplicas"]) == (1, 3)


def test_while_another_model_loads_the_old_one_serves_and_the_rollout_is_not_complete(home):
    service, old = served(home)
    changed = moved(home, service)
    new = pod_of(home, changed)
    looked_at = wait_for("KServe has looked", lambda: observed(home, service) == changed["metadata"]["generation"])
    assert looked_at
    assert is_true(home.read(service), "Ready")
    assert old["metadata"]["name"] in home.pods()
    assert rollout(home, service).phase == "Starting"
    kubelet.run(home.plane, new)
    reach(home, service, "Complete")
    wait_for("the old Pod is gone", lambda: home.pods().keys() == {new["metadata"]["name"]})


@pytest.mark.parametrize("init", [True, False], ids=["download", "server"])
def test_a_first_model_that_cannot_be_loaded_is_told_with_its_cause(home, init):
    service = home.make("InferenceService", "serving")
    kubelet.crash_loop(home.plane, pod_of(home, service), 1, "no such model: s3://jec/ak4", init=init)
    assert "no such model: s3://jec/ak4" in reach(home, service, "Failed").message


@pytest.mark.parametrize("init", [True, False], ids=["download", "server"])
def test_a_later_model_that_cannot_be_loaded_never_counts_as_rolled_out(home, init):
    service, old = served(home)
    changed = moved(home, service)
    kubelet.crash_loop(home.plane, pod_of(home, changed), 1, "no such model", init=init)
    wait_for("KServe has looked", lambda: observed(home, service) == changed["metadata"]["generation"])
    assert rollout(home, service).phase != "Complete"
    assert old["metadata"]["name"] in home.pods()
    moved(home, service, service["spec"]["predictor"]["model"]["storageUri"])
    reach(home, service, "Complete")
    assert old["metadata"]["name"] in home.pods()


def test_an_endpoint_that_a_person_stops_is_read_as_stopped_and_comes_back(home):
    service, _ = served(home)
    name = service["metadata"]["name"]
    home.plane.patch("inferenceservices", name, home.namespace, {"metadata": {"annotations": {STOP: "true"}}})
    reach(home, service, "Stopped")
    wait_for("no Pod is left", lambda: not home.pods())
    home.plane.patch("inferenceservices", name, home.namespace, {"metadata": {"annotations": {STOP: None}}})
    kubelet.run(home.plane, pod_of(home, service))
    reach(home, service, "Complete")


def test_a_runtime_that_is_not_installed_is_named_and_serves_once_it_is_there(home):
    runtime = f"triton-{home.namespace}"
    manifest = home.find("InferenceService", "serving")
    manifest["spec"]["predictor"]["model"]["runtime"] = runtime
    service = home.make("InferenceService", "serving")
    assert runtime in reach(home, service, "Failed").message
    home.plane.apply(same_runtime(home.plane, runtime))
    kubelet.run(home.plane, pod_of(home, service))
    reach(home, service, "Complete")


def same_runtime(plane, name):
    """Triton under another name, for ONNX only: two runtimes that choose themselves for a format are refused."""
    installed = plane.get("clusterservingruntimes", "kserve-tritonserver")
    spec = installed["spec"] | {"supportedModelFormats": [{"name": "onnx", "version": "1"}]}
    head = {name: installed[name] for name in ("apiVersion", "kind")}
    return head | {"metadata": {"name": name}, "spec": spec}


def test_what_is_applied_again_changes_nothing_though_kserve_fills_in_defaults(home):
    service, _ = served(home)
    manifest = home.find("InferenceService", "serving")
    manifest["metadata"]["uid"] = service["metadata"]["uid"]
    first = home.apply(manifest)
    assert home.apply(manifest)["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert first["metadata"]["generation"] == service["metadata"]["generation"]


def test_the_deployment_mode_cannot_be_changed(home):
    service, _ = served(home)
    mode = {"serving.kserve.io/deploymentMode": "Knative"}
    with pytest.raises(KubeError, match="deploymentMode"):
        home.plane.patch("inferenceservices", "ak4", home.namespace, {"metadata": {"annotations": mode}})
    assert home.read(service)


def test_a_deleted_endpoint_takes_everything_with_it(home):
    service, _ = served(home)
    home.delete(service)
    wait_for("the endpoint is gone", lambda: not home.read(service))
    kinds = ("deployments", "services", "pods", "horizontalpodautoscalers")
    wait_for("all of it is gone", lambda: not any(home.plane.list(kind, home.namespace) for kind in kinds))


def test_while_the_controller_is_away_a_create_fails_in_a_way_that_is_retried(home, kserve):
    kserve.stop()
    try:
        with pytest.raises(KubeError, match="failed calling webhook") as refusal:
            home.make("InferenceService", "serving")
        assert refusal.value.status == 500
    finally:
        kserve.start()
    assert home.make("InferenceService", "serving")
