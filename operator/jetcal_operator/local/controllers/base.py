"""What a controller is, and the one place that runs them."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol

from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.local.changes import Changes
from jetcal_operator.local.objects import ObjectStore


class Controller(Protocol):
    """Carries out the objects of some kinds, one task an object."""

    kinds: frozenset[tuple[str, str]]
    """(apiVersion, kind)."""

    def wants(self, manifest: Manifest) -> Hashable | None:
        """What is to be carried out: another value starts the task anew, None ends it."""

    async def run(self, manifest: Manifest) -> None:
        """Carry it out; cancelled, leave nothing running."""

    def is_settled(self, manifest: Manifest) -> bool:
        """Whether the running task waits for nothing but a change from outside, as a service does that is up."""


_ENDING = object()
"""Equals nothing that an object wants, so that a task on its way out is always followed by another."""


@dataclass
class _Work:
    wanted: Hashable
    task: asyncio.Task[None]
    manifest: Manifest


class Controllers:
    """Keeps one task for each object that wants one."""

    def __init__(self, store: ObjectStore, changes: Changes, controllers: Iterable[Controller]) -> None:
        self._store = store
        self._changes = changes
        self._controllers = {kind: controller for controller in controllers for kind in controller.kinds}
        self._work: dict[str, _Work] = {}

    @property
    def kinds(self) -> frozenset[tuple[str, str]]:
        """All kinds that are carried out here."""
        return frozenset(self._controllers)

    def adjust(self) -> None:
        """Start, end and restart tasks as the stored objects want it; raise what a task has raised."""
        present = {entry["metadata"]["uid"]: entry for entry in self._store.list() if self._controller(entry)}
        for uid, work in list(self._work.items()):
            manifest = present.get(uid)
            if work.task.done() and not work.task.cancelled() and (error := work.task.exception()):
                raise _first(error)
            if manifest is None or self._wants(manifest) != work.wanted:
                if work.task.done():
                    del self._work[uid]
                elif work.wanted is not _ENDING:
                    work.wanted = _ENDING
                    work.task.cancel()
        for uid, manifest in present.items():
            wanted = self._wants(manifest)
            if wanted is not None and uid not in self._work:
                self._start(uid, manifest, wanted)

    @property
    def idle(self) -> bool:
        """Whether nothing will change by itself; asked right after ``adjust``."""
        for work in self._work.values():
            if work.task.done():
                continue
            current = self._store.get(ObjectKey.of(work.manifest))
            controller = self._controllers[_kind(work.manifest)]
            if work.wanted is _ENDING or current is None or not controller.is_settled(current):
                return False
        return True

    async def stop(self) -> None:
        """End all tasks and wait until nothing of them is left; cancelled meanwhile, their processes are killed."""
        tasks = [work.task for work in self._work.values()]
        for task in tasks:
            task.cancel()
        try:
            await _ended(tasks)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            await _ended(tasks)
            raise

    def _start(self, uid: str, manifest: Manifest, wanted: Hashable) -> None:
        name = f"{manifest['kind']} {manifest['metadata']['name']}"
        task = asyncio.create_task(self._controllers[_kind(manifest)].run(manifest), name=name)
        task.add_done_callback(lambda _: self._changes.announce())
        self._work[uid] = _Work(wanted, task, manifest)

    def _controller(self, manifest: Manifest) -> Controller | None:
        return self._controllers.get(_kind(manifest))

    def _wants(self, manifest: Manifest) -> Hashable | None:
        return self._controllers[_kind(manifest)].wants(manifest)


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(tasks)


def _first(error: BaseException) -> BaseException:
    """The error itself, or the first of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _kind(manifest: Manifest) -> tuple[str, str]:
    return manifest["apiVersion"], manifest["kind"]
