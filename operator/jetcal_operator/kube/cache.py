"""What the watches have seen, by kind and by calibration; never older than what this process itself has written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from jetcal_operator import naming
from jetcal_operator.cluster import Manifest
from jetcal_operator.kube.kinds import RESOURCE, Kind, kind_of


class Key(NamedTuple):
    """Names one JetCalibration."""

    namespace: str
    name: str


class Place(NamedTuple):
    """Names one object."""

    kind: Kind
    namespace: str
    name: str


class Cache:
    """Objects as last seen.

    Versions only go forward: an event that comes late, or an answer that an event has overtaken, changes nothing.

    Parameters
    ----------
    changed
        Is told which calibration an observed change concerns.
    """

    def __init__(self, changed: Callable[[Key], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._changed = changed
        self._clock = clock
        self._objects: dict[Place, Manifest] = {}
        self._versions: dict[Place, int] = {}
        self._families: dict[Key, set[Place]] = {}
        self._heard: dict[Kind, float] = {}

    def see(self, kind: Kind, event: str | None, manifest: Manifest) -> None:
        """Take in one event of a watch."""
        self._heard[kind] = self._clock()
        self._take(manifest, gone=event == "DELETED")

    def keep(self, manifest: Manifest) -> None:
        """Take in the answer to a write of our own."""
        self._take(manifest, gone=False)

    def mark_deleted(self, place: Place, uid: str) -> None:
        """Remember that we have deleted an object, until the watch says so."""
        found = self._objects.get(place)
        if found and found["metadata"].get("uid") == uid:
            metadata = found["metadata"] | {"deletionTimestamp": found["metadata"].get("creationTimestamp", "now")}
            self._objects[place] = found | {"metadata": metadata}

    def drop(self, place: Place, uid: str) -> None:
        """Forget an object that the API server says is not there."""
        found = self._objects.get(place)
        if found and found["metadata"].get("uid") == uid:
            self._remove(place)

    def replace(self, kind: Kind, items: Iterable[Manifest], version: str, namespace: str | None = None) -> None:
        """Take in a whole list: also what has vanished without an event."""
        self._heard[kind] = self._clock()
        present = set()
        for item in items:
            present.add(_place(item))
            self._take(item, gone=False, is_listed=True)
        for place in [place for place in self._versions if place.kind == kind and place not in present]:
            if namespace in (None, place.namespace) and self._versions[place] <= int(version):
                self._remove(place)
                del self._versions[place]

    def forget(self, kind: Kind) -> None:
        """Drop a kind that the cluster no longer serves."""
        self._heard.pop(kind, None)
        for place in [place for place in self._versions if place.kind == kind]:
            self._remove(place)
            del self._versions[place]

    def get(self, place: Place) -> Manifest | None:
        """One object."""
        return self._objects.get(place)

    def calibrations(self) -> Iterator[Manifest]:
        """Every JetCalibration."""
        return (found for place, found in self._objects.items() if place.kind == RESOURCE)

    def family(self, key: Key) -> list[Manifest]:
        """Every object that carries the label of a calibration."""
        return [self._objects[place] for place in sorted(self._families.get(key, ()))]

    def silence(self) -> dict[Kind, float]:
        """Seconds since anything was heard of each kind."""
        now = self._clock()
        return {kind: now - heard for kind, heard in self._heard.items()}

    def _take(self, manifest: Manifest, *, gone: bool, is_listed: bool = False) -> None:
        place, version = _place(manifest), int(manifest["metadata"]["resourceVersion"])
        known = self._versions.get(place, -1)
        if version < known or (version == known and not gone and not (is_listed and self._reads_anew(place, manifest))):
            return
        self._versions[place] = version
        if gone:
            self._remove(place)
            return
        key = _key(place, manifest)
        before = self._objects.get(place)
        if before is not None and _key(place, before) != key:
            self._remove(place)
        if key is None:
            return
        self._objects[place] = _without_history(manifest)
        if place.kind != RESOURCE:
            self._families.setdefault(key, set()).add(place)
        self._changed(key)

    def _reads_anew(self, place: Place, manifest: Manifest) -> bool:
        """Whether a list shows the same version otherwise: a watch from before a change of the CRD prunes as then."""
        found = self._objects.get(place)
        if found is None or found["metadata"].get("deletionTimestamp"):
            return False
        return found != _without_history(manifest)

    def _remove(self, place: Place) -> None:
        found = self._objects.pop(place, None)
        if found is None:
            return
        key = _key(place, found)
        if key is not None:
            family = self._families.get(key, set())
            family.discard(place)
            if not family:
                self._families.pop(key, None)
            self._changed(key)


def _without_history(manifest: Manifest) -> Manifest:
    """Who wrote which field is nobody's question here, and half of what an object takes in memory."""
    metadata = {name: value for name, value in manifest["metadata"].items() if name != "managedFields"}
    return manifest | {"metadata": metadata}


def _place(manifest: Manifest) -> Place:
    return Place(kind_of(manifest), manifest["metadata"]["namespace"], manifest["metadata"]["name"])


def _key(place: Place, manifest: Manifest) -> Key | None:
    """The calibration that an object belongs to."""
    name = place.name if place.kind == RESOURCE else naming.label(manifest, naming.CALIBRATION)
    return Key(place.namespace, name) if name else None
