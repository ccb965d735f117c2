"""What can go wrong between an operator and its API server, as rules; pure: the proxy carries them out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qs, urlsplit

READS = {"get", "list", "watch"}
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Call(NamedTuple):
    """One request, in the API server's words."""

    verb: str
    path: str
    query: str = ""
    resource: str = ""
    """Plural, as in the path; empty for discovery and health."""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    agent: str = ""

    @property
    def mutates(self) -> bool:
        """Whether the call may change an object."""
        return self.verb not in READS

    def __str__(self) -> str:
        parts = (self.resource, self.subresource)
        return f"{self.verb} {'/'.join(part for part in parts if part) or self.path} {self.name}".rstrip()


def read_call(method: str, target: str, agent: str = "") -> Call:
    """The call that a request line makes.

    >>> str(read_call("PATCH", "/apis/jetcal.dev/v1alpha1/namespaces/jec/jetcalibrations/ak4/status"))
    'patch jetcalibrations/status ak4'
    """
    url = urlsplit(target)
    parts = [part for part in url.path.split("/") if part]
    rest = parts[2:] if parts[:1] == ["api"] else parts[3:] if parts[:1] == ["apis"] else []
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    resource, name, subresource = [*rest, "", "", ""][:3]
    verb = _VERBS.get(method, "get")
    if verb == "get" and resource and not name:
        verb = "watch" if parse_qs(url.query).get("watch", [""])[0].lower() in {"true", "1"} else "list"
    return Call(verb, url.path, url.query, resource, namespace, name, subresource, agent)


@dataclass(frozen=True)
class Refuse:
    """Answer an error instead of asking the API server; or, ``committed``, after it has done what was asked."""

    code: int
    committed: bool = False
    retry_after: int | None = None

    @property
    def body(self) -> dict[str, Any]:
        """A Status, as the API server spells it."""
        reasons = {409: "Conflict", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError", 504: "Timeout"}
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "message": "played by the proxy",
            "reason": reasons.get(self.code, "ServiceUnavailable"),
            "code": self.code,
        }


@dataclass(frozen=True)
class Reset:
    """Drop the connection, before the API server hears of the call or after it has done it."""

    committed: bool = False


@dataclass(frozen=True)
class Hang:
    """Never answer, before or after the commit."""

    committed: bool = False


@dataclass(frozen=True)
class Truncate:
    """Answer half of the JSON."""


@dataclass(frozen=True)
class Interrupt:
    """Do something, before the commit or after it, and drop the connection: kill the operator, for one."""

    act: Callable[[], None]
    committed: bool = False


@dataclass(frozen=True)
class Hold:
    """Do something, and hand the call on to the API server only when that is done: it arrives late."""

    act: Callable[[], None]


@dataclass(frozen=True)
class Replace:
    """Change a document on its way to the operator."""

    change: Callable[[dict[str, Any]], dict[str, Any]]


Step = bytes | Literal["cut", "stall"]


Listener = Callable[[dict[str, Any], bytes], Iterable[Step]]
"""Takes one event of a watch, parsed and as it came, and tells what becomes of it."""


@dataclass(frozen=True)
class Stream:
    """What becomes of a watch: each line is passed on, dropped, doubled, held back, or ends or stalls the stream."""

    begin: Callable[[], Listener]
    """Called for each watch anew."""


Fault = Refuse | Reset | Hang | Truncate | Interrupt | Hold | Replace | Stream


def each(change: Listener) -> Stream:
    """Every event of a watch by itself."""
    return Stream(lambda: change)


def cut() -> Stream:
    """The stream breaks at its next event."""
    return each(lambda _event, _line: ["cut"])


def stall() -> Stream:
    """The stream goes silent at its next event and never says another word."""
    return each(lambda _event, _line: ["stall"])


def error(code: int) -> Stream:
    """Instead of its next event the stream says ERROR and ends."""
    status = Refuse(code).body | ({"reason": "Expired"} if code == 410 else {})
    line = json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"
    return each(lambda _event, _line: [line, "cut"])


def drop() -> Stream:
    """Events vanish; bookmarks pass."""
    return each(lambda event, line: [line] if event["type"] == "BOOKMARK" else [])


def double() -> Stream:
    """Every event comes twice."""
    return each(lambda _event, line: [line, line])


def reorder() -> Stream:
    """Of every two events the second comes first."""

    def begin() -> Listener:
        held: list[bytes] = []

        def swap(_event: dict[str, Any], line: bytes) -> list[Step]:
            if held:
                return [line, held.pop()]
            held.append(line)
            return []

        return swap

    return Stream(begin)


@dataclass
class Rule:
    """A fault for some of the calls that match: after ``skip`` of them, ``times`` times (None: for ever)."""

    fault: Fault
    when: Callable[[Call], bool] = field(default=lambda _call: True)
    skip: int = 0
    times: int | None = 1
    met: int = 0
    """Matching calls so far."""

    def applies(self, call: Call) -> bool:
        """Whether this very call meets the fault; asking counts it."""
        if (isinstance(self.fault, Stream) and call.verb != "watch") or not self.when(call):
            return False
        self.met += 1
        return self.met > self.skip and (self.times is None or self.met <= self.skip + self.times)

    @property
    def fired(self) -> int:
        """How often the fault has been played."""
        played = max(0, self.met - self.skip)
        return played if self.times is None else min(played, self.times)


def mutating(call: Call) -> bool:
    """Any call that may change an object; the lease is not part of a reconcile."""
    return call.mutates and call.resource not in {"leases", "events"}


def on(resource: str, verb: str | None = None) -> Callable[[Call], bool]:
    """Calls on one resource (plural), of one verb if that is given."""
    return lambda call: call.resource == resource and verb in {None, call.verb}


def hidden(group: str, *plurals: str) -> list[Rule]:
    """Discovery without some kinds of a group, and 404 for their objects: their CRDs as if uninstalled."""

    def without(document: dict[str, Any]) -> dict[str, Any]:
        left = [entry for entry in document.get("resources", []) if entry["name"].split("/")[0] not in plurals]
        return document | {"resources": left}

    def is_discovery(call: Call) -> bool:
        return call.path.startswith(f"/apis/{group}/") and not call.resource

    return [
        Rule(Replace(without), is_discovery, times=None),
        Rule(Refuse(404), lambda call: call.resource in plurals, times=None),
    ]
