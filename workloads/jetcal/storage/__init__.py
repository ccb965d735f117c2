"""Storage by uri: ``s3://bucket/prefix`` or an absolute path, the same functions for both.

Every function raises ``StorageError`` (``NotFoundError`` for a missing object) for what stays wrong and
``jetcal.errors.TransientError`` for what may heal, each with one sentence that names the uri.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache as remember
from pathlib import Path

from jetcal.storage import local, s3
from jetcal.storage.errors import NotFoundError, StorageError
from jetcal_api.results import Source

__all__ = [
    "NotFoundError",
    "StorageError",
    "describe",
    "download",
    "exists",
    "is_remote",
    "join",
    "list_files",
    "list_times",
    "localize",
    "put_if_absent",
    "read_bytes",
    "remove_folder",
    "scratch_folder",
    "upload",
    "upload_folder",
    "working_folder",
    "write_bytes",
]


def is_remote(uri: str) -> bool:
    """Whether ``uri`` names a bucket; raises ``StorageError`` if it is neither that nor an absolute path."""
    if uri.startswith(s3.SCHEME):
        return True
    if uri.startswith("/"):
        return False
    error = f"{uri}: storage is s3://bucket/prefix or an absolute path"
    raise StorageError(error)


def join(uri: str, *parts: str) -> str:
    """The uri of something below ``uri``."""
    return "/".join([uri.rstrip("/"), *(part.strip("/") for part in parts)])


def read_bytes(uri: str) -> bytes:
    """The content at ``uri``."""
    return s3.read_bytes(uri) if is_remote(uri) else local.read_bytes(Path(uri))


def write_bytes(uri: str, data: bytes) -> None:
    """Write ``data``; a reader sees the old content or the new, never a part."""
    if is_remote(uri):
        s3.write_bytes(uri, data)
    else:
        local.write_bytes(Path(uri), data)


def put_if_absent(uri: str, data: bytes) -> bool:
    """Write ``data`` unless something lies at ``uri``; whether it was written. Of several writers one wins."""
    return s3.put_if_absent(uri, data) if is_remote(uri) else local.put_if_absent(Path(uri), data)


def exists(uri: str) -> bool:
    """Whether a file lies at ``uri``."""
    if is_remote(uri):
        return s3.exists(uri)
    with local.sentences(uri):
        return Path(uri).is_file()


def describe(uri: str) -> Source:
    """Size and version (ETag or time of last change in ns) of the file at ``uri``."""
    return s3.describe(uri) if is_remote(uri) else local.describe(Path(uri))


def download(uri: str, path: Path) -> None:
    """Copy what lies at ``uri`` to ``path``, which appears whole or not at all."""
    if is_remote(uri):
        s3.download(uri, path)
    else:
        local.describe(Path(uri))
        local.copy(Path(uri), path)


def upload(path: Path, uri: str) -> None:
    """Copy the file ``path`` to ``uri``, where it appears whole or not at all."""
    if is_remote(uri):
        s3.upload(path, uri)
    else:
        local.copy(path, Path(uri))


def upload_folder(path: Path, uri: str) -> None:
    """Copy every file below ``path`` to the same place below ``uri``."""
    for file in sorted(path.rglob("*")):
        if file.is_file():
            upload(file, join(uri, file.relative_to(path).as_posix()))


def list_files(uri: str) -> list[Source]:
    """Every file below ``uri`` in the order of their names; none if there is nothing."""
    return s3.list_files(uri) if is_remote(uri) else local.list_files(Path(uri))


def list_times(uri: str) -> list[tuple[Source, float]]:
    """Every file below ``uri`` with the Unix time in seconds of its last change."""
    if is_remote(uri):
        return s3.list_times(uri)
    return [(file, int(file.version) / 1e9) for file in local.list_files(Path(uri))]


def remove_folder(uri: str) -> None:
    """Delete everything below ``uri``."""
    if is_remote(uri):
        s3.remove_folder(uri)
    else:
        local.remove_folder(Path(uri))


def localize(uri: str, cache: Path | None = None) -> Path:
    """A local file with the content of ``uri``, which must never change.

    Parameters
    ----------
    uri
        A local path is returned as it is.
    cache
        Folder of the copies; ``$JETCAL_CACHE``, or a folder that ends with the process. Processes that share
        a cache fetch each uri once between them.
    """
    if not is_remote(uri):
        local.describe(Path(uri))
        return Path(uri)
    bucket, key = s3.parse(uri)
    path = (cache or scratch_folder()) / bucket / key
    if path.exists():
        return path
    with local.sentences(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f".{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                s3.download(uri, path)
    return path


def scratch_folder() -> Path:
    """Where large temporary files may lie: ``$JETCAL_CACHE``, or a folder that ends with the process."""
    given = os.environ.get("JETCAL_CACHE")
    return Path(given) if given else _temporary_folder(os.getpid())


@remember
def _temporary_folder(_process: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="jetcal-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@contextmanager
def working_folder(uri: str) -> Iterator[Path]:
    """A local folder whose files lie below ``uri`` when the block has ended well.

    For a path it is that very folder; for a bucket a temporary one that is uploaded at the end.
    """
    if not is_remote(uri):
        with local.sentences(uri):
            Path(uri).mkdir(parents=True, exist_ok=True)
        yield Path(uri)
        return
    with local.sentences(scratch_folder()):
        scratch_folder().mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="work-", dir=scratch_folder()))
    try:
        yield folder
        upload_folder(folder, uri)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
