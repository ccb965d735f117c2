"""Files on XRootD servers, ``root://host[:port]//path``: what matches a glob, and copies of them."""

from __future__ import annotations

import glob
import importlib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from jetcal.errors import JetcalError, TransientError
from jetcal.storage import NotFoundError, StorageError, local
from jetcal_api.results import Source

_SCHEME = "root://"
_NOT_FOUND = 3011
"""Error number of the protocol for a missing file (kXR_NotFound)."""
_SETTINGS = {"ConnectionWindow": 15, "ConnectionRetry": 2, "RequestTimeout": 120, "StreamTimeout": 60}
"""Seconds, and attempts; the library's own make a user wait ten minutes for a server that is down."""


def find(pattern: str) -> list[Source]:
    """The files that match ``pattern``, in the order of their names.

    Raises
    ------
    StorageError
        If the server refuses.
    TransientError
        If it does not answer.
    """
    host, path = _parse(pattern)
    files = _client().FileSystem(f"{_SCHEME}{host}")
    first, *rest = path.strip("/").split("/")
    return [
        Source(uri=f"{_SCHEME}{host}//{found.lstrip('/')}", size=size, version=str(time))
        for found, size, time in _expand(files, host, "", [first, *rest])
    ]


def download(uri: str, path: Path) -> None:
    """Copy a file; raises as ``find``."""
    process = _client().CopyProcess()
    process.add_job(uri, str(path), force=True)
    _check(process.prepare(), uri)
    with local.sentences(path):
        status, _ = process.run()
    _check(status, uri)


def _parse(uri: str) -> tuple[str, str]:
    host, _, path = uri.removeprefix(_SCHEME).partition("/")
    if not host or not path.strip("/"):
        error = f"{uri}: is no file; write root://host//path/file.root"
        raise JetcalError(error)
    return host, path


def _expand(files: Any, host: str, folder: str, names: list[str]) -> list[tuple[str, int, int]]:
    from XRootD.client.flags import DirListFlags, StatInfoFlags  # noqa: PLC0415

    name, *rest = names
    here = f"{folder}/{name}"
    if rest and not glob.has_magic(name):
        return _expand(files, host, here, rest)
    if not glob.has_magic(name):
        status, info = files.stat(here)
        return [] if _missing(status, f"{_SCHEME}{host}/{here}") else [(here, info.size, info.modtime)]
    status, entries = files.dirlist(folder or "/", DirListFlags.STAT)
    if _missing(status, f"{_SCHEME}{host}/{folder}"):
        return []
    matching = sorted((entry for entry in entries if fnmatchcase(entry.name, name)), key=lambda entry: entry.name)
    if rest:
        return [found for entry in matching for found in _expand(files, host, f"{folder}/{entry.name}", rest)]
    return [
        (f"{folder}/{entry.name}", entry.statinfo.size, entry.statinfo.modtime)
        for entry in matching
        if not entry.statinfo.flags & StatInfoFlags.IS_DIR
    ]


def _client() -> Any:
    client = importlib.import_module("XRootD.client")
    for name, value in _SETTINGS.items():
        client.EnvPutInt(name, value)
    return client


def _missing(status: Any, uri: str) -> bool:
    if status.errno == _NOT_FOUND:
        return True
    _check(status, uri)
    return False


def _check(status: Any, uri: str) -> None:
    if status.ok:
        return
    reason = status.message.replace("[ERROR]", "").strip() or "no reason given"
    error: JetcalError
    if status.errno == _NOT_FOUND:
        error = NotFoundError(f"{uri}: no such file")
    elif status.errno:
        error = StorageError(f"{uri}: the server refuses: {reason}")
    else:
        error = TransientError(f"{uri}: the server does not answer: {reason}")
    raise error
