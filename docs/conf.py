"""Sphinx settings. tools/site_pages.py prepares the pages; nothing is run and nothing is fetched here."""
from configparser import ConfigParser
from pathlib import Path

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
html_context = {"default_mode": "auto"}  # else the first visit logs an error
html_static_path = ["static"]
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
