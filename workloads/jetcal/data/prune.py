"""What killed or outrun attempts have left behind: which of it nothing refers to, and its removal."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from jetcal import storage

STAGES = ("inventory", "dataset", "tuning", "training", "export", "evaluation")


@dataclass(frozen=True)
class Attempt:
    """The folder ``<storage>/<stage>/<fp>/attempts/<uid>``."""

    uri: str
    size: int
    """Bytes."""


def abandoned(folder: str, before: float) -> list[Attempt]:
    """Attempts of finished work that no document of their stage mentions and that rest since ``before``.

    Work is finished when its stage, or in tuning its trial, has a result.

    Parameters
    ----------
    folder
        The calibration's storage.
    before
        Unix time in seconds; an attempt with a file as new as this stays.
    """
    return [attempt for stage in STAGES for attempt in _abandoned_in_stage(storage.join(folder, stage), before)]


def remove(attempt: Attempt) -> None:
    """Delete the attempt's files."""
    storage.remove_folder(attempt.uri)


def _abandoned_in_stage(stage: str, before: float) -> Iterable[Attempt]:
    documents: dict[str, list[str]] = defaultdict(list)
    sizes: dict[str, int] = defaultdict(int)
    newest: dict[str, float] = defaultdict(float)
    works_for: dict[str, set[str]] = defaultdict(set)
    for file, changed in storage.list_times(stage):
        fingerprint, _, rest = file.uri.removeprefix(f"{stage}/").partition("/")
        made = storage.join(stage, fingerprint)
        attempt = re.match(r"attempts/([^/]+)/(?:([^/]+)/)?", rest)
        if attempt:
            uri = storage.join(made, "attempts", attempt[1])
            sizes[uri] += file.size
            newest[uri] = max(newest[uri], changed)
            works_for[uri].add(storage.join(made, *filter(None, [attempt[2]]), "result.json"))
        elif rest.endswith(".json"):
            documents[made].append(file.uri)
    mentioned = {made: b"".join(map(storage.read_bytes, uris)) for made, uris in documents.items()}
    for uri, size in sizes.items():
        made, _, uid = uri.rpartition("/attempts/")
        finished = storage.join(made, "result.json") in documents[made] or works_for[uri] <= set(documents[made])
        if finished and newest[uri] < before and f"attempts/{uid}/".encode() not in mentioned[made]:
            yield Attempt(uri, size)
