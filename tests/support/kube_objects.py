"""Objects of an API server by the names that kubectl takes: ``pods``, ``Job``, ``jetcal``, ``deployments.apps``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from tests.support.kube_client import APPLY, MERGE, KubeClient, KubeError

Manifest = dict[str, Any]
_NOT_FOUND = 404


class _Loader(yaml.CSafeLoader):
    """Reads a megabyte in 0.3 s instead of 5, and ``1e-4`` as a number, as kubectl does."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


class Resource(NamedTuple):
    """One kind in its preferred version."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    names: frozenset[str]
    """All that it may be called, in small letters."""

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """Path of one object, or of the collection."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        place = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return "/".join(filter(None, (f"{root}{place}/{self.plural}", name, subresource)))


class KubeObjects:
    """Reads and writes; every method raises `KubeError` for what the API server refuses."""

    def __init__(self, client: KubeClient) -> None:
        self.client = client
        self._known: list[Resource] = []

    def resource(self, what: str, api_version: str | None = None) -> Resource:
        """The kind of that name (plural, kind, short name; with or without group); raises LookupError if unserved."""
        for fresh in (False, True):
            if fresh or not self._known:
                self._known = list(self._discovered())
            for known in self._known:
                if what.lower() in known.names and api_version in (None, known.api_version):
                    return known
        message = f"the API server does not serve {what}"
        raise LookupError(message)

    def apply(
        self, *manifests: Manifest | str | Path, namespace: str | None = None, dry_run: bool = False
    ) -> list[Manifest]:
        """Server-side apply of objects, YAML texts or files, refusing unknown fields; the objects as they then are.

        ``namespace`` replaces that of the manifests.
        """
        query = {"fieldManager": "tests", "force": "true", "fieldValidation": "Strict"}
        query |= {"dryRun": "All"} if dry_run else {}
        applied = []
        for manifest in loaded(manifests):
            where = self.resource(manifest["kind"], manifest["apiVersion"])
            meta = manifest["metadata"]
            if where.namespaced:
                meta = meta | {"namespace": namespace or meta.get("namespace", "default")}
            path = where.path(meta.get("namespace"), meta["name"])
            applied.append(self.client.call("PATCH", path, manifest | {"metadata": meta}, APPLY, **query))
        return applied

    def create(self, manifest: Manifest, **query: str) -> Manifest:
        """POST; ``fieldValidation="Strict"``, ``dryRun="All"`` and the like go into the query."""
        where = self.resource(manifest["kind"], manifest["apiVersion"])
        return self.client.call("POST", where.path(manifest["metadata"].get("namespace")), manifest, **query)

    def get(self, what: str, name: str, namespace: str | None = None) -> Manifest | None:
        """One object, None if there is none."""
        return self.client.find(self.resource(what).path(namespace, name))

    def list(self, what: str, namespace: str | None = None, selector: str = "") -> list[Manifest]:
        """All objects of a kind, each with its apiVersion and kind."""
        return self.client.items(self.resource(what).path(namespace), labelSelector=selector)

    def patch(
        self, what: str, name: str, namespace: str | None, change: Manifest, subresource: str = "", *, kind: str = MERGE
    ) -> Manifest:
        """Merge patch (or another ``kind``) of an object or one of its subresources."""
        return self.client.call("PATCH", self.resource(what).path(namespace, name, subresource), change, kind)

    def delete(self, what: str, name: str, namespace: str | None = None, propagation: str = "Background") -> None:
        """DELETE; what is not there is gone already."""
        self.client.delete(self.resource(what).path(namespace, name), propagationPolicy=propagation)

    def _discovered(self) -> Iterator[Resource]:
        versions = ["v1", *(group["preferredVersion"]["groupVersion"] for group in self.client.get("/apis")["groups"])]
        others = [
            version["groupVersion"] for group in self.client.get("/apis")["groups"] for version in group["versions"]
        ]
        for version in dict.fromkeys([*versions, *others]):
            root = f"/apis/{version}" if "/" in version else f"/api/{version}"
            try:
                served = self.client.get(root)["resources"]
            except KubeError as error:
                if error.status != _NOT_FOUND:
                    raise
                continue
            group = version.rpartition("/")[0]
            for entry in served:
                if "/" in entry["name"]:
                    continue
                called = {entry["name"], entry["singularName"], entry["kind"].lower(), *entry.get("shortNames", ())}
                names = frozenset(called | {f"{name}.{group}" for name in called})
                yield Resource(version, entry["kind"], entry["name"], entry["namespaced"], names)


def loaded(manifests: Iterable[Manifest | str | Path]) -> Iterator[Manifest]:
    """The objects in manifests, YAML texts, files and folders of YAML files; without the null that generators write."""
    for manifest in manifests:
        if isinstance(manifest, dict):
            found = [manifest]
        elif isinstance(manifest, Path) and manifest.is_dir():
            found = loaded(sorted(path for path in manifest.iterdir() if path.suffix in {".yaml", ".yml"}))
        else:
            text = manifest.read_text() if isinstance(manifest, Path) else manifest
            found = yaml.load_all(text, Loader=_Loader)
        for entry in found:
            if entry:
                if entry.get("metadata", {}).get("creationTimestamp", "") is None:
                    del entry["metadata"]["creationTimestamp"]
                yield entry
