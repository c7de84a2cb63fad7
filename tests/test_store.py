"""Stored results: their names follow their inputs, and each is what the code of today computes."""
import importlib.util
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import loyalty_research as lr
from loyalty_research import store
from loyalty_research.store import LongRun, hash_inputs

ROOT = Path(__file__).resolve().parent.parent
SPEC = importlib.util.spec_from_file_location("long_runs", ROOT / "tools" / "long_runs.py")
TOOL = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TOOL)
INPUTS = {"schemes": {"jd": lr.load_scheme("jd")}, "table": pd.DataFrame({"low": [0.1]}, index=["a"]), "weeks": 52, "names": ["a", "b"]}


@pytest.mark.parametrize("module", TOOL.MODULES)
def test_a_row_of_every_stored_table_is_what_the_code_computes(module):
    """If this fails, results have changed: raise RESULTS in 48_store, say so in CHANGELOG.md, and run `make refresh-long`."""
    for number, run in enumerate(import_module(f"loyalty_research.{module}").long_runs()):
        stored = run.load()
        assert stored.index.tolist() == run.rows.index.tolist()
        fresh, kept = run.again((7 + 11 * number) % len(run.rows))
        assert_frame_equal(fresh, kept, check_dtype=False, check_names=False, rtol=1e-9, atol=1e-9)


def test_nothing_is_stored_that_no_run_asks_for():
    wanted = {run.path.name for module in TOOL.MODULES for run in import_module(f"loyalty_research.{module}").long_runs()}
    assert {path.name for path in store.results_folder().glob("*.csv")} == wanted


@pytest.mark.parametrize("change", [
    {"schemes": {"jd": lr.load_scheme("jd").with_readings(X28="order")}}, {"schemes": {"jd": lr.load_scheme("none")}}, {"schemes": {"other": INPUTS["schemes"]["jd"]}},
    {"table": pd.DataFrame({"low": [0.2]}, index=["a"])}, {"table": pd.DataFrame({"low": [0.1]}, index=["b"])}, {"table": pd.DataFrame({"high": [0.1]}, index=["a"])},
    {"weeks": 53}, {"names": ["b", "a"]}, {"seed": 0}], ids=lambda change: next(iter(change)))
def test_the_hash_changes_when_an_input_changes(change):
    assert hash_inputs({**INPUTS, **change}) != hash_inputs(INPUTS)


def test_the_hash_changes_with_results_and_not_with_the_order(monkeypatch):
    before = hash_inputs(INPUTS)
    assert hash_inputs(dict(reversed(INPUTS.items()))) == before
    monkeypatch.setattr(store, "RESULTS", store.RESULTS + 1)
    assert hash_inputs(INPUTS) != before


@pytest.mark.parametrize("value", [{1, 2}, object(), pd.Series([1])], ids=lambda value: type(value).__name__)
def test_inputs_that_have_no_words_are_refused(value):
    with pytest.raises(lr.LoyaltyError, match=f"hold a {type(value).__name__}; give numbers, words, lists"):
        hash_inputs({"x": value})


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "results_folder", lambda: tmp_path / "results")
    calls = []

    def roots(rows):
        calls.append(len(rows))
        return np.sqrt(rows)
    return LongRun(name="roots", inputs={"of": "x"}, rows=pd.DataFrame({"x": [2.0, 3.0, np.nan]}, index=["a", "b", "c"]), compute=roots), calls


def test_what_is_not_stored_is_not_computed_silently(run):
    with pytest.raises(lr.LoyaltyError, match=r"no stored result roots-[0-9a-f]{12}.csv: .*make it with `make refresh-long`"):
        run[0].load()
    assert run[1] == []


def test_a_run_is_computed_once_unless_forced(run):
    run, calls = run
    first = run.run()
    assert_frame_equal(run.run(), first, check_exact=True)
    assert calls == [3]
    run.run(force=True)
    assert calls == [3, 3]
    assert [path.suffix for path in run.path.parent.iterdir()] == [".csv"]
    assert_frame_equal(first, np.sqrt(run.rows), rtol=1e-11)


def test_one_row_is_computed_anew_alone(run):
    run, calls = run
    run.run()
    fresh, kept = run.again(1)
    assert calls == [3, 1]
    assert_frame_equal(fresh, kept, rtol=1e-11)
