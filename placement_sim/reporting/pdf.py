"""The same report on paper: HTML to PDF by WeasyPrint, an optional library that needs Pango.

The same HTML gives the same bytes: dates in the file come from SOURCE_DATE_EPOCH, which is set here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from placement_sim.errors import InputError

INSTALL = "install it with: pip install 'placement_sim[report]', and Pango from the system's packages"


def pdf(html: str) -> bytes:
    """Turn the HTML of a report into a PDF.

    Raises
    ------
    InputError
        WeasyPrint or Pango is missing.
    """
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as error:  # OSError: a shared library of Pango is missing
        reason = str(error).splitlines()[0]
        raise InputError("PDF", f"WeasyPrint cannot be loaded ({reason})", INSTALL) from None
    with _fixed_date():
        content: bytes = HTML(string=html, url_fetcher=URLFetcher(allowed_protocols=["data"])).write_pdf()
    return content


@contextmanager
def _fixed_date() -> Iterator[None]:
    before = os.environ.get("SOURCE_DATE_EPOCH")
    os.environ["SOURCE_DATE_EPOCH"] = before or "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ["SOURCE_DATE_EPOCH"]
