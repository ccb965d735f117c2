"""Manifests of every example: equal to the golden files, and within the rules of those who take them.

JETCAL_GOLDEN=write writes the golden files anew.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.support.calibrations import EXAMPLES, calibration, changed, example
from tests.support.katib_rules import violations

from jetcal_api.resource import JetCalibration
from jetcal_operator import naming
from jetcal_operator.platform import Platform
from jetcal_operator.render import render

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
GUARDED = Platform(
    tolerations=({"key": "gpu", "operator": "Exists"},),
    node_selector={"pool": "jec"},
    pull_secrets=("registry",),
    ca_bundle="corporate-ca",
)


def rendered(document, platform=None):
    return render(JetCalibration.parse(document), platform or Platform())


def of_kind(manifests, kind):
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def as_yaml(manifest):
    yaml = YAML()
    yaml.width = 110
    yaml.representer.ignore_aliases = lambda _: True
    text = io.StringIO()
    yaml.dump(manifest, text)
    return text.getvalue()


def pods(value):
    """Every Pod template in a manifest, and the predictor of an InferenceService."""
    if isinstance(value, dict):
        if "containers" in value.get("spec", {}) and "metadata" in value:
            yield value
        for entry in value.values():
            yield from pods(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from pods(entry)


@pytest.mark.parametrize("name", NAMES)
def test_manifests_equal_the_golden_files(name):
    folder = GOLDEN / name
    wanted = {}
    for index, manifest in enumerate(rendered(example(name))):
        stage = manifest["metadata"]["labels"][naming.STAGE]
        wanted[f"{index:02}-{stage}-{manifest['kind']}.yaml"] = as_yaml(manifest)
    if os.environ.get("JETCAL_GOLDEN") == "write":
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.yaml"):
            path.unlink()
        for file, text in wanted.items():
            (folder / file).write_text(text)
    assert {path.name: path.read_text() for path in folder.glob("*.yaml")} == wanted, "run: make golden"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("platform", [Platform(), GUARDED], ids=["plain", "guarded"])
def test_katib_would_admit_each_experiment(name, platform):
    for experiment in of_kind(rendered(example(name), platform), "Experiment"):
        assert list(violations(experiment)) == []


@pytest.mark.parametrize("runtime", ["PyTorchJob", "Job"])
@pytest.mark.parametrize("failed", [0, 5, 1000])
@pytest.mark.parametrize("trials", [1, 100])
def test_katib_would_admit_extreme_counts_and_long_names(runtime, failed, trials):
    document = changed(calibration(), "metadata.name", "a" * 40)
    document = changed(document, "spec.tuning.runtime", runtime)
    document = changed(document, "spec.tuning.maxFailedTrials", failed)
    document = changed(document, "spec.tuning.maxTrials", trials)
    (experiment,) = of_kind(rendered(document), "Experiment")
    assert list(violations(experiment)) == []


@pytest.mark.parametrize("broken", ["name", "retain", "argument", "count", "metric", "reference"])
def test_the_checker_of_katibs_rules_finds_each_break(broken):
    (experiment,) = of_kind(rendered(calibration()), "Experiment")
    template = experiment["spec"]["trialTemplate"]
    master = template["trialSpec"]["spec"]["pytorchReplicaSpecs"]["Master"]
    breaks = {
        "name": lambda: experiment["metadata"].update(name="a" * 41),
        "retain": lambda: template.update(retain=False),
        "argument": lambda: master["template"]["spec"]["containers"][0]["command"].append("--note=a b"),
        "count": lambda: experiment["spec"].update(parallelTrialCount=99),
        "metric": lambda: experiment["spec"]["objective"].update(objectiveMetricName="val/loss"),
        "reference": template["trialParameters"].pop,
    }
    breaks[broken]()
    assert list(violations(experiment))


@pytest.mark.parametrize("platform", [Platform(), GUARDED], ids=["plain", "guarded"])
@pytest.mark.parametrize("name", NAMES)
def test_every_pod_runs_restricted_with_limits_and_without_istio(name, platform):
    found = [pod for manifest in rendered(example(name), platform) for pod in pods(manifest)]
    assert found
    for pod in found:
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
        assert pod["metadata"]["annotations"]["sidecar.istio.io/inject"] == "false"
        for container in spec["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            if container["name"] != "node":
                resources = container["resources"]
                assert resources["requests"] == resources["limits"]
                assert {"cpu", "memory", "ephemeral-storage"} <= set(resources["limits"])
        mounted = {mount["name"] for container in spec["containers"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in spec["volumes"]}
        if platform is GUARDED:
            assert spec["nodeSelector"] == {"pool": "jec"}
            assert spec["tolerations"]
            assert spec["imagePullSecrets"] == [{"name": "registry"}]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_dns_labels_with_room_for_what_controllers_append(name):
    document = changed(example(name), "metadata.name", "a" * 40)
    for manifest in rendered(document):
        child = manifest["metadata"]["name"]
        assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", child)
        limit = {"Experiment": 40, "TrainJob": 40, "PyTorchJob": 52, "Job": 52}.get(manifest["kind"], 63)
        assert len(child) <= limit


def test_resources_with_the_same_beginning_do_not_share_names():
    first = naming.child_name("a" * 35 + "-one", "tuning", "0123456789abcdef", 40)
    second = naming.child_name("a" * 35 + "-two", "tuning", "0123456789abcdef", 40)
    assert first != second
    assert first.endswith("-tuning-01234567")


def test_a_pytorchjob_has_one_master_named_containers_and_explicit_policies():
    (job,) = of_kind(rendered(calibration(training={"workers": 3, "processesPerWorker": 2})), "PyTorchJob")
    spec = job["spec"]
    assert spec["nprocPerNode"] == "2"
    assert spec["runPolicy"] == {"cleanPodPolicy": "Running", "backoffLimit": 3}
    assert {name: replica["replicas"] for name, replica in spec["pytorchReplicaSpecs"].items()} == {
        "Master": 1,
        "Worker": 2,
    }
    for replica in spec["pytorchReplicaSpecs"].values():
        assert replica["restartPolicy"] == "ExitCode"
        assert "restartPolicy" not in replica["template"]["spec"]
        assert [container["name"] for container in replica["template"]["spec"]["containers"]] == ["pytorch"]


def test_a_trainjob_asks_for_no_variable_of_torchrun_and_patches_its_runtime():
    document = calibration(training={"runtime": "TrainJob", "workers": 2, "processesPerWorker": 4})
    (job,) = of_kind(rendered(document), "TrainJob")
    trainer = job["spec"]["trainer"]
    assert (trainer["numNodes"], trainer["numProcPerNode"]) == (2, 4)
    assert not [entry["name"] for entry in trainer["env"] if entry["name"].startswith("PET_")]
    keys = [entry["valueFrom"]["secretKeyRef"] for entry in trainer["env"] if "secretKeyRef" in str(entry)]
    assert {key["name"] for key in keys} == {"s3-credentials"}
    (patch,) = job["spec"]["runtimePatches"]
    (replicated,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    (container,) = replicated["template"]["spec"]["template"]["spec"]["containers"]
    assert (replicated["name"], container["name"]) == ("node", "node")
    assert "env" not in container


def test_prepare_is_indexed_over_the_shards_and_stops_at_a_permanent_failure():
    jobs = {job["metadata"]["labels"][naming.STAGE]: job for job in of_kind(rendered(calibration()), "Job")}
    spec = jobs["dataset"]["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 1, 1)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    actions = [rule["action"] for rule in spec["podFailurePolicy"]["rules"]]
    assert actions == ["Ignore", "FailJob"]


def test_the_inference_service_names_all_that_kserve_would_guess_wrongly():
    (service,) = of_kind(rendered(calibration()), "InferenceService")
    annotations = service["metadata"]["annotations"]
    assert annotations["serving.kserve.io/deploymentMode"] == "Standard"
    assert annotations["serving.kserve.io/storageSecretName"] == "s3-credentials"
    assert annotations["serving.kserve.io/secretName"] == "s3-credentials"
    model = service["spec"]["predictor"]["model"]
    assert model["modelFormat"]["name"] == "onnx"
    assert (model["runtime"], model["runtimeVersion"], model["protocolVersion"]) == (
        "kserve-tritonserver", "26.06-py3", "v2",
    )  # fmt: skip
    assert model["storageUri"].endswith("/repository")
    assert model["readinessProbe"]["httpGet"]["path"] == "/v2/models/jetcal/ready"


def test_each_worker_reads_the_very_document_that_is_hashed():
    manifests = rendered(calibration())
    maps = {manifest["metadata"]["name"]: manifest for manifest in of_kind(manifests, "ConfigMap")}
    assert all(config["immutable"] for config in maps.values())
    for job in of_kind(manifests, "Job"):
        container = job["spec"]["template"]["spec"]["containers"][0]
        variables = {entry["name"]: entry for entry in container["env"]}
        source = variables["JETCAL_CALIBRATION"]["valueFrom"]["configMapKeyRef"]
        assert source["key"] in maps[source["name"]]["data"]
        assert variables["JETCAL_POD_UID"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.uid"
        assert container["envFrom"] == [{"secretRef": {"name": "s3-credentials"}}]


def test_a_shared_cache_is_mounted_instead_of_the_nodes_disk():
    manifests = rendered(changed(calibration(), "spec.dataset.cache", {"claimName": "jec-cache"}))
    for pod in (pod for manifest in of_kind(manifests, "Job") for pod in pods(manifest)):
        (cache,) = [volume for volume in pod["spec"]["volumes"] if volume["name"] == "cache"]
        assert cache["persistentVolumeClaim"] == {"claimName": "jec-cache"}


def test_kueues_label_stands_on_jobs_and_on_trials_jobs_not_on_experiments():
    manifests = rendered(calibration(queueName="jec"))
    (experiment,) = of_kind(manifests, "Experiment")
    trial = experiment["spec"]["trialTemplate"]["trialSpec"]
    assert naming.QUEUE not in experiment["metadata"]["labels"]
    for job in (trial, *of_kind(manifests, "Job"), *of_kind(manifests, "PyTorchJob")):
        assert job["metadata"]["labels"][naming.QUEUE] == "jec"
