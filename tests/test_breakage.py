"""Breakage by rules: parts sum to one, variants change what they say, verdicts follow from numbers."""
import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research import breakage
from loyalty_research.breakage import (
    JD_LIFE,
    PARTS,
    RATES,
    WHOLE,
    always_redeemed,
    bean_variant,
    rule_parts,
    run_rules,
    run_simulated,
)


def log_of(*days, amount=600.0):
    return pd.DataFrame({"customer_id": 1, "time": pd.to_datetime(list(days)), "kind": "order", "amount": amount, "order_id": [f"o{day}" for day in days]})


def test_the_variant_of_the_file_is_the_file():
    assert lr.diff(bean_variant(), lr.load_scheme("jd"))["path"].tolist() == ["currency.beans.redeem.multiple", "currency.beans.redeem.cap_order"] or lr.diff(bean_variant(), lr.load_scheme("jd")).empty
    assert bean_variant().parameters["value"].tolist() == lr.load_scheme("jd").parameters["value"].tolist()


@pytest.mark.parametrize(("change", "redeemed"), [({}, 1000), ({"multiple": 2000}, 0), ({"cap": 0.01}, 0), ({"cap": 0.01, "multiple": 1}, 600), ({"life": 100}, 0), ({"life": 200}, 1000)])
def test_each_rule_shuts_out_what_it_says(change, redeemed):
    found = always_redeemed(log_of("2024-03-01", "2024-09-01"), bean_variant("value", **change), "2026-06-30")
    assert found["redeemed"] == redeemed and found["able"] == (redeemed > 0)


def test_the_parts_of_the_grid_sum_to_one_and_grow_with_the_rules():
    run = run_rules()
    table = run.rows.join(run.load())
    table = table[table["log_end"] == WHOLE]
    parts = rule_parts(table)
    assert np.allclose(parts[["redeemed", *RATES]].sum(axis=1), 1) and (parts[list(RATES)] > -1e-3).all().all()
    rate = (table["redeemed"] / table["earned"]).groupby([table["reading"], table["cap"], table["life"].astype(str)])
    assert rate.apply(lambda each: (each.diff().dropna() < 1e-4).all()).all()
    assert JD_LIFE in set(table["life"])


def test_the_split_of_simulated_customers_sums_to_one():
    run = run_simulated()
    table = run.load()
    assert np.allclose(table[list(PARTS)].sum(axis=1), 1) and (table[["redeemed", "beyond", "rules"]] >= 0).all().all()


def test_claims_are_those_of_the_sources():
    table = breakage.claims()
    assert table["claim_id"].tolist() == ["A7", "A8", "H9"] and table["verdict"].isin(["holds", "holds under", "does not hold", "follows from an assumption", "needs data"]).all()
