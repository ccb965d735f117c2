"""What admission says when it denies an object, put into a reason and a sentence with cause and remedy."""

from __future__ import annotations

import re
from typing import NamedTuple

from jetcal_operator.stages.additions import ADDITIONS
from jetcal_operator.stages.preflight import KATIB_LABEL, label_namespace

TEXT_LIMIT = 1000
"""Characters of somebody else's text that a sentence repeats."""


class Denial(NamedTuple):
    """Why an object was not admitted."""

    reason: str
    """CamelCase, as a condition's reason."""
    sentence: str
    """Cause and remedy, without the object."""


_QUOTA = re.compile(r"exceeded quota: (?P<name>[^,\s]+), (?P<amounts>.*)", re.DOTALL)
_QUOTA_UNSET = re.compile(r"failed quota: (?P<name>[^:\s]+): must specify (?P<what>.*)", re.DOTALL)
_SECURITY = re.compile(r'violates PodSecurity "(?P<level>[^":]+)[^"]*": (?P<rules>.*)', re.DOTALL)
_DENIED = re.compile(
    r'admission webhook "(?P<name>[^"]+)" denied the request(?:: (?P<text>.*)| without explanation)', re.DOTALL
)
_UNREACHABLE = re.compile(r'failed calling webhook "(?P<name>[^"]+)": (?P<text>.*)', re.DOTALL)
_POLICY = re.compile(
    r"ValidatingAdmissionPolicy '(?P<name>[^']+)' with binding '[^']*' denied request: (?P<text>.*)", re.DOTALL
)
_LIMITS = re.compile(r"is forbidden: (?P<text>.*(?:minimum|maximum|limit to request).* usage per .*)", re.DOTALL)
_ACCOUNT = re.compile(r"error looking up service account (?P<name>\S+?): ")
_CONTAINERS = re.compile(r'(?:containers?|pod) ((?:"[^"]+"(?:, )?)+)')
_NAMESPACE = re.compile(r'namespace "?(?P<name>[a-z0-9-]+)')
_SERVICE = re.compile(r'"https://(?P<host>[^/:"]+)')


def explain(message: str) -> Denial | None:
    """The denial in an API server's or a controller's message; None if it tells of none."""
    for pattern, told in _KNOWN:
        if match := pattern.search(message):
            return told(match)
    return None


def shortened(text: str) -> str:
    """Somebody else's text on one line, without an end that a sentence would double."""
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= TEXT_LIMIT else f"{line[: TEXT_LIMIT - 1]}…"


def _quota(match: re.Match[str]) -> Denial:
    amounts = shortened(match["amounts"])
    sentence = (
        f"ResourceQuota {match['name']} of the namespace is used up ({amounts}): raise the quota, ask for less in the "
        "spec, or wait until other work has ended"
    )
    return Denial("QuotaExceeded", sentence)


def _quota_unset(match: re.Match[str]) -> Denial:
    sentence = (
        f"ResourceQuota {match['name']} of the namespace wants every container to specify {shortened(match['what'])}: "
        "add a LimitRange with defaults for containers that others add"
    )
    return Denial("QuotaUnmet", sentence)


def _security(match: re.Match[str]) -> Denial:
    rules = shortened(match["rules"])
    named = dict.fromkeys(re.findall(r'"([^"]+)"', " ".join(_CONTAINERS.findall(match["rules"]))))
    remedies = [
        f"{ADDITIONS[name].product} adds {name}: {ADDITIONS[name].security}" for name in named if name in ADDITIONS
    ]
    remedy = (
        "; ".join(remedies) or "lower the namespace's label pod-security.kubernetes.io/enforce or fix the container"
    )
    return Denial("PodSecurity", f"the namespace's Pod Security level {match['level']} forbids it ({rules}); {remedy}")


def _denied(match: re.Match[str]) -> Denial:
    text = shortened(match["text"] or "without explanation")
    remedy = f"; {label_namespace(_namespace(text))}" if KATIB_LABEL in text else ""
    return Denial("WebhookRefused", f"admission webhook {match['name']} refused it: {text}{remedy}")


def _namespace(text: str) -> str:
    named = _NAMESPACE.search(text)
    return named["name"] if named else "NAMESPACE"


def _unreachable(match: re.Match[str]) -> Denial:
    service = _SERVICE.search(match["text"])
    where = f" ({service['host']})" if service else ""
    sentence = f"admission webhook {match['name']}{where} does not answer: see that its controller runs"
    return Denial("WebhookUnavailable", f"{sentence} ({shortened(match['text'])})")


def _policy(match: re.Match[str]) -> Denial:
    return Denial("PolicyRefused", f"ValidatingAdmissionPolicy {match['name']} refused it: {shortened(match['text'])}")


def _limits(match: re.Match[str]) -> Denial:
    return Denial("LimitRange", f"a LimitRange of the namespace forbids it: {shortened(match['text'])}")


def _account(match: re.Match[str]) -> Denial:
    name = match["name"]
    return Denial("ServiceAccountMissing", f"ServiceAccount {name} does not exist: create it or wait for the namespace")


_KNOWN = (
    (_UNREACHABLE, _unreachable),
    (_DENIED, _denied),
    (_QUOTA, _quota),
    (_QUOTA_UNSET, _quota_unset),
    (_SECURITY, _security),
    (_POLICY, _policy),
    (_LIMITS, _limits),
    (_ACCOUNT, _account),
)
