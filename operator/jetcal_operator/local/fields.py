"""Server-side apply in its simplest form: one applier owns the fields that it names, and what it drops goes away.

The tree of owned fields has the shape of Kubernetes' ``fieldsV1``; lists are atomic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Tree = dict[str, Any]
_PREFIX = "f:"


def named_fields(value: Any) -> Tree:
    """The fields that ``value`` names; a scalar and a list have none."""
    if not isinstance(value, Mapping):
        return {}
    return {f"{_PREFIX}{name}": named_fields(entry) for name, entry in value.items()}


def apply_fields(current: Any, wanted: Any, owned: Tree) -> Any:
    """``current`` with the fields of ``wanted``, less the ``owned`` ones that it names no longer."""
    if not isinstance(wanted, Mapping) or not isinstance(current, Mapping):
        return wanted
    merged = _without(current, {name: tree for name, tree in owned.items() if name.removeprefix(_PREFIX) not in wanted})
    for name, value in wanted.items():
        merged[name] = apply_fields(current.get(name), value, owned.get(f"{_PREFIX}{name}", {}))
    return merged


def _without(current: Mapping[str, Any], dropped: Tree) -> dict[str, Any]:
    kept = {}
    for name, value in current.items():
        tree = dropped.get(f"{_PREFIX}{name}")
        if tree is None:
            kept[name] = value
        elif tree and isinstance(value, Mapping) and (rest := _without(value, tree)):
            kept[name] = rest
    return kept
