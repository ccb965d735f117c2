"""The API server's answer to a write that it refused, as something that a condition can say. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from jetcal_operator.cluster import ObjectKey, Refusal
from jetcal_operator.kube.denials import Denial, explain, shortened

FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(minutes=5)
SHOWN_CAUSES = 5
"""Fields of an invalid object that a sentence names."""

_RIGHTS = re.compile(r'User "(?P<user>[^"]+)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]+)"')
_DOUBLINGS = 16
_TRANSIENT = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS,
}


def refusal(error_status: int, body: Mapping[str, Any], key: ObjectKey, attempts: int, now: datetime) -> Refusal | None:
    """Why the write was refused, and when to ask again.

    Parameters
    ----------
    error_status, body
        HTTP status and ``Status`` object of the answer.
    key
        The object that was to be written.
    attempts
        How often it was refused before, from 0.

    Returns
    -------
    Refusal or None
        None for what is no refusal: a conflict, a namespace that is gone, trouble that a plain retry gets over.
    """
    denial = _denial(error_status, body)
    if denial is None:
        return None
    message = f"{key.kind} {key.name} cannot be written: {denial.sentence}"
    return Refusal(denial.reason, message, now + wait(attempts))


def wait(attempts: int) -> timedelta:
    """How long to wait after so many earlier refusals."""
    factor: int = 2 ** min(attempts, _DOUBLINGS)
    return min(FIRST_WAIT * factor, LONGEST_WAIT)


def _denial(code: int, body: Mapping[str, Any]) -> Denial | None:
    message = str(body.get("message") or "")
    if code == HTTPStatus.CONFLICT:
        return None
    if known := explain(message):
        return known
    if code in _TRANSIENT or not HTTPStatus.BAD_REQUEST <= code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    if code == HTTPStatus.FORBIDDEN:
        return _forbidden(message)
    if code == HTTPStatus.UNPROCESSABLE_ENTITY:
        return Denial("Invalid", f"the API server finds it invalid: {_causes(body) or shortened(message)}")
    return Denial("Refused", f"the API server refused it ({code}): {shortened(message) or 'without explanation'}")


def _forbidden(message: str) -> Denial:
    if "being terminated" in message:
        return Denial("NamespaceTerminating", "the namespace is being deleted")
    if "blockOwnerDeletion" in message:
        remedy = "check the operator's role: it needs update on jetcalibrations/finalizers"
        return Denial("Forbidden", f"{shortened(message)}; {remedy}")
    if rights := _RIGHTS.search(message):
        sentence = f"the operator may not {rights['verb']} {rights['resource']}: check the operator's role"
        return Denial("Forbidden", f"{sentence} ({rights['user']})")
    return Denial("Forbidden", f"the API server forbids it: {shortened(message)}")


def _causes(body: Mapping[str, Any]) -> str:
    causes = (body.get("details") or {}).get("causes") or []
    told = [f"{cause.get('field', '')}: {cause.get('message', '')}" for cause in causes]
    more = f"; {len(told) - SHOWN_CAUSES} more" if len(told) > SHOWN_CAUSES else ""
    return shortened("; ".join(told[:SHOWN_CAUSES])) + more
