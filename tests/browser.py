"""A browser to open reports in, and what it complains of."""

import os
import shutil
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        if os.environ.get("NETDISSECT_NEEDS_CHROMIUM"):
            pytest.fail("no Chromium on this machine, and NETDISSECT_NEEDS_CHROMIUM is set")
        pytest.skip("no Chromium on this machine to open the report in")
    from playwright import sync_api

    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        # What playwright switches off protects browsers of pages that change their address too often.
        protected = ["--disable-ipc-flooding-protection"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet, ignore_default_args=protected)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Opens a file of a report from disk: ``with visit(folder, "index.html#...") as page``.

    What the browser complains of, and requests that leave the report's folder or find nothing there, fail the test.
    """

    @contextmanager
    def opened(folder, address="index.html", *, width=1200, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
        page = context.new_page()
        page.set_default_timeout(10_000)
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: _check_failure(request, complaints))
        page.on("request", lambda request: _check(request.url, folder, complaints))
        page.goto(f"{folder.as_uri()}/{address}")
        yield page
        context.close()
        assert complaints == []

    return opened


def _check_failure(request, complaints):
    if request.failure != "net::ERR_ABORTED":  # as what a page loads is when one leaves it
        complaints.append(f"failed: {request.url[:200]} {request.failure}")


def _check(url, folder, complaints):
    parts = urlsplit(url)
    path = unquote(parts.path)
    inside = parts.scheme == "file" and path.startswith(f"{folder}/")
    if not (inside or parts.scheme in ("data", "blob")):
        complaints.append(f"outside: {url[:200]}")
