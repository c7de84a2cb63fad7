"""Early investment and the moat: dated schemes, what the values add up to, and worlds."""
import datetime

import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research.flywheel import (
    EARLY,
    KINDS,
    LAUNCH,
    NO_RIVAL,
    OFF,
    QUARTERS,
    base_scheme,
    bounds_of,
    by_quarter,
    claims,
    cut_for_ten,
    drawn_table,
    early_scheme,
    early_table,
    even_margin,
    live,
    loop_gain,
    quarter_sums,
    spans_of,
    split_benefit,
    told_early,
    turning,
    value_of,
    weeks_of,
    world_of,
    world_rows,
)
from loyalty_research.outcomes import Finance, running_cost


@pytest.fixture(scope="module")
def worlds():
    schemes = {kind: early_scheme(kind, base_scheme()) for kind in KINDS} | {"none": lr.load_scheme("none")}
    return {kind: live(scheme, 11, world_of(), n_customers=200, weeks=104) for kind, scheme in schemes.items()}


@pytest.mark.parametrize(("months", "delay"), [(1, 0), (12, 0), (6, 24), (24, 12)])
def test_spans_follow_each_other_without_a_gap(months, delay):
    spans = spans_of(True, months, delay)
    assert spans[0][0] == LAUNCH and spans[-1][1] is None and sum(generous for *_, generous in spans) == 1
    assert all(last + datetime.timedelta(days=1) == after for (_, last, _), (after, _, _) in zip(spans, spans[1:]))


def test_only_what_is_generous_differs():
    fees = {kind: [float(fee.cny.value) for fee in early_scheme(kind, base_scheme()).plans[0].fees] for kind in KINDS}
    rates = {kind: [float(rule.rate.value) for rule in early_scheme(kind, base_scheme()).currencies[0].earn if rule.rate] for kind in KINDS}
    assert fees == {"usual": [198], "points": [198], "service": [EARLY["fee"], 198], "both": [EARLY["fee"], 198]}
    assert rates == {"usual": [0.1], "service": [0.1], "points": [EARLY["rate"], 0.1], "both": [EARLY["rate"], 0.1]}


def test_before_the_launch_nothing_differs(worlds):
    weekly = {kind: worlds[kind].tally[1][:52, 0] for kind in KINDS}
    assert all(np.array_equal(weekly["usual"], each) for each in weekly.values())
    myopic = [live(scheme, 11, world_of().without("foresight"), n_customers=200, weeks=13) for scheme in (early_scheme("usual", base_scheme()), lr.load_scheme("none"))]
    first, second = (done.tally[1][:, 0] for done in myopic)
    assert np.array_equal(first[:52], second[:52]) and not np.array_equal(first[52:], second[52:])


def test_the_same_world_twice_differs_by_nothing(worlds):
    sums = quarter_sums(worlds["usual"], worlds["usual"])
    assert (value_of(sums) == 0).all() and turning(value_of(sums)) == np.inf and even_margin(sums) == np.inf


def test_without_discount_the_last_value_is_the_sum_over_customers(worlds):
    sums, finance = quarter_sums(worlds["service"], worlds["usual"], 0.0).iloc[-1], Finance()
    gap = lr.outcomes.customer_value(worlds["service"], finance)["platform_cny"].mean() - lr.outcomes.customer_value(worlds["usual"], finance)["platform_cny"].mean()
    assert np.isclose(finance.margin.value * sums["gmv"] + sums["money"], gap) and running_cost(worlds["service"], finance) == running_cost(worlds["usual"], finance)
    assert np.isclose(told_early(worlds, finance)["service gmv 7"], quarter_sums(worlds["service"], worlds["usual"]).iloc[-1]["gmv"])


def test_what_is_owed_is_what_is_held(worlds):
    assert np.isclose(weeks_of(worlds["points"])["owed"].iloc[-1], worlds["points"].lives["points"].clip(min=0).sum() / 100 / 200, rtol=0.001)      # entries of the last instant
    assert (weeks_of(worlds["none"])["owed"] == 0).all()


@pytest.mark.parametrize(("value", "month"), [([1, 2, 3], 0), ([-1, 2, 3], 6), ([-1, 2, -1, 3], 12), ([1, -1], np.inf)])
def test_turning_is_for_good(value, month):
    assert turning(pd.Series(value, dtype=float)) == month


def test_worlds():
    assert world_of(share=NO_RIVAL).rival is None and all(getattr(world_of(off=place), name) is None for place, names in enumerate(OFF) for name in names)
    assert world_of(habit=1.2).habit.strength.value == 1.2 and world_of(cut=0.3).rival.price_cut.value == 0.3


def test_the_loop_is_strongest_at_one_order_a_week():
    assert max(loop_gain(0.3, rate) for rate in np.linspace(0.01, 5, 500)) == pytest.approx(loop_gain(0.3, 1.0), abs=1e-4)


def test_a_benefit_in_two_halves_is_worth_as_much():
    whole, halves = (lr.membership.plan_savings(scheme, "plus") for scheme in (base_scheme(), split_benefit(base_scheme())))
    assert whole == halves


def test_the_cut_for_ten_points_is_interpolated():
    assert cut_for_ten({"share 0": 0.7, "share 0.05": 0.68, "share 0.1": 0.64, "share 0.2": 0.56, "share 0.3": 0.5}) == pytest.approx(0.15)


def test_claims_say_what_is_behind_them():
    table, last = claims(), by_quarter(world_rows(early_table()), "service")[QUARTERS - 1]
    assert table["effect"].iloc[0] == pytest.approx(last.mean()) and bounds_of(last)[0] == pytest.approx(last.mean())
    assert set(table["claim_id"]) == {"A3", "A4", "A13", "A16", "A17", "A18", "A19", "A20", "A22"} and (table["because"].str.len() > 20).all()
    assert table.set_index("claim_id").at["A18", "verdict"] == "follows from an assumption" and len(drawn_table()) == 128
