"""Watches and calls on a Kubernetes API, for the stand-in of Katib's controller."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import Configuration
from kubernetes.aio.client.rest import RESTClientObject

_PAUSE = 0.2
_WATCH_SECONDS = 240
_CONFLICT = 409
_NOT_FOUND = 404
_GONE = 410


class ApiError(Exception):
    """The API server refused a call."""

    def __init__(self, call, code, message):
        super().__init__(f"{call}: {code} {message[:500]}")
        self.code = code


class Api:
    """Calls with the credentials of a kubeconfig."""

    def __init__(self, session, server):
        self._session = session
        self._server = server

    @classmethod
    async def connect(cls, kubeconfig):
        """An open connection; ``close`` it."""
        settings = Configuration()
        await config.load_kube_config(str(kubeconfig), client_configuration=settings)
        token = settings.api_key.get("BearerToken")
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=RESTClientObject(settings).ssl_context, limit=0),
            headers={"Authorization": token} if token else {},
            timeout=aiohttp.ClientTimeout(total=None, connect=5),
            read_bufsize=2**21,
        )
        return cls(session, settings.host)

    async def close(self):
        """End all calls."""
        await self._session.close()

    async def call(self, method, path, body=None, kind="application/json", **query):
        """One call's answer; raises `ApiError`."""
        target = f"{self._server}{path}{'?' if query else ''}{urlencode(query)}"
        data = None if body is None else json.dumps(body)
        async with self._session.request(
            method, target, data=data, headers={"Content-Type": kind}, timeout=aiohttp.ClientTimeout(total=30)
        ) as answer:
            if answer.status >= 300:
                call = f"{method} {path}"
                raise ApiError(call, answer.status, await answer.text())
            return await answer.json()

    async def find(self, path):
        """One object, None if there is none."""
        try:
            return await self.call("GET", path)
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return None
            raise

    async def create(self, path, manifest):
        """A new object; None if there is one of that name."""
        try:
            return await self.call("POST", path, manifest)
        except ApiError as error:
            if error.code == _CONFLICT:
                return None
            raise

    async def apply(self, path, manifest):
        """Server-side apply."""
        query = {"fieldManager": "katib", "force": "true"}
        return await self.call("PATCH", path, manifest, "application/apply-patch+yaml", **query)

    async def merge(self, path, change):
        """Merge patch; an object that has gone stays away."""
        try:
            return await self.call("PATCH", path, change, "application/merge-patch+json")
        except ApiError as error:
            if error.code == _NOT_FOUND:
                return None
            raise

    async def delete(self, path):
        """Delete in the foreground; what has gone is gone."""
        try:
            await self.call("DELETE", path, {"propagationPolicy": "Foreground"})
        except ApiError as error:
            if error.code != _NOT_FOUND:
                raise

    async def follow(self, path, objects, changed, **query):
        """Keep ``objects`` (by namespace and name) equal to a collection and tell each change, for ever."""
        while True:
            try:
                await self._follow_once(path, objects, changed, query)
            except (ApiError, aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(_PAUSE)

    async def _follow_once(self, path, objects, changed, query):
        listed = await self.call("GET", path, **query)
        present = {_name(entry): entry for entry in listed["items"]}
        gone = [objects.pop(name) for name in set(objects) - set(present)]
        objects.update(present)
        for entry in (*gone, *present.values()):
            changed(entry)
        version = listed["metadata"]["resourceVersion"]
        watch = {"watch": "true", "resourceVersion": version, "timeoutSeconds": _WATCH_SECONDS}
        async with self._session.get(f"{self._server}{path}?{urlencode(query | watch)}") as answer:
            async for line in answer.content:
                event = json.loads(line)
                entry = event["object"]
                if event["type"] == "ERROR":
                    call = f"watch {path}"
                    raise ApiError(call, entry.get("code", _GONE), str(entry))
                if event["type"] == "DELETED":
                    objects.pop(_name(entry), None)
                else:
                    objects[_name(entry)] = entry
                changed(entry)


def _name(entry):
    return entry["metadata"]["namespace"], entry["metadata"]["name"]
