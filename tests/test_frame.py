"""Packaging, the package's front door, README.md, and the tools that the Makefile calls."""
import importlib
import json
import os
import re
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

import loyalty_research as lr

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "tools"
DEVELOPMENT_ONLY = ("nbdev", "fastcore", "execnb", "IPython", "jupyter_core", "ipykernel")


def run(*command: object, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, env={**os.environ, **env}
    )


def run_python(code: str) -> str:
    """Standard output of a fresh interpreter, outside the checkout."""
    done = run(sys.executable, "-W", "error", "-c", code, cwd=ROOT.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# The front door


@pytest.mark.parametrize("name", lr.__all__)
def test_exposed_name_is_there_and_documented(name):
    value = getattr(lr, name)
    assert value is getattr(importlib.import_module(f"loyalty_research.{lr._HOMES[name]}"), name)
    if callable(value):
        text = value.__doc__ or ""
        assert text.strip(), f"lr.{name} has no docstring"
        if not (isinstance(value, type) and issubclass(value, Exception)):
            section = "Attributes|Parameters|Methods" if isinstance(value, type) else "Returns"
            assert re.search(rf"^\s*({section})\n\s*-+$", text, re.MULTILINE), f"lr.{name} lacks {section}"


def test_modules_are_reachable_and_listed():
    for module in (ROOT / "loyalty_research").glob("[a-z]*.py"):
        assert module.stem in dir(lr)
    assert run_python("import loyalty_research as lr; print(lr.dates.__name__)") == "loyalty_research.dates"


def test_function_wins_over_the_module_of_its_name():
    code = "import loyalty_research.replay, loyalty_research as lr; print(callable(lr.replay), callable(lr.replay))"
    assert run_python(code) == "True True"


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        _ = lr.no_such_name


def test_import_is_cheap_and_loads_nothing_heavy():
    code = (
        "import time; start = time.process_time(); import loyalty_research; "
        "seconds = time.process_time() - start; import sys; "
        "print(seconds < 1, sorted({'numba', 'pandas', 'duckdb', 'scipy', 'matplotlib'} & sys.modules.keys()))"
    )
    assert run_python(code) == "True []"


def test_a_replay_needs_no_notebook_tools():
    code = (
        "import sys, loyalty_research as lr; "
        "lr.replay(lr.make_events(20, seed=1), lr.load_scheme('jd')).ledger.entries; "
        f"print(sorted(set({DEVELOPMENT_ONLY!r}) & sys.modules.keys()))"
    )
    assert run_python(code) == "[]"


def test_no_module_names_a_notebook_tool():
    for module in (ROOT / "loyalty_research").glob("*.py"):
        found = re.findall(r"^\s*(?:from|import)\s+(nbdev|fastcore|execnb|IPython)\b", module.read_text(), re.MULTILINE)
        assert not found, f"{module.name} imports {found}"


# Packaging


def settings() -> dict:
    parser = ConfigParser(delimiters=["="], interpolation=None)
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return dict(parser["DEFAULT"])


def test_lock_meets_every_requirement():
    lock = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    listed = [text for key, value in settings().items() if key.endswith("requirements") for text in value.split()]
    assert len(listed) > 20
    for requirement in map(Requirement, listed):
        version = lock.get(requirement.name.lower().replace("_", "-"))
        assert version, f"{requirement.name} is not in requirements.lock: run `make lock`"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement} against {version}"


def test_notebook_tools_are_development_only():
    names = {Requirement(text).name for text in settings()["requirements"].split()}
    assert not names & {"nbdev", "fastcore", "execnb", "ghapi", "jupyterlab", "ipykernel", "lifetimes"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)  # sdist, then wheel of it
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_package_and_data(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    for folder, target in (("loyalty_research", "loyalty_research"), ("data", "loyalty_research/data")):
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix in (".py", ".toml", ".csv", ".json") and path.name != "_modidx.py":
                assert f"{target}/{path.relative_to(ROOT / folder).as_posix()}" in held, f"{path} is not in the wheel"
    assert not [name for name in held if name.startswith(("tests", "nbs", "tools"))]


def test_wheel_does_in_a_clean_environment_what_the_readme_shows(wheel, tmp_path):
    """Who imports has the wheel and what it requires: no checkout, no notebook tools."""
    python = tmp_path / "clean" / "bin" / "python"
    for command in (["venv", "--python", sys.executable, tmp_path / "clean"], ["pip", "install", "--python", python, "--constraint", ROOT / "requirements.lock", f"{wheel}[data]"]):
        done = run(Path(sys.executable).parent / "uv", *command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-2000:]
    code, shown = re.search(r"## Import\n.*?```python\n(.*?)```\n\n(.*?)\n\n\S", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL).groups()
    *lines, last = code.strip().splitlines()
    (tmp_path / "read.py").write_text("\n".join(["import loyalty_research as lr", *lines, f"print({last})"]), encoding="utf-8")
    done = run(python, "-W", "error", "-I", "read.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == shown.split()


def test_data_is_read_as_package_data():
    code = (
        "from importlib.resources import files; "
        "print(files('loyalty_research.data').joinpath('schemes', 'none.toml').is_file())"
    )
    assert run_python(code) == "True"


# README.md, CHANGELOG.md, CONTRIBUTING.md, LICENSE


def test_readme_is_made_from_the_index():
    done = run(sys.executable, TOOLS / "readme.py", "--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_shows_code_within_ten_lines():
    assert "import loyalty_research as lr" in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:10]


def test_readme_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert link.startswith("https:") or (ROOT / link).exists(), f"README.md links to {link}"


def test_index_names_every_floor():
    text = "\n".join(cell.source for cell in nbformat.read(ROOT / "nbs" / "index.ipynb", 4).cells)
    for path in (ROOT / "nbs" / "api").glob("*.ipynb"):
        assert f"`{path.stem}`" in text, f"nbs/index.ipynb does not name {path.stem}"


def test_changelog_and_contributing():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert all(f"### {part}" in changelog for part in ("Added", "Changed", "Fixed", "Results changed"))
    assert settings()["version"] in changelog
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) < 60
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_glossary_names_every_kind_of_event():
    cells = nbformat.read(ROOT / "nbs" / "guides" / "glossary.ipynb", 4).cells
    named = set(re.findall(r"`(\w+)`", "\n".join(cell.source for cell in cells)))
    assert not set(lr.EVENT_KINDS) - named


# Tools


def make_notebook(path: Path, *sources: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources]), path)


STUDY_CELL = (
    "import os, pathlib\n"
    "folder = pathlib.Path(os.environ['LR_STUDY_DIR'])\n"
    "(folder / 'headline.csv').write_text('scheme,points\\njd,7\\n')\n"
    "print('written')"
)


def test_study_runs_afresh_and_prints_its_headline(tmp_path):
    make_notebook(tmp_path / "nbs/studies/s01_small.ipynb", STUDY_CELL)
    done = run(sys.executable, TOOLS / "notebooks.py", "study", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "_study/s01/headline.csv").exists()
    executed = json.loads((tmp_path / "_study/s01_small.ipynb").read_text())
    assert executed["cells"][0]["outputs"][0]["text"] == ["written\n"]
    assert "written" not in (tmp_path / "nbs/studies/s01_small.ipynb").read_text().replace("print('written')", "")
    shown = run(sys.executable, TOOLS / "notebooks.py", "headline", cwd=tmp_path).stdout
    assert "jd" in shown and str(tmp_path / "_site" / "index.html") in shown


def test_failing_study_is_named(tmp_path):
    make_notebook(tmp_path / "nbs/studies/s02_bad.ipynb", "1 / 0")
    done = run(sys.executable, TOOLS / "notebooks.py", "study", cwd=tmp_path)
    assert done.returncode == 1
    assert "nbs/studies/s02_bad.ipynb fails" in done.stderr and "ZeroDivisionError" in done.stderr


def test_no_study_is_no_error(tmp_path):
    done = run(sys.executable, TOOLS / "notebooks.py", "study", cwd=tmp_path)
    assert done.returncode == 0 and "no study" in done.stdout


def test_failing_notebook_fails_the_test_task_and_stores_nothing(tmp_path):
    (tmp_path / "settings.ini").write_text((ROOT / "settings.ini").read_text())
    make_notebook(tmp_path / "nbs/guides/good.ipynb", "assert 1 == 1\nprint('fine')")
    make_notebook(tmp_path / "nbs/guides/bad.ipynb", "assert 1 == 2")
    before = (tmp_path / "nbs/guides/good.ipynb").read_bytes()
    done = run(sys.executable, TOOLS / "notebooks.py", "test", cwd=tmp_path)
    assert done.returncode == 1
    assert "nbs/guides/bad.ipynb fails" in done.stderr and "AssertionError" in done.stderr
    assert "nbs/guides/good.ipynb shows what its code no longer says" in done.stderr   # it was never run, so it stores no "fine"
    assert (tmp_path / "nbs/guides/good.ipynb").read_bytes() == before


def test_refresh_twice_gives_the_same_bytes(tmp_path):
    make_notebook(
        tmp_path / "nbs/guides/twice.ipynb",
        "print({'a', 'b', 'c'}, object())",
        "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);",
        "from tqdm.auto import tqdm\nlist(tqdm(range(3)))",
    )
    path = tmp_path / "nbs/guides/twice.ipynb"
    results = []
    for _ in range(2):
        done = run(sys.executable, TOOLS / "notebooks.py", "refresh", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        results.append(path.read_bytes())
    assert results[0] == results[1] and b"image/png" in results[0]
    assert b"application/vnd.loyalty.figure+json" in results[0] and b"it/s" not in results[0]
    assert run(sys.executable, TOOLS / "notebooks.py", "test", cwd=tmp_path).returncode == 0
    path.write_bytes(results[0].replace(b"1.0,", b"1.5,", 1))
    done = run(sys.executable, TOOLS / "notebooks.py", "test", cwd=tmp_path)
    assert done.returncode == 1 and "cell" in done.stderr and "is now" in done.stderr


def test_system_check_says_in_a_sentence_what_lacks():
    done = run(sys.executable, TOOLS / "check_system.py", "test", PATH="/nowhere", CHROMIUM="")
    assert done.returncode == 1
    assert done.stdout == (
        "make test lacks chromium (for the browser tests of the site): "
        "install it with `apt-get install chromium`.\n"
    )
    listed = run(sys.executable, TOOLS / "check_system.py", "test", "--packages", PATH="/nowhere", CHROMIUM="")
    assert listed.stdout == "chromium\n"
    assert run(sys.executable, TOOLS / "check_system.py", "setup", PATH="/nowhere").returncode == 0


def test_directives_become_tags():
    sys.path.insert(0, str(TOOLS))
    try:
        translate = importlib.import_module("site_pages").translate
    finally:
        sys.path.remove(str(TOOLS))
    sources = ["#| default_exp x", "#| export\ndef f(): pass", "#| hide\n1", "# | echo: false\n2", "# a comment\n3"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    cells = translate(notebook).cells
    assert [cell.metadata.get("tags") for cell in cells] == [
        ["remove-cell"], ["hide-input"], ["remove-cell"], ["remove-input"], None,
    ]
    assert [cell.source for cell in cells] == ["", "def f(): pass", "1", "2", "# a comment\n3"]


def test_makefile_has_the_promised_targets():
    text = (ROOT / "Makefile").read_text()
    for target in "setup study test export refresh site lab bench soak".split():
        assert re.search(rf"^{target}:", text, re.MULTILINE), f"no target {target}"


def test_continuous_integration_runs_make_test_only():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "exec make test"
    assert not [line for line in lines if "pytest" in line or "pip " in line]


def test_find_spec_of_the_package_is_the_checkout():
    assert Path(find_spec("loyalty_research").origin).parent == ROOT / "loyalty_research"
