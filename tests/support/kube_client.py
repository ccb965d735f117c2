"""A small client for tests: plain JSON in, plain JSON out, and a watch that may be stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from threading import Event
from typing import Any
from urllib.parse import urlencode

import urllib3

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
_GONE = 410
_WATCH = "watch"


class KubeError(AssertionError):
    """The API server said no."""

    def __init__(self, verb: str, path: str, status: int, body: Any) -> None:
        self.status = status
        self.body = body
        message = body.get("message") if isinstance(body, dict) else body
        super().__init__(f"{verb} {path}: {status} {message}")


class KubeClient:
    """Calls one API server with one bearer token."""

    def __init__(self, url: str, token: str = "", *, ca_file: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self.ca_file = ca_file
        self._pool = urllib3.PoolManager(
            ca_certs=ca_file,
            cert_reqs="CERT_REQUIRED" if ca_file else "CERT_NONE",
            maxsize=16,
            headers={"Authorization": f"Bearer {token}", "User-Agent": "jetcal-tests"},
            timeout=urllib3.Timeout(connect=5, read=30),
        )

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json", **query: Any) -> Any:
        """One call; raises `KubeError` for all that is no success."""
        target = self.url + path + (f"?{urlencode(query)}" if query else "")
        headers = self._pool.headers | {"Content-Type": kind}
        data = None if body is None else json.dumps(body).encode()
        answer = self._pool.request(method, target, body=data, headers=headers, retries=False)
        if answer.status >= 300:
            raise KubeError(method, path, answer.status, _parsed(answer.data))
        return _parsed(answer.data)

    def get(self, path: str) -> dict[str, Any]:
        """One object or list."""
        return self.call("GET", path)

    def find(self, path: str) -> dict[str, Any] | None:
        """One object, None if there is none."""
        try:
            return self.get(path)
        except KubeError as error:
            if error.status == 404:
                return None
            raise

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """Objects of a list, each with its apiVersion and kind; none of a kind that is not served."""
        try:
            answer = self.call("GET", path, **query)
        except KubeError as error:
            if error.status == 404:
                return []
            raise
        marks = {"apiVersion": answer["apiVersion"], "kind": answer["kind"].removesuffix("List")}
        return [marks | item for item in answer["items"]]

    def create(self, path: str, manifest: dict[str, Any]) -> dict[str, Any]:
        """POST to a collection."""
        return self.call("POST", path, manifest)

    def apply(self, path: str, manifest: dict[str, Any]) -> dict[str, Any]:
        """Server-side apply to an object."""
        return self.call("PATCH", path, manifest, APPLY, fieldManager="tests", force="true")

    def merge(self, path: str, change: dict[str, Any]) -> dict[str, Any]:
        """Merge patch of an object."""
        return self.call("PATCH", path, change, MERGE)

    def delete(self, path: str, **options: Any) -> None:
        """DELETE in the background; what is not there is gone already."""
        try:
            self.call("DELETE", path, {"propagationPolicy": "Background"} | options)
        except KubeError as error:
            if error.status != 404:
                raise

    def watch(self, path: str, stopped: Event) -> Iterator[dict[str, Any]]:
        """Every object of a collection as it is and whenever it changes, until stopped; reconnects by itself."""
        while not stopped.is_set():
            try:
                yield from self._watch_once(path, stopped)
            except (KubeError, urllib3.exceptions.HTTPError, OSError):
                stopped.wait(0.2)

    def _watch_once(self, path: str, stopped: Event) -> Iterator[dict[str, Any]]:
        query = urlencode({"watch": "true", "timeoutSeconds": 60})
        answer = self._pool.request(
            "GET",
            f"{self.url}{path}?{query}",
            preload_content=False,
            retries=False,
            timeout=urllib3.Timeout(connect=5, read=None),
        )
        try:
            if answer.status >= 300:
                raise KubeError(_WATCH, path, answer.status, _parsed(answer.read()))
            rest = b""
            for chunk in answer.read_chunked(decode_content=True):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if stopped.is_set():
                        return
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise KubeError(_WATCH, path, event["object"].get("code", _GONE), event["object"])
                    yield event
        finally:
            answer.close()


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
