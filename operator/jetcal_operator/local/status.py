"""Conditions in the status of objects, written and read as every controller does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jetcal_operator.cluster import Manifest
from jetcal_operator.local.objects import timestamp

ENDS = ("Succeeded", "Complete", "Failed")
"""Conditions in which a Job, PyTorchJob, TrainJob or Experiment ends."""


def with_condition(
    status: Mapping[str, Any], kind: str, value: str, reason: str = "", message: str = ""
) -> dict[str, Any]:
    """The status with one condition set; its time of transition moves only when its status flips."""
    conditions = [dict(entry) for entry in status.get("conditions", [])]
    old = next((entry for entry in conditions if entry["type"] == kind), None)
    wanted = {"status": value, "reason": reason or kind, "message": message}
    if old is None:
        now = timestamp()
        conditions.append({"type": kind, **wanted, "lastUpdateTime": now, "lastTransitionTime": now})
    elif any(old[name] != text for name, text in wanted.items()):
        moved = {"lastTransitionTime": timestamp()} if old["status"] != value else {}
        old.update(wanted, lastUpdateTime=timestamp(), **moved)
    return {**status, "conditions": conditions}


def is_true(manifest: Manifest, kind: str) -> bool:
    """Whether a condition holds."""
    conditions = (manifest.get("status") or {}).get("conditions", [])
    return any(entry["type"] == kind and entry["status"] == "True" for entry in conditions)


def end(manifest: Manifest) -> str | None:
    """The condition in which a run-to-completion object has ended, None while it runs."""
    return next((kind for kind in ENDS if is_true(manifest, kind)), None)
