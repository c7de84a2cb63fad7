"""Rule tables and records: what a scheme becomes, and what is too large for the machine."""
from __future__ import annotations

import numpy as np
import pytest

import loyalty_research as lr
from loyalty_research import state
from loyalty_research.dates import FIRST_DAY, NEVER, day_number
from loyalty_research.language import Number
from loyalty_research.state import (
    KEYED,
    KEYED_START,
    NULL,
    TAG_CAP,
    TAG_CATEGORY,
    TAG_LINE,
    TAG_ORDER,
    clear_keys,
    compile_rules,
    compiled,
    expiry_table,
    find_key,
    find_or_add_key,
    least_score,
    named_channels,
    named_items,
    new_record,
    whole,
)

from .properties.logs import make_log, make_scheme

JD, TAOBAO, NONE = (lr.load_scheme(key) for key in ("jd", "taobao", "none"))


def number(value: float) -> Number:
    return Number(value=value, source="test")


# ------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(("edge", "least_above", "least_from"), [
    (0, 1, 0), (200, 201, 200), (200.5, 201, 201), (0.000000001, 1, 1)])
def test_an_edge_becomes_the_least_whole_score_that_passes(edge, least_above, least_from):
    assert least_score(number(edge), None) == least_above
    assert least_score(None, number(edge)) == least_from


def test_a_step_without_an_edge_holds_every_score():
    assert least_score(None, None) < -10**15


def test_whole_numbers_round_down_exactly():
    assert [whole(number(value)) for value in (0, 1000, 0.999999999)] == [0, 1000, 0]
    assert (whole(None), whole(None, 5)) == (-1, 5)


def test_rates_are_exact_ratios_and_no_floats():
    """0.1 points a CNY is 1 point for 1,000 fen: the table holds 1/1000, not the nearest binary number."""
    award = compile_rules(JD)[0]["award"]
    ratios = {(int(each["num"]), int(each["den"])) for each in award if each["den"] > 1}
    assert ratios == {(1, 1000), (1, 500)}


# --------------------------------------------------------------------------------------------------- keys


def keys():
    table = new_record(KEYED).view(np.recarray)[0]
    clear_keys(table)
    return table


def test_keys_of_different_tags_numbers_and_signs_do_not_meet():
    table = keys()
    wanted = [(tag, first, second) for tag in (TAG_CATEGORY, TAG_CATEGORY + 8, TAG_LINE, TAG_ORDER, TAG_CAP + 16)
              for first in (0, 1, -1, NULL, 2**62) for second in (0, 1, -1, NULL)]
    places = [int(find_or_add_key(table, *key, 7)) for key in wanted]
    assert places == list(range(len(wanted)))
    assert [int(find_key(table, *key)) for key in wanted] == places
    assert int(find_key(table, TAG_LINE, 2, 0)) == -1


def test_a_key_that_stands_keeps_its_value():
    table = keys()
    assert int(find_or_add_key(table, TAG_ORDER, 5, 0, 11)) == int(find_or_add_key(table, TAG_ORDER, 5, 0, 99)) == 0
    assert int(table.value[0]) == 11 and int(table.n) == 1


def test_a_table_grows_and_forgets():
    table = keys()
    for code in range(20_000):
        find_or_add_key(table, TAG_CATEGORY, code * 2**32, code, code)
    assert int(table.n_slots) >= 2 * int(table.n) == 40_000
    assert all(int(find_key(table, TAG_CATEGORY, code * 2**32, code)) == code for code in range(0, 20_000, 97))
    clear_keys(table)
    assert (int(table.n), int(table.n_slots)) == (0, KEYED_START)
    assert int(find_key(table, TAG_CATEGORY, 0, 0)) == -1


# ------------------------------------------------------------------------------------------------ expiries

CURRENCY = '''
[[currency]]
name = "points"
value_cny = {value = 0.01, N}
expiry = {kind = "rolling_days", days = {value = %s, N}, source = "test"}
%s
[[currency.earn]]
name = "grant"
on = ["grant"]
per = "given"
'''


def expires_on(days: float = 10, dates: str = "", of: str = "2024-01-01") -> int:
    periods = make_scheme(CURRENCY % (days, dates)).currencies[0].periods
    return int(expiry_table(periods)[day_number(of) - FIRST_DAY])


def test_a_lot_expires_by_the_rule_of_its_day():
    assert expires_on() == day_number("2024-01-11")
    assert expires_on(0) == day_number("2024-01-01")
    assert expires_on(dates="valid_until = 2023-12-31") == NEVER


@pytest.mark.parametrize("dates", ["valid_from = 1980-01-01", "valid_from = 1900-01-01", "valid_until = 9999-12-31",
                                   "valid_from = 0001-01-01\nvalid_until = 9999-12-31"])
def test_dates_outside_the_calendar_mean_ever_and_for_ever(dates):
    assert expires_on(dates=dates) == day_number("2024-01-11")
    assert expires_on(dates=dates, of="1990-01-01") == day_number("1990-01-11")
    assert expires_on(dates=dates, of="2110-12-31") == day_number("2111-01-10")


@pytest.mark.parametrize("days", [2**31 - 1, 3e9, 1e12])
def test_a_life_of_more_days_than_fit_is_no_short_one(days):
    """Beyond 32 bits a lot lasts for ever, or the scheme is refused; it never expires at once."""
    try:
        found = expires_on(days)
    except lr.SchemeError:
        return
    assert found >= day_number("2110-12-31")


@pytest.mark.parametrize("path", ["confirm.days", "returns.window_days"])
def test_days_that_do_not_fit_are_refused_in_our_words_or_held(path):
    scheme = JD.with_values({path: 3e9})
    try:
        compile_rules(scheme)
    except lr.SchemeError as error:
        assert path.split(".")[1] in str(error)


# -------------------------------------------------------------------------------------------------- names


def test_items_are_numbered_after_the_outlets_and_channels_from_the_score_on():
    names = named_items(JD)
    assert list(names)[:6] == ["order", "exchange", "coupon", "lottery", "external", "gift"]
    assert {"real_name", "phone", "wechat"} == set(list(names)[6:])
    assert list(named_channels(TAOBAO)) == ["taobao", "tmall", "fliggy", "taopiaopiao"] and named_channels(JD) == {}


# ---------------------------------------------------------------------------------------------- capacities


def components(n: int) -> str:
    parts = "".join(f'[[score.component]]\nname = "c{i}"\n' for i in range(n))
    return "[score]\n" + parts + "".join(
        f'[[score.rule]]\nname = "r{i}"\ncomponent = "c{i}"\non = ["login"]\npoints = {{value = {i + 1}, N}}\n'
        'window = "trailing"\n' for i in range(n))


def rules(n: int, rate: bool = False) -> str:
    pays = ('on = ["order"]\nrate = {value = 1, N}\n' if rate else 'on = ["login"]\npoints = {value = 1, N}\n')
    return '[score]\n[[score.component]]\nname = "c"\n' + "".join(
        f'[[score.rule]]\nname = "r{i}"\ncomponent = "c"\n{pays}window = "trailing"\n' for i in range(n))


def items(n: int, key: str) -> str:
    named = ", ".join(f'"{key}{i}"' for i in range(n))
    rule = {"items": f'on = ["identity_verified"]\nper = "state"\nwindow = "state"\nitems = [{named}]\n',
            "channels": f'on = ["login"]\nwindow = "trailing"\nchannels = [{named}]\n'}[key]
    return ('[score]\n[[score.component]]\nname = "c"\n[[score.rule]]\nname = "r"\ncomponent = "c"\n'
            f'points = {{value = 1, N}}\n{rule}')


def currencies(n: int, earn: int = 0, shops: int = 0) -> str:
    earning = "".join(
        f'[[currency.earn]]\nname = "e{i}"\non = ["order"]\nrate = {{value = 1, N}}\n' for i in range(earn))
    caps = "[currency.redeem]\n" + "".join(
        f'[[currency.redeem.shop]]\nname = "s{i}"\ncap_order = {{value = 0.5, N}}\n' for i in range(shops))
    return "".join(f'[[currency]]\nname = "p{i}"\nvalue_cny = {{value = 0.01, N}}\n'
                   'expiry = {kind = "never", source = "test"}\n' + earning + (caps if shops else "") for i in range(n))


def tiers(n: int) -> str:
    return "".join(f'[[tier]]\nname = "t{i}"\nabove = {{value = {i + 1}, N}}\n' for i in range(n - 1))


def plans(n: int, fees: int = 1) -> str:
    steps = "".join(f'[[plan.fee]]\nfrom = {{value = {i}, N}}\ncny = {{value = {1000 - i}, N}}\n' for i in range(fees))
    return "".join(f'[[plan]]\nname = "p{i}"\n{steps}' for i in range(n))


def steps(n: int) -> str:
    rows = "".join(f"  {{from = {{value = {i + 1}, N}}, points = {{value = {i + 1}, N}}}},\n" for i in range(n))
    return ('[score]\n[[score.component]]\nname = "c"\n[[score.rule]]\nname = "r"\ncomponent = "c"\non = ["check_in"]\n'
            f'per = "streak"\nwindow = "trailing"\nsteps = [\n{rows}]\n')


CAPACITIES = {
    "components": (components, 8), "rules": (rules, 64), "score rules with a rate": (lambda n: rules(n, rate=True), 4),
    "named items": (lambda n: items(n - 6, "items"), 62), "named channels": (lambda n: items(n, "channels"), 62),
    "currencies": (currencies, 4), "earn rules on order": (lambda n: currencies(1, earn=n), 4),
    "named shops": (lambda n: currencies(1, shops=n), 32), "tiers": (tiers, 16), "plans": (plans, 4),
    "fees": (lambda n: plans(1, fees=n), 16), "steps": (steps, 96)}


@pytest.mark.parametrize("what", CAPACITIES)
def test_a_scheme_fills_a_capacity_and_one_more_is_refused(what):
    text, most = CAPACITIES[what]
    assert len(compile_rules(make_scheme(text(most)))) == 1
    message = rf"^none: {most + 1} {what}.*, and the rule machine holds {most}; merge some"
    with pytest.raises(lr.SchemeError, match=message):
        compile_rules(make_scheme(text(most + 1)))


def test_eight_components_count_each_its_own():
    scores = lr.score(make_log([{"time": "2024-01-01", "kind": "login"}]), make_scheme(components(8)), at="2024-01-01")
    assert scores.iloc[0, 2:].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 36]


def test_the_control_has_empty_tables():
    table = compile_rules(NONE)[0]
    counts = ("n_components", "n_awards", "n_currencies", "n_plans", "n_tiers", "window_days", "confirm_days")
    assert [int(table[name]) for name in counts] == [0, 0, 0, 0, 1, 180, 10]


# ------------------------------------------------------------------------------------------------- compiling


def test_a_step_is_compiled_once_for_whole_numbers_of_any_width(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "CACHE_FOLDER", tmp_path)

    @compiled
    def twice(points):
        return 2 * points

    @compiled
    def calls(wide, narrow):
        return twice(wide) + twice(narrow) + twice(3) + twice(wide > 0)

    assert calls(np.int64(5), np.int32(4)) == 26
    assert [str(arguments) for arguments, in twice.overloads] == ["int64", "bool"]
