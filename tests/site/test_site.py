"""Every page of the site: complete, quiet, offline, light, readable by everyone and on a telephone; search finds what is there."""
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

import loyalty_research as lr

from .conftest import ROOT, SITE, find_pages

pytestmark = pytest.mark.browser
each_page = pytest.mark.parametrize("path", find_pages(), ids=lambda path: str(path.relative_to(SITE)))
NOTEBOOKS = [path.relative_to(ROOT / "nbs") for path in sorted((ROOT / "nbs").rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts]
WEIGHT = 3_000_000  # bytes on disk of all files that the browser asks for when the page is opened alone, nothing cached
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
DRAWN = "window.MathJax && MathJax.startup ? MathJax.startup.promise.then(() => true) : true"
BROKEN = "[...document.images].filter(image => !image.complete || image.naturalWidth === 0).map(image => image.src)"
NAMELESS = "[...document.images].filter(image => !(image.getAttribute('alt') || '').trim()).map(image => image.src)"
UNDRAWN = """() => {
  const bare = [...document.querySelectorAll('.math')].filter(math => !math.querySelector('mjx-container')).map(math => math.textContent);
  const wrong = [...document.querySelectorAll('mjx-merror, [data-mjx-error]')].map(error => error.textContent);
  const words = document.querySelector('main').cloneNode(true);
  words.querySelectorAll('pre, code, script, style, mjx-container').forEach(node => node.remove());
  return [...bare, ...wrong, ...(words.textContent.match(/\\\\[([]|\\$\\$|\\$\\\\?[A-Za-z][^$\\n]{0,80}\\$/g) || [])];
}"""
THINNED = """known => {
  const styles = new Set([...document.body.querySelectorAll('style')].map(style => style.textContent));
  const looks = new Map([[document.body, [...styles].sort().join()]]), numbers = new Map(Object.entries(known)), seen = new Set(numbers.values());
  const parts = [...document.body.querySelectorAll('*')].filter(node => !node.closest('svg, mjx-container'));
  const fresh = {};
  for (const node of parts) {
    const look = [looks.get(node.parentElement), node.tagName, node.className.replace(/\\b(row|col)\\d+/g, ''), node.getAttribute('style'), node.rowIndex % 2, node.open, node.hidden].join('|');
    if (!numbers.has(look)) numbers.set(look, fresh[look] = numbers.size + 1);
    looks.set(node, numbers.get(look));
  }
  for (const node of parts.reverse()) {
    if (!node.children.length && seen.has(looks.get(node))) node.remove();
    else seen.add(looks.get(node));
  }
  return fresh;
}"""  # of parts at the same path of tags, classes, own styles and even or odd rows one is kept (the numbers of rows and columns aside), none where a page before had it: thousands of the same colours take axe most of its time
LINKS = "[...document.querySelectorAll('a[href]')].map(link => link.href)"
FAULTS = """axe.run({runOnly: 'color-contrast'}).then(found => found.violations.flatMap(rule => rule.nodes.map(
  node => `${rule.id}: ${node.html.slice(0, 120)} ${node.any.map(reason => reason.message).join()}`)))"""


def as_file(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))


def open_page(page, path: Path) -> None:
    page.goto(path.as_uri(), wait_until="load")
    page.evaluate(DRAWN)


@cache
def places(path: Path) -> frozenset[str]:
    """The ids of a page, to which links with # lead."""
    return frozenset(re.findall(r'\bid="([^"]+)"', path.read_text(encoding="utf-8")))


def leads_nowhere(link: str) -> bool:
    target, place = as_file(link), unquote(urlsplit(link).fragment)
    return not target.exists() or bool(place and target.suffix == ".html" and place not in places(target))


def test_site_is_built_and_newer_than_its_notebooks(site):
    built = (site / "index.html").stat().st_mtime
    newer = [path.name for path in (ROOT / "nbs").rglob("*.ipynb") if path.stat().st_mtime > built]
    assert not newer, f"run `make site`: {newer} changed since"


def test_every_notebook_has_a_page_and_downloads(site):
    for path in NOTEBOOKS:
        text = (site / path.with_suffix(".html")).read_text(encoding="utf-8")
        assert f"_sources/{path}" in text, f"the page of {path} does not offer the notebook"
        cells = nbformat.read(site / "_sources" / path, 4).cells
        stored = nbformat.read(ROOT / "nbs" / path, 4).cells
        assert len(cells) >= len(stored), f"{path} is offered with {len(cells)} of {len(stored)} cells"


def test_a_notebook_downloads_by_a_click(page, served):
    page.goto(f"{served}/guides/glossary.html", wait_until="load")
    page.locator(".dropdown-download-buttons > button").first.click()
    with page.expect_download() as download:
        page.locator(".btn-download-source-button").first.click()
    assert nbformat.read(download.value.path(), 4).cells[0].source.startswith("# Glossary")


def test_every_module_has_a_reference_page(site):
    for path in (ROOT / "nbs" / "api").glob("*.ipynb"):
        text = (site / "reference" / f"{path.stem[3:]}.html").read_text(encoding="utf-8")
        assert f"loyalty_research.{path.stem[3:]}" in text


def test_every_number_of_every_scheme_stands_with_its_source(site):
    text = {path.stem: path.read_text(encoding="utf-8") for path in (site / "provenance").glob("*.html")}
    rows = (ROOT / "data" / "reference").glob("*.csv")
    known = {line.split(",")[0] for path in rows for line in path.read_text(encoding="utf-8").splitlines()}
    for key in lr.list_schemes().index:
        table = re.search(r'<div class="numbers.*?</table>', text[key], re.DOTALL)[0]
        shown = [re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<tr[^>]*>\s*<td>(.*?)</td>", table, re.DOTALL)]
        parameters = lr.load_scheme(key).parameters
        assert [name.strip() for name in shown] == parameters["path"].tolist()
        named = {name for source in parameters["source_id"].dropna() for name in re.findall(r"\b[A-Z]+\d+\b", source)}
        assert named <= known, f"{key} names {sorted(named - known)[:5]}, which no table holds"


def test_references_and_changes_are_those_of_the_project(site):
    references, changes = ((site / "about" / f"{name}.html").read_text(encoding="utf-8") for name in ("references", "changelog"))
    assert "https://doi.org/10.1287/mksc.1040.0098" in references and "No DOI in the tables" in references
    headings = re.findall(r"^#+ (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings and all(heading in changes for heading in headings)


@each_page
def test_page_is_whole_quiet_and_readable(page, path, axe, looks):
    desktop = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    open_page(page, path)
    page.wait_for_timeout(200)  # for what is asked for late; Chromium's own "network idle" never comes on pages with much mathematics
    away = [url for url in page.requested if not url.startswith(("file:", "data:", "blob:"))]
    assert not away, f"requests to other hosts: {away}"
    assert not page.complaints
    assert page.title() and page.locator("main h1").last.is_visible()
    assert page.locator('link[rel~="icon"]').count() == 1, "no favicon"
    weight = sum(file.stat().st_size for file in {as_file(url) for url in page.requested if url.startswith("file:")})
    assert weight < WEIGHT, f"{weight:,} bytes"
    assert not page.evaluate(BROKEN), "images that do not show"
    assert not page.evaluate(NAMELESS), "images without a text; where a notebook has them, `make refresh` stores their data"
    assert not page.evaluate(UNDRAWN), "formulas that are not drawn"
    inside = {link for link in page.evaluate(LINKS) if link.startswith("file:")}
    assert inside and not list(filter(leads_nowhere, inside)), "links that lead nowhere"
    assert page.evaluate(WIDE) <= 0, "scrolls sideways on a telephone"
    fresh = page.evaluate(THINNED, looks)
    if fresh:
        page.set_viewport_size(desktop)
        assert_contrast(page, axe)
        looks.update(fresh)


def assert_contrast(page, axe: str) -> None:
    """Colours stand apart, light and dark."""
    page.add_style_tag(content="* { transition: none !important; }")
    page.evaluate(axe)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.wait_for_function(f"document.documentElement.dataset.theme === '{theme}'")
        assert not page.evaluate(FAULTS), theme


def test_what_has_no_contrast_is_found(page, axe):
    page.set_content('<html lang="en"><p style="color: #bbb; background: #fff">pale</p></html>')
    page.evaluate(axe)
    assert "color-contrast" in page.evaluate(FAULTS)[0]


def test_what_has_no_contrast_is_found_among_much_of_one_look(page, axe):
    """Of words of code of one look one is kept, and what stands within another part of the same look stays."""
    words = '<span class="k">good</span> <span class="n">pale</span> ' * 3
    page.set_content(f'<html lang="en"><style>.n, em {{ color: #bbb; background: #fff }}</style><pre>{words}</pre><p>all good</p><p>all but <em>one</em></p><p>good</p></html>')
    page.evaluate(THINNED, {})
    assert page.locator("pre span").count() == 2 and page.locator("p").count() == 2
    page.evaluate(axe)
    assert [fault.split(":")[0] for fault in page.evaluate(FAULTS)] == ["color-contrast"] * 2


def test_what_a_page_before_showed_is_left_out_unless_it_has_other_styles(page):
    look = '<html lang="en"><body>{}<p>{}</p><details{}><b>deep</b></details></body></html>'
    page.set_content(look.format("", "some", ""))
    known = page.evaluate(THINNED, {})
    page.set_content(look.format("", "other", ""))
    assert page.evaluate(THINNED, known) == {} and page.locator("p, b").count() == 0
    page.set_content(look.format("", "other", " open"))
    assert page.evaluate(THINNED, known) and page.locator("p").count() == 0 and page.locator("b").count() == 1
    page.set_content(look.format("<style>p { color: #bbb }</style>", "pale", ""))
    assert page.evaluate(THINNED, known) and page.locator("p").count() == 1


def search(page, site, words: str, found: str) -> None:
    """Search and wait for a result on a page whose address holds `found`; results come in one by one."""
    page.goto((site / "search.html").as_uri() + f"?q={words}")
    page.wait_for_selector(f'#search-results ul.search li a[href*="{found}"]', timeout=30_000)
    assert not page.complaints


@pytest.mark.parametrize("term, found", [("settlement", "glossary"), ("deficit", "glossary"), ("淘气值", "glossary"), ("day_number", "reference/dates")])
def test_search_finds_a_word(page, site, term, found):
    search(page, site, term, found)


def scheme_names() -> list[tuple[str, str]]:
    """(Name, key) of each scheme, in English and in Chinese, as the glossary has them."""
    cells = nbformat.read(ROOT / "nbs" / "guides" / "glossary.ipynb", 4).cells
    rows = next(cell.source for cell in cells if cell.source.startswith("## Schemes of the package"))
    found = re.findall(r"^\| `(\w+)` \| (.*?) \| \(?(.*?)[,)]?(?: .*)?\|$", rows, re.MULTILINE)
    return [(name.strip(), key) for key, english, chinese in found for name in (english, chinese)]


def test_the_glossary_names_every_scheme():
    assert sorted({key for _, key in scheme_names()}) == sorted(lr.list_schemes().index)


@pytest.mark.parametrize("name, key", scheme_names())
def test_search_finds_a_scheme_in_both_languages(page, site, name, key):
    search(page, site, name, f"provenance/{key}.html")
