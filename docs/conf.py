"""Sphinx settings. tools/site_pages.py prepares the pages; nothing is run and nothing is fetched here."""
import re
from configparser import ConfigParser
from itertools import pairwise
from pathlib import Path

import numpydoc.docscrape_sphinx
from jinja2 import FileSystemLoader
from jinja2.sandbox import SandboxedEnvironment
from sphinx.search.en import SearchEnglish

_settings = ConfigParser(delimiters=["="], interpolation=None)
_settings.read(Path(__file__).resolve().parent.parent / "settings.ini", encoding="utf-8")

project = _settings["DEFAULT"]["title"]
author = copyright = _settings["DEFAULT"]["author"]
release = version = _settings["DEFAULT"]["version"]

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx-mathjax-offline",
]
root_doc = "index"
exclude_patterns = ["build"]

nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_render_text_lexer = "text"
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 4

autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc names the types
numpydoc_show_class_members = False
python_maximum_signature_line_length = 88

html_theme = "sphinx_book_theme"
html_title = project
html_favicon = "static/favicon.svg"
html_context = {"default_mode": "auto"}  # else the first visit logs an error
html_static_path = ["static"]
templates_path = ["templates"]
html_css_files = ["wide.css"]
html_copy_source = True
html_show_sourcelink = True
html_show_search_summary = False  # a summary is fetched, which a browser refuses on file: pages
html_theme_options = {
    "navbar_persistent": [],
    "show_toc_level": 2,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "search_bar_text": "Search",
}


_numpydoc_templates = SandboxedEnvironment(loader=FileSystemLoader(Path(numpydoc.docscrape_sphinx.__file__).parent / "templates"))
numpydoc.docscrape_sphinx.SandboxedEnvironment = lambda loader: _numpydoc_templates  # else its one template is compiled for every name


class SearchBoth(SearchEnglish):
    """English words, and Chinese in overlapping pairs of characters, in the index and in what is searched for: no dictionary is needed."""

    runs = re.compile(r"[\u4e00-\u9fff]+|[^\W\u4e00-\u9fff]+")
    js_splitter_code = """
var splitQuery = (query) => (query.match(/[\\u4e00-\\u9fff]+|(?:(?![\\u4e00-\\u9fff])[\\p{L}\\p{N}_])+/gu) || []).flatMap((word) =>
  /^[\\u4e00-\\u9fff]{2}/.test(word) ? [...word].slice(1).map((last, place) => word[place] + last) : [word]);
"""

    def split(self, text: str) -> list[str]:
        words = []
        for run in self.runs.findall(text):
            chinese = len(run) > 1 and "\u4e00" <= run[0] <= "\u9fff"
            words += [first + second for first, second in pairwise(run)] if chinese else [run]
        return words


def setup(app) -> None:
    app.extensions["sphinx-mathjax-offline"].parallel_read_safe = True  # it sets one path and says nothing of this; else all pages are read in turn
    app.add_search_language(SearchBoth)
