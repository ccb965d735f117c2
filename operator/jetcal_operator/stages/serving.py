"""The endpoint: a KServe InferenceService with Triton, how far its rollout is, and its verification."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from jetcal_api.documents import MODEL_NAME, VerifyInput, fingerprint
from jetcal_api.results import VerifyResult
from jetcal_api.spec import Serving as ServingSpec
from jetcal_operator import naming
from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.platform import Platform
from jetcal_operator.stages import pods
from jetcal_operator.stages.base import Stage
from jetcal_operator.stages.dataset import UNKNOWN
from jetcal_operator.stages.progress import Lost, Progress, Succeeded, condition, is_true
from jetcal_operator.stages.records import Accepted
from jetcal_operator.stages.scope import Scope, once
from jetcal_operator.stages.world import World

KSERVE = "serving.kserve.io/v1beta1"
STAGE = "serving"
RUNTIME = "kserve-tritonserver"
HTTP_PORT = 8080
PLACEHOLDER_DOMAIN = "example.com"
"""Domain of every address that KServe gives as long as no ingress domain is configured."""
SCALE_TARGET = 80
"""CPU utilisation in percent that the autoscaler aims at."""
FULL_PRECISION = {"name": "NVIDIA_TF32_OVERRIDE", "value": "0"}
"""Environment variable that keeps a GPU from rounding the operands of float32 products to 11 bits, as it does unasked:
hardly a golden prediction would come out as torch has computed it."""


class Servable(NamedTuple):
    """A model and what runs it."""

    repository: str
    version: str
    """Release of Triton."""


def inference_service_key(scope: Scope) -> ObjectKey:
    """Key of the endpoint."""
    return ObjectKey(KSERVE, "InferenceService", naming.inference_service_name(scope.name))


def runtime_version(platform: Platform, wanted: str, entry: Accepted) -> str:
    """The wanted release, or the one that the revision was exported for where the wanted one cannot load it."""
    limits = platform.triton_releases.get(wanted.removesuffix("-py3"))
    loads = limits is not None and limits.loads(entry.model.opset, entry.model.ir)
    return wanted if loads else entry.triton_version


def servable(scope: Scope, spec: ServingSpec, entry: Accepted) -> Servable:
    """What is to be served of an accepted revision."""
    return Servable(entry.model.repository, runtime_version(scope.platform, spec.triton_version, entry))


def served(child: Manifest) -> Servable:
    """What an InferenceService is told to serve."""
    model = child["spec"]["predictor"]["model"]
    return Servable(model.get("storageUri"), model.get("runtimeVersion"))


def inference_service(scope: Scope, spec: ServingSpec, repository: str, version: str) -> Manifest:
    """The endpoint that serves one model repository with one release of Triton.

    Both secret annotations are set because the name that KServe looks for depends on how it was installed. The
    protocol is named because KServe takes ONNX for v1 otherwise.
    """
    secret = scope.spec.storage.secret_name
    annotations = {
        "serving.kserve.io/deploymentMode": "Standard",
        "serving.kserve.io/autoscalerClass": "hpa",
        **({"serving.kserve.io/storageSecretName": secret, "serving.kserve.io/secretName": secret} if secret else {}),
        **({} if scope.platform.serving_in_mesh else pods.NO_SIDECAR),
    }
    mesh = {} if scope.platform.serving_in_mesh else pods.NO_SIDECAR
    labels = naming.labels(scope.name, STAGE) | mesh
    head = scope.object(*inference_service_key(scope), labels=labels, annotations=annotations)
    amounts = {"cpu": spec.resources.cpu, "memory": spec.resources.memory}
    if spec.resources.gpus:
        amounts[pods.GPU] = str(spec.resources.gpus)
    predictor = {
        "minReplicas": spec.min_replicas,
        "maxReplicas": spec.max_replicas,
        "scaleMetric": "cpu",
        "scaleTarget": SCALE_TARGET,
        "automountServiceAccountToken": False,
        "securityContext": pods.POD_SECURITY,
        **pods.placement(scope),
        "model": {
            "modelFormat": {"name": "onnx", "version": "1"},
            "runtime": RUNTIME,
            "runtimeVersion": version,
            "protocolVersion": "v2",
            "storageUri": repository,
            "resources": pods.requirements(amounts),
            **({"env": [FULL_PRECISION]} if spec.resources.gpus else {}),
            "securityContext": {
                key: value for key, value in pods.CONTAINER_SECURITY.items() if key != "readOnlyRootFilesystem"
            },
            "readinessProbe": {
                "httpGet": {"path": f"/v2/models/{MODEL_NAME}/ready", "port": HTTP_PORT},
                "periodSeconds": 5,
            },
        },
    }
    return naming.stamped(head | {"spec": {"predictor": predictor}})


def inference_service_hash(scope: Scope, spec: ServingSpec, repository: str, version: str) -> str:
    """What tells whether the endpoint stands as it is wanted now."""
    return naming.annotation(inference_service(scope, spec, repository, version), naming.MANIFEST)


class Rollout(NamedTuple):
    """How far the endpoint is with what it was told to serve."""

    phase: Literal["Starting", "Complete", "Failed", "Stopped", "Unavailable"]
    message: str
    url: str | None = None
    """Where people reach it."""
    inner_url: str | None = None
    """Where Pods of the cluster reach it."""


def read_rollout(child: Manifest, world: World) -> Rollout:
    """What controller and Deployment say.

    Ready alone is not enough: it stays True while the old revision serves, and a new one that cannot start hides
    behind it.
    """
    status = child.get("status") or {}
    name = child["metadata"]["name"]
    ready = condition(child, "Ready") or {}
    inner = (status.get("address") or {}).get("url") or status.get("url")
    url = inner if _is_placeholder(status.get("url")) else status["url"]
    trouble = world.failure(ObjectKey.of(child))

    def answer(phase: Any, message: str) -> Rollout:
        told = f"{message}: {trouble}" if trouble and phase in {"Starting", "Failed"} else message
        return Rollout(phase, told, url, inner)

    if is_true(child, "Stopped") or ready.get("reason") == "Stopped":
        return answer("Stopped", f"InferenceService {name} is stopped")
    if ready.get("reason") == "Unavailable":
        return answer("Unavailable", ready.get("message") or f"InferenceService {name} cannot run here")
    model = status.get("modelStatus") or {}
    if model.get("transitionStatus") in {"BlockedByFailedLoad", "InvalidSpec"}:
        return answer("Failed", _failure(child, model))
    generation = child["metadata"].get("generation", 1)
    if status.get("observedGeneration", generation) < generation:
        return answer("Starting", f"InferenceService {name} has not been looked at yet")
    if not is_true(child, "Ready") or not inner:
        return answer("Starting", f"InferenceService {name} is not ready: {ready.get('message') or 'starting'}")
    return answer(*_deployment_state(child, world))


def _is_placeholder(url: str | None) -> bool:
    """Whether KServe gives no address, or one in the domain that it makes up where no ingress domain is configured."""
    return not url or (urlsplit(url).hostname or "").endswith(f".{PLACEHOLDER_DOMAIN}")


def _failure(child: Manifest, model: dict[str, Any]) -> str:
    """What KServe says of a model that it does not serve."""
    name = child["metadata"]["name"]
    info = model.get("lastFailureInfo") or {}
    cause = info.get("message") or info.get("reason") or model["transitionStatus"]
    if model["transitionStatus"] == "InvalidSpec":
        runtime = child["spec"]["predictor"]["model"]["runtime"]
        return f"InferenceService {name} is not accepted: {cause}; is the ClusterServingRuntime {runtime} installed?"
    return f"InferenceService {name} cannot load the model: {cause}"


def _deployment_state(child: Manifest, world: World) -> tuple[str, str]:
    """Phase and message of a ready endpoint, by the Deployment that KServe keeps for it."""
    service = child["metadata"]["name"]
    name = f"{service}-predictor"
    complete = "Complete", f"InferenceService {service} is rolled out"
    deployment = world.find(ObjectKey("apps/v1", "Deployment", name))
    if deployment is None:
        return complete
    template = deployment["spec"].get("template", {}).get("metadata", {}).get("annotations") or {}
    source = template.get("internal.serving.kserve.io/storage-initializer-sourceuri")
    if source and source != child["spec"]["predictor"]["model"]["storageUri"]:
        return "Starting", f"Deployment {name} still has the old model"
    status = deployment.get("status") or {}
    wanted = deployment["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return "Starting", f"Deployment {name} has not been looked at yet"
    updated, replicas, available = (
        status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")
    )
    if updated < wanted or replicas > updated or available < updated:
        given_up = (condition(deployment, "Progressing") or {}).get("reason") == "ProgressDeadlineExceeded"
        message = f"Deployment {name}: {updated} of {wanted} Pods are new, {available} available, {replicas} in all"
        return "Failed" if given_up else "Starting", f"{message}{'; it has made no progress' if given_up else ''}"
    return complete


class Incarnation(NamedTuple):
    """What tells one rollout from another; replicas, cores and memory have no say in what the endpoint answers."""

    uid: str | None
    """Of the InferenceService."""
    repository: str
    version: str
    """Release of Triton."""
    on_gpu: bool
    rollbacks: int
    """Tells a return to a revision from its first rollout."""


class Verification(Stage):
    """Asks the endpoint for the golden predictions, anew for each rollout."""

    condition = "Serving"
    result_type = VerifyResult

    def __init__(self, scope: Scope, revision: str, url: str, rollout: Incarnation) -> None:
        self.revision, self.rollout = revision, rollout
        self.triton_version = rollout.version
        document = VerifyInput(storage=scope.storage, export=revision, url=url, triton_version=rollout.version)
        super().__init__(scope, document)

    @classmethod
    def of(cls, scope: Scope, entry: Accepted, child: Manifest, url: str, rollbacks: int) -> Verification:
        """The verification of an InferenceService with a revision at an address."""
        limits = child["spec"]["predictor"]["model"].get("resources", {}).get("limits", {})
        rollout = Incarnation(child["metadata"].get("uid"), *served(child), pods.GPU in limits, rollbacks)
        return once(cls, scope, entry.revision.revision, url, rollout)

    @cached_property
    def fingerprint(self) -> str:
        """Of the document and the rollout."""
        return fingerprint([self.document.fingerprint, self.rollout])

    @property
    def labels(self) -> dict[str, str]:
        """With revision and endpoint, so that a finished verification says what it has verified where."""
        return super().labels | {naming.REVISION: self.revision, naming.INCARNATION: self.rollout.uid or ""}

    def child_spec(self) -> dict[str, Any]:
        """A Job with one Pod."""
        spec: dict[str, Any] = self.worker_job(["jetcal", "verify"])
        return spec

    def read(self, child: Manifest, world: World) -> Progress:
        """How far the verification is; that it has succeeded says all, its figures are only shown."""
        progress = super().read(child, world)
        return Succeeded(self.placeholder()) if isinstance(progress, Lost) else progress

    def placeholder(self) -> VerifyResult:
        """An answer without figures."""
        return VerifyResult(
            uri=UNKNOWN,
            revision=self.revision,
            server_version=UNKNOWN,
            jets=0,
            max_relative=0.0,
        )
