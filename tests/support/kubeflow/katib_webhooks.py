"""Katib's webhooks: defaults and checks of Experiments, and what is added to the Pods of Trials."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from aiohttp import web
from tests.support.katib_rules import violations
from tests.support.kubeflow import katib_objects

COUNTERS = ("parallelTrialCount", "maxTrialCount", "maxFailedTrialCount")
COLLECTOR = "metrics-logger-and-collector"
_SCRIPT = Path(__file__).with_name("katib_collector.py")
_JOBS = {
    "Job": "/apis/batch/v1/namespaces/{}/jobs/{}",
    "PyTorchJob": "/apis/kubeflow.org/v1/namespaces/{}/pytorchjobs/{}",
}
_TRIALS = "/apis/kubeflow.org/v1beta1/namespaces/{}/trials/{}"
_NAME = "katib.kubeflow.org"
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class RefusedError(Exception):
    """An admission webhook says no."""


def configurations(address, bundle):
    """The two webhook configurations, called at ``address`` (https://host:port)."""
    experiments = {
        "apiGroups": [katib_objects.GROUP],
        "apiVersions": [katib_objects.VERSION],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["experiments"],
    }
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}

    def webhook(name, path, rule, **more):
        return {
            "name": f"{name}.{_NAME}",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "timeoutSeconds": 10,
            "clientConfig": {"url": f"{address}/{path}", "caBundle": bundle},
            "rules": [rule],
            **more,
        }

    labelled = {"namespaceSelector": {"matchLabels": {katib_objects.INJECTION: "enabled"}}}
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": _NAME}}
    validating = [webhook("validator.experiment", "validate-experiment", experiments)]
    mutating = [
        webhook("defaulter.experiment", "default-experiment", experiments),
        webhook("mutator.pod", "mutate-pod", pods, **labelled),
    ]
    return [
        head | {"kind": "ValidatingWebhookConfiguration", "webhooks": validating},
        head | {"kind": "MutatingWebhookConfiguration", "webhooks": mutating},
    ]


def check_experiment(experiment, before, namespace_labels):
    """Raise `RefusedError` for what Katib does not take: a new Experiment, or a change of one."""
    if namespace_labels.get(katib_objects.INJECTION) != "enabled":
        message = (
            f"Cannot create the Experiment in the namespace: the label {katib_objects.INJECTION}: enabled is missing"
        )
        raise RefusedError(message)
    if before is not None:
        _check_update(experiment, before)
    try:
        broken = list(violations(experiment))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        message = f"the Experiment cannot be read: {error!r}"
        raise RefusedError(message) from error
    if broken:
        raise RefusedError("; ".join(broken))


def _check_update(experiment, before):
    old, new = before["spec"], experiment["spec"]
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    if changed - set(COUNTERS):
        message = "only spec.parallelTrialCount, spec.maxTrialCount and spec.maxFailedTrialCount are editable"
        raise RefusedError(message)
    conditions = (before.get("status") or {}).get("conditions") or []
    if changed and any(entry["type"] in {"Succeeded", "Failed"} and entry["status"] == "True" for entry in conditions):
        message = "Experiment can be restarted only if it has succeeded by max trials with a resume policy"
        raise RefusedError(message)


def with_collector(pod, trial, image, *, restricted=False):
    """The Pod of a Trial as Katib changes it: labels and name for every one, the collector for the primary one.

    ``restricted`` gives the sidecar the security context that Katib itself does not.
    """
    metadata = pod["metadata"]
    labels = metadata.get("labels") or {}
    added = trial["metadata"].get("labels", {}) | {katib_objects.TRIAL: trial["metadata"]["name"]}
    spec = trial["spec"]
    containers = [dict(container) for container in pod["spec"]["containers"]]
    primary = next((entry for entry in containers if entry["name"] == spec["primaryContainerName"]), None)
    if primary is None:
        message = f"the Pod has no container {spec['primaryContainerName']}"
        raise RefusedError(message)
    name = {"name": "KATIB_TRIAL_NAME", "value": trial["metadata"]["name"]}
    primary["env"] = [*primary.get("env", []), name]
    pod_spec = pod["spec"] | {"containers": containers}
    if labels.items() >= spec["primaryPodLabels"].items():
        pod_spec = _collected(pod_spec, primary, trial, image, _RESTRICTED if restricted else {})
    return pod | {"metadata": metadata | {"labels": labels | added}, "spec": pod_spec}


def _collected(pod_spec, primary, trial, image, security):
    path = trial["spec"]["metricsCollector"]["source"]["fileSystemPath"]["path"]
    folder = os.path.dirname(path)  # noqa: PTH120  # a path in the Pod
    if not primary.get("command"):
        message = "the primary container has no command, and its image cannot be asked"
        raise RefusedError(message)
    words = " ".join([*primary["command"], *primary.get("args", [])])
    primary["command"] = ["sh", "-c"]
    primary["args"] = [f"{words} && echo completed > {folder}/$$$$.pid"]
    mount = {"name": "metrics-volume", "mountPath": folder}
    primary["volumeMounts"] = [*primary.get("volumeMounts", []), mount]
    objective = trial["spec"]["objective"]
    metrics = [objective["objectiveMetricName"], *objective.get("additionalMetricNames", [])]
    sidecar = {
        "name": COLLECTOR,
        "image": image,
        "command": ["python3", "-c", _SCRIPT.read_text(), path, *metrics],
        "volumeMounts": [mount],
        "resources": {
            "requests": {"cpu": "50m", "memory": "10Mi", "ephemeral-storage": "500Mi"},
            "limits": {"cpu": "500m", "memory": "100Mi", "ephemeral-storage": "5Gi"},
        },
        **({"securityContext": security} if security else {}),
    }
    return pod_spec | {
        "containers": [*pod_spec["containers"], sidecar],
        "volumes": [*pod_spec.get("volumes", []), {"name": "metrics-volume", "emptyDir": {}}],
        "shareProcessNamespace": True,
    }


class Webhooks:
    """The three webhooks as one web application."""

    def __init__(self, api, image, *, restricted):
        self._api = api
        self._image = image
        self._restricted = restricted

    def application(self):
        """What a server runs."""
        application = web.Application(client_max_size=2**24)
        application.add_routes(
            [
                web.post("/default-experiment", self._answering(self._default)),
                web.post("/validate-experiment", self._answering(self._validate)),
                web.post("/mutate-pod", self._answering(self._mutate)),
                web.get("/readyz", self._ready),
            ]
        )
        return application

    @staticmethod
    async def _ready(_):
        return web.Response(text="ok")

    @staticmethod
    def _answering(judge):
        async def answer(request):
            review = await request.json()
            asked = review["request"]
            response = {"uid": asked["uid"], "allowed": True}
            try:
                patch = await judge(asked)
            except RefusedError as refusal:
                response |= {"allowed": False, "status": {"code": 400, "message": str(refusal)}}
            else:
                if patch:
                    text = base64.b64encode(json.dumps(patch).encode()).decode()
                    response |= {"patchType": "JSONPatch", "patch": text}
            return web.json_response(
                {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
            )

        return answer

    async def _default(self, asked):
        try:
            spec = katib_objects.with_defaults(asked["object"])["spec"]
        except (KeyError, TypeError):
            return None
        return [{"op": "replace", "path": "/spec", "value": spec}]

    async def _validate(self, asked):
        namespace = await self._api.call("GET", f"/api/v1/namespaces/{asked['namespace']}")
        labels = namespace["metadata"].get("labels", {})
        check_experiment(asked["object"], asked.get("oldObject"), labels)

    async def _mutate(self, asked):
        pod = asked["object"]
        trial = await self._trial(asked["namespace"], pod)
        if trial is None:
            return None
        changed = with_collector(pod, trial, self._image, restricted=self._restricted)
        return [
            {"op": "replace", "path": "/spec", "value": changed["spec"]},
            {"op": "add", "path": "/metadata/labels", "value": changed["metadata"]["labels"]},
        ]

    async def _trial(self, namespace, pod):
        """The Trial whose job made the Pod, None for any other Pod."""
        owner = katib_objects.controller(pod)
        if owner is None or owner["kind"] not in _JOBS:
            return None
        job = await self._api.find(_JOBS[owner["kind"]].format(namespace, owner["name"]))
        owner = katib_objects.controller(job) if job else None
        if owner is None or owner["kind"] != "Trial":
            return None
        return await self._api.find(_TRIALS.format(namespace, owner["name"]))
