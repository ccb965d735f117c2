"""Where ntuples come from: a folder, s3://, http(s):// or root://; what is there now, and a local copy to read.

A ``*`` never crosses a ``/``.
"""

from __future__ import annotations

import glob
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http.client import HTTPResponse
from pathlib import Path

from jetcal import storage
from jetcal.data import xrootd
from jetcal.errors import JetcalError, TransientError
from jetcal.storage import NotFoundError, StorageError, local, s3
from jetcal_api.results import Source

_HTTP_TIMEOUT = 60
"""Seconds without an answer."""
_SERVER_ERROR, _TOO_MANY = 500, 429


def find(patterns: Iterable[str], field: str = "spec.dataset.files") -> list[Source]:
    """The files that uris and globs name, each once, in the order of their uris.

    Parameters
    ----------
    patterns
        Uris or globs.
    field
        Where the patterns were written, for the message that sends people there.

    Raises
    ------
    JetcalError
        If a pattern matches nothing, or cannot be a source.
    """
    found: dict[str, Source] = {}
    for pattern in patterns:
        matches = _finder(pattern)(pattern)
        if not matches:
            error = f"{pattern}: no file matches; mend {field}"
            raise JetcalError(error)
        found |= {source.uri: source for source in matches}
    return [found[uri] for uri in sorted(found)]


@contextmanager
def local_copy(source: Source) -> Iterator[Path]:
    """The file of a source, on this machine while the block lasts.

    Raises
    ------
    JetcalError
        If the file is gone or is not the one that the inventory saw.
    """
    now = _finder(source.uri)(glob.escape(source.uri) if source.uri.startswith("/") else source.uri)
    if not now:
        error = f"{source.uri}: no such file any more; delete <storage>/inventory and run again to take stock anew"
        raise JetcalError(error)
    _check_unchanged(source, now[0])
    if source.uri.startswith("/"):
        yield Path(source.uri)
        return
    scratch = storage.scratch_folder()
    with local.sentences(scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="source-", dir=scratch))
    try:
        path = folder / "source.root"
        _fetch(source.uri, path)
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_glob(uri: str) -> bool:
    """Whether ``uri`` has a wildcard: ``*``, ``?`` or ``[``."""
    return glob.has_magic(uri)


def _check_unchanged(then: Source, now: Source) -> None:
    if (then.size, then.version) == (now.size, now.version):
        return
    what = f"{then.size} bytes then, {now.size} now" if then.size != now.size else "the same size, but written anew"
    error = (
        f"{then.uri}: changed since the inventory ({what}); delete <storage>/inventory and run again to take stock anew"
    )
    raise JetcalError(error)


def _finder(uri: str) -> Callable[[str], list[Source]]:
    if uri.startswith("/"):
        return _find_local
    finders = {"s3": _find_s3, "http": _find_http, "https": _find_http, "root": xrootd.find}
    scheme = uri.partition("://")[0]
    if scheme not in finders:
        error = f"{uri}: is no source; write an absolute path or {', '.join(f'{name}://' for name in finders)}"
        raise JetcalError(error)
    return finders[scheme]


def _find_local(pattern: str) -> list[Source]:
    paths = [Path(pattern)] if Path(pattern).is_file() else sorted(map(Path, glob.glob(pattern)))  # noqa: PTH207  # an absolute pattern
    return [local.describe(path) for path in paths if path.is_file()]


def _find_s3(pattern: str) -> list[Source]:
    if not is_glob(pattern):
        try:
            return [s3.describe(pattern)]
        except NotFoundError:
            return []
    bucket, key = s3.parse(pattern)
    prefix = re.split(r"[*?\[]", key, maxsplit=1)[0]
    return [source for source in s3.list_prefix(bucket, prefix) if _matches(s3.parse(source.uri)[1], key)]


def _matches(key: str, pattern: str) -> bool:
    names, wanted = key.split("/"), pattern.split("/")
    return len(names) == len(wanted) and all(map(fnmatchcase, names, wanted))


def _find_http(uri: str) -> list[Source]:
    if glob.has_magic(uri.partition("?")[0]):
        error = f"{uri}: a web server cannot be searched; name each file in spec.dataset.files"
        raise JetcalError(error)
    try:
        with _http(urllib.request.Request(uri, method="HEAD")) as answer:  # noqa: S310  # _finder allows http(s) only
            size = answer.headers.get("Content-Length")
            version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
    except NotFoundError:
        return []
    if size is None:
        error = f"{uri}: the server does not tell the file's size; copy the file to a place that does"
        raise JetcalError(error)
    return [Source(uri=uri, size=int(size), version=version.strip('"'))]


@contextmanager
def _http(request: urllib.request.Request) -> Iterator[HTTPResponse]:
    uri = request.full_url
    try:
        with urllib.request.urlopen(request, timeout=_HTTP_TIMEOUT) as answer:  # noqa: S310  # _finder allows http(s) only
            yield answer
    except urllib.error.HTTPError as error:
        with error:
            sentence = f"{uri}: the server answers {error.code} {error.reason}"
        if error.code in {404, 410}:
            raise NotFoundError(sentence) from error
        if error.code >= _SERVER_ERROR or error.code == _TOO_MANY:
            raise TransientError(sentence) from error
        raise StorageError(sentence) from error
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        sentence = f"{uri}: the server does not answer ({getattr(error, 'reason', error)})"
        raise TransientError(sentence) from error


def _fetch(uri: str, path: Path) -> None:
    if uri.startswith(s3.SCHEME):
        s3.download(uri, path)
    elif uri.startswith("root://"):
        xrootd.download(uri, path)
    else:
        with _http(urllib.request.Request(uri)) as answer, local.sentences(path), path.open("wb") as file:  # noqa: S310  # as above
            shutil.copyfileobj(answer, file, 1 << 20)
            expected = int(answer.headers.get("Content-Length", file.tell()))
            if file.tell() != expected:
                error = f"{uri}: the transfer ended after {file.tell()} of {expected} bytes"
                raise TransientError(error)
