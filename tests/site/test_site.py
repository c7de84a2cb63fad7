"""Every page of the site: complete, quiet, offline, readable on a telephone; search finds what is there."""
from pathlib import Path

import pytest

from .conftest import ROOT, SITE, find_pages

pytestmark = pytest.mark.browser
each_page = pytest.mark.parametrize("path", find_pages(), ids=lambda path: str(path.relative_to(SITE)))
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
DRAWN = "window.MathJax && MathJax.startup ? MathJax.startup.promise.then(() => true) : true"
BROKEN = "[...document.images].filter(image => !image.complete || image.naturalWidth === 0).map(image => image.src)"


def test_site_is_built_and_newer_than_its_notebooks(site):
    built = (site / "index.html").stat().st_mtime
    newer = [path.name for path in (ROOT / "nbs").rglob("*.ipynb") if path.stat().st_mtime > built]
    assert not newer, f"run `make site`: {newer} changed since"


def test_every_notebook_has_a_page(site):
    for path in (ROOT / "nbs").rglob("*.ipynb"):
        assert (site / path.relative_to(ROOT / "nbs").with_suffix(".html")).exists(), f"no page of {path.name}"


def test_every_module_has_a_reference_page(site):
    for path in (ROOT / "nbs" / "api").glob("*.ipynb"):
        text = (site / "reference" / f"{path.stem[3:]}.html").read_text(encoding="utf-8")
        assert f"loyalty_research.{path.stem[3:]}" in text


@each_page
def test_page_opens_quietly_and_asks_nobody(page, path):
    page.goto(path.as_uri(), wait_until="load")
    page.evaluate(DRAWN)
    page.wait_for_timeout(500)  # for what is asked for late; Chromium's own "network idle" never comes on pages with much mathematics
    away = [url for url in page.requested if not url.startswith(("file:", "data:", "blob:"))]
    assert not away, f"requests to other hosts: {away}"
    assert not page.complaints
    assert page.title() and page.locator("main h1").last.is_visible()
    assert not page.evaluate(BROKEN), "images that do not show"


@each_page
def test_page_does_not_scroll_sideways_on_a_telephone(page, path):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(path.as_uri(), wait_until="load")
    assert page.evaluate(WIDE) <= 0


@pytest.mark.parametrize("term, found", [("settlement", "glossary"), ("deficit", "glossary")])
def test_search_finds_a_word(page, site, term, found):
    page.goto((site / "search.html").as_uri() + f"?q={term}")
    page.wait_for_selector(f'#search-results ul.search li a[href*="{found}"]', timeout=30_000)  # results come in one by one
    assert not page.complaints


def test_search_finds_a_function(page, site):
    modules = [path.stem for path in (site / "reference").glob("*.html")]
    assert "dates" in modules
    page.goto((site / "search.html").as_uri() + "?q=day_number")
    page.wait_for_selector("#search-results ul.search li a", timeout=20_000)
    links = page.eval_on_selector_all("#search-results ul.search li a", "links => links.map(link => link.href)")
    assert [link for link in links if "reference/dates" in link]


def test_links_inside_the_site_lead_somewhere(page, site):
    page.goto((site / "index.html").as_uri())
    hrefs = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    inside = {href.split("#")[0].split("?")[0] for href in hrefs if href.startswith("file:")}
    assert len(inside) >= 5
    for href in inside:
        assert Path(href.removeprefix("file://")).exists(), f"the first page links to {href}"
