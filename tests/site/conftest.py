"""The built site in a real browser, opened from the file system as a reader opens it."""
import os
import shutil
import sys
import tempfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_site"
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


def find_pages() -> list[Path]:
    """Pages of the built site; Sphinx's own index and search pages too."""
    return sorted(path for path in SITE.rglob("*.html") if "_static" not in path.parts)


@pytest.fixture(scope="session")
def site() -> Path:
    if not (SITE / "index.html").exists():
        pytest.fail("_site/ is not built: run `make site`")
    return SITE


@pytest.fixture
def served(site):
    """The address of the site on this machine, for what a browser does not do with files: it shows them and downloads nothing."""
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, which `make test` fetches."""
    path = Path(sys.prefix) / "axe.min.js"
    if not path.exists():
        pytest.fail(f"there is no axe-core for the browser tests: `python tools/fetch_axe.py {path}`")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def looks() -> dict[str, int]:
    """The looks whose contrast has been found good, numbered."""
    return {}


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not path:
        pytest.fail("there is no Chromium for the browser tests: `apt-get install chromium`")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(profile, executable_path=path, args=FLAGS)
        yield context
        context.close()


@pytest.fixture(scope="session")
def tab(browser):
    """A tab that remembers what its page asked for and what it complained about."""
    page = browser.new_page()
    page.requested, page.complaints = [], []
    page.on("request", lambda request: page.requested.append(request.url))
    page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("requestfailed", lambda request: page.complaints.append(f"{request.url} {request.failure}"))
    yield page
    page.close()


@pytest.fixture
def page(tab, site):
    """The tab, empty."""
    tab.set_viewport_size({"width": 1280, "height": 720})
    tab.emulate_media(color_scheme="null", reduced_motion="null")
    tab.goto("about:blank")
    tab.requested.clear()
    tab.complaints.clear()
    return tab
