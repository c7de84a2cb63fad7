"""Taobao and JD, row by row: what is read off files, dates and made logs."""
import pytest

import loyalty_research as lr
from loyalty_research.two_platforms import (
    LOG_SCHEMES,
    example_purchase,
    fall_after_stop,
    kinds_paying,
    log_measures,
    named,
    outlet_identity,
    undoable,
    waits,
)

JD, TAOBAO = lr.load_scheme("jd"), lr.load_scheme("taobao")


def test_points_of_a_purchase_live_by_the_dates_of_the_rules():
    beans, coins = waits(JD)["life_days"], waits(TAOBAO)["life_days"]
    assert beans["2019-01-01"] == 730 and beans["2019-12-31"] == 366          # to 31 December 2020, a leap year
    assert coins["2019-06-30"] < coins["2019-07-01"] and coins.min() > 365             # the next half year from 1 July on


@pytest.mark.parametrize("scheme, first, later", [(JD.with_readings(X3="daily"), 0, 0), (TAOBAO, 7, 0)], ids=["jd daily", "taobao"])
def test_a_purchase_counts_at_the_next_settlement(scheme, first, later):
    wait = waits(scheme)["wait_days"]
    assert wait["2019-01-01"] == first and wait["2019-03-08"] == later


def test_only_a_level_of_log_ins_never_falls():
    falls = {key: fall_after_stop(lr.load_scheme(key), months=30)["score"] for key in ("jd", "taobao", "qq")}
    assert [each.iloc[-1] < each.iloc[11] for each in falls.values()] == [True, True, False]


def test_the_example_of_the_article_fits_one_reading_only():
    assert example_purchase(JD)[0] == 50 and example_purchase(JD)[1] > 2
    assert example_purchase(JD.with_readings(X15="value"))[0] == 1000
    assert undoable(JD) == 140


def test_outlets_differ_under_every_reading():
    assert ((outlet_identity()[["only_jd", "only_taobao"]] != "").all(axis=1)).all()


@pytest.mark.parametrize("name", LOG_SCHEMES)
def test_shares_of_points_are_shares(name):
    found = log_measures(named(name), n_customers=100)
    assert all(0 <= found[measure] <= 1 for measure in ("from_both", "by_merchants", "kinds_both", "redeemed", "expired"))
    assert (found["by_merchants"] > 0) == (name == "taobao") and found["redeemed"] + found["expired"] <= 1
    assert 0 < found["kinds_both"] == (kinds_paying(named(name)).all(axis=1)).mean()
