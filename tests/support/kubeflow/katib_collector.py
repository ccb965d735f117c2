"""Katib's metrics collector in small: a script of the standard library for a sidecar.

Arguments: the metrics file, then the names of the metrics. It follows the file until the trial's process has ended; if
that one has left its mark, the metrics go to the termination message as JSON, name -> {min, max, latest}.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

PAIR = re.compile(r"([\w|-]+)\s*=\s*([+-]?\d*(?:\.\d+)?(?:[Ee][+-]?\d+)?)")
PROCESSES = Path("/proc")
ANSWER = Path("/dev/termination-log")


def trial_processes(folder):
    """Shells that will leave their mark in the folder."""
    for process in PROCESSES.iterdir():
        try:
            words = (process / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if words[:2] == ["sh", "-c"] and f"echo completed > {folder}/" in words[2]:
            yield process


def is_completed(folder):
    """Whether a process has left its mark."""
    return any("completed" in mark.read_text() for mark in folder.glob("*.pid"))


def collect(lines, names):
    """Name -> {min, max, latest} of every metric that the lines report with a number."""
    values = {}
    for name, text in (pair for line in lines for pair in PAIR.findall(line)):
        if name in names and text:
            values.setdefault(name, []).append(text)
    return {
        name: {"min": min(texts, key=float), "max": max(texts, key=float), "latest": texts[-1]}
        for name, texts in values.items()
    }


def main(path, *names):
    metrics = Path(path)
    while not metrics.exists():
        time.sleep(0.05)
    running = list(trial_processes(metrics.parent))
    if not running and not is_completed(metrics.parent):
        sys.exit("unable to find main pid from the process list")
    while any(process.exists() for process in running):
        time.sleep(0.05)
    if not is_completed(metrics.parent):
        sys.exit("the trial's process ended without its mark")
    found = collect(metrics.read_text().splitlines(), names)
    ANSWER.write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
