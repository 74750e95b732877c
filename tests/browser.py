"""A real browser for the tests of pages: one Chromium a session, and pages that notice errors and stray requests.

Use with `pytest_plugins = ["browser"]` in a test module.
"""

import os
import shutil
from urllib.parse import urlsplit

import pytest

PATIENCE = 60_000  # ms: a page on a slow, busy machine
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def find_chromium() -> str | None:
    """CHROMIUM, or chromium or google-chrome on the PATH."""
    wanted = os.environ.get("CHROMIUM")
    return wanted or shutil.which("chromium") or shutil.which("google-chrome")


def _missing(reason: str) -> None:
    """Skips, but fails in continuous integration, where a browser is part of the bargain."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium."""
    executable = find_chromium()
    if not executable:
        _missing("needs Chromium: set CHROMIUM, or put chromium or google-chrome on the PATH")
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        _missing("needs playwright: pip install playwright")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


class Pages:
    """Opens pages and keeps what went wrong on them."""

    def __init__(self, browser):
        self.browser = browser
        self.contexts, self.errors, self.strays, self.leaving = [], [], [], set()

    def __call__(self, url, **options):
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **options})
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: message.type == "error" and self._note(page, message.text))
        page.on("pageerror", lambda error: self._note(page, str(error)))
        page.on("request", self._note_request)
        page.goto(url)
        return page

    def reload(self, page):
        """Reloads; what a page says while it is being left (Gradio's cut event stream complains) is no fault."""
        self.leaving.add(page)
        page.reload()
        self.leaving.discard(page)

    def _note(self, page, text):
        if page not in self.leaving:
            self.errors.append(text)

    def _note_request(self, request):
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname not in ("127.0.0.1", "localhost"):
            self.strays.append(request.url)


@pytest.fixture
def open_page(chromium):
    """open_page(url, **context options) → page. At the end: no error on the console, no request off this machine."""
    pages = Pages(chromium)
    yield pages
    for context in pages.contexts:
        context.close()
    assert not pages.errors
    assert not pages.strays
