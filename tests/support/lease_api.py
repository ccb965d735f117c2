"""The Lease part of an API server in memory, as each of several processes reaches it.

That its answers are those of the real one is checked by ``tests/cluster/test_lease.py``.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from kubernetes.aio.client import ApiClient

_PATH = re.compile(r"/apis/coordination\.k8s\.io/v1/namespaces/(?P<namespace>[^/]+)/leases(?:/(?P<name>[^/?]+))?$")
_MICROSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")


class LeaseStore:
    """Leases by name, with the version check of a real API server."""

    def __init__(self) -> None:
        self.leases: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, int]] = []
        self._version = 0

    def handle(self, method: str, name: str | None, body: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        """Status and body of one call."""
        code, answer = self._handle(method, name, body)
        self.calls.append((method, code))
        return code, copy.deepcopy(answer)

    def edit(self, name: str, **spec: Any) -> None:
        """Change a Lease by hand."""
        lease = copy.deepcopy(self.leases[name])
        lease["spec"] |= spec
        self._store(lease)

    def holder(self, name: str) -> str | None:
        """Who the Lease names."""
        return self.leases.get(name, {}).get("spec", {}).get("holderIdentity")

    def _handle(self, method: str, name: str | None, body: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        if body is not None:
            _check(body)
            problem = self._problem(method, body["metadata"])
            return (409, problem) if problem else self._store(body)
        if name not in self.leases:
            return 404, {"reason": "NotFound", "message": "not found"}
        found = self.leases[name]
        if method == "DELETE":
            found = {"status": "Success", "details": self.leases.pop(name)["metadata"]}
        return 200, found

    def _problem(self, method: str, metadata: dict[str, Any]) -> dict[str, Any] | None:
        """Why the API server would not write; a PUT makes what is missing, as long as no uid is given."""
        there = self._meta(metadata["name"])
        if method == "POST":
            return {"reason": "AlreadyExists", "message": "already exists"} if there else None
        if metadata.get("uid", "") not in {"", there.get("uid")}:
            return {"reason": "Conflict", "message": "the UID in the precondition is not that of the object"}
        if there and metadata["resourceVersion"] != there["resourceVersion"]:
            return {"reason": "Conflict", "message": "the object has been modified"}
        return None

    def _meta(self, name: str) -> dict[str, Any]:
        return self.leases.get(name, {}).get("metadata", {})

    def _store(self, lease: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self._version += 1
        name = lease["metadata"]["name"]
        code = 200 if name in self.leases else 201
        marks = {"uid": self._meta(name).get("uid") or f"uid-{self._version}", "resourceVersion": str(self._version)}
        self.leases[name] = lease | {"metadata": lease["metadata"] | marks}
        return code, self.leases[name]


class LeaseClient(ApiClient):
    """One process' way to the store; ``on_the_way`` is awaited before and after each call and may fail or hang."""

    def __init__(self, store: LeaseStore, on_the_way: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__()
        self.store = store
        self.on_the_way = on_the_way or _directly

    async def call_api(self, method: str, url: str, _headers: Any = None, body: Any = None, *_: Any, **__: Any) -> Any:
        await self.on_the_way()
        found = _PATH.search(url)
        assert found, url
        answer = _Answer(*self.store.handle(method, found["name"], body))
        await self.on_the_way()
        return answer


class _Answer:
    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status = status
        self._body = body

    async def read(self) -> bytes:
        return json.dumps(self._body).encode()


async def _directly() -> None:
    await asyncio.sleep(0)


def _check(lease: dict[str, Any]) -> None:
    spec = lease["spec"]
    for name in ("acquireTime", "renewTime"):
        if name in spec:
            assert _MICROSECONDS.fullmatch(spec[name]), spec[name]
            datetime.fromisoformat(spec[name])
    assert spec.get("leaseDurationSeconds", 1) > 0
    assert spec.get("leaseTransitions", 0) >= 0
