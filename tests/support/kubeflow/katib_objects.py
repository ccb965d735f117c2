"""What Katib's controller makes: suggestions, Trials and the jobs of Trials. Pure."""

from __future__ import annotations

import hashlib
import json
import math
import random
from pathlib import Path

from ruamel.yaml import YAML

CRDS = Path(__file__).with_name("katib_crds.yaml")
GROUP = "kubeflow.org"
VERSION = "v1beta1"
INJECTION = "katib.kubeflow.org/metrics-collector-injection"
"""Label of a namespace in which Katib works."""
EXPERIMENT = "katib.kubeflow.org/experiment"
"""Label of a Trial and of its Pods."""
TRIAL = "katib.kubeflow.org/trial"
"""Label of a Trial's Pods."""
FINALIZER = "clean-metrics-in-db"
"""Of a Trial."""
_CONDITION = 'status.conditions.#(type=="{}")#|#(status=="True")#'
_SUCCESS = {"Job": "Complete", "PyTorchJob": "Succeeded"}
_PRIMARY = {"PyTorchJob": {"training.kubeflow.org/job-role": "master"}}


def crds():
    """Katib's three kinds."""
    return list(YAML(typ="safe").load_all(CRDS))


def with_defaults(experiment):
    """The Experiment as Katib's defaulting webhook completes it."""
    spec = dict(experiment["spec"])
    template = dict(spec["trialTemplate"])
    kind = template["trialSpec"]["kind"]
    template.setdefault("successCondition", _CONDITION.format(_SUCCESS.get(kind, "Succeeded")))
    template.setdefault("failureCondition", _CONDITION.format("Failed"))
    if kind in _PRIMARY:
        template.setdefault("primaryPodLabels", _PRIMARY[kind])
    spec.setdefault("parallelTrialCount", 3)
    spec.setdefault("resumePolicy", "Never")
    ranges = [_with_distribution(parameter) for parameter in spec["parameters"]]
    return experiment | {"spec": spec | {"trialTemplate": template, "parameters": ranges}}


def _with_distribution(parameter):
    if parameter["parameterType"] not in {"int", "double"}:
        return parameter
    return parameter | {"feasibleSpace": {"distribution": "uniform"} | parameter["feasibleSpace"]}


def trial_name(experiment, seed, index):
    """``<experiment>-<8 hexadecimal digits>``; another Experiment of the same name gets others."""
    metadata = experiment["metadata"]
    digest = hashlib.sha256(f"{seed}/{metadata['uid']}/{index}".encode()).hexdigest()
    return f"{metadata['name']}-{digest[:8]}"


def suggestion(experiment, seed, index):
    """``parameterAssignments`` of the trial number ``index``, drawn at random whatever the algorithm."""
    generator = random.Random(f"{seed}/{experiment['metadata']['name']}/{index}")  # noqa: S311  # no secret
    parameters = experiment["spec"]["parameters"]
    return [{"name": entry["name"], "value": _drawn(generator, entry)} for entry in parameters]


def _drawn(generator, parameter):
    space = parameter["feasibleSpace"]
    if "list" in space:
        return generator.choice(space["list"])
    low, high = float(space["min"]), float(space["max"])
    if space.get("distribution") == "logUniform":
        value = math.exp(generator.uniform(math.log(low), math.log(high)))
    else:
        value = generator.uniform(low, high)
    value = min(max(value, low), high)
    return str(round(value)) if parameter["parameterType"] == "int" else repr(value)


def trial(experiment, name, assignments):
    """A Trial with its rendered job."""
    spec, metadata = experiment["spec"], experiment["metadata"]
    template = spec["trialTemplate"]
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Trial",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": metadata.get("labels", {}) | {EXPERIMENT: metadata["name"]},
            "ownerReferences": [_reference(experiment)],
            "finalizers": [FINALIZER],
        },
        "spec": {
            "objective": spec["objective"],
            "parameterAssignments": assignments,
            "metricsCollector": spec["metricsCollectorSpec"],
            "primaryContainerName": template["primaryContainerName"],
            "primaryPodLabels": template.get("primaryPodLabels", {}),
            "successCondition": template["successCondition"],
            "failureCondition": template["failureCondition"],
            "retainRun": template.get("retain", False),
            "runSpec": _rendered(experiment, name, assignments),
        },
    }


def job(trial):
    """The job of a Trial, under the Trial's name."""
    template, metadata = trial["spec"]["runSpec"], trial["metadata"]
    head = {"name": metadata["name"], "namespace": metadata["namespace"], "ownerReferences": [_reference(trial)]}
    return template | {"metadata": template.get("metadata", {}) | head}


def controller(thing):
    """The reference to the object that controls this one, None if nobody does."""
    references = thing["metadata"].get("ownerReferences", [])
    return next((reference for reference in references if reference.get("controller")), None)


def _rendered(experiment, name, assignments):
    """The job's template with its parameters put in, by raw replacement in the JSON text."""
    template = experiment["spec"]["trialTemplate"]
    run = template["trialSpec"]
    known = {entry["name"]: entry["value"] for entry in assignments} | {
        "${trialSpec.Name}": name,
        "${trialSpec.Namespace}": experiment["metadata"]["namespace"],
        "${trialSpec.Kind}": run["kind"],
        "${trialSpec.APIVersion}": run["apiVersion"],
    }
    text = json.dumps(run)
    for parameter in template["trialParameters"]:
        text = text.replace(f"${{trialParameters.{parameter['name']}}}", known[parameter["reference"]])
    return json.loads(text)


def _reference(owner):
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
