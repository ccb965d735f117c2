"""The objects of one machine's cluster: kept in memory, written through to one file each, so that they survive."""

from __future__ import annotations

import copy
import json
import os
import secrets
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.local.changes import Changes
from jetcal_operator.local.errors import LocalError
from jetcal_operator.local.fields import apply_fields, named_fields

APPLIER = "jetcal"
"""Field manager of what the planner applies."""
_IDENTITY = ("apiVersion", "kind")
_SCRATCH = ".tmp"


def timestamp() -> str:
    """Now, as Kubernetes writes times: RFC 3339 in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_uid() -> str:
    """A unique identifier; those made later sort behind."""
    return str(uuid.UUID(int=time.time_ns() << 64 | secrets.randbits(64)))


def write_atomically(path: Path, text: str) -> None:
    """Replace a file as a whole: whoever reads it sees the old or the new content, also after a crash."""
    scratch = path.with_name(path.name + _SCRATCH)
    with scratch.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def read_objects(folder: Path) -> dict[ObjectKey, Manifest]:
    """The objects stored below a folder.

    Raises
    ------
    LocalError
        If a file there holds no object.
    """
    objects = {}
    for path in sorted(folder.rglob("*.json")):
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            objects[ObjectKey.of(manifest)] = manifest
        except FileNotFoundError:  # deleted by a running 'jetcal run' since it was listed
            continue
        except (ValueError, KeyError, TypeError) as error:
            message = f"{path}: is damaged ({error}); delete this file and run again, what it stood for is made anew"
            raise LocalError(message) from error
    return objects


class ObjectStore:
    """Creates, applies and deletes objects as an API server would, with its metadata and its garbage collection.

    What is returned are copies. The caller holds the lock of the storage: there is one writer.
    """

    def __init__(self, folder: Path, changes: Changes) -> None:
        self._folder = folder
        self._changes = changes
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.rglob(f"*{_SCRATCH}"):
            leftover.unlink()
        self._objects = read_objects(folder)
        self._revision = max((int(entry["metadata"]["resourceVersion"]) for entry in self._objects.values()), default=0)

    def get(self, key: ObjectKey) -> Manifest | None:
        """The object of that key."""
        found = self._objects.get(key)
        return copy.deepcopy(found) if found else None

    def list(self, *kinds: str) -> list[Manifest]:
        """All objects of the given kinds, or all there are; in the order of their creation."""
        found = [entry for key, entry in self._objects.items() if not kinds or key.kind in kinds]
        return [copy.deepcopy(entry) for entry in sorted(found, key=_uid)]

    def owned(self, owner: Mapping[str, Any], kind: str) -> Iterator[Manifest]:
        """Objects of a kind that ``owner`` owns; in the order of their creation."""
        uid = owner["metadata"]["uid"]
        found = [entry for key, entry in self._objects.items() if key.kind == kind and uid in _owner_uids(entry)]
        return (copy.deepcopy(entry) for entry in sorted(found, key=_uid))

    def create(self, manifest: Manifest) -> Manifest:
        """Store a new object; one that exists already is left as it is and returned."""
        key = ObjectKey.of(manifest)
        if key in self._objects:
            return copy.deepcopy(self._objects[key])
        created = copy.deepcopy(manifest)
        created["metadata"] |= {"uid": new_uid(), "creationTimestamp": timestamp(), "generation": 1}
        self._write(key, created)
        return copy.deepcopy(created)

    def apply(self, manifest: Manifest) -> None:
        """Make the named fields of an object as given, creating it if needed.

        A ``metadata.uid`` in the manifest is a precondition: nothing happens to another incarnation.
        """
        key = ObjectKey.of(manifest)
        wanted = copy.deepcopy(manifest)
        uid = wanted["metadata"].pop("uid", None)
        current = self._objects.get(key)
        if current is None:
            if uid is None:
                self.create(wanted | {"metadata": wanted["metadata"] | {"managedFields": _ownership(wanted)}})
            return
        if uid not in (None, current["metadata"]["uid"]):
            return
        merged = apply_fields(current, wanted, _owned_fields(current))
        merged["metadata"]["managedFields"] = _ownership(wanted)
        self.replace(merged)

    def replace(self, manifest: Manifest) -> None:
        """Store another state of an object, unless it has been deleted; a new spec counts as a new generation."""
        key = ObjectKey.of(manifest)
        current = self._objects.get(key)
        if current is None or current["metadata"]["uid"] != manifest["metadata"]["uid"] or current == manifest:
            return
        replaced = copy.deepcopy(manifest)
        if replaced.get("spec") != current.get("spec"):
            replaced["metadata"]["generation"] = current["metadata"]["generation"] + 1
        self._write(key, replaced)

    def write_status(self, manifest: Manifest, status: Mapping[str, Any]) -> None:
        """Replace the status of this incarnation of an object; its spec stays as it is stored by now."""
        current = self.get(ObjectKey.of(manifest))
        if current and current["metadata"]["uid"] == manifest["metadata"]["uid"]:
            self.replace(current | {"status": copy.deepcopy(dict(status))})

    def annotate(self, key: ObjectKey, name: str, value: str | None) -> None:
        """Set one annotation, or remove it."""
        current = self.get(key)
        if current is None:
            return
        annotations = {**current["metadata"].get("annotations", {}), name: value}
        current["metadata"]["annotations"] = {name: text for name, text in annotations.items() if text is not None}
        self.replace(current)

    def delete(self, key: ObjectKey, uid: str | None = None) -> None:
        """Delete an object with all that it owns, unless it is another incarnation by now.

        Dependents go first: cut short, the deletion can be asked for again.
        """
        current = self._objects.get(key)
        if current is None or uid not in (None, current["metadata"]["uid"]):
            return
        own = current["metadata"]["uid"]
        for dependent in [name for name, entry in self._objects.items() if own in _owner_uids(entry)]:
            self.delete(dependent)
        self._path(key).unlink(missing_ok=True)
        del self._objects[key]
        self._changes.announce()

    def _write(self, key: ObjectKey, manifest: Manifest) -> None:
        self._revision += 1
        manifest["metadata"]["resourceVersion"] = str(self._revision)
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(manifest, indent=1, sort_keys=True))
        self._objects[key] = manifest
        self._changes.announce()

    def _path(self, key: ObjectKey) -> Path:
        return self._folder / key.api_version / key.kind / f"{key.name}.json"


def _uid(manifest: Manifest) -> str:
    uid: str = manifest["metadata"]["uid"]
    return uid


def _owner_uids(manifest: Manifest) -> Iterable[str]:
    return [reference["uid"] for reference in manifest["metadata"].get("ownerReferences", [])]


def _ownership(wanted: Manifest) -> list[dict[str, Any]]:
    tree = named_fields({name: value for name, value in wanted.items() if name not in _IDENTITY})
    return [{"manager": APPLIER, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": tree}]


def _owned_fields(manifest: Manifest) -> dict[str, Any]:
    entries = manifest["metadata"].get("managedFields", [])
    tree: dict[str, Any] = next((entry["fieldsV1"] for entry in entries if entry["manager"] == APPLIER), {})
    return tree
