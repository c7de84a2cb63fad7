"""Fees by score and date, and who should join."""
from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research.dates import LAST_DAY
from loyalty_research.membership import break_even, joining_gain, plan_fee
from loyalty_research.state import compile_rules

from .properties.logs import make_log, make_scheme

JD, TAOBAO, NONE = (lr.load_scheme(key) for key in ("jd", "taobao", "none"))
DATED = '''
[score]
[[score.component]]
name = "credit"
[[score.rule]]
name = "credit"
component = "credit"
on = ["credit"]
per = "level"
points = {value = 1, N}
window = "state"
[[plan]]
name = "card"
[[plan.fee]]
from = {value = 100, N}
cny = {value = 99.9, N}
valid_until = 2024-02-29
[[plan.fee]]
from = {value = 100, N}
cny = {value = 79.5, N}
valid_from = 2024-03-01
valid_until = 2024-05-31
[[plan.fee]]
from = {value = 500, N}
cny = {value = 59, N}
valid_from = 2024-03-01
valid_until = %s
'''


def dated(until: str = "2024-05-31", settled: str = "monthly:2") -> lr.Scheme:
    return make_scheme(DATED % until, settled=settled)


def credit(points: int, day: str) -> dict:
    return {"time": day, "kind": "credit", "points": points}


def quoted(rows: list[dict], scheme: lr.Scheme, until: str) -> list[tuple[str, float]]:
    fees = lr.replay(make_log(rows), scheme, until=until).fees
    return [(row.settled_on.strftime("%m-%d"), row.fee_cny) for row in fees.itertuples()]


# --------------------------------------------------------------------------------------------- fees


@pytest.mark.parametrize(("day", "fees"), [
    ("2024-01-01", [math.nan, 99.9, 99.9]), ("2024-02-29", [math.nan, 99.9, 99.9]),
    ("2024-03-01", [math.nan, 79.5, 59]), ("2024-05-31", [math.nan, 79.5, 59]), ("2024-06-01", [math.nan] * 3)])
def test_a_fee_holds_from_its_first_to_its_last_day(day, fees):
    np.testing.assert_equal(plan_fee(dated(), "card", [99, 100, 500], at=day).to_numpy(), fees)


def test_fees_keep_the_order_and_the_repeats_of_the_scores():
    found = plan_fee(JD, "plus", [20_001, 201, 20_001])
    assert found.index.tolist() == [20_001, 201, 20_001] and found.tolist() == [148, 198, 148]
    assert found.name == "fee_cny" and found.index.name == "score" and plan_fee(JD, "plus", []).empty


def test_a_quoted_fee_changes_on_its_date_although_the_score_stands():
    """Settled on the 2nd: the fee of 1 March is quoted on 2 March; from June on it is unknown, without a row."""
    rows = [credit(300, "2024-01-05")]
    assert quoted(rows, dated(), "2024-12-31") == [("02-02", 99.9), ("03-02", 79.5)]
    assert quoted(rows, dated(settled="daily"), "2024-12-31") == [("01-05", 99.9), ("03-01", 79.5)]


def test_a_scheme_that_is_over_quotes_nothing():
    fees = [plan_fee(lr.load_scheme("jd_2016"), "plus", [0], at=day).item() for day in ("2017-09-13", "2017-09-14")]
    assert fees[0] == 149 and math.isnan(fees[1])


@pytest.mark.parametrize("until", ["9999-12-31", "2110-12-31", "2111-06-01"])
def test_a_fee_may_end_after_the_calendar(until):
    """What ends after the calendar ends never; a day without a place in the tables is no address in them."""
    rules = compile_rules(dated(until=until))[0]
    assert rules["fee_day"].max() <= LAST_DAY
    assert quoted([credit(600, "2024-01-05")], dated(until=until), "2024-12-31") == [("02-02", 99.9), ("03-02", 59)]


def test_a_fee_is_quoted_at_the_first_settlement_and_where_it_changed():
    """Unknown at 50, known at 300; the same fee again is no row; back from unknown it is one."""
    rows = [credit(50, "2024-01-01"), credit(300, "2024-01-10"), credit(400, "2024-02-10"), credit(50, "2024-03-10"),
            credit(300, "2024-04-10")]
    assert quoted(rows, JD, "2024-12-31") == [("02-02", 198), ("05-02", 198)]


def test_each_plan_is_quoted_by_itself():
    other = '[[plan]]\nname = "b"\n[[plan.fee]]\ncny = {value = 1, N}\n'
    two = make_scheme(DATED % "2024-05-31" + other, settled="monthly:2")
    fees = lr.replay(make_log([credit(300, "2024-01-05")]), two, until="2024-02-10").fees
    assert fees[["plan", "fee_cny"]].to_numpy().tolist() == [["card", 99.9], ["b", 1.0]]


# --------------------------------------------------------------------------------------- who should join


def test_break_even_by_hand():
    assert break_even(TAOBAO, "88vip", 1000).to_dict() == pytest.approx(
        {"fee_cny": 88, "spend_cny": 1760, "orders": math.nan}, nan_ok=True)
    assert break_even(JD, "plus", 201)["orders"] == 33              # 198 / 6
    assert all(math.isnan(value) for value in break_even(JD, "plus", 200))


def test_a_monthly_limit_that_never_covers_the_fee_breaks_even_never():
    few = JD.with_values({"benefit.free_deliveries.orders_month": 2})      # at most 24 orders x 6 CNY = 144 < 198
    assert break_even(few, "plus", 201)["orders"] == math.inf
    assert break_even(few.with_values({"benefit.free_deliveries.value_cny": 8.25}), "plus", 201)["orders"] == 24


def test_gains_keep_the_index_and_the_monthly_limit():
    customers = pd.DataFrame({"score": [300, 300, 100], "spend_cny": [0.0, 0.0, 9e9], "orders": [600, 33, 600]})
    customers.index = [7, 7, 8]
    found = joining_gain(JD, "plus", customers)
    assert found.index.tolist() == [7, 7, 8] and found["joins"].tolist() == [True, False, False]
    assert found["saving_cny"].tolist() == [360, 198, 360]          # 12 x 5 orders x 6 CNY at most
    assert found["gain_cny"].tolist()[:2] == [162, 0] and math.isnan(found["gain_cny"].iloc[2])


# ----------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("function", [plan_fee, break_even])
def test_a_plan_that_is_none_is_refused(function):
    scores = [300] if function is plan_fee else 300
    with pytest.raises(lr.SchemeError, match="jd has no plan 'prime'; its plans are plus"):
        function(JD, "prime", scores)
    with pytest.raises(lr.SchemeError, match="none has no plan 'plus'; its plans are none"):
        function(NONE, "plus", scores)


@pytest.mark.parametrize("call", [
    lambda: plan_fee("jd", "plus", [300]), lambda: plan_fee(JD, "plus", 300), lambda: plan_fee(JD, "plus", [math.nan]),
    lambda: plan_fee(JD, "plus", ["many"]), lambda: plan_fee(JD, "plus", [300], at="soon"),
    lambda: plan_fee(JD, "plus", [300], at=pd.NaT), lambda: break_even(JD, "plus", math.nan),
    lambda: joining_gain(JD, "plus", pd.DataFrame({"score": [300]}))],
    ids=["scheme", "one score", "no score", "a word", "no date", "NaT", "no score to break even", "a column"])
def test_what_cannot_be_priced_is_refused_in_our_words(call):
    with pytest.raises(lr.LoyaltyError):
        call()
