"""A cluster on this machine for tests: real processes, small programs, no planner."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager

from jetcal_operator.cluster import ObjectKey
from jetcal_operator.local.cluster import LocalCluster
from jetcal_operator.local.machine import Amounts, Machine

DEADLINE_SECONDS = 60


class Opened:
    """A cluster and what it has told."""

    def __init__(self, storage, cpu, memory, gpus):
        self.told = []
        total = Amounts(cpu, memory, len(gpus))
        self.cluster = LocalCluster(storage, Machine(total, gpus, self.told.append), self.told.append, 0, 0.01)
        self.store = self.cluster.store

    async def until(self, condition):
        """Carry out objects until the condition gives something true; that is returned."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while True:
                count = self.cluster.changes.count
                self.cluster.controllers.adjust()
                if found := condition():
                    return found
                await self.cluster.changes.since(count)

    async def ended(self, manifest):
        """The object once it has ended."""
        key = ObjectKey.of(manifest)
        return await self.until(lambda: (found := self.store.get(key)) and end_of(found) and found)

    def pods(self, manifest):
        """Pods of an object."""
        return list(self.store.owned(self.store.get(ObjectKey.of(manifest)), "Pod"))


@asynccontextmanager
async def opened(storage, cpu=4.0, memory=2.0**40, gpus=()):
    """A cluster whose processes all end with the block."""
    machine = Opened(storage, cpu, memory, gpus)
    machine.cluster.begin()
    try:
        yield machine
    finally:
        await machine.cluster.controllers.stop()


async def turns_true(condition):
    """Wait for what another process does, such as making a file."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110  # no event tells of it
            await asyncio.sleep(0.01)


def end_of(manifest):
    """The condition in which an object has ended."""
    ends = ("Complete", "Succeeded", "Failed")
    conditions = manifest.get("status", {}).get("conditions", [])
    return next((entry["type"] for entry in conditions if entry["type"] in ends and entry["status"] == "True"), None)


def condition(manifest, kind):
    """One condition of an object."""
    return next((entry for entry in manifest["status"]["conditions"] if entry["type"] == kind), None)


def shell(script, **fields):
    """A container that runs a shell script; its ``$$`` is kept from the kubelet's expansion."""
    return {"name": "worker", "command": ["sh", "-c", script.replace("$$", "$$$$")], **fields}


def python(program, **fields):
    """A container that runs a Python program."""
    return {"name": "worker", "command": [sys.executable, "-c", program], **fields}


def job(name, container, **spec):
    """A Job around one container."""
    template = {"spec": {"containers": [container]}}
    metadata = {"name": name, "namespace": "default", "labels": {"jetcal.dev/calibration": "toy"}}
    spec = {"backoffLimit": 0, "template": template, **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def pytorch_job(name, container, workers=1, backoff_limit=1, restart_policy="ExitCode"):
    """A PyTorchJob around one container."""
    replica = {"replicas": 1, "restartPolicy": restart_policy, "template": {"spec": {"containers": [container]}}}
    replicas = {"Master": replica} | ({"Worker": replica | {"replicas": workers - 1}} if workers > 1 else {})
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": name, "namespace": "default", "labels": {"jetcal.dev/calibration": "toy"}},
        "spec": {"nprocPerNode": "1", "runPolicy": {"backoffLimit": backoff_limit}, "pytorchReplicaSpecs": replicas},
    }


def experiment(name, container, *, trials=3, parallel=2, failures=2, parameters=None, **spec):
    """An Experiment whose trials are Jobs around one container."""
    parameters = parameters or [
        {
            "name": "learningRate",
            "parameterType": "double",
            "feasibleSpace": {"min": "1e-05", "max": "0.01", "distribution": "logUniform"},
        },
        {"name": "convDim", "parameterType": "discrete", "feasibleSpace": {"list": ["50", "100"]}},
    ]
    template = job("unused", container)
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": name, "namespace": "default", "labels": {"jetcal.dev/calibration": "toy"}},
        "spec": {
            "objective": {
                "type": "minimize",
                "objectiveMetricName": "validation_loss",
                "additionalMetricNames": ["train_loss"],
                "metricStrategies": [{"name": "validation_loss", "value": "min"}],
            },
            "algorithm": {"algorithmName": "random", "algorithmSettings": []},
            "parallelTrialCount": parallel,
            "maxTrialCount": trials,
            "maxFailedTrialCount": failures,
            "parameters": parameters,
            "trialTemplate": {
                "retain": True,
                "trialParameters": [
                    {"name": "trialName", "reference": "${trialSpec.Name}"},
                    *({"name": entry["name"], "reference": entry["name"]} for entry in parameters),
                ],
                "trialSpec": {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "metadata": {"labels": {"jetcal.dev/calibration": "toy"}},
                    "spec": template["spec"],
                },
            },
            **spec,
        },
    }
