"""The log: one JSON object a line for machines, one plain line for people; each names the resource that it is about.

``configure(form, level)`` once at the start; ``with about(namespace, name):`` around the work on one resource, for all
lines written inside, also those of kopf and of the Kubernetes client. Secrets are cut out of every line.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

_subject: ContextVar[str] = ContextVar("subject", default="")

_SECRETS = (
    (
        re.compile(r"(?i)\b(https?://[^\s\"'?<>]+)\?[^\s\"'<>]*(?:signature|credential|token|sig)=[^\s\"'<>]*"),
        r"\1?[...]",
    ),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/\"'@]+@"), r"\1[...]@"),
    (re.compile(r"(?i)\b(bearer) +[a-z0-9._~+/=-]{8,}"), r"\1 [...]"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), "[...]"),
    (
        re.compile(r"(?i)\b(\w*(?:secret_access_key|session_token|password))(\"?'?\s*[=:]\s*\"?'?)[^\s\"',}]+"),
        r"\1\2[...]",
    ),
)


@contextmanager
def about(namespace: str, name: str) -> Iterator[None]:
    """Name the resource that the lines written inside are about."""
    token = _subject.set(f"{namespace}/{name}")
    try:
        yield
    finally:
        _subject.reset(token)


def configure(form: Literal["json", "plain"], level: str) -> None:
    """Write everything of this level and above to stderr, in one format.

    Raises
    ------
    ValueError
        If there is no such level.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_mark)
    handler.setFormatter(Json() if form == "json" else Plain())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    logging.getLogger("kopf").setLevel(max(logging.WARNING, root.level))  # below, it tells of every event
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)  # it runs in a thread, without signals
    for chatty in ("aiohttp.access", "kubernetes", "asyncio"):  # at DEBUG they write whole bodies, or every poll
        logging.getLogger(chatty).setLevel(max(logging.INFO, root.level))


def redact(text: str) -> str:
    """The text without keys, tokens, passwords and presigned addresses."""
    for secret, replacement in _SECRETS:
        text = secret.sub(replacement, text)
    return text


class Json(logging.Formatter):
    """One JSON object a line: time, level, logger, object, message, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "object": getattr(record, "subject", ""),
            "message": redact(record.getMessage()),
            "exception": redact(self.formatException(record.exc_info)) if record.exc_info else "",
        }
        return json.dumps({name: value for name, value in line.items() if value}, ensure_ascii=False)


class Plain(logging.Formatter):
    """Time, level, resource, message; below it the traceback of an exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, and its traceback."""
        subject = getattr(record, "subject", "")
        head = (
            f"{_time(record):%H:%M:%S} {record.levelname:7s} {subject + ': ' if subject else ''}{record.getMessage()}"
        )
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return redact(head + trace)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _mark(record: logging.LogRecord) -> bool:
    """Write down the subject where the record is made: kopf tells its own, else it is that of `about`."""
    ref = getattr(record, "k8s_ref", None) or {}
    record.subject = f"{ref.get('namespace')}/{ref.get('name')}" if ref else _subject.get()
    return True
