"""What a person would see in a terminal, kept for the documentation in the file that JETCAL_E2E_TRANSCRIPT names."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.support.e2e.kubectl import Kubectl
from tests.support.e2e.story import Chapter

TIMELINES: list[str] = []
"""All timelines, for the end of the test's report."""
_SPACES = re.compile(r"[ \t]+$", re.MULTILINE)


def add(kubectl: Kubectl, *arguments: str) -> None:
    """Run a command of kubectl and keep it with its answer."""
    answer = _SPACES.sub("", kubectl(*arguments))
    _write(f"$ kubectl {' '.join(arguments)}\n{answer}\n")


def add_timeline(title: str, chapters: list[Chapter], notes: list[str]) -> None:
    """Keep when each stage began and ended, and show it after the tests."""
    rows = [
        f"{chapter.stage:<12}{chapter.began:7.1f} s {chapter.ended:7.1f} s {chapter.ended - chapter.began:7.1f} s"
        for chapter in chapters
    ]
    table = "\n".join([title, f"{'stage':<12}{'began':>9} {'ended':>9} {'took':>9}", *rows, *notes])
    TIMELINES.append(table)
    _write(f"{table}\n\n")


def add_trouble(kubectl: Kubectl, namespace: str, logs: str) -> None:
    """Show after the tests what a person would look at first."""
    looks = (("get", "pods", "--output=wide"), ("describe", "jetcal,pods"), ("get", "events"))
    answers = [kubectl.attempt(*words, f"--namespace={namespace}") or "" for words in looks]
    TIMELINES.append("\n".join([*answers, logs]))


def _write(text: str) -> None:
    path = os.environ.get("JETCAL_E2E_TRANSCRIPT")
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
