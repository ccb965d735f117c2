"""A real headless Chromium for tests that look at what a person sees."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from tests.support.parts import missing

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = (1280, 800)
PHONE = (360, 740)
PATIENCE = 180_000
"""Milliseconds that a busy machine may take to show a page."""


@dataclass
class View:
    """A page with what happened while it was open."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def executable() -> str:
    """Chromium's path; without one the test is skipped, in continuous integration it fails."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or missing("Chromium is missing; on Debian or Ubuntu: apt-get install chromium")


@contextmanager
def opened(path: Path, size: tuple[int, int] = DESKTOP, *, scripts: bool = True) -> Iterator[View]:
    """Open a file in a window of the given width and height, in CSS pixels."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=list(ARGUMENTS))
        page = browser.new_page(viewport={"width": size[0], "height": size[1]}, java_script_enabled=scripts)
        page.set_default_timeout(PATIENCE)
        view = View(page)
        page.on("request", lambda request: view.requests.append(request.url))
        page.on("console", lambda message: view.complaints.append(message.text))
        page.on("pageerror", lambda error: view.complaints.append(str(error)))
        try:
            page.goto(path.as_uri())
            yield view
        finally:
            browser.close()
