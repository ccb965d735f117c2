"""Storage in a folder: writes that are seen whole or not at all, and a sentence for each way a file system refuses."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jetcal.errors import TransientError
from jetcal.storage.errors import NotFoundError, StorageError
from jetcal_api.results import Source

_TRANSIENT = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.ENOLCK, errno.EREMOTEIO, errno.ECONNRESET}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EOPNOTSUPP}
_FULL = "the disk is full ({free} free); make room or choose another storage"
_FORBIDDEN = "no permission ({reason}); choose a place that user {user} can write"
_NO_FOLDER = "a part of the path is a file, not a folder; choose another place"
_REFUSALS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "the file grows beyond the limit of this system or user; see 'ulimit -f'",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
    errno.ENOTDIR: _NO_FOLDER,
    errno.EEXIST: _NO_FOLDER,
    errno.EISDIR: "is a folder, a file is needed",
    errno.ENAMETOOLONG: "the name is too long for this file system",
}


@contextmanager
def sentences(path: Path | str) -> Iterator[None]:
    """Turn the ``OSError`` of a file system into one sentence that names ``path``.

    Raises
    ------
    NotFoundError
        If the file is missing.
    StorageError
        If the folder is full, forbidden or no folder.
    TransientError
        If a network file system is away.
    """
    try:
        yield
    except OSError as error:
        raise translate(error, path) from error


def translate(error: OSError, path: Path | str) -> StorageError | TransientError:
    """The error that says in one sentence what the file system refused at ``path``."""
    if error.errno == errno.ENOENT:
        return NotFoundError(f"{path}: no such file")
    if error.errno in _TRANSIENT:
        return TransientError(f"{path}: the file system does not answer ({error.strerror})")
    refusal = _REFUSALS.get(error.errno or 0, "{reason}")
    reason = refusal.format(free=_free_space(Path(path)), reason=error.strerror or error, user=os.getuid())
    return StorageError(f"{path}: {reason}")


def _free_space(path: Path) -> str:
    for folder in [path, *path.parents]:
        if folder.exists():
            return f"{shutil.disk_usage(folder).free / 1e6:.1f} MB"
    return "unknown"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary neighbour of ``path`` that takes its place when the block has ended well, and else vanishes."""
    with _neighbour(path) as temporary:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)


@contextmanager
def _neighbour(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def read_bytes(path: Path) -> bytes:
    """The content of a file."""
    with sentences(path):
        return path.read_bytes()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file so that every reader sees the old content or the new."""
    with sentences(path), replacing(path) as temporary:
        temporary.write_bytes(data)


def put_if_absent(path: Path, data: bytes) -> bool:
    """Write a file unless it exists; whether it was written. Of several writers exactly one wins."""
    with sentences(path), _neighbour(path) as temporary:
        write_bytes(temporary, data)
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            if path.exists():
                return False
            temporary.replace(path)
        return True


def copy(source: Path, target: Path) -> None:
    """Copy a file; the copy appears whole or not at all."""
    with sentences(target), replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def list_files(folder: Path) -> list[Source]:
    """Every file below ``folder`` in the order of their names; none where there is no folder."""
    with sentences(folder):
        return [describe(path) for path in sorted(folder.rglob("*")) if path.is_file()]


def describe(path: Path) -> Source:
    """Size and time of last change of a file."""
    with sentences(path):
        stat = path.stat()
    return Source(uri=str(path), size=stat.st_size, version=str(stat.st_mtime_ns))


def remove_folder(folder: Path) -> None:
    """Delete a folder with all that it holds; a missing one is no error."""
    with sentences(folder), suppress(FileNotFoundError):
        shutil.rmtree(folder)
