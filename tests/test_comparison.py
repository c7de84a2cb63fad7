"""Schemes side by side over one log: each quantity by hand, its bounds, its pairs, what is refused."""
from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import loyalty_research as lr
from loyalty_research.comparison import COLUMNS, sum_customers, sum_fees

from .properties.logs import make_log, make_scheme

JD, TAOBAO, NONE = (lr.load_scheme(key) for key in ("jd", "taobao", "none"))
AT_ORDER = JD.with_readings(X28="order")


def row(rows: list[dict], scheme: lr.Scheme = AT_ORDER, until: str | None = None) -> pd.Series:
    return lr.compare([scheme], make_log(rows), until=until, draws=0).table.iloc[0]


def grant(points: int, time: str = "2024-01-01", customer: int = 1, **values) -> dict:
    return {"customer_id": customer, "time": time, "kind": "grant", "points": points, **values}


def act(kind: str, time: str, customer: int = 1, **values) -> dict:
    return {"customer_id": customer, "time": time, "kind": kind, **values}


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return lr.make_events(60, days=500, seed=2, events_per_customer=40)


# ------------------------------------------------------------------------------------------- quantities


def test_sums_are_in_yuan_at_face_value_over_currencies():
    scheme = make_scheme("".join(
        f'[[currency]]\nname = "{name}"\nvalue_cny = {{value = {value}, N}}\n'
        'expiry = {kind = "never", source = "test"}\n[[currency.earn]]\nname = "grant"\non = ["grant"]\nper = "given"\n'
        '[[currency.outlet]]\nname = "coupon"\nsource = "test"\n' for name, value in (("a", 0.01), ("b", 2))))
    found = row([grant(100, currency="a"), grant(10, currency="b"),
                 act("exchange", "2024-01-02", item_id="coupon", points=5, currency="b")], scheme)
    assert (found["points_issued"], found["points_redeemed"], found["points_outstanding"]) == (21, 10, 11)
    assert found["redemption_rate"] == pytest.approx(10 / 21)


def test_rates_are_net_of_claw_backs_and_of_points_given_back():
    """1,000 granted and 60 earned, 1,000 spent on the order of 60; the order comes back with all of it."""
    rows = [grant(1000), act("redeem", "2024-01-05", order_id=1, amount=60, points=1000),
            act("order", "2024-01-05", order_id=1, amount=60), act("return", "2024-01-09", order_id=1)]
    found = row(rows)
    assert found["points_issued"] == pytest.approx(10.06) and found["points_redeemed"] == 10
    assert found["redemption_rate"] == 0 and found["reward_cost_cny"] == 0 and found["points_outstanding"] == 10


def test_the_burn_rate_is_that_of_the_last_365_days():
    """The window is open at its start: an entry of exactly 365 days ago is not in it."""
    rows = [grant(1000, "2023-06-01"), grant(400, "2024-05-31"), grant(600, "2024-06-02"),
            act("courier_gift", "2023-07-01", points=500), act("courier_gift", "2024-07-01", points=300),
            act("login", "2025-05-31")]
    assert row(rows)["burn_rate"] == pytest.approx(300 / 600)
    assert row(rows)["redemption_rate"] == pytest.approx(800 / 2000)


def test_breakage_counts_closed_cohorts_only():
    """March 2024 closes with its expiry at the end of 2025; January 2025 is still open then."""
    rows = [grant(100, "2024-03-01"), grant(300, "2025-01-01"), act("courier_gift", "2024-04-01", points=25),
            act("login", "2026-01-01")]
    found = row(rows)
    assert found["breakage_rate"] == 0.75 and found["expiry_rate"] == 75 / 400
    assert math.isnan(row(rows[:3])["breakage_rate"]) and row(rows[:3])["expiry_rate"] == 0


def test_a_deficit_is_charged_to_the_cohort_that_repays_it():
    """60 spent, then clawed back: the 100 of February repay 60 and break 40 of a net 40; January none of 60."""
    rows = [act("order", "2024-01-05", order_id=1, amount=600), act("penalty", "2024-01-06", points=60),
            act("return", "2024-01-07", order_id=1), grant(100, "2024-02-01"), act("login", "2026-01-01")]
    assert row(rows)["breakage_rate"] == pytest.approx(40 / 100)


def test_points_stolen_beyond_the_balance_are_no_claw_back():
    """Definitions 1.1, 1.7: N = A - K = 100, X = 40 + 60, and transfers sum to zero: breakage is 1, never above."""
    rows = [act("stolen", "2024-01-05", 1, order_id=9, points=60), act("steal", "2024-01-05", 2, order_id=9, points=60),
            grant(100, "2024-02-01"), act("login", "2026-01-01")]
    assert row(rows, TAOBAO)["breakage_rate"] == 1


def test_points_below_the_least_redemption_are_stranded():
    """999 beans cannot be used, 1,000 can; a debt is no stock."""
    rows = [grant(999, customer=1), grant(1000, customer=2), act("order", "2024-01-05", 3, order_id=1, amount=600),
            act("penalty", "2024-01-06", 3, points=60), act("return", "2024-01-07", 3, order_id=1)]
    found = row(rows)
    assert found["points_outstanding"] == pytest.approx(19.99)
    assert found["stranded_share"] == pytest.approx(999 / 1999)
    assert row([grant(5)], TAOBAO)["stranded_share"] == 0, "coins have no least redemption"


def test_only_what_the_platform_funds_is_its_cost():
    """Coins earned on purchases are the merchants', granted ones the platform's."""
    rows = [{**act("order", "2024-01-01", order_id=1, amount=100)}, grant(30, "2024-01-20"),
            act("exchange", "2024-02-01", item_id="lottery", points=70)]
    found = row(rows, TAOBAO)
    assert found["points_redeemed"] == pytest.approx(0.7) and found["reward_cost_cny"] == pytest.approx(0.2)


def test_fees_are_those_paid_for_the_schemes_own_plans():
    rows = [act("plan_joined", "2024-01-01", item_id="plus", amount=198),
            act("plan_renewed", "2025-01-01", amount=188), act("plan_cancelled", "2024-02-01", amount=5),
            act("plan_joined", "2024-01-01", 2, item_id="88vip", amount=88)]
    table = lr.compare(["jd", "taobao", "none"], make_log(rows), draws=0).table
    assert table["fees_cny"].to_dict() == {"jd": 386, "taobao": 276, "none": 0}


def test_what_is_not_defined_is_nan_and_sums_of_nothing_are_zero():
    found = lr.compare(["jd", "none"], make_log([act("login", "2024-01-01")]), draws=5).table
    for scheme in found.index:
        ratios = found.loc[scheme, ["redemption_rate", "expiry_rate", "breakage_rate", "burn_rate", "stranded_share"]]
        assert ratios.isna().all()
        assert (found.loc[scheme, ["points_issued", "points_outstanding", "fees_cny", "reward_cost_cny"]] == 0).all()


def test_an_empty_log_compares_to_zeros():
    found = lr.compare(["jd", "none"], make_log([]))
    assert (found.table[["points_issued", "fees_cny"]] == 0).all(axis=None)
    assert found.table["burn_rate"].isna().all()


# ----------------------------------------------------------------------------------- table, bounds, pairs


def test_the_table_has_each_quantity_with_its_bounds(log):
    found = lr.compare(["jd", TAOBAO, "none"], log, draws=40)
    assert found.table.index.tolist() == ["jd", "taobao", "none"] and found.table.index.name == "scheme"
    assert found.table.columns.tolist() == [name + end for name in COLUMNS for end in ("", "_lo", "_hi")]
    assert (found.table.dtypes == "float64").all()
    for name in COLUMNS:
        low, high = found.table[f"{name}_lo"].dropna(), found.table[f"{name}_hi"].dropna()
        assert (low <= high).all() and (low <= found.table[name][low.index]).all()
    assert list(found.replays) == ["jd", "taobao", "none"]
    assert found.paired.index.tolist() == ["jd", "taobao"]


def test_differences_are_from_the_control(log):
    found = lr.compare(["none", "jd"], log, draws=10)
    name = "points_issued"
    assert found.paired.loc["jd", name] == found.table.loc["jd", name] - found.table.loc["none", name]
    alone = lr.compare(["jd"], log, draws=10).paired
    assert alone.empty and alone.columns.tolist() == found.table.columns.tolist()


def test_the_same_seed_gives_the_same_bounds_and_another_others(log):
    first, again, other = (lr.compare(["jd"], log, draws=20, seed=seed).table for seed in (3, 3, 4))
    assert_frame_equal(first, again)
    assert (first["points_issued_lo"] != other["points_issued_lo"]).all()
    assert (first["points_issued"] == other["points_issued"]).all()


def test_names_of_customers_do_not_move_the_bounds(log):
    """Draws are of customers in their order, not in whatever order a query returns them."""
    named = log.assign(customer_id=log["customer_id"].map("c{:05d}".format))
    turned = log.iloc[::-1].sort_values("time", kind="stable")
    table = lr.compare(["jd", "none"], log, draws=20).table
    assert_frame_equal(lr.compare(["jd", "none"], named, draws=20).table, table)
    same_order = pd.concat([log[log["customer_id"] == each] for each in turned["customer_id"].unique()])
    assert_frame_equal(lr.compare(["jd", "none"], same_order, draws=20).table, table)


def test_every_scheme_meets_the_same_customers_in_the_same_order(log):
    """Or the differences from the control would be differences between different draws."""
    many = pd.concat([log.assign(customer_id=log["customer_id"] + 1000 * n, order_id=log["order_id"] + 10**6 * n,
                                 event_id=log["event_id"] + 10**6 * n) for n in range(60)])
    ids = np.sort(many["customer_id"].unique()).tolist()
    for scheme in (JD, NONE, JD):
        customers, _ = sum_fees(many, scheme)
        assert customers.tolist() == ids
        assert sum_customers(lr.replay(many, scheme), many).index.tolist() == ids


def test_without_draws_there_are_no_bounds(log):
    table = lr.compare(["jd"], log, draws=0).table
    assert table.filter(regex="_lo$|_hi$").isna().all(axis=None) and table["points_issued"].notna().all()


def test_a_path_compares_as_the_frame_does(log, tmp_path):
    log.to_parquet(tmp_path / "log.parquet", index=False)
    found = lr.compare(["jd", "none"], str(tmp_path / "log.parquet"), draws=5)
    assert_frame_equal(found.table, lr.compare(["jd", "none"], log, draws=5).table)


def test_readings_of_one_scheme_stand_side_by_side():
    found = lr.compare([JD, JD.with_readings(X15="value", X28="order")], make_log([grant(5)]), draws=0)
    assert found.table.index.tolist() == ["jd", "jd[X15=value, X28=order]"]


# ----------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("schemes", [
    "jd", JD, [], (), None, Path("mine.toml"), 5],
    ids=lambda each: type(each).__name__)
def test_what_is_no_list_of_schemes_is_refused(schemes):
    with pytest.raises(lr.LoyaltyError, match="schemes must be a list with at least one scheme"):
        lr.compare(schemes, make_log([grant(5)]))


@pytest.mark.parametrize("schemes", [
    ("jd", "none"), iter(["jd", "none"])], ids=["tuple", "iterator"])
def test_schemes_may_come_in_any_sequence(schemes):
    assert len(lr.compare(schemes, make_log([grant(5)]), draws=0).table) == 2


def test_a_scheme_named_twice_or_unknown_is_refused():
    with pytest.raises(lr.LoyaltyError, match="schemes names jd twice; name each once"):
        lr.compare(["jd", JD], make_log([grant(5)]))
    with pytest.raises(lr.SchemeError, match="no scheme has the key 'jdd'; did you mean `jd`"):
        lr.compare(["jdd"], make_log([grant(5)]))


@pytest.mark.parametrize("values", [{"draws": -1}, {"draws": 1.5}, {"draws": "many"}, {"seed": -1}, {"seed": "a"}],
                         ids=lambda values: f"{values}")
def test_draws_and_seeds_are_whole_numbers_from_zero(values):
    with pytest.raises(lr.LoyaltyError, match="draws|seed"):
        lr.compare(["jd"], make_log([grant(5)]), **values)


# -------------------------------------------------------------------------------------------- the settings


def test_a_comparison_says_what_it_depends_on():
    simulated = lr.compare(["jd", "none"], n_customers=5, weeks=2, warmup=0, replications=2, seed=3)
    assert list(simulated.settings) == ["jd", "none"] and simulated.finance == lr.Finance()
    jd, none = simulated.settings.values()
    assert jd.scheme.key == "jd" and jd.seed == none.seed and (jd.n_customers, jd.weeks, jd.warmup) == (5, 2, 0)
    of_log = lr.compare(["none"], make_log([grant(5)]), draws=0)
    assert of_log.settings == {} and of_log.finance is None
