"""Build _site/ from the executed notebooks. Offline; no notebook is run.

Notebooks are copied to build/docs/source with nbdev's directives turned into MyST-NB tags: a study from
_study/ when its last run is of the present source, everything else from nbs/. A list of the studies, a reference page
a module, and the pages of provenance, references and changes are written beside them, and Sphinx builds the whole with
warnings as errors.
"""
import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from figure_data import MIME
from provenance import write_pages
from references import references_page

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "docs"
SOURCE = BUILD / "source"
TAGS = {  # nbdev directive -> MyST-NB cell tag
    "hide": "remove-cell",
    "default_exp": "remove-cell",
    "export": "hide-input",
    "exports": "hide-input",
    "exporti": "hide-input",
    "hide_input": "remove-input",
    "hide_output": "remove-output",
    "echo": "remove-input",  # echo: false
    "code": "hide-input",  # code-fold: true
}
DISPLAYED = re.compile(r"\s*(\$\$.+?\$\$)\s*", re.DOTALL)  # formulas that JupyterLab sets apart within a paragraph, and MyST does not
DIRECTIVE = re.compile(r"^\s*#\s*\|\s*(\w+).*\n?", re.MULTILINE)
SECTIONS = {"studies": "Studies", "guides": "Guides and glossary", "reference": "API", "api": "How it works",
            "about": "Where it comes from"}


def defined_names(source: str) -> list[str]:
    """Names that a cell defines at its top level."""
    found = []
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [target.id for target in targets if isinstance(target, ast.Name)]
    return found


def words_of(figure: dict) -> list[str]:
    """What a figure says of itself: its title, then of each panel the title, the labels of the axes and what is named in it."""
    said = [figure["title"]]
    for axes in figure["axes"]:
        series = axes.get("legend") or [mark["label"] for mark in axes["marks"] if "label" in mark]
        said += [axes.get("title", ""), *(f"{name}: {axes[key]}" for name, key in (("across", "x_label"), ("upwards", "y_label")) if key in axes),
                 ", ".join(dict.fromkeys([*series, *axes.get("x_names", []), *axes.get("y_names", [])]))]
    return [" ".join(words.split()) for words in said if words.strip()]


def alternative_text(cell: nbformat.NotebookNode) -> str:
    """Take the data of figures out of a cell's outputs; return what readers who do not see them get, in the figures' own words."""
    figures = [output.data.pop(MIME) for output in cell.get("outputs", []) if MIME in output.get("data", {})]
    return " ".join("Chart. " + ". ".join(word.rstrip(".") for word in words_of(figure)) + "." for figure in figures)


def translate(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Turn leading directive lines of each cell into tags, describe its figures, and say that the code is Python."""
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = DISPLAYED.sub(r"\n\n\1\n\n", cell.source).strip()
        head = re.match(r"\A(?:\s*#\s*\|.*(?:\n|\Z))*", cell.source).group()
        names = DIRECTIVE.findall(head)
        tags = sorted({TAGS[name] for name in names if name in TAGS})
        if tags:
            cell.metadata["tags"] = tags
        cell.source = cell.source[len(head):].lstrip("\n")
        settings = cell.metadata["mystnb"] = {}
        if "hide-input" in tags:
            prompt = f"the source of {', '.join(defined_names(cell.source))}".removesuffix(" of ")
            settings |= {"code_prompt_show": f"Show {prompt}", "code_prompt_hide": f"Hide {prompt}"}
        if alternative := alternative_text(cell):
            settings["image"] = {"alt": alternative}
    return notebook


def sources(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells]


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """The saved notebook; for a study its last run in _study/ where that ran the same cells."""
    notebook = nbformat.read(path, 4)
    run = ROOT / "_study" / path.name
    if path.parent.name == "studies" and run.exists():
        executed = nbformat.read(run, 4)
        if sources(executed) == sources(notebook):
            return executed
        print(f"_study/{run.name} is of an older source: the saved notebook is shown.")
    return notebook


def copy_notebooks() -> dict[str, list[str]]:
    """Write the translated notebooks; return the pages by section."""
    pages: dict[str, list[str]] = {}
    for section in ("studies", "guides", "api"):
        for path in sorted((ROOT / "nbs" / section).glob("*.ipynb")):
            target = SOURCE / section / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(translate(read_notebook(path)), target)
            pages.setdefault(section, []).append(f"{section}/{path.stem}")
    return pages


def public_names(module: Path) -> list[tuple[str, str]]:
    """(name, "function" or "class") of the documented public definitions, in the order of the source."""
    found = []
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            if ast.get_docstring(node):
                found.append((node.name, "class" if isinstance(node, ast.ClassDef) else "function"))
    return found


def reference_page(stem: str) -> str:
    """A page a module: a table of its names, then each in full; names offered by the package come first."""
    from loyalty_research import _HOMES

    name = stem.split("_", 1)[1]
    module = f"loyalty_research.{name}"
    names = public_names(ROOT / "loyalty_research" / f"{name}.py")
    names.sort(key=lambda pair: pair[0] not in _HOMES)
    lines = [name, "=" * len(name), "", f".. module:: {module}", "",
             f"How it works, with worked examples: :doc:`/api/{stem}`.", ""]
    if names:
        lines += [".. autosummary::", "   :nosignatures:", "", *[f"   {name}" for name, _ in names], ""]
    for item, kind in names:
        lines += [f".. auto{kind}:: {module}.{item}"]
        lines += ["   :members:", ""] if kind == "class" else [""]
    return "\n".join(lines)


def front_page() -> str:
    """The names that `import loyalty_research as lr` offers, by module."""
    import loyalty_research as lr

    lines = ["loyalty_research", "================", "",
             "What ``import loyalty_research as lr`` offers as ``lr.name``.", ""]
    for module, names in lr._EXPOSED.items():
        path = ROOT / "loyalty_research" / f"{module}.py"
        documented = [name for name, _ in public_names(path)] if path.exists() else []
        shown = [f"   ~loyalty_research.{module}.{name}" for name in names.split() if name in documented]
        if shown:
            lines += [".. autosummary::", "   :nosignatures:", "", *shown, ""]
    return "\n".join(lines)


def write_reference() -> list[str]:
    """Write the reference pages of the package and of the modules that have a notebook."""
    folder = SOURCE / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.rst").write_text(front_page(), encoding="utf-8")
    pages = ["reference/index"]
    for path in sorted((ROOT / "nbs" / "api").glob("*.ipynb")):
        name = path.stem.split("_", 1)[1]
        if (ROOT / "loyalty_research" / f"{name}.py").exists():
            (folder / f"{name}.rst").write_text(reference_page(path.stem), encoding="utf-8")
            pages.append(f"reference/{name}")
    return pages


def title_and_opening(path: Path) -> tuple[str, str]:
    """The heading of a notebook and its first paragraph."""
    heading, _, rest = nbformat.read(path, 4).cells[0].source.partition("\n")
    return heading.lstrip("# "), rest.strip().split("\n\n")[0]


def write_studies() -> str:
    """The list of the studies: the question of each, and how it begins."""
    parts = ["# Studies\n\nEach asks one question and answers it at the top."]
    for path in sorted((ROOT / "nbs" / "studies").glob("*.ipynb")):
        title, opening = title_and_opening(path)
        parts.append(f"## [{title}]({path.name})\n\n{opening}")
    (SOURCE / "studies").mkdir(exist_ok=True)
    (SOURCE / "studies" / "index.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return "studies/index"


def write_about() -> list[str]:
    """Provenance, references and changes."""
    folder = SOURCE / "about"
    folder.mkdir()
    (folder / "references.md").write_text(references_page(), encoding="utf-8")
    shutil.copy(ROOT / "CHANGELOG.md", folder / "changelog.md")
    return [*write_pages(SOURCE / "provenance"), "about/references", "about/changelog"]


def write_index(pages: dict[str, list[str]]) -> None:
    """nbs/index.ipynb with its doors side by side and the contents of the site behind it."""
    notebook = translate(nbformat.read(ROOT / "nbs" / "index.ipynb", 4))
    doors = next(cell for cell in notebook.cells if cell.id == "doors")
    heading, _, listed = doors.source.partition("\n\n")
    doors.source = f"{heading}\n\n:::{{container}} doors\n{listed}\n:::"
    for section, caption in SECTIONS.items():
        if pages.get(section):
            listed = "\n".join(pages[section])
            text = f"```{{toctree}}\n:hidden:\n:titlesonly:\n:caption: {caption}\n\n{listed}\n```"
            notebook.cells.append(nbformat.v4.new_markdown_cell(text, id=f"toc-{section}"))
    nbformat.write(notebook, SOURCE / "index.ipynb")


def build() -> int:
    """Run Sphinx over build/site; numba off, so that autodoc sees plain functions."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-j", "auto", "-b", "html", "-c", str(ROOT / "docs"),
               "-d", str(BUILD / "doctrees"), str(SOURCE), str(BUILD / "html")]
    if not sys.stdout.isatty():
        command.insert(3, "-q")
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1", "MPLBACKEND": "Agg"}
    status = subprocess.run(command, env=env, cwd=ROOT).returncode
    if status == 0:
        shutil.rmtree(ROOT / "_site", ignore_errors=True)
        shutil.move(BUILD / "html", ROOT / "_site")
    return status


def main() -> int:
    shutil.rmtree(BUILD, ignore_errors=True)
    SOURCE.mkdir(parents=True)
    pages = copy_notebooks()
    pages["reference"] = write_reference()
    pages["studies"] = [write_studies(), *pages.get("studies", [])]
    pages["about"] = write_about()
    write_index(pages)
    return build()


if __name__ == "__main__":
    sys.exit(main())
