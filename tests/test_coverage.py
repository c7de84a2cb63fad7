"""Every row of the sources has a home and a test that exist: data/reference/coverage.csv."""
from __future__ import annotations

import ast
import csv
import importlib
import tomllib
from pathlib import Path

import pytest

import loyalty_research as lr
from loyalty_research.reader import locate

from .rules import CASES, act, order, score

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "data" / "reference"


def read(name: str) -> list[dict]:
    with open(REFERENCE / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ROWS = read("coverage.csv")
STUDIES = {row["key"]: row["state"] for row in read("studies.csv")}
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])


def test_every_row_of_the_sources_stands_once():
    assert [row["id"] for row in ROWS] == [row["id"] for row in read("source_rules.csv")]
    assert list(ROWS[0]) == ["id", "kind", "home", "test", "note"] and len(ROWS) == 216


def test_rules_are_the_cases():
    assert {row["id"] for row in ROWS if row["kind"] == "rule"} == set(CASES)
    assert {row["kind"] for row in ROWS} == {"rule", "fact", "note", "claim", "proposal"}


def stands(home: str, row: str) -> bool:
    """Whether a home exists: a key of a scheme file, a name of the package, a study, or a comment that names the row."""
    place, _, rest = home.partition(": ")
    if place == "study":
        return rest in STUDIES
    if place == "comment":
        return row in (ROOT / rest).read_text(encoding="utf-8")
    if place.startswith("loyalty_research."):
        module, *names = place.removeprefix("loyalty_research.").split(".")
        found = importlib.import_module(f"loyalty_research.{module}")
        for name in names:
            found = getattr(found, name)
        return True
    tables = tomllib.loads((ROOT / "data" / "schemes" / f"{place}.toml").read_text(encoding="utf-8"))
    return locate(tables, rest)[2] is not None


@each_row
def test_every_home_is_there(row):
    assert stands(row["home"], row["id"]), row["home"]


@each_row
def test_every_test_is_there(row):
    if not row["test"]:
        assert row["kind"] in ("claim", "proposal") and STUDIES[row["home"].removeprefix("study: ")] == "planned"
        return
    path, _, name = row["test"].partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    function, _, case = name.partition("[")
    assert functions and (not name or function in functions), row["test"]
    assert not case or case.rstrip("]") in CASES, row["test"]


@pytest.mark.parametrize("key", [key for key, state in STUDIES.items() if state == "written"])
def test_a_written_study_is_there(key):
    assert list((ROOT / "nbs" / "studies").glob(f"{key}_*.ipynb"))


def test_a_home_that_is_none_is_seen():
    assert not stands("jd: score.rule.review.colour", "D12") and not stands("study: nothing", "A1")
    assert not stands("comment: data/schemes/jd.toml", "Z99")
    with pytest.raises(lr.SchemeError):
        stands("jd: score.rule.revew", "D12")
    with pytest.raises(AttributeError):
        stands("loyalty_research.points.no_such_step", "F14")


def test_spending_coins_leaves_the_score():
    taobao = lr.load_scheme("taobao")
    rows = [act("reputation", points=5), act("grant", points=5000), order(1000, order_id=1)]
    spent = [*rows, act("redeem", order_id=1, amount=1000, points=500), act("exchange", points=500)]
    assert score(taobao, *rows) == score(taobao, *spent)
