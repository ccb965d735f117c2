"""Plays the kubelet for calibrations whose children real controllers look after: Pods run, workers answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

from tests.support import kubelet
from tests.support.control_plane import ControlPlane
from tests.support.kube_client import KubeError
from tests.support.scripted_cluster import ScriptedCluster, config_maps

from jetcal_api.documents import parse_input
from jetcal_operator import naming
from jetcal_operator.kube.kinds import POD

SERVERS = {"serving", "tensorboard", ""}
"""Stages whose Pods run on; predictors carry no stage."""


@dataclass
class PodHands:
    """The kubelet of one namespace, from `working` on; workers of `held` stages run until `release`."""

    plane: ControlPlane
    namespace: str
    held: set[str] = field(default_factory=set)
    ended: list[str] = field(default_factory=list)
    """Stages of the workers that have ended."""

    def __post_init__(self):
        self._stopped = Event()
        self._script = ScriptedCluster({"metadata": {}})

    @contextmanager
    def working(self) -> Iterator[PodHands]:
        """The hands at work."""
        thread = Thread(target=self._work, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stopped.set()

    def release(self) -> None:
        """Let all workers end."""
        self.held.clear()
        for pod in self.plane.client.items(POD.path(self.namespace)):
            self._move(pod)

    def _work(self) -> None:
        for event in self.plane.client.watch(POD.path(self.namespace), self._stopped):
            if event["type"] in {"ADDED", "MODIFIED"}:
                self._move(event["object"])

    def _move(self, pod: dict[str, Any]) -> None:
        """One step in a Pod's life."""
        phase, stage = pod["status"].get("phase", "Pending"), naming.label(pod, naming.STAGE)
        if pod["metadata"].get("deletionTimestamp"):
            return
        try:
            if phase == "Pending":
                kubelet.run(self.plane, pod)
            elif phase == "Running" and stage not in SERVERS | self.held:
                kubelet.succeed(self.plane, pod, json.dumps(self.answer(pod)))
                self.ended.append(stage)
        except KubeError as error:
            if error.status not in {404, 409}:
                raise

    def answer(self, pod: dict[str, Any]) -> dict[str, Any]:
        """What the worker of a Pod answers; the smaller the learning rate of a trial, the better its network."""
        name = next(config_maps(pod["spec"]))
        found = self.plane.client.get(f"/api/v1/namespaces/{self.namespace}/configmaps/{name}")
        document = parse_input(found["data"]["calibration.json"])
        container = pod["spec"]["containers"][0]
        words = [word for text in (*container.get("command", ()), *container.get("args", ())) for word in text.split()]
        if "--trial" not in words:
            return self._script.answer(document)
        rate = next(word.partition("=")[2] for word in words if word.startswith("--learning-rate="))
        trial = words[words.index("--trial") + 1]
        return self._script.answer(document, trial, objective=float(rate), hyperparameters={"learningRate": rate})
