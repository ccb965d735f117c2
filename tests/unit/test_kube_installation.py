from __future__ import annotations

from datetime import timedelta

import pytest

from jetcal_operator.kube.discovery import has_runtime_patches
from jetcal_operator.kube.installation import InstallationError, read_platform
from jetcal_operator.platform import Platform


@pytest.fixture
def write(tmp_path):
    def written(text):
        file = tmp_path / "platform.yaml"
        file.write_text(text)
        return file

    return written


def test_without_a_file_or_with_an_empty_one_the_platform_is_as_built_in(write):
    assert read_platform(None) == read_platform(write("")) == Platform()


def test_what_the_file_says_replaces_what_is_built_in(write):
    platform = read_platform(
        write(
            "workerImage: registry.example/worker@sha256:0\n"
            "pullSecrets: [pull]\n"
            "jobResources: {cpu: 500m, memory: 2Gi}\n"
            "retryDelaySeconds: 5\n"
            "tritonReleases: {'26.08': {runtime: 1.28.0, opset: 26, ir: 13}}\n"
        )
    )
    assert platform.worker_image == platform.tensorboard_image == "registry.example/worker@sha256:0"
    assert platform.pull_secrets == ("pull",)
    assert platform.job_resources.memory == "2Gi"
    assert platform.retry_delay == timedelta(seconds=5)
    assert platform.onnx_limits("26.08-py3").opset == 26
    assert platform.onnx_limits("26.06-py3").opset == 25
    assert platform.backoff_limit == Platform().backoff_limit


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("workerimage: x\n", "workerimage: Extra inputs are not permitted"),
        ("retryDelaySeconds: -1\n", "retryDelaySeconds: Input should be greater than 0"),
        ("- a\n", "must hold fields such as workerImage"),
        ("a: [\n", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_is_wrong(write, text, sentence):
    with pytest.raises(InstallationError, match=sentence) as caught:
        read_platform(write(text))
    assert "platform.yaml" in str(caught.value)


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(InstallationError, match=r"missing\.yaml: cannot be read"):
        read_platform(tmp_path / "missing.yaml")


@pytest.mark.parametrize(
    ("fields", "expected"), [(("runtimeRef", "runtimePatches"), True), (("runtimeRef", "podTemplateOverrides"), False)]
)
def test_a_trainer_is_known_by_the_schema_of_its_jobs(fields, expected):
    spec = {"properties": {field: {} for field in fields}}
    name = "org.kubeflow.trainer.v1alpha1.TrainJob"
    schemas = {name: {"properties": {"spec": spec}}, f"{name}List": {"properties": {}}}
    assert has_runtime_patches({"components": {"schemas": schemas}}) is expected
    assert not has_runtime_patches({})
