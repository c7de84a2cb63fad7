"""Every rule of the sources on a hand-size case, and in the long form without the rule, when the case has to fail."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

import loyalty_research as lr
from loyalty_research.reader import set_value, take_out, write_table

from .rules import CASES

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("row", CASES)
def test_rule(row):
    CASES[row].check(lr.load_scheme(CASES[row].scheme))


def without(row: str) -> lr.Scheme:
    """The scheme of a case with the rule switched off in its file."""
    case = CASES[row]
    tables = tomllib.loads((ROOT / "data" / "schemes" / f"{case.scheme}.toml").read_text(encoding="utf-8"))
    for path in (case.off,) if isinstance(case.off, str) else case.off:
        if isinstance(case.off, dict):
            set_value(tables, path, case.off[path])
        else:
            take_out(tables, path)
    if isinstance(case.off, str) and case.off.startswith("reading."):
        tables["readings"].pop(case.off.removeprefix("reading."))
        tables = {key: table for key, table in tables.items() if table}      # the last reading takes its tables along
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"{case.scheme}.toml")
        path.write_text(write_table(tables), encoding="utf-8")
        return lr.load_scheme(path)


def is_code(row: str) -> bool:
    return isinstance(CASES[row].off, tuple) and CASES[row].off[0].endswith(".py")


@pytest.mark.soak
@pytest.mark.parametrize("row", [row for row in CASES if not is_code(row)])
def test_a_case_fails_without_its_rule(row):
    scheme = without(row)
    with pytest.raises((AssertionError, lr.LoyaltyError, AttributeError, IndexError, KeyError, StopIteration, TypeError, ValueError)):
        CASES[row].check(scheme)


@pytest.mark.soak
@pytest.mark.parametrize("row", [row for row in CASES if is_code(row)])
def test_a_case_fails_without_its_line_of_code(row, tmp_path):
    module, line, instead = CASES[row].off
    shutil.copytree(ROOT / "loyalty_research", tmp_path / "loyalty_research", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data", tmp_path / "loyalty_research" / "data")
    shutil.copytree(ROOT / "tests", tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    source = (tmp_path / "loyalty_research" / module).read_text(encoding="utf-8")
    assert source.count(line) == 1, f"{module} holds {line!r} {source.count(line)} times"
    (tmp_path / "loyalty_research" / module).write_text(source.replace(line, instead), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/test_rules.py::test_rule[{row}]"],
                          cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")})
    assert done.returncode == 1 and "1 failed" in done.stdout, done.stdout[-2000:]
