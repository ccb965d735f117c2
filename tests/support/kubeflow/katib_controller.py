"""Katib's controller, played: Trials for Experiments, jobs for Trials, and the status of both."""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp
from tests.support.kubeflow import katib_objects, katib_status
from tests.support.kubeflow.api import ApiError
from tests.support.kubeflow.katib_webhooks import COLLECTOR

_KATIB = "/apis/kubeflow.org/v1beta1"
_COLLECTIONS = {
    "Experiment": (_KATIB, "experiments"),
    "Trial": (_KATIB, "trials"),
    "Job": ("/apis/batch/v1", "jobs"),
    "PyTorchJob": ("/apis/kubeflow.org/v1", "pytorchjobs"),
    "Pod": ("/api/v1", "pods"),
}
_PAUSE = 0.5


class Controller:
    """Follows the cluster and moves Experiments and Trials on.

    Parameters
    ----------
    seed
        Of suggestions and names.
    collects
        Whether sidecars run and report; without them a Pod's own answer is taken: the member ``metrics`` of the JSON in
        its termination message.
    """

    def __init__(self, api, *, seed=0, collects=False):
        self._api = api
        self._seed = seed
        self._reporter = COLLECTOR if collects else None
        self._objects = {kind: {} for kind in _COLLECTIONS}
        self._waiting = asyncio.Queue()
        self._queued = set()

    async def run(self):
        """Work for ever."""
        async with asyncio.TaskGroup() as tasks:
            for kind, (group, plural) in _COLLECTIONS.items():
                query = {"labelSelector": katib_objects.TRIAL} if kind == "Pod" else {}
                changed = self._changed(kind)
                tasks.create_task(self._api.follow(f"{group}/{plural}", self._objects[kind], changed, **query))
            tasks.create_task(self._work())

    def _changed(self, kind):
        def look(thing):
            namespace, name = thing["metadata"]["namespace"], thing["metadata"]["name"]
            if kind == "Pod":
                self._ask("Trial", namespace, thing["metadata"]["labels"][katib_objects.TRIAL])
            elif kind in {"Experiment", "Trial"}:
                self._ask(kind, namespace, name)
            owner = katib_objects.controller(thing)
            if owner and owner["kind"] in {"Experiment", "Trial"}:
                self._ask(owner["kind"], namespace, owner["name"])

        return look

    def _ask(self, *key):
        if key not in self._queued:
            self._queued.add(key)
            self._waiting.put_nowait(key)

    async def _work(self):
        while True:
            kind, namespace, name = key = await self._waiting.get()
            self._queued.discard(key)
            thing = self._objects[kind].get((namespace, name))
            if thing is None:
                continue
            thing = {"apiVersion": "kubeflow.org/v1beta1", "kind": kind} | thing
            try:
                await (self._experiment(thing) if kind == "Experiment" else self._trial(thing))
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                print(f"{kind} {namespace}/{name}: {error}", file=sys.stderr, flush=True)  # noqa: T201  # its log
                asyncio.get_running_loop().call_later(_PAUSE, self._ask, *key)

    async def _experiment(self, experiment):
        ends = katib_status.EXPERIMENT_ENDS
        if experiment["metadata"].get("deletionTimestamp") or katib_status.has_ended(experiment, ends):
            return
        trials = self._trials(experiment)
        status = katib_status.after_trials(experiment, trials)
        await self._report(experiment, status)
        if katib_status.has_ended({"status": status}, ends):
            return
        spec = experiment["spec"]
        active = [trial for trial in trials if not katib_status.has_ended(trial)]
        wanted = min(spec["parallelTrialCount"], spec["maxTrialCount"] - (len(trials) - len(active)))
        newest_first = sorted(active, key=lambda trial: trial["metadata"]["creationTimestamp"], reverse=True)
        for trial in newest_first[: max(0, len(active) - wanted)]:
            await self._api.delete(_path(trial))
        taken = {name for _, name in self._objects["Trial"]}
        for index in range(len(taken) + wanted):
            if len(active) >= wanted:
                return
            name = katib_objects.trial_name(experiment, self._seed, index)
            if name not in taken:
                assignments = katib_objects.suggestion(experiment, self._seed, index)
                made = await self._make(katib_objects.trial(experiment, name, assignments))
                active.append(made)

    def _trials(self, experiment):
        metadata = experiment["metadata"]
        owned = {
            name: trial
            for (_, name), trial in sorted(self._objects["Trial"].items())
            if (katib_objects.controller(trial) or {}).get("uid") == metadata["uid"]
            and not trial["metadata"].get("deletionTimestamp")
        }
        return list(owned.values())

    async def _trial(self, trial):
        metadata = trial["metadata"]
        if metadata.get("deletionTimestamp"):
            if katib_objects.FINALIZER in metadata.get("finalizers", []):
                await self._api.merge(_path(trial), {"metadata": {"finalizers": None}})
            return
        key = (metadata["namespace"], metadata["name"])
        job = self._objects[trial["spec"]["runSpec"]["kind"]].get(key)
        if katib_status.has_ended(trial):
            if job and not trial["spec"]["retainRun"]:
                await self._api.delete(_path(katib_objects.job(trial)))
            return
        if job is None:
            job = await self._make(katib_objects.job(trial))
        status = katib_status.after_job(trial, job, self._reported(trial))
        await self._report(trial, status)

    def _reported(self, trial):
        """Name -> {min, max, latest} as the trial's Pods tell it, None if none of them does."""
        namespace, name = trial["metadata"]["namespace"], trial["metadata"]["name"]
        wanted = trial["spec"]["primaryPodLabels"] | {katib_objects.TRIAL: name}
        answers = [
            self._answer(pod, self._reporter or trial["spec"]["primaryContainerName"])
            for (place, _), pod in sorted(self._objects["Pod"].items())
            if place == namespace and wanted.items() <= pod["metadata"]["labels"].items()
        ]
        return next((answer for answer in answers if answer is not None), None)

    def _answer(self, pod, container):
        for status in (pod.get("status") or {}).get("containerStatuses", []):
            end = status.get("state", {}).get("terminated")
            if status["name"] == container and end and end["exitCode"] == 0:
                return _metrics(end.get("message", ""), is_collected=self._reporter is not None)
        return None

    async def _make(self, manifest):
        """Create an object; what exists by that name stands in for it."""
        kind, metadata = manifest["kind"], manifest["metadata"]
        group, plural = _COLLECTIONS[kind]
        path = f"{group}/namespaces/{metadata['namespace']}/{plural}"
        made = await self._api.create(path, manifest) or await self._api.call("GET", f"{path}/{metadata['name']}")
        self._objects[kind].setdefault((metadata["namespace"], metadata["name"]), made)
        return made

    async def _report(self, thing, status):
        if status == thing.get("status"):
            return
        written = await self._api.merge(f"{_path(thing)}/status", {"status": status})
        if written:
            key = (thing["metadata"]["namespace"], thing["metadata"]["name"])
            self._objects[thing["kind"]][key] = written


def _path(thing):
    group, plural = _COLLECTIONS[thing["kind"]]
    return f"{group}/namespaces/{thing['metadata']['namespace']}/{plural}/{thing['metadata']['name']}"


def _metrics(message, *, is_collected):
    try:
        document = json.loads(message)
    except ValueError:
        return None
    if is_collected:
        return document
    values = document.get("metrics") if isinstance(document, dict) else None
    if not isinstance(values, dict):
        return None
    return {name: dict.fromkeys(("min", "max", "latest"), repr(value)) for name, value in values.items()}
