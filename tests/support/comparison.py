"""What two worlds have in common: objects with all that differs from run to run masked, and what was done to them."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.support.proxy import Logged

from jetcal_operator import naming

_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)")
_VERIFICATION = re.compile(r"verification-[0-9a-f]{8}")


def effect(entry: Logged) -> str | None:
    """Whether a call has created or deleted an object; None for all others, and for Events."""
    if entry.call.resource == "events" or entry.call.subresource:
        return None
    if entry.upstream == 201:
        return "create"
    return "delete" if entry.call.verb == "delete" and entry.upstream < 300 else None


def mask(text: str, name: str) -> str:
    """A text without times, without the calibration's name and without what hangs on uids."""
    text = _VERIFICATION.sub("verification-*", _TIME.sub("(time)", text))
    return re.sub(rf"\b{re.escape(name)}\b", "(name)", text)


def title(thing: dict[str, Any], name: str) -> str:
    """Kind and masked name of an object."""
    return f"{thing['kind']} {mask(thing['metadata']['name'], name)}"


def masked(thing: dict[str, Any], names: dict[str, str], name: str, namespace: str) -> dict[str, Any]:
    """An object without what differs from run to run; ``names`` are titles by uid."""
    kept = {"name", "labels", "annotations", "ownerReferences", "generation"}
    metadata = {field: value for field, value in thing["metadata"].items() if field in kept}
    annotations = {key: value for key, value in metadata.get("annotations", {}).items() if key != naming.MANIFEST}
    text = json.dumps(thing | {"metadata": metadata | {"annotations": annotations}}, sort_keys=True)
    if naming.label(thing, naming.STAGE) == "verification":
        text = text.replace(naming.label(thing, naming.FINGERPRINT), "*")
    for uid, title in names.items():
        text = text.replace(uid, f"({title})")
    return json.loads(mask(text.replace(namespace, "(namespace)"), name))


def difference(one: dict[str, Any], other: dict[str, Any], path: str = "") -> list[str]:
    """Where two snapshots differ, in words."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = [f"{path}/{key}: only in the first" for key in one.keys() - other.keys()]
        found += [f"{path}/{key}: only in the second" for key in other.keys() - one.keys()]
        return found + [
            line for key in one.keys() & other.keys() for line in difference(one[key], other[key], f"{path}/{key}")
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            line
            for index, pair in enumerate(zip(one, other, strict=True))
            for line in difference(*pair, f"{path}/{index}")
        ]
    return [] if one == other else [f"{path}: {one!r} != {other!r}"]
