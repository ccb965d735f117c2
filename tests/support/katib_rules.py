"""What Katib's webhooks refuse in an Experiment, and what they let through only to hang: checked strictly.

Rules after kubeflow/katib v0.19: validator of experiments, Pod injection, metrics collector.
"""

from __future__ import annotations

import json
import re

SHELL = re.compile(r"[\s'\"`$;|&<>*?(){}\[\]\\!#~]")
ALGORITHMS = {
    "random": {"random_state"},
    "tpe": {"gamma", "prior_weight", "n_EI_candidates", "random_state"},
    "multivariate-tpe": {"n_startup_trials", "n_ei_candidates", "random_state"},
    "grid": {"random_state"},
    "bayesianoptimization": {"base_estimator", "n_initial_points", "acq_func", "acq_optimizer", "random_state"},
    "cmaes": {"sigma", "restart_strategy", "random_state"},
    "sobol": set(),
}
PRIMARY_CONTAINERS = {"PyTorchJob": "pytorch", "Job": "worker"}
METRIC = re.compile(r"^[A-Za-z0-9_-]+$")


def violations(experiment):
    """Every rule that an Experiment breaks, one sentence each."""
    spec = experiment["spec"]
    return [
        *_name(experiment),
        *_objective(spec["objective"]),
        *_counts(spec),
        *_algorithm(spec),
        *_parameters(spec["parameters"]),
        *_collector(spec["metricsCollectorSpec"]),
        *_template(spec),
    ]


def _name(experiment):
    name = experiment["metadata"]["name"]
    if len(name) > 40:
        yield f"name {name} has {len(name)} characters, 40 are allowed"
    if not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name):
        yield f"name {name} is no DNS label that starts with a letter"


def _objective(objective):
    if objective.get("type") not in {"minimize", "maximize"}:
        yield "objective.type is minimize or maximize"
    name, additional = objective.get("objectiveMetricName"), objective.get("additionalMetricNames", [])
    if not name:
        yield "objectiveMetricName is required"
    if name in additional:
        yield "additionalMetricNames repeats the objective"
    for metric in (name, *additional):
        if not METRIC.fullmatch(metric or ""):
            yield f"metric {metric} is not found by the TEXT filter"
    strategies = {entry["name"]: entry["value"] for entry in objective.get("metricStrategies", [])}
    if set(strategies) != {name, *additional}:
        yield "metricStrategies name each metric once"
    if not set(strategies.values()) <= {"min", "max", "latest"}:
        yield "a metric strategy is min, max or latest"


def _counts(spec):
    for name in ("maxTrialCount", "parallelTrialCount", "maxFailedTrialCount"):
        if not isinstance(spec.get(name), int):
            yield f"{name} is not explicit"
            return
    if spec["maxTrialCount"] <= 0 or spec["parallelTrialCount"] <= 0:
        yield "counts must be above 0"
    if spec["maxFailedTrialCount"] > spec["maxTrialCount"]:
        yield "maxFailedTrialCount is above maxTrialCount"
    if spec["parallelTrialCount"] > spec["maxTrialCount"]:
        yield "parallelTrialCount is above maxTrialCount"


def _algorithm(spec):
    algorithm = spec["algorithm"]
    name = algorithm.get("algorithmName")
    if name not in ALGORITHMS:
        yield f"algorithm {name} is not configured"
        return
    for setting in algorithm.get("algorithmSettings", []):
        if not isinstance(setting["value"], str):
            yield f"setting {setting['name']} is not a string"
        if setting["name"] not in ALGORITHMS[name]:
            yield f"{name} does not know the setting {setting['name']}"
    early = spec.get("earlyStopping")
    if early and early["algorithmName"] != "medianstop":
        yield "early stopping knows only medianstop"
    if early and not spec["trialTemplate"].get("retain"):
        yield "early stopping without retain never ends"


def _parameters(parameters):
    if not parameters:
        yield "there is nothing to search"
    if len({entry["name"] for entry in parameters}) != len(parameters):
        yield "parameter names repeat"
    for entry in parameters:
        space, name = entry["feasibleSpace"], entry["name"]
        texts = [space.get("min"), space.get("max"), *space.get("list", [])]
        if not all(isinstance(text, str) for text in texts if text is not None):
            yield f"{name}: feasible values are strings"
        judge = {"int": _range, "double": _range, "discrete": _choice, "categorical": _choice}
        for problem in judge[entry["parameterType"]](entry["parameterType"], space):
            yield f"{name}: {problem}"


def _range(kind, space):
    if "list" in space or "min" not in space or "max" not in space:
        yield "a range has min and max and no list"
        return
    low, high = float(space["min"]), float(space["max"])
    if not low < high:
        yield "min is not below max"
    if kind == "int" and not (low.is_integer() and high.is_integer()):
        yield "ends of an int range are whole numbers"
    if space.get("distribution") not in {"uniform", "logUniform"}:
        yield f"{space.get('distribution')} is dropped by some services"
    if space.get("distribution") == "logUniform" and low <= 0:
        yield "a logarithm needs min above 0"


def _choice(kind, space):
    if "min" in space or "max" in space or not space.get("list"):
        yield f"a {kind} parameter has a list and neither min nor max"


def _collector(collector):
    path = collector["source"]["fileSystemPath"]
    if collector["collector"]["kind"] != "File":
        yield "the collector is not File: stdout would vanish from kubectl logs"
    if not path["path"].startswith("/") or path["kind"] != "File" or path["format"] != "TEXT":
        yield "the metrics file is an absolute path of kind File in TEXT format"


def _template(spec):
    template = spec["trialTemplate"]
    trial = template["trialSpec"]
    if not template.get("retain"):
        yield "retain is not set: the results vanish with the Pods"
    if {"name", "namespace"} & set(trial.get("metadata", {})):
        yield "trialSpec has a name or a namespace"
    kind = trial.get("kind")
    if template.get("primaryContainerName") != PRIMARY_CONTAINERS.get(kind):
        yield f"primaryContainerName of a {kind} is {PRIMARY_CONTAINERS.get(kind)}"
    yield from _references(spec["parameters"], template)
    pod = _pod_template(trial)
    containers = [entry for entry in pod["spec"]["containers"] if entry["name"] == template["primaryContainerName"]]
    if len(containers) != 1:
        yield "the primary container is missing"
        return
    yield from _command(containers[0])
    yield from _environment(containers[0], spec["metricsCollectorSpec"]["source"]["fileSystemPath"]["path"])
    for place in ("labels", "annotations"):
        if pod["metadata"].get(place, {}).get("sidecar.istio.io/inject") != "false":
            yield f"the Pod's {place} do not keep Istio out: its collector waits for ever"


def _references(parameters, template):
    text = json.dumps(template["trialSpec"])
    used = set(re.findall(r"\$\{trialParameters\.([^}]+)\}", text))
    declared = {entry["name"]: entry["reference"] for entry in template["trialParameters"]}
    if used != set(declared):
        yield f"trial parameters used and declared differ: {sorted(used ^ set(declared))}"
    if len(set(declared.values())) != len(declared):
        yield "references repeat"
    searched = {entry["name"] for entry in parameters}
    if not searched <= set(declared.values()):
        yield f"searched but not handed to the trial: {sorted(searched - set(declared.values()))}"
    unknown = {name for name in declared.values() if name not in searched and not name.startswith("${trialSpec.")}
    if unknown:
        yield f"references of nothing: {sorted(unknown)}"
    for value in re.findall(r"\$\{(?!trialParameters\.)[^}]*\}", text):
        yield f"{value} is never replaced"


def _pod_template(trial):
    if trial["kind"] == "PyTorchJob":
        return trial["spec"]["pytorchReplicaSpecs"]["Master"]["template"]
    return trial["spec"]["template"]


def _command(container):
    if not container.get("command"):
        yield "no explicit command: Katib would ask the registry for it"
    for argument in [*container.get("command", []), *container.get("args", [])]:
        plain = re.sub(r"\$\{trialParameters\.\w+\}", "x", argument)
        if SHELL.search(plain):
            yield f"argument {argument!r} does not survive the shell that Katib wraps around it"


def _environment(container, path):
    named = {entry["name"]: entry for entry in container.get("env", [])}
    if named.get("JETCAL_METRICS_FILE", {}).get("value") != path:
        yield "the worker writes its metrics elsewhere than the collector reads"
    mounted = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
    if path.rpartition("/")[0] in mounted:
        yield "the metrics folder is mounted twice"
