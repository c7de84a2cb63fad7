"""The steps of a score, on logs of a few rows worked by hand. Schemes of a test's own hold one rule each."""
from __future__ import annotations

import pytest

import loyalty_research as lr

from .properties.logs import make_log, make_scheme

JD, TAOBAO = lr.load_scheme("jd"), lr.load_scheme("taobao")


def one_rule(rule: str, more: str = "", scored: str = "daily") -> lr.Scheme:
    """A scheme whose score is one rule in one component."""
    window = "" if "window" in rule else 'window = "trailing"\n'
    text = f'[score]\n{more}\n[[score.component]]\nname = "c"\n[[score.rule]]\nname = "r"\ncomponent = "c"\n'
    return make_scheme(f"{text}{rule}\n{window}", scored=scored, settled=scored)


def values(rows: list[dict], scheme: lr.Scheme, *days: str, column: str = "score") -> list[int]:
    return lr.score(make_log(rows), scheme, at=list(days))[column].tolist()


def orders(*days: str, **same) -> list[dict]:
    return [{"time": day, "kind": "order", "order_id": n, "amount": 10, **same} for n, day in enumerate(days)]


# --------------------------------------------------------------------------------- what an order line counts


def test_a_third_shopping_day_counts_once_a_month():
    """D8: dated on the third different day; lines of one day count once; a new month begins anew."""
    scheme = one_rule('on = ["order"]\nper = "nth_shopping_day"\ndays = {value = 3, N}\npoints = {value = 30, N}')
    january, february = ["2024-01-30", "2024-01-30", "2024-01-31"], ["2024-02-01", "2024-02-02", "2024-02-02"]
    rows = orders(*january, *february, "2024-02-03", "2024-02-04")
    assert values(rows, scheme, "2024-02-01", "2024-02-02", "2024-02-03", "2024-02-29") == [0, 0, 30, 30]


def test_the_same_month_of_another_year_is_another_month():
    scheme = one_rule('on = ["order"]\nper = "nth_shopping_day"\ndays = {value = 2, N}\npoints = {value = 1, N}')
    assert values(orders("2023-03-01", "2024-03-01"), scheme, "2024-03-02") == [0]


def test_a_shopping_day_counts_each_day_once():
    scheme = one_rule('on = ["order"]\nper = "shopping_day"\npoints = {value = 3, N}')
    assert values(orders("2024-01-01", "2024-01-01", "2024-01-02"), scheme, "2024-01-01", "2024-01-02") == [3, 6]


def test_months_in_a_row_pay_from_the_second_on():
    """December and January are neighbours; the same month twice, or a month between, is no run."""
    scheme = one_rule('on = ["order"]\nper = "consecutive_month"\npoints = {value = 15, N}')
    days = ["2023-11-30", "2023-12-01", "2023-12-31", "2024-01-01", "2024-03-01", "2024-04-30"]
    assert values(orders(*days), scheme, "2023-11-30", "2023-12-01", "2023-12-31", "2024-01-01", "2024-03-01",
                  "2024-04-30") == [0, 15, 15, 30, 30, 45]


def test_a_category_is_new_again_twelve_months_after_it_was_last_bought():
    """X31: bought on 29 February, on 27 February 2025 not yet new, so new again a year from then, not before."""
    rule = 'on = ["order"]\nper = "new_category"\npoints = {value = 10, N}\nwindow = "lifetime"'
    rows = orders("2024-02-29", "2025-02-27", "2026-02-26", "2027-02-26", category="toys")
    days = ["2024-02-29", "2025-02-27", "2026-02-26", "2027-02-26"]
    assert values(rows, one_rule(rule), *days) == [10, 10, 10, 20]
    assert values(rows, one_rule(rule, 'new_category = "ever"'), *days) == [10, 10, 10, 10]
    assert values(orders(*days, category=None), one_rule(rule), *days) == [0, 0, 0, 0]


def test_a_rate_rounds_down_line_by_line():
    scheme = one_rule('on = ["order"]\nrate = {value = 0.1, N}')
    assert values(orders("2024-01-01", "2024-01-02", amount=19.99), scheme, "2024-01-02") == [2]


def test_an_amount_at_the_threshold_is_not_above_it():
    scheme = one_rule('on = ["order"]\nrate = {value = 1, N}\nabove_cny = {value = 50, N}')
    first, second = orders("2024-01-01", "2024-01-02")
    rows = [{**first, "amount": 50}, {**second, "amount": 50.01}]
    assert values(rows, scheme, "2024-01-01", "2024-01-02") == [0, 50]


@pytest.mark.parametrize(("virtual", "score"), [("true", 20), ("false", 10)])
def test_a_rule_may_look_at_virtual_goods_only(virtual, score):
    scheme = one_rule(f'on = ["order"]\nvirtual = {virtual}\nrate = {{value = 1, N}}')
    rows = orders("2024-01-01") + orders("2024-01-01", amount=20, virtual=True)
    assert values([{**row, "order_id": n} for n, row in enumerate(rows)], scheme, "2024-01-01") == [score]


def test_a_null_channel_is_the_scores_first_and_no_other():
    rule = 'on = ["login"]\npoints = {value = 1, N}\nchannels = ["app"]'
    channels = (None, "app", "web", "elsewhere")
    rows = [{"time": "2024-01-01", "kind": "login", "channel": channel} for channel in channels]
    assert values(rows, one_rule(rule), "2024-01-01") == [1]
    assert values(rows, one_rule(rule, 'channels = ["app", "web"]'), "2024-01-01") == [2]
    assert values(rows, one_rule(rule, 'channels = ["web", "app"]'), "2024-01-01") == [1]
    assert values(rows, one_rule('on = ["login"]\npoints = {value = 1, N}', 'channels = ["web"]'), "2024-01-01") == [2]


def test_dates_of_a_rule_are_days_of_events_both_ends_in():
    scheme = one_rule('on = ["login"]\npoints = {value = 1, N}\nvalid_from = 2024-01-02\nvalid_until = 2024-01-03')
    rows = [{"time": f"2024-01-0{day} 23:59:59", "kind": "login"} for day in (1, 2, 3, 4)]
    assert values(rows, scheme, *(f"2024-01-0{day}" for day in (1, 2, 3, 4))) == [0, 1, 2, 2]


# ------------------------------------------------------------------------------------------------ caps


def capped(caps: str, rate: float = 1) -> lr.Scheme:
    return one_rule(f'on = ["order"]\nrate = {{value = {rate}, N}}\nwindow = "lifetime"\n' + "\n".join(
        f"{cap.split()[0]} = {{value = {cap.split()[1]}, N}}" for cap in caps.split(",")))


def test_the_least_room_of_all_caps_is_awarded_and_counts_against_all():
    """A day of 15 and a month of 40, lines of 10: 10, 5 | 10, 5 | 10, 0; then a new month."""
    rows = orders(*(day for day in ("2024-01-01", "2024-01-02", "2024-01-03") for _ in range(2)), "2024-02-01")
    assert values(rows, capped("cap_day 15,cap_month 40"), "2024-01-01", "2024-01-02", "2024-01-03", "2024-02-01") == [
        15, 30, 40, 50]


def test_periods_are_those_of_the_calendar():
    rows = orders("2023-12-31 23:59:59", "2024-01-01 00:00:00")
    for cap in ("cap_day 10", "cap_month 10", "cap_year 10"):
        assert values(rows, capped(cap), "2023-12-31", "2024-01-01") == [10, 20]
    assert values(orders("2024-02-28", "2024-02-29", "2024-03-01"), capped("cap_month 10"), "2024-03-01") == [20]


def test_a_cap_a_line_counts_each_line_alone():
    assert values(orders("2024-01-01", "2024-01-01"), capped("cap_line 7"), "2024-01-01") == [14]


@pytest.mark.parametrize(("cap", "column"), [
    ("cap_order 15", "order_id"), ("cap_category_year 15", "category"), ("cap_shop_year 15", "shop")])
def test_caps_of_an_order_a_category_and_a_shop(cap, column):
    """Two lines of 10 under the same name share 15; other names have a count each; a null is exempt."""
    same = [{"time": "2024-01-01", "kind": "order", "amount": 10, "order_id": n, "item_id": f"i{n}"} for n in range(6)]
    names = [1, 1, 2, 2, None, None] if column == "order_id" else ["a", "a", "b", "b", None, None]
    rows = [{**row, column: name} for row, name in zip(same, names, strict=True)]
    assert values(rows, capped(cap), "2024-01-01") == [15 + 15 + 20]


def test_categories_and_shops_count_by_calendar_year_and_orders_for_ever():
    year = [{"time": day, "kind": "order", "amount": 10, "order_id": 1, "item_id": day, "category": "a", "shop": "s"}
            for day in ("2023-12-31", "2024-01-01")]
    for cap, score in (("cap_category_year 10", 20), ("cap_shop_year 10", 20), ("cap_order 10", 10)):
        assert values(year, capped(cap), "2024-01-01") == [score]


def test_a_return_frees_no_room():
    rows = [*orders("2024-01-01"), {"time": "2024-01-01", "kind": "return", "order_id": 0},
            {"time": "2024-01-01", "kind": "order", "order_id": 1, "amount": 10}]
    assert values(rows, capped("cap_day 15"), "2024-01-01") == [5]


# --------------------------------------------------------------------------------------- windows, returns


def test_an_award_counts_until_its_day_a_year_later():
    """D <= s < D + 12 months, clipped: awards of 28 and 29 February drop out together."""
    rows = [{"time": day, "kind": "login"} for day in ("2024-02-28", "2024-02-29", "2024-03-01")]
    scheme = one_rule('on = ["login"]\npoints = {value = 1, N}')
    days = ["2024-02-28", "2024-02-29", "2024-03-01", "2025-02-27", "2025-02-28", "2025-03-01"]
    assert values(rows, scheme, *days) == [1, 2, 3, 3, 1, 0]


def test_a_lifetime_award_stays():
    scheme = one_rule('on = ["login"]\npoints = {value = 1, N}\nwindow = "lifetime"')
    assert values([{"time": "2024-01-01", "kind": "login"}], scheme, "2100-01-01") == [1]


@pytest.mark.parametrize("window", ["trailing", "lifetime"])
def test_a_return_takes_a_rate_out_from_its_day_on(window):
    scheme = one_rule(f'on = ["order"]\nrate = {{value = 1, N}}\nwindow = "{window}"')
    rows = [*orders("2024-01-01", "2024-01-02"), {"time": "2024-01-05", "kind": "return", "order_id": 0}]
    assert values(rows, scheme, "2024-01-04", "2024-01-05", "2024-01-06") == [20, 10, 10]


def test_a_return_of_a_line_that_dropped_out_takes_nothing_more():
    scheme = one_rule('on = ["order"]\nrate = {value = 1, N}').with_values({"returns.window_days": 500})
    rows = [*orders("2024-01-01", "2024-06-01"), {"time": "2025-01-01", "kind": "return", "order_id": 0}]
    assert values(rows, scheme, "2024-12-31", "2025-01-01", "2025-06-01") == [20, 10, 0]


def test_awards_for_days_and_categories_stay_after_a_return():
    rows = [*orders("2024-01-01", category="toys"), {"time": "2024-01-02", "kind": "return", "order_id": 0}]
    assert values(rows, TAOBAO, "2024-01-08", column="reward") == [13]
    assert values(rows, JD, "2024-01-01", "2024-01-02", column="consumption") == [12, 10]


def test_years_since_the_first_order_pass_on_its_anniversary():
    """D9; the anniversary of 29 February is 28 February in common years and 29 February in leap years."""
    scheme = one_rule('on = ["order"]\nper = "year_since_first_order"\npoints = {value = 20, N}\nwindow = "lifetime"')
    rows = [{"time": "2024-01-01", "kind": "login"}, *orders("2024-02-29", "2024-06-01")]
    days = ["2024-02-29", "2025-02-27", "2025-02-28", "2028-02-28", "2028-02-29"]
    assert values(rows, scheme, *days) == [0, 0, 20, 60, 80]


# -------------------------------------------------------------------------------------- states and levels


def test_a_state_counts_once_while_any_of_its_items_stands():
    acts = [("identity_verified", "phone"), ("identity_verified", "phone"), ("identity_verified", None),
            ("identity_revoked", "phone"), ("identity_revoked", "voiceprint"), ("identity_revoked", None)]
    rows = [{"time": f"2024-01-0{n}", "kind": kind, "item_id": item} for n, (kind, item) in enumerate(acts, 1)]
    assert values(rows, JD, *(f"2024-01-0{n}" for n in range(1, 7)), column="account") == [100, 100, 100, 100, 100, 0]


def test_an_item_that_no_rule_lists_does_nothing():
    rows = [{"time": "2024-01-01", "kind": "account_bound", "item_id": "qq"},
            {"time": "2024-01-02", "kind": "account_bound"},
            {"time": "2024-01-03", "kind": "account_unbound", "item_id": "qq"}]
    assert values(rows, JD, "2024-01-01", "2024-01-02", "2024-01-03", column="account") == [0, 20, 20]


def test_a_level_is_replaced_and_not_added():
    rows = [{"time": f"2024-01-0{n}", "kind": "credit", "points": points} for n, points in enumerate((300, 700, 0), 1)]
    assert values(rows, JD, "2024-01-01", "2024-01-02", "2024-01-03", column="credit") == [300, 700, 0]


# -------------------------------------------------------------------------------- caps at the valuation


def test_caps_that_depend_on_another_component_are_taken_in_their_order():
    """Reward <= 100 + shopping / 2, shopping <= 600 + 4 x base: at base 0 reward stops at 400."""
    caps = [f"pay_for_other.cap_{cap}" for cap in ("day", "month")]
    caps += [f"physical.cap_{cap}" for cap in ("order", "day", "month", "category_year", "shop_year")]
    scheme = TAOBAO.with_values({**{f"score.rule.{cap}": 10**6 for cap in caps}, "score.rule.physical.rate": 1,
                                 "score.rule.pay_for_other.points": 3000})
    rows = [{"time": "2024-01-01", "kind": "order", "order_id": 1, "amount": 5000},
            {"time": "2024-01-01", "kind": "pay_for_other"}]
    at = "2024-01-08"
    assert lr.score(make_log(rows), scheme, at=at).iloc[0, 2:].tolist() == [600, 400, 0, 1000]
    rows.append({"time": "2024-01-02", "kind": "reputation", "points": 5})
    assert lr.score(make_log(rows), scheme, at=at).iloc[0, 2:].tolist() == [2200, 1200, 400, 3800]


def test_a_boost_is_an_exact_fraction_of_the_award():
    """45 points at 0.1 a level: 45 x 1.4 is 63, where floats give 62.99... and so 62."""
    scheme = make_scheme(
        '[score]\n[[score.component]]\nname = "c"\nboost_by_level = {value = 0.1, N}\n[[score.rule]]\nname = "r"\n'
        'component = "c"\non = ["login"]\npoints = {value = 45, N}\nwindow = "lifetime"\n')
    rows = [{"time": "2024-01-01", "kind": "login"}, {"time": "2024-01-02", "kind": "reputation", "points": 4},
            {"time": "2024-01-03", "kind": "login"}]
    assert values(rows, scheme, "2024-01-01", "2024-01-02", "2024-01-03") == [45, 45, 108]


# -------------------------------------------------------------------------------------- points by a score rule


def test_a_score_may_count_the_points_that_an_event_carries():
    scheme = one_rule('on = ["grant"]\nper = "given"')
    assert values([{"time": "2024-01-01", "kind": "grant", "points": 37}], scheme, "2024-01-01") == [37]


# --------------------------------------------------------------------------------------------- rows of changes


def test_rows_stand_at_the_first_valuation_and_where_a_component_changed():
    """Zero first, then each change, decay included; a component that gives what another gains is a change too."""
    rows = [{"time": "2024-01-01", "kind": "plan_joined", "amount": 99}, {"time": "2024-01-05", "kind": "login"},
            {"time": "2024-01-05", "kind": "login"}, {"time": "2025-01-10", "kind": "plan_cancelled"}]
    scores = lr.score(make_log(rows), JD)
    assert scores["settled_on"].dt.strftime("%Y-%m-%d").tolist() == ["2024-01-01", "2024-01-05", "2025-01-05"]
    assert scores["activity"].tolist() == [0, 1, 0]


def test_a_change_undone_within_the_day_is_no_row():
    rows = [{"time": "2024-01-01", "kind": "login"}, {"time": "2024-01-03", "kind": "account_bound"},
            {"time": "2024-01-03", "kind": "account_unbound"}, {"time": "2024-01-09", "kind": "plan_cancelled"}]
    assert len(lr.score(make_log(rows), JD)) == 1


def test_monthly_values_are_those_of_the_eighth():
    """An act of the 8th counts on the 8th; one of the 9th a month later."""
    rows = [{"time": f"2024-01-0{day}", "kind": "review"} for day in (8, 9)]
    scores = lr.score(make_log([*rows, {"time": "2024-02-09", "kind": "ask"}]), TAOBAO)
    assert scores["settled_on"].dt.strftime("%Y-%m-%d").tolist() == ["2024-01-08", "2024-02-08"]
    assert scores["reward"].tolist() == [3, 6]
