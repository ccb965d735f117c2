"""From a container as a manifest describes it to a process on this machine: command and environment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jetcal_operator.cluster import Manifest, ObjectKey
from jetcal_operator.local.machine import Share

PROGRAMS = {"jetcal": "jetcal.cli", "tensorboard": "tensorboard.main"}
"""Programs of the worker image that are modules of this Python."""
REDIRECTED = {
    "JETCAL_TERMINATION_LOG": "termination-log",
    "JETCAL_METRICS_FILE": "metrics.log",
    "JETCAL_CACHE": "cache",
}
"""Variables that name a place in the container -> file in the Pod's folder."""
_OF_THE_CONTAINER = {"HOME", *REDIRECTED}
_NOT_INHERITED = re.compile(r"JETCAL_.*|PET_.*|MASTER_(ADDR|PORT)|(LOCAL_)?(RANK|WORLD_SIZE)|JOB_COMPLETION_INDEX")
_REFERENCE = re.compile(r"\$(\$|\(([A-Za-z_][A-Za-z0-9_.-]*)\))")

Lookup = Callable[[ObjectKey], Manifest | None]


def command_line(container: Mapping[str, Any], variables: Mapping[str, str]) -> list[str]:
    """Program and arguments, with ``$(NAME)`` replaced as the kubelet does; an unknown name stays as it is."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[1] == "$" else variables.get(match[2], match[0])

    given = [*container.get("command", []), *container.get("args", [])]
    words = [_REFERENCE.sub(value, word) for word in given]
    if words and words[0] in PROGRAMS:
        return [sys.executable, "-P", "-m", PROGRAMS[words[0]], *words[1:]]
    return words


def environment(
    container: Mapping[str, Any], pod: Manifest, folder: Path, share: Share, lookup: Lookup
) -> dict[str, str]:
    """The environment of a container's process.

    The user's own environment serves for what a Secret holds on a cluster; what names a place in the container is
    moved into the Pod's folder.

    Raises
    ------
    LookupError
        If a ConfigMap or one of its keys is missing.
    """
    inherited = {name: value for name, value in os.environ.items() if not _NOT_INHERITED.fullmatch(name)}
    resolved = ((entry["name"], _value(entry, pod, lookup)) for entry in container.get("env", []))
    given = {name: value for name, value in resolved if value is not None and name not in _OF_THE_CONTAINER}
    processes = int(given.get("JETCAL_PROCESSES", "1"))
    own = {
        "PYTHONUNBUFFERED": "1",
        "JETCAL_REPLAY_SECONDS": "0",
        "OMP_NUM_THREADS": str(max(1, int(share.cpu / processes))),
        "CUDA_VISIBLE_DEVICES": ",".join(share.gpus),
    }
    return inherited | own | given | {name: str(folder / place) for name, place in REDIRECTED.items()}


def _value(entry: Mapping[str, Any], pod: Manifest, lookup: Lookup) -> str | None:
    source = entry.get("valueFrom")
    if source is None:
        return str(entry.get("value", ""))
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"].split("."))
    if "configMapKeyRef" in source:
        reference = source["configMapKeyRef"]
        config = lookup(ObjectKey("v1", "ConfigMap", reference["name"]))
        value: str | None = (config or {}).get("data", {}).get(reference["key"])
        if value is None and not reference.get("optional"):
            message = f"ConfigMap {reference['name']} with the key {reference['key']} is missing"
            raise LookupError(message)
        return value
    return None


def _field(pod: Manifest, path: Sequence[str]) -> str:
    value: Any = pod
    for name in path:
        value = value.get(name, "")
    return str(value)
