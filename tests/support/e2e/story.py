"""Everything that a watch saw of one JetCalibration, and what it tells about its stages."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from threading import Condition, Thread
from typing import Any, NamedTuple

from tests.support.e2e.kubectl import Kubectl

Resource = dict[str, Any]


class Chapter(NamedTuple):
    """One stage, by the time of the watch's events in seconds since the story began."""

    stage: str
    began: float
    ended: float


class Story:
    """Follows a resource in the background from ``begin`` to ``end``."""

    def __init__(self, kubectl: Kubectl, namespace: str, name: str) -> None:
        self._kubectl, self._namespace, self._name = kubectl, namespace, name
        self._changed = Condition()
        self._ended = False
        self._process = None
        self._thread = Thread(target=self._follow, daemon=True)
        self.began = time.monotonic()
        self.seen: list[tuple[float, Resource]] = []

    def begin(self) -> Story:
        """Start to follow."""
        self._thread.start()
        return self

    def end(self) -> None:
        """Follow no longer."""
        self._ended = True
        if self._process:
            self._process.terminate()
        self._thread.join(10)

    def wait(self, question: Callable[[Resource], Any], seconds: float, what: str) -> Resource:
        """The first state, from the latest on, that answers true; fails at once where only a person can help."""
        deadline = time.monotonic() + seconds
        place = max(len(self.seen) - 1, 0)
        with self._changed:
            while True:
                while place < len(self.seen):
                    resource = self.seen[place][1]
                    if question(resource):
                        return resource
                    stalled = condition(resource, "Stalled")
                    assert not stalled or stalled["status"] != "True", f"waiting for {what}: {stalled['message']}"
                    place += 1
                left = deadline - time.monotonic()
                assert left > 0, f"not within {seconds:.0f} s: {what}; last status: {self._last()}"
                self._changed.wait(left)

    def _last(self) -> str:
        return json.dumps(self.seen[-1][1].get("status")) if self.seen else "none"

    def chapters(self) -> list[Chapter]:
        """The stages in the order of the status, each until the next one began."""
        found: list[Chapter] = []
        for moment, resource in self.seen:
            stage = (resource.get("status") or {}).get("stage")
            if stage and (not found or found[-1].stage != stage):
                found.append(Chapter(stage, moment, moment))
            elif found:
                found[-1] = found[-1]._replace(ended=moment)
        ends = [*(chapter.began for chapter in found[1:]), *(chapter.ended for chapter in found[-1:])]
        return [chapter._replace(ended=end) for chapter, end in zip(found, ends, strict=True)]

    def _follow(self) -> None:
        watch = (
            *("get", f"jetcal/{self._name}", f"--namespace={self._namespace}"),
            *("--watch", "--output-watch-events", "--output=json"),
        )
        while not self._ended:
            with self._kubectl.start(*watch) as process:
                self._process = process
                self._read(process.stdout)
            time.sleep(0.2)

    def _read(self, stream: Iterable[str]) -> None:
        for line in stream:
            with self._changed:
                self.seen.append((time.monotonic() - self.began, json.loads(line)["object"]))
                self._changed.notify_all()


def condition(resource: Resource, kind: str) -> dict[str, Any] | None:
    """One condition of the status."""
    found = (resource.get("status") or {}).get("conditions") or []
    return next((entry for entry in found if entry["type"] == kind), None)


def holds(resource: Resource, kind: str) -> bool:
    """Whether a condition is True and speaks of the spec as it is now."""
    found = condition(resource, kind)
    current = resource["metadata"].get("generation")
    return bool(found and found["status"] == "True" and found["observedGeneration"] == current)


def settled(resource: Resource) -> bool:
    """Whether the resource is Ready and nothing is under way."""
    return holds(resource, "Ready") and condition(resource, "Reconciling") is None
