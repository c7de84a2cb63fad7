"""The benchmark's versions in pandas and NumPy give the package's answers; the script prints its table."""
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import loyalty_research as lr

from . import numpy_jd, pandas_jd
from .simulation_kernel import run_kernel
from .simulation_plain import run_plain
from .simulation_world import distance_of_kernel, distance_of_plain

each_version = pytest.mark.parametrize("run", [pandas_jd.replay_pandas, numpy_jd.replay_numpy], ids=["pandas", "numpy"])
LOGS = {
    "two years": {"n_customers": 300, "start": "2022-07-01", "days": 730, "seed": 0},
    "across the rule of 2026": {"n_customers": 60, "start": "2023-03-05", "days": 1_400, "seed": 2},
    "from a 29 February": {"n_customers": 60, "start": "2024-02-28", "days": 800, "seed": 3},
}


@pytest.fixture(scope="module", params=LOGS.values(), ids=LOGS.keys())
def log(request) -> pd.DataFrame:
    events = lr.read_events(lr.make_events(**request.param))
    return events[events["kind"].isin(pandas_jd.EXPRESSIBLE)].reset_index(drop=True)


@pytest.fixture(scope="module")
def answers(log) -> dict[str, pd.DataFrame]:
    result = lr.replay(log, lr.load_scheme("jd"))
    return {"entries": result.ledger.entries, "scores": result.scores, "tiers": result.tiers, "fees": result.fees}


@each_version
def test_same_tables(log, answers, run):
    theirs = run(log, lr.load_scheme("jd"))
    assert theirs.keys() == answers.keys()
    for name, table in answers.items():
        assert len(table), f"{name} is empty: nothing is compared"
        pd.testing.assert_frame_equal(table, theirs[name])
    assert {"accrual", "pending", "release", "expiry"} <= set(answers["entries"]["entry"])


@each_version
def test_same_tables_for_an_unsorted_frame_of_strings_and_categories(log, answers, run):
    shuffled = log.sort_values("time", kind="stable", ignore_index=True).astype({"item_id": "category"})
    theirs = run(shuffled, lr.load_scheme("jd"))
    for name, table in answers.items():
        pd.testing.assert_frame_equal(table, theirs[name])


def test_plain_python_and_so_mesa_simulates_the_same():
    """The same people with other luck: no mean is further off than chance allows."""
    far = distance_of_plain(run_plain, 2_048, 80)
    assert len(far) == 7 and all(abs(z) < 3.5 for z in far.values()), far


def test_kernel_simulates_the_same_where_nothing_is_ruled(tmp_path):
    """The same people with the same luck, beans that count at once and never end."""
    far = distance_of_kernel(run_kernel, tmp_path, 2_048, 80)
    assert len(far) == 4 and all(abs(z) < 0.01 for z in far.values()), far


@pytest.mark.soak
def test_script_prints_its_table():
    script = Path(__file__).with_name("bench.py")
    command = [sys.executable, script, "--events", "50000", "--repeat", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for row in ("replay jd from the path", "empty step", "DuckDB reads", "pandas at its best", "first replay", "kernel without rules", "compare ten schemes"):
        assert row in done.stdout
