"""The notebooks and modules are laid out as CONTRIBUTING.md says, checked by parsing."""
import ast
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "loyalty_research"
API = sorted((ROOT / "nbs" / "api").glob("*.ipynb"))
ALL = sorted((ROOT / "nbs").rglob("*.ipynb"))
FLOORS = {path.stem.split("_", 1)[1]: int(path.stem.split("_", 1)[0]) for path in API}
MAX_CELLS, MAX_LINES, MAX_DEFINITION = 90, 600, 50
DIRECTIVE = re.compile(r"^\s*#\s*\|\s*(\S+)\s*(.*)$")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
each_api_notebook = pytest.mark.parametrize("path", API, ids=lambda path: path.stem)
each_notebook = pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)


class Cell:
    """A code cell: its directives, its lines of code, its syntax tree."""

    def __init__(self, number: int, source: str):
        lines = source.splitlines()
        found = [DIRECTIVE.match(line) for line in lines]
        self.number = number
        self.directives = {match[1].rstrip(":"): match[2].strip() for match in found if match}
        self.source = "\n".join("" if match else line for line, match in zip(lines, found, strict=True))
        shell = re.compile(r"^\s*[%!].*$", re.MULTILINE)
        self.tree = ast.parse(shell.sub("pass", self.source))

    @property
    def exported(self) -> bool:
        return not self.directives.keys().isdisjoint({"export", "exports", "exporti"})

    @property
    def definitions(self) -> list:
        return [node for node in self.tree.body if isinstance(node, DEFINITIONS)]


@cache
def stored_cells(path: Path) -> list:
    return nbformat.read(path, 4).cells


@cache
def read_cells(path: Path) -> list[Cell]:
    return [Cell(number, cell.source) for number, cell in enumerate(stored_cells(path)) if cell.cell_type == "code"]


def docstring_lines(tree: ast.AST) -> int:
    """Lines taken by docstrings anywhere in the tree."""
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS) and ast.get_docstring(node, clean=False) is not None:
            count += node.body[0].end_lineno - node.body[0].lineno + 1
    return count


def code_lines(cell: Cell) -> int:
    """Lines of code that are neither empty nor docstring."""
    return sum(bool(line.strip()) for line in cell.source.splitlines()) - docstring_lines(cell.tree)


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """The modules, exported afresh from a copy of the notebooks."""
    copy = tmp_path_factory.mktemp("export")
    shutil.copytree(ROOT / "nbs" / "api", copy / "nbs" / "api", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copy(ROOT / "settings.ini", copy)
    run = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "notebooks.py"), "export"], cwd=copy, capture_output=True, text=True
    )
    assert run.returncode == 0, f"the notebooks do not export:\n{run.stderr}"
    return copy / "loyalty_research"


@each_api_notebook
def test_module_is_in_step_with_its_notebook(path, exported):
    name = path.stem.split("_", 1)[1] + ".py"
    assert (exported / name).exists(), f"{path.name} exports nothing"
    module = PACKAGE / name
    assert module.exists(), f"{path.name}: {name} is missing; run `make export`"
    same = module.read_text(encoding="utf-8") == (exported / name).read_text(encoding="utf-8")
    assert same, (
        f"{path.name} and loyalty_research/{name} differ: run `make export` to write the module from the "
        "notebook, or `nbdev_update` to carry an edit of the module back into the notebook"
    )


def test_every_module_has_a_notebook(exported):
    ours = {module.name for module in PACKAGE.glob("*.py")} - {"__init__.py", "_modidx.py"}
    extra = ours - {module.name for module in exported.glob("*.py")}
    assert not extra, f"modules that no notebook exports: {sorted(extra)}"


@each_api_notebook
def test_name_says_the_floor_and_the_module(path):
    assert re.fullmatch(r"\d\d_[a-z]+(_[a-z]+)*", path.stem), f"{path.name}: name it NN_name.ipynb"
    targets = [cell.directives["default_exp"] for cell in read_cells(path) if "default_exp" in cell.directives]
    assert targets == [path.stem[3:]], f"{path.name} exports to {targets}, not to {path.stem[3:]}"


def test_floors_and_names_are_not_shared():
    floors = [path.stem.split("_")[0] for path in API]
    assert len(set(floors)) == len(floors) == len(FLOORS), f"two notebooks share a floor or a name: {floors}"


def imported_modules(tree: ast.AST) -> set[str]:
    """Modules of the package that the tree imports; "" is the package itself."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "loyalty_research":
            names = [f"loyalty_research.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        parts = [name.split(".") for name in names]
        found |= {part[1] if len(part) > 1 else "" for part in parts if part[0] == "loyalty_research"}
    return found - {"data"}


@each_api_notebook
def test_imports_only_from_lower_floors(path):
    floor = int(path.stem.split("_")[0])
    for cell in read_cells(path):
        for name in imported_modules(cell.tree):
            assert name in FLOORS, f"{path.name}, cell {cell.number}: imports {name or 'the package'}, not a floor"
            assert FLOORS[name] < floor, (
                f"{path.name}, cell {cell.number}: imports {name} of floor {FLOORS[name]:02}; only floors below "
                f"{floor:02} are allowed"
            )


@each_api_notebook
def test_one_definition_in_an_exported_cell(path):
    crowded = {
        cell.number: [node.name for node in cell.definitions]
        for cell in read_cells(path)
        if cell.exported and len(cell.definitions) > 1
    }
    assert not crowded, f"{path.name}: cells with more than one definition: {crowded}"


@each_api_notebook
def test_definitions_are_short(path):
    lengths = {
        node.name: node.end_lineno - node.lineno + 1 - docstring_lines(node)
        for cell in read_cells(path)
        for node in cell.definitions
    }
    long = {name: length for name, length in lengths.items() if length > MAX_DEFINITION}
    assert not long, f"{path.name}: definitions over {MAX_DEFINITION} lines without docstrings: {long}"


@each_notebook
def test_notebook_is_of_readable_length(path):
    cells = stored_cells(path)
    lines = sum(map(code_lines, read_cells(path)))
    assert len(cells) <= MAX_CELLS, f"{path.name} has {len(cells)} cells, over {MAX_CELLS}"
    assert lines <= MAX_LINES, f"{path.name} has {lines} lines of code, over {MAX_LINES}"


@each_notebook
def test_notebook_names_no_machine(path):
    """A stored warning brings the path of whoever ran it: mend what it warns of, and refresh."""
    assert not re.findall(r"/(?:tmp|root|home|work|Users)/\w\S*", path.read_text(encoding="utf-8"))


@each_notebook
def test_code_is_ordinary_python(path):
    for cell in read_cells(path):
        where = f"{path.name}, cell {cell.number}"
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.ImportFrom):
                assert all(alias.name != "*" for alias in node.names), f"{where}: import *"
                assert not node.level, f"{where}: relative import; write from loyalty_research.name"
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [getattr(node, "module", None) or "", *[alias.name for alias in node.names]]
                used = {name.split(".")[0] for name in names} & {"fastcore", "nbdev"}
                assert not used, f"{where}: imports {sorted(used)}"
            for mark in getattr(node, "decorator_list", []):
                assert "patch" not in ast.unparse(mark).split("(")[0], f"{where}: @patch"


@each_notebook
def test_begins_with_a_title(path):
    first = stored_cells(path)[0]
    assert first.cell_type == "markdown" and first.source.startswith("# "), f"{path.name}: first cell is no H1"


@each_notebook
def test_no_cell_stands_twice(path):
    sources = [cell.source.strip() for cell in stored_cells(path)]
    twice = [number for number, source in enumerate(sources) if source and source in sources[:number]]
    assert not twice, f"{path.name}: cells {twice} repeat earlier ones"


def shows_something(cell: Cell) -> bool:
    """Whether the last statement prints, or is an expression whose value the notebook displays."""
    last = cell.tree.body[-1] if cell.tree.body else None
    if not isinstance(last, ast.Expr) or cell.source.rstrip().endswith(";") or "eval" in cell.directives:
        return False
    if isinstance(last.value, ast.Call):
        return getattr(last.value.func, "id", "") == "print"
    return not isinstance(last.value, ast.Constant)


@each_notebook
def test_was_run_without_error(path):
    cells = stored_cells(path)
    outputs = {number: cell.outputs for number, cell in enumerate(cells) if cell.cell_type == "code"}
    failed = [output.ename for each in outputs.values() for output in each if output.output_type == "error"]
    assert not failed, f"{path.name} stores an error: {failed}"
    bare = [cell.number for cell in read_cells(path) if shows_something(cell) and not outputs[cell.number]]
    assert not bare, f"{path.name}: cells {bare[:5]} lack their outputs; run `make refresh ONLY={path.stem}`"
