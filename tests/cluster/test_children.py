"""Every manifest that we make, taken by the API server with the real schemas: no field unknown, none defaulted away."""

from __future__ import annotations

import pytest
from tests.support.calibrations import EXAMPLES, calibration, example
from tests.support.kube_objects import loaded
from tests.support.kubeflow.children import family
from tests.support.kubeflow.katib_objects import INJECTION
from tests.support.programs import module_folder

from jetcal_operator.platform import Platform

NAMES = sorted(
    path.stem for path in EXAMPLES.glob("*.yaml") if example(path.stem)["spec"]["storage"]["uri"].startswith("s3://")
)
GUARDED = Platform(
    tolerations=({"key": "gpu", "operator": "Exists"},),
    node_selector={"pool": "jec"},
    pull_secrets=("registry",),
    ca_bundle="corporate-ca",
)
TRAINER = "github.com/kubeflow/trainer/v2"


@pytest.fixture(scope="module")
def with_trainer(kubeflow_plane):
    """The control plane, serving TrainJobs of Kubeflow Trainer 2.3 too."""
    crds = module_folder(TRAINER) / "manifests" / "base" / "crds"
    kubeflow_plane.serve(crds / "trainer.kubeflow.org_trainjobs.yaml")
    return kubeflow_plane


@pytest.mark.parametrize("platform", [Platform(), GUARDED], ids=["plain", "guarded"])
@pytest.mark.parametrize("name", NAMES)
def test_every_child_of_an_example_is_taken_as_it_is(with_trainer, name, platform):
    home = family(with_trainer, example(name), platform=platform, labels={INJECTION: "enabled"})
    for manifest in home.manifests:
        made = home.plane.create(manifest, fieldValidation="Strict", dryRun="All")
        assert missing(manifest, made) == []


@pytest.mark.parametrize("runtime", ["PyTorchJob", "Job"])
def test_the_job_of_a_trial_is_taken_too(kubeflow_plane, runtime):
    document = calibration()
    document["spec"]["tuning"]["runtime"] = runtime
    home = family(kubeflow_plane, document)
    job = home.find("Experiment", "tuning")["spec"]["trialTemplate"]["trialSpec"]
    job["metadata"] |= {"name": "trial", "namespace": home.namespace}
    made = home.plane.create(job, fieldValidation="Strict", dryRun="All")
    assert missing(job, made) == []


@pytest.mark.parametrize("platform", [Platform(), GUARDED], ids=["plain", "guarded"])
def test_a_trainjob_is_taken_as_it_is(with_trainer, platform):
    document = calibration(training={"runtime": "TrainJob", "workers": 2, "processesPerWorker": 4})
    home = family(with_trainer, document, platform=platform)
    job = home.find("TrainJob", "training")
    made = home.make("TrainJob", "training")
    assert missing(job, made) == []


def test_the_schema_of_a_trainjob_shows_that_it_can_be_patched():
    (crd,) = loaded([module_folder(TRAINER) / "manifests" / "base" / "crds" / "trainer.kubeflow.org_trainjobs.yaml"])
    (version,) = [entry for entry in crd["spec"]["versions"] if entry["name"] == "v1alpha1"]
    assert "runtimePatches" in version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def missing(wanted, found, path=""):
    """Paths of what was asked for and is not there: a schema has dropped or changed it."""
    if isinstance(wanted, dict):
        inner = found if isinstance(found, dict) else {}
        return [bad for name, value in wanted.items() for bad in missing(value, inner.get(name), f"{path}.{name}")]
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return [path]
        pairs = enumerate(zip(wanted, found, strict=True))
        return [bad for index, (ours, theirs) in pairs for bad in missing(ours, theirs, f"{path}[{index}]")]
    return [] if wanted == found else [path]
