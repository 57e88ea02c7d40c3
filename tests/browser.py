"""A real Chromium, and the tools that make and show a PDF: found, or the test is skipped with the reason.

With PLACEMENT_SIM_BROWSER=required, as in continuous integration, a test fails where it would be skipped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

# Nothing of its own may reach for the network, or the count of requests would be Chromium's, not the page's.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where skipping is not allowed."""
    if os.environ.get("PLACEMENT_SIM_BROWSER") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


def need_paper() -> None:
    """Ask for WeasyPrint, which needs Pango, and for pdftoppm."""
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError) as error:
        missing(f"WeasyPrint cannot be loaded: {str(error).splitlines()[0]}")
    if shutil.which("pdftoppm") is None:
        missing("pdftoppm (poppler-utils) is not installed")


@contextmanager
def page(width: int = 1100, height: int = 1400) -> Iterator[Any]:
    """Open an empty page; the test is skipped, with the reason, where there is no browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("Playwright is not installed")
    if CHROMIUM is None:
        missing("Chromium is not installed")
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser.new_page(viewport={"width": width, "height": height})
        finally:
            browser.close()


def open_file(tab: Any, path: Path) -> list[str]:
    """Open a local file and give the addresses of every request but that for the file itself."""
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.context.set_offline(True)
    tab.goto(path.resolve().as_uri(), wait_until="networkidle")
    return [address for address in asked[1:] if not address.startswith("data:")]
