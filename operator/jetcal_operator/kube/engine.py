"""The operator's process: watches fill the cache, the cache fills the queue, workers reconcile under the lease."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from kubernetes.aio.client import ApiClient

from jetcal_operator.cluster import Manifest
from jetcal_operator.kube import logs
from jetcal_operator.kube.api import Api, ApiError
from jetcal_operator.kube.cache import Cache, Key, Place
from jetcal_operator.kube.cluster import KubeCluster, LookAgainError
from jetcal_operator.kube.discovery import served
from jetcal_operator.kube.kinds import RESOURCE, WATCHED, Kind
from jetcal_operator.kube.lease import Lease, NotLeaderError
from jetcal_operator.kube.metrics import PAGE_TYPE, Metrics
from jetcal_operator.kube.observation import Observer, UnreadableError
from jetcal_operator.kube.probes import Health, Probes
from jetcal_operator.kube.queue import Queue
from jetcal_operator.kube.recorder import Recorder
from jetcal_operator.kube.watches import Watches
from jetcal_operator.naming import CALIBRATION
from jetcal_operator.platform import Platform
from jetcal_operator.reconcile import reconcile
from jetcal_operator.stages.progress import is_true

RELIST_PAUSE_SECONDS = 1.0
"""A watch that lists anew may have missed deletions; this long after its list a list of our own finds them."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """How one process of the operator runs."""

    namespaces: tuple[str, ...]
    """Namespaces to watch; none for all."""
    lease_namespace: str
    lease_name: str
    identity: str
    lease_seconds: int
    port: int
    workers: int
    resync_seconds: float
    discovery_seconds: float


class Engine:
    """Runs until it is cancelled, or until something breaks that only a new process can mend."""

    def __init__(self, client: ApiClient, platform: Platform, settings: Settings) -> None:
        self._platform = platform
        self._settings = settings
        self._lease = Lease(
            client,
            settings.lease_namespace,
            settings.lease_name,
            settings.identity,
            duration_seconds=settings.lease_seconds,
            renew_seconds=settings.lease_seconds / 3,
        )
        self._queue: Queue[Key] = Queue()
        self._cache = Cache(self._queue.add)
        self._metrics = Metrics()
        self._metrics.watch(
            depth=lambda: self._queue.depth,
            oldest=self._oldest,
            leader=lambda: self._lease.is_held,
            ages=self._ages,
            stages=self._stages,
            stalled=self._stalled,
        )
        self._probes = Probes(self._health, self._metrics.page, PAGE_TYPE, settings.port)
        self._api = Api(client, self._metrics, self._lease.require)
        self._kinds: frozenset[Kind] = frozenset()
        self._listed: frozenset[Kind] = frozenset()
        self._filled = asyncio.Event()
        self._observer = Observer(self._api, self._cache, lambda: self._listed, self._queue.add_after)
        self._recorder = Recorder(self._api)
        self._clusters: dict[Key, KubeCluster] = {}
        self._relisted = asyncio.Event()

    async def run(self) -> None:
        """Run for ever; at the end all work stops before the lease is handed back."""
        async with asyncio.TaskGroup() as leadership, asyncio.TaskGroup() as tasks:
            leadership.create_task(self._lease.run())
            tasks.create_task(self._probes.run())
            tasks.create_task(self._follow_kinds())
            tasks.create_task(self._resync_for_ever())
            for _ in range(self._settings.workers):
                tasks.create_task(self._work())

    async def _follow_kinds(self) -> None:
        """Watch what the cluster serves; a kind that comes or goes starts the watches anew."""
        watches = Watches(self._settings.namespaces, self._see)
        watching: asyncio.Task[None] | None = None
        while True:
            try:
                kinds = await served(self._api, WATCHED)
            except ApiError as error:
                log.warning("the API server does not tell which kinds it serves: %s", error)
                self._metrics.error("Discovery")
            else:
                if kinds != self._kinds:
                    watching = await self._watch(watches, kinds, watching)
            await asyncio.sleep(self._settings.discovery_seconds)

    async def _watch(
        self, watches: Watches, kinds: frozenset[Kind], watching: asyncio.Task[None] | None
    ) -> asyncio.Task[None]:
        gone = self._kinds - kinds
        log.info("watching %s", ", ".join(sorted(kind.kind for kind in kinds)) or "nothing")
        if RESOURCE not in kinds:
            log.error("the cluster does not serve %s: install the CRD of jetcal", RESOURCE.kind)
        self._kinds = kinds
        if watching:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        self._listed -= gone
        for kind in gone:
            self._cache.forget(kind)
        self._look_at_all()
        self._relisted.set()
        return asyncio.create_task(watches.run(sorted(kinds)))

    def _see(self, kind: Kind, event: str | None, manifest: Manifest) -> None:
        if event is None:
            self._relisted.set()
        if kind in self._kinds:
            self._cache.see(kind, event, manifest)

    async def _resync_for_ever(self) -> None:
        """List everything now and then, and whenever a watch had to begin anew, for events may have been lost."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._relisted.wait(), self._settings.resync_seconds)
                if self._listed >= self._kinds:
                    await asyncio.sleep(RELIST_PAUSE_SECONDS)
                self._relisted.clear()
            try:
                await self._resync()
            except ApiError as error:
                log.warning("the cluster cannot be listed: %s", error)
                self._metrics.error("Resync")
                await asyncio.sleep(RELIST_PAUSE_SECONDS)
                self._relisted.set()

    async def _resync(self) -> None:
        """List every kind; only then a missing object is one that does not exist, and not one that is not known yet."""
        kinds = self._kinds
        for kind in sorted(kinds):
            labels = None if kind == RESOURCE else CALIBRATION
            for namespace in self._settings.namespaces or (None,):
                try:
                    listing = await self._api.list(kind, namespace, labels=labels)
                except ApiError as error:
                    if error.is_missing:
                        continue
                    raise
                self._cache.replace(kind, listing.items, listing.resource_version, namespace)
        self._listed = kinds & self._kinds
        if RESOURCE in self._listed:
            self._filled.set()
        self._look_at_all()

    def _look_at_all(self) -> None:
        for manifest in self._cache.calibrations():
            self._queue.add(_key(manifest))

    async def _work(self) -> None:
        await self._filled.wait()
        while True:
            key = await self._queue.get()
            try:
                await self._lease.held()
                with logs.about(*key):
                    await self._step(key)
            finally:
                self._queue.done(key)

    async def _step(self, key: Key) -> None:
        began = time.monotonic()
        result = "error"
        try:
            await self._reconcile(key)
            self._queue.succeeded(key)
            result = "ok"
        except (LookAgainError, NotLeaderError) as reason:
            log.info("%s", reason)
            self._queue.retry(key)
            result = "waiting"
        except ApiError as error:
            pause = self._queue.retry(key, at_least=error.retry_after or 0.0)
            log.warning("%s; tried again in %.1f s", error, pause)
            self._metrics.error(str(error.body.get("reason") or error.status or "Unreachable"))
        except Exception:
            pause = self._queue.retry(key)
            log.exception("this reconcile has failed; tried again in %.1f s", pause)
            self._metrics.error("Internal")
        self._metrics.reconciled(result, time.monotonic() - began)

    async def _reconcile(self, key: Key) -> None:
        cluster = self._clusters.get(key)
        if cluster is None:
            cluster = KubeCluster(key, self._api, self._cache, self._observer, self._recorder)
            self._clusters[key] = cluster
        try:
            again = await reconcile(cluster, self._platform, *key)
        except UnreadableError as error:
            await cluster.report_unreadable(error)
            return
        if again is not None:
            self._queue.add_after(key, (again - datetime.now(UTC)).total_seconds())
        elif self._cache.get(Place(RESOURCE, *key)) is None:
            del self._clusters[key]

    def _oldest(self) -> float:
        """Age of the oldest key; a follower's keys may wait."""
        return self._queue.oldest_seconds if self._lease.is_held else 0.0

    def _ages(self) -> dict[str, float]:
        return {kind.kind: age for kind, age in self._cache.silence().items()}

    def _stages(self) -> Counter[str]:
        return Counter((found.get("status") or {}).get("stage") or "New" for found in self._cache.calibrations())

    def _stalled(self) -> int:
        return sum(is_true(found, "Stalled") for found in self._cache.calibrations())

    def _health(self) -> Health:
        unlisted = {RESOURCE, *self._kinds} - self._listed
        return Health(self._ages(), self._oldest(), frozenset(kind.kind for kind in unlisted))


def _key(manifest: Manifest) -> Key:
    return Key(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
