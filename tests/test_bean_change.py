"""The change of bean expiry in 2026: the two worlds, what broke, and the verdicts."""
import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research import bean_change
from loyalty_research.bean_change import COHORTS, bean_world, broken, run_months, run_worlds


def test_the_worlds_differ_in_the_expiry_of_2026_alone():
    paths = lr.diff(bean_world("value", True), bean_world("value", False))["path"]
    assert set(paths) == {f"currency.beans.period.0.expiry.{part}" for part in ("kind", "days", "source")}


@pytest.mark.parametrize(("changed", "end"), [(True, "2026-07-29"), (False, "2027-12-31")])
def test_new_beans_end_as_their_world_says_and_old_ones_keep_their_end(changed, end):
    log = pd.DataFrame({"customer_id": 1, "time": pd.to_datetime(["2025-06-01", "2026-01-30"]), "kind": "grant", "points": [5, 7]})
    lots = lr.ledger(log, bean_world("beans", changed), "2026-02-01").lots("2026-02-01")
    assert lots["expires_on"].astype(str).tolist() == ["2026-12-31", end]


def test_nothing_differs_before_the_change():
    run = run_months()
    table = run.rows.join(run.load())
    before = table[table["at"] <= "2026-01-01"].pivot(index=["reading", "replication", "at"], columns="changed", values=["held", "old", "redeemed"])
    assert before.xs(True, axis=1, level="changed").equals(before.xs(False, axis=1, level="changed"))
    assert (table.loc[table["at"] == "2027-01-01", "old"] == 0).all()


def test_shares_that_broke_are_shares():
    found = run_worlds().load()[list(COHORTS)]
    assert ((found >= 0) & (found <= 1)).all().all()
    assert np.isnan(broken(pd.DataFrame({"accrued_on": pd.to_datetime([]), "entry": [], "change": [], "redeemed": []}), "2026-01-01", "2026-02-01"))


def test_claims_are_those_of_the_sources():
    table = bean_change.claims()
    assert table["claim_id"].tolist() == ["A8", "A7"] and table["verdict"].isin(["holds", "holds under", "does not hold"]).all()
