"""The one client that talks to the API server: every call is counted, every write asks the lease first."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import aiohttp
from kubernetes.aio.client import ApiClient

from jetcal_operator.cluster import Manifest
from jetcal_operator.kube.kinds import Kind, kind_of

FIELD_MANAGER = "jetcal"
TIMEOUT_SECONDS = 30
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STEPS = "application/json-patch+json"
_CONFLICT, _NOT_FOUND = 409, 404


class ApiError(Exception):
    """The API server refused a call, or could not be reached (status 0)."""

    def __init__(self, call: str, status: int, body: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.body = body
        self.retry_after = retry_after
        super().__init__(f"{call}: {status} {body.get('reason', '')} {body.get('message', '')}".rstrip())

    @property
    def is_missing(self) -> bool:
        """Whether there is no such object, or no such kind."""
        return self.status == _NOT_FOUND

    @property
    def is_conflict(self) -> bool:
        """Whether the object is another one, or another version, than the call was meant for."""
        return self.status == _CONFLICT

    @property
    def exists_already(self) -> bool:
        """Whether the name is taken."""
        return self.is_conflict and self.body.get("reason") == "AlreadyExists"


class Meter(Protocol):
    """Is told of every call."""

    def called(self, verb: str, kind: str, code: int) -> None:
        """One call has ended; code 0 if no answer came."""


class Listing(NamedTuple):
    """Objects of one kind at one moment."""

    items: list[Manifest]
    resource_version: str


class Api:
    """Reads and writes objects.

    Parameters
    ----------
    client
        Connected client of the official library.
    meter
        Is told of every call.
    guard
        Asked before each call that writes; raises if this process may not write (any more).
    """

    def __init__(self, client: ApiClient, meter: Meter, guard: Callable[[], None]) -> None:
        self._client = client
        self._meter = meter
        self._guard = guard

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Manifest | None:
        """One object; None if there is none."""
        try:
            return await self._call("get", kind, kind.path(namespace, name))
        except ApiError as error:
            if error.is_missing:
                return None
            raise

    async def list(
        self, kind: Kind, namespace: str | None, *, labels: str | None = None, fields: str | None = None
    ) -> Listing:
        """All objects of a kind, of one namespace or of all."""
        query = {name: value for name, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
        found = await self._call("list", kind, kind.path(namespace), query=query)
        head = {"apiVersion": kind.api_version, "kind": kind.kind}
        return Listing([head | item for item in found["items"]], found["metadata"]["resourceVersion"])

    async def create(self, manifest: Manifest) -> Manifest:
        """Make an object that must not exist yet."""
        kind = kind_of(manifest)
        path = kind.path(manifest["metadata"]["namespace"])
        return await self._call("create", kind, path, body=manifest, query={"fieldManager": FIELD_MANAGER})

    async def apply(self, manifest: Manifest, *, force: bool = True) -> Manifest:
        """Make the named fields as given, by server-side apply."""
        kind, metadata = kind_of(manifest), manifest["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"])
        query = {"fieldManager": FIELD_MANAGER, "force": str(force).lower()}
        return await self._call("patch", kind, path, body=manifest, query=query, content_type=APPLY)

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Manifest) -> Manifest:
        """Change single fields of an object."""
        return await self._call("patch", kind, kind.path(namespace, name), body=patch, content_type=MERGE)

    async def replace_status(self, seen: Manifest, status: Manifest) -> Manifest:
        """Write the whole status of an object that is still as it was seen; a conflict if it is not."""
        kind, metadata = kind_of(seen), seen["metadata"]
        steps = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
            {"op": "add", "path": "/status", "value": status},
        ]
        path = f"{kind.path(metadata['namespace'], metadata['name'])}/status"
        return await self._call(
            "patch", kind, path, body=steps, query={"fieldManager": FIELD_MANAGER}, content_type=STEPS
        )

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str, resource_version: str) -> Manifest:
        """Delete this very version of this very object; what it owns goes after it."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid, "resourceVersion": resource_version},
        }
        return await self._call("delete", kind, kind.path(namespace, name), body=options)

    async def document(self, path: str) -> Mapping[str, Any]:
        """What the API server tells of itself at a path."""
        return await self._request("discover", "", path)

    async def _call(self, verb: str, kind: Kind, path: str, **details: Any) -> Manifest:
        return await self._request(verb, kind.kind, path, **details)

    async def _request(
        self,
        verb: str,
        kind: str,
        path: str,
        *,
        body: Manifest | Sequence[Manifest] | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Manifest:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        method = {"create": "POST", "patch": "PATCH", "delete": "DELETE"}.get(verb, "GET")
        call = f"{method} {path}"
        request = await self._client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
        )
        if method != "GET":
            self._guard()
        try:
            answer = await self._client.call_api(*request, _request_timeout=TIMEOUT_SECONDS)
            text = await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self._meter.called(verb, kind, 0)
            raise ApiError(call, 0, {"message": f"{type(error).__name__}: {error}"}) from error
        self._meter.called(verb, kind, answer.status)
        found = _parse(text)
        if 200 <= answer.status < 300 and found is not None:  # noqa: PLR2004  # HTTP's range of success
            return found
        after = answer.headers.get("Retry-After", "")
        delay = float(after) if after.isdigit() else None
        problem = found if found is not None else {"message": text[:200].decode(errors="replace")}
        raise ApiError(call, answer.status, problem, delay)


def _parse(text: bytes) -> Manifest | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
