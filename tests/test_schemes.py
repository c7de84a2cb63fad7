"""Scheme files: what loads, what is refused and in which words, other values, other readings, and back to TOML."""

import pickle
import re
import tomllib
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_research.events import SchemeError
from loyalty_research.language import AwardRule, EarnRule, Number, Outlet, ScoreRule
from loyalty_research.reader import find_lines
from loyalty_research.schemes import MARKS, card_html, card_of, card_text, diff, list_schemes, load_scheme, say_number

KEYS = sorted(
    path.name[:-5] for path in files("loyalty_research.data").joinpath("schemes").iterdir() if path.suffix == ".toml"
)
SCHEMES = {key: load_scheme(key) for key in KEYS}
TEXTS = {
    key: files("loyalty_research.data").joinpath("schemes", f"{key}.toml").read_text(encoding="utf-8") for key in KEYS
}
CHOICES = [
    (key, *row) for key in KEYS for row in SCHEMES[key].reading_choices[["reading", "choice"]].itertuples(index=False)
]
RATE = "currency.beans.earn.purchase.rate"
SMALL = """
[scheme]
key = "small"
title = "Small"
operator = "nobody"
timezone = "Asia/Shanghai"
scored = "monthly:1"
settled = "monthly:1"
[returns]
window_days = {value = 30, source = "S1"}
[confirm]
days = {value = 7, source = "S1"}
[[tier]]
name = "all"
"""
COIN = """
[[currency]]
name = "coin"
value_cny = {value = 0.01, source = "S1"}
expiry = {kind = "never", source = "S1"}
"""


@pytest.fixture
def load_text(tmp_path):
    """Load a scheme from a text, as the file my.toml."""

    def load(text):
        path = tmp_path / "my.toml"
        path.write_text(text, encoding="utf-8")
        return load_scheme(path)

    return load


def message_of(call, *args, **kwargs) -> str:
    """The one-line message with which a call refuses."""
    with pytest.raises(SchemeError) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text and not re.search(r"\bNone\b|<class|Traceback", text), text
    return text


# ---------------------------------------------------------------- the files of the package
@pytest.mark.parametrize("key", KEYS)
def test_packaged_file_is_named_by_its_key(key):
    assert SCHEMES[key].key == key


@pytest.mark.parametrize("key", KEYS)
def test_every_number_has_one_provenance_and_a_path_that_leads_to_it(key):
    scheme, tree = SCHEMES[key], tomllib.loads(TEXTS[key])
    table = scheme.parameters
    assert list(table.columns) == ["path", "value", "unit", "provenance", "source_id", "reason", "low", "high"]
    assert table["path"].is_unique and table["unit"].notna().all()
    assert table["provenance"].isin(["sourced", "assumed", "fitted"]).all()
    assert (table["source_id"].notna() == (table["provenance"] == "sourced")).all()
    assert (table["reason"].notna() == (table["provenance"] != "sourced")).all()
    assert (table["low"].notna() == (table["provenance"] == "assumed")).all()
    assert len(table) == sum(1 for _ in numbers_in({k: v for k, v in tree.items() if k != "reading"}))
    for path, value in table.set_index("path")["value"].items():
        assert scheme.with_values({path: value}) == scheme, path


def numbers_in(node):
    """The number tables anywhere in a parsed file."""
    if isinstance(node, dict) and "value" in node:
        yield node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from numbers_in(inner)


@pytest.mark.parametrize(("key", "reading", "choice"), CHOICES)
def test_each_choice_of_each_reading_loads_writes_and_goes_back(key, reading, choice, load_text):
    default = SCHEMES[key]
    other = default.with_readings(**{reading: choice})
    assert other.readings == {**default.readings, reading: choice}
    assert load_text(other.to_toml()) == other
    assert other.with_readings(**default.readings) == default
    first = default.reading_choices.query("reading == @reading and default")["choice"].item()
    assert (other == default) == (choice == first)


def test_list_schemes_counts_the_numbers():
    table = list_schemes()
    assert table.index.name == "key" and list(table.index) == KEYS
    assert list(table.columns) == ["title", "operator", "currencies", "tiers", "sourced", "assumed", "fitted"]
    for key, row in table.iterrows():
        assert row["sourced"] + row["assumed"] + row["fitted"] == len(SCHEMES[key].parameters)
    assert table.loc["taobao", "currencies"] == "coins, tmall_points"
    assert table.loc["jd", "tiers"] == "none, privileged, birthday, gift, exchange"


def test_jd_as_typed_values():
    jd = SCHEMES["jd"]
    (beans,) = jd.currencies
    purchase = beans.earn[0]
    assert (purchase.per, purchase.accrues, purchase.funded_by, purchase.on) == (
        "amount_rate",
        "confirm",
        "platform",
        ("order",),
    )
    assert (
        purchase.rate.exact == Fraction(1, 10) and purchase.above_cny.value == 50 and purchase.cap_line.value == 1000
    )
    assert [(p.valid_from, p.valid_until, p.expiry.kind) for p in beans.periods] == [
        (None, date(2025, 12, 31), "end_of_next_year"),
        (date(2026, 1, 1), None, "rolling_days"),
    ]
    assert [step.from_.value for step in beans.earn[1].steps] == [1, 3, 7]
    assert {rule.per for rule in jd.score.rules} == {
        "act",
        "amount_rate",
        "new_category",
        "nth_shopping_day",
        "year_since_first_order",
        "state",
        "level",
    }
    assert [fee.above.value for fee in jd.plans[0].fees] == [200, 1000, 5000, 10000, 20000]
    assert (
        isinstance(purchase, EarnRule)
        and isinstance(jd.score.rules[0], ScoreRule)
        and issubclass(EarnRule, AwardRule)
    )


def test_taobao_as_typed_values():
    taobao = SCHEMES["taobao"]
    shopping, reward, base = taobao.score.components
    assert (shopping.cap_by.component, reward.cap_by.component, base.cap.value) == ("base", "shopping", 400)
    assert taobao.tiers[-1].invited and taobao.tiers[-1].members_a_seat.value == 10_000
    assert [rule.virtual for rule in taobao.score.rules[:3]] == [False, True, None]
    coins, points = taobao.currencies
    assert [shop.name for shop in coins.redeem.shops] == ["no_coins", "half_coins"] and points.redeem is None
    assert coins.steals and not points.steals
    assert coins.periods[0].expiry.dates == ("06-30", "12-31") and coins.earn[0].funded_by == "merchant"
    assert points.earn[0].channels == ("tmall",)
    assert [fee.edge and fee.edge.value for fee in taobao.plans[0].fees] == [None, 1000]


def test_units_follow_what_a_rule_counts():
    unit = SCHEMES["jd"].parameters.set_index("path")["unit"]
    assert unit["score.rule.credit.points"] == "points per level"
    assert unit["score.rule.tenure.points"] == "points per year"
    assert unit["currency.beans.earn.check_in.steps.1.from"] == "days"
    assert unit["currency.beans.earn.review.steps.1.from"] == "CNY"
    assert unit["currency.beans.redeem.cap_order"] == "share"
    assert unit["currency.beans.outlet.exchange.gate.from"] == unit["tier.gift.above"] == "score"


# ---------------------------------------------------------------- other values
def test_a_value_set_by_the_user_says_so():
    row = SCHEMES["jd"].with_values({RATE: 0.2}).parameters.set_index("path").loc[RATE]
    assert (row["value"], row["provenance"], row["reason"]) == (
        0.2,
        "assumed",
        "set by the user (the file says 0.1, F4)",
    )
    assert (row["low"], row["high"]) == (0.2, 0.2)


def test_a_range_is_kept_while_it_holds_the_value():
    def bounds(value):
        row = SCHEMES["jd"].with_values({"confirm.days": value}).parameters.set_index("path").loc["confirm.days"]
        assert row["reason"] == "set by the user (the file says 10, assumed)"
        return row["low"], row["high"]

    assert bounds(12) == (7, 15) and bounds(30) == (30, 30)


def test_a_value_set_twice_names_the_file_once():
    scheme = SCHEMES["jd"].with_values({"confirm.days": 12}).with_values({"confirm.days": 14})
    assert scheme.confirm.days == Number(
        value=14, assumed="set by the user (the file says 10, assumed)", range=(7, 15)
    )


def test_plain_options_tables_and_numpy_values_can_be_set():
    scheme = SCHEMES["jd"].with_values(
        {
            "scheme.key": "jd_cheap",
            "currency.beans.on_shortfall": "clamp",
            "currency.beans.steals": True,
            "currency.beans.earn.purchase.cap_day": np.int64(5000),
            RATE: np.float64(0.25),
            "score.rule.login.on": ("login", "share"),
            "currency.beans.expiry": {"kind": "never", "assumed": "to compare"},
            "currency.beans.period.0.valid_from": date(2026, 1, 1),
        }
    )
    (beans,) = scheme.currencies
    assert (scheme.key, beans.on_shortfall, beans.steals, beans.periods[0].expiry.kind) == (
        "jd_cheap",
        "clamp",
        True,
        "never",
    )
    assert (
        beans.earn[0].cap_day.assumed == "set by the user (the file says nothing)"
        and type(beans.earn[0].rate.value) is float
    )
    assert next(rule for rule in scheme.score.rules if rule.name == "login").on == ("login", "share")
    assert SCHEMES["jd"].currencies[0].on_shortfall == "deficit"


def test_values_are_checked_as_a_whole():
    jd = SCHEMES["jd"]
    text = message_of(jd.with_values, {"plan.plus.fee.3.above": 1000})
    assert "`fee.3` in [[plan]] (plan.plus)" in text and "fee.1 (above 1000)" in text and "fee.3 (above 1000)" in text
    both = {"plan.plus.fee.3.above": 15_000, "plan.plus.fee.2.above": 12_000}
    assert [fee.above.value for fee in jd.with_values(both).plans[0].fees][2:4] == [12_000, 15_000]


@pytest.mark.parametrize(
    ("path", "value", "needles"),
    [
        (
            "currency.bean.redeem.cap_order",
            0.1,
            ["`currency.bean.redeem.cap_order`", 'no currency "bean"', "`beans`"],
        ),
        ("currency.beans.earn.purchas.rate", 0.1, ['no earn "purchas"', "`purchase`"]),
        ("tier.gold.above", 1, ['no tier "gold"', "privileged"]),
        ("plan.plus.fee.9.cny", 1, ['no fee "9"', "0, 1, 2, 3, 4"]),
        ("curency.beans.steals", True, ['no table "curency"', "`currency`"]),
        ("confirm.days.value.x", 1, ['no table "value"']),
        ("score.rule.login.on.0.x", 1, ['no table "0"']),
        ("confirm.dais", 7, ["`dais` in [confirm]", "unknown key", "`days`"]),
        ("confirm.days", "ten", ["`days` in [confirm]", '"ten"']),
        ("confirm.days", 7.5, ["`days` in [confirm]", "whole number", "7.5"]),
        ("confirm.days", -1, ["`days` in [confirm]", "at least 0", "-1"]),
        ("scheme.settled", 8, ["`settled` in [scheme]", "text", "8"]),
        ("readings.X15", "value", ["with_readings"]),
        (f"{RATE}.value", 1, [f"`{RATE}.value`", "part of a number", f"set {RATE},"]),
        ("currency.beans.name", "coins", ["`currency.beans.name`", "a name stays"]),
        ("", 1, ["unknown key"]),
    ],
)
def test_values_that_cannot_be_set(path, value, needles):
    text = message_of(SCHEMES["jd"].with_values, {path: value})
    assert text.startswith("jd.toml: ")
    for needle in needles:
        assert needle in text, text


def test_values_must_be_a_mapping():
    assert "mapping of path to value" in message_of(SCHEMES["jd"].with_values, [("confirm.days", 7)])


@pytest.mark.parametrize(
    ("wrong", "needle"),
    [(float("nan"), "nan"), (float("inf"), "inf"), (1 / 3, "nine places"), (1e13, "at most 1e+12")],
)
def test_a_number_is_a_decimal_that_the_rules_can_hold(wrong, needle):
    text = message_of(SCHEMES["jd"].with_values, {RATE: wrong})
    assert needle in text and "in [[currency.earn]] (currency.beans.earn.purchase" in text


# ---------------------------------------------------------------- readings
def test_readings_are_read_only_and_can_be_carried_to_another_process():
    scheme = SCHEMES["jd"].with_readings(X15="value")
    with pytest.raises(TypeError):
        scheme.readings["X15"] = "beans"
    copy = pickle.loads(pickle.dumps(scheme))
    assert copy == scheme and hash(copy) == hash(scheme) and copy.with_readings(X15="beans") == SCHEMES["jd"]


def test_readings_add_up():
    both = SCHEMES["jd"].with_readings(X15="value").with_readings(expiry="days_180")
    assert both == SCHEMES["jd"].with_readings(expiry="days_180", X15="value")
    assert both.currencies[0].earn[0].rate == Number(value=10, source="F4")
    assert both.currencies[0].periods[0].expiry.days.value == 180
    assert "X15='value'" in repr(both)


def test_later_call_wins_between_values_and_readings(load_text):
    value_last = (
        SCHEMES["jd"]
        .with_readings(X15="value", expiry="days_180")
        .with_values({RATE: 5, "currency.beans.expiry.days": 90})
    )
    assert value_last.currencies[0].earn[0].rate.value == 5
    assert value_last.currencies[0].expiry.days.value == 90
    assert load_text(value_last.to_toml()) == value_last
    assert value_last.with_readings(X3="daily").currencies[0].earn[0].rate.value == 5
    reading_last = SCHEMES["jd"].with_values({RATE: 5}).with_readings(X15="value")
    assert reading_last.currencies[0].earn[0].rate.value == 10
    assert load_text(reading_last.to_toml()) == reading_last
    table_last = (
        SCHEMES["taobao"]
        .with_readings(X4="next")
        .with_values({"currency.coins.expiry": {"kind": "never", "assumed": "to compare"}})
    )
    assert table_last.currencies[0].expiry.kind == "never" and load_text(table_last.to_toml()) == table_last


@pytest.mark.parametrize(
    ("choices", "needles"),
    [
        ({"X99": "beans"}, ["`X99` in [readings]", "no such reading"]),
        ({"X15": "valu"}, ["`X15` in [readings]", 'no choice "valu"', "`value`", "beans"]),
        ({"X15": 1}, ["`X15` in [readings]", "no choice 1", "beans, value"]),
    ],
)
def test_unknown_reading_or_choice(choices, needles):
    text = message_of(SCHEMES["jd"].with_readings, **choices)
    for needle in needles:
        assert needle in text, text


def test_what_a_choice_sets_is_checked_when_it_is_chosen(load_text):
    scheme = load_text(
        TEXTS["jd"].replace('"currency.beans.rounding" = "half_even"', '"currency.beans.rounding" = "up"')
    )
    assert '`rounding` in [[currency]] (currency.beans): "up"' in message_of(scheme.with_readings, X23="half_even")


def test_values_do_not_leak_into_choices_that_set_the_same_path(load_text):
    scheme = SCHEMES["jd"].with_values({RATE: 5, "currency.beans.expiry": {"kind": "never", "assumed": "to compare"}})
    for same in (scheme, load_text(scheme.to_toml())):
        assert same.currencies[0].earn[0].rate.value == 5 and same.currencies[0].expiry.kind == "never"
        other = same.with_readings(X15="value", expiry="days_180")
        assert other.currencies[0].earn[0].rate == Number(value=10, source="F4")
        assert other.currencies[0].expiry.days.value == 180
    coins = SCHEMES["taobao"].with_values({"currency.coins.expiry": {"kind": "never", "assumed": "to compare"}})
    assert coins.with_readings(X4="next").currencies[0].expiry.pick == "next"
    rare = SCHEMES["jd"].with_values({"scheme.scored": "monthly:2"})
    assert load_text(rare.to_toml()) == rare and "`settled`" in message_of(rare.with_readings, X3="daily")


def test_reading_choices_table():
    table = SCHEMES["jd"].with_readings(X15="value").reading_choices
    assert list(table.columns) == ["reading", "choice", "default", "in_force", "about"]
    assert table.query("in_force and reading == 'X15'")["choice"].item() == "value"
    assert table.groupby("reading")[["default", "in_force"]].sum().eq(1).all(axis=None)


# ---------------------------------------------------------------- back to TOML
@given(key=st.sampled_from(KEYS), data=st.data())
def test_what_is_written_loads_back_equal(key, data, tmp_path_factory):
    scheme = SCHEMES[key]
    table = scheme.reading_choices
    chosen = {name: data.draw(st.sampled_from(list(group["choice"]))) for name, group in table.groupby("reading")}
    scheme = scheme.with_readings(**chosen)
    rows = scheme.parameters.query("not path.str.contains('steps|above|from')")
    row = rows.iloc[data.draw(st.integers(0, len(rows) - 1))]
    title = data.draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
    value = data.draw(st.sampled_from([row["value"] / 2, 1, 2])) if row["unit"] in ("share", "points per CNY") else 2
    changed = scheme.with_values(
        {row["path"]: min(value, 1) if row["unit"] == "share" else value, "scheme.title": title}
    )
    path = tmp_path_factory.mktemp("written") / "scheme.toml"
    path.write_text(changed.to_toml(), encoding="utf-8", newline="\n")
    again = load_scheme(path)
    again_chosen = {
        name: data.draw(st.sampled_from(list(group["choice"]))) for name, group in table.groupby("reading")
    }
    assert again.with_readings(**again_chosen) == changed.with_readings(**again_chosen)
    assert again == changed and again.parameters.equals(changed.parameters) and again.to_toml() == changed.to_toml()


# ---------------------------------------------------------------- what is refused, by file, line, table and key
REFUSED = {
    "unknown key": (
        "jd",
        "\nmultiple = {value",
        "\nmutiple = {value",
        ["`mutiple` in [currency.redeem] (currency.beans.redeem)", "unknown key", "did you mean `multiple`?"],
    ),
    "unknown key in a number": (
        "jd",
        "rate = {value = 0.1, source",
        "rate = {value = 0.1, sauce",
        ["`sauce` in [[currency.earn]] (currency.beans.earn.purchase.rate)", "`source`"],
    ),
    "unknown table": ("none", "[confirm]", "[confrim]", ["`confrim`", "unknown key", "`confirm`"]),
    "bare number": (
        "jd",
        'multiple = {value = 1000, source = "F10"}',
        "multiple = 1000",
        ["`multiple` in [currency.redeem]", "1000 does not say where it comes from", "source"],
    ),
    "two provenances": (
        "jd",
        '{value = 0.1, source = "F4"}',
        '{value = 0.1, source = "F4", fitted = "CDNOW"}',
        ["(currency.beans.earn.purchase.rate)", "exactly one of source, assumed and fitted", "source and fitted"],
    ),
    "no provenance": ("jd", '{value = 0.1, source = "F4"}', "{value = 0.1}", ["exactly one", "none"]),
    "range without assumed": (
        "jd",
        '{value = 0.1, source = "F4"}',
        '{value = 0.1, source = "F4", range = [0, 1]}',
        ["`range`", "belongs to an assumed number"],
    ),
    "range beside the value": (
        "jd",
        "range = [7, 15]}",
        "range = [11, 15]}",
        ["`range` in [confirm] (confirm.days)", "[11, 15] does not hold the value 10"],
    ),
    "range of one": ("jd", "range = [7, 15]}", "range = [7]}", ["`range` in [confirm]", "2 values", "[7]"]),
    "not a number": (
        "jd",
        '{value = 0.1, source = "F4"}',
        '{value = "0.1", source = "F4"}',
        ["`value` in [[currency.earn]]", "must be a number", '"0.1"'],
    ),
    "nan": ("jd", '{value = 0.1, source = "F4"}', '{value = nan, source = "F4"}', ["`value`", "nan"]),
    "too many decimals": (
        "jd",
        '{value = 0.1, source = "F4"}',
        '{value = 0.1234567891, source = "F4"}',
        ["nine places"],
    ),
    "empty text": ("jd", 'operator = "JD.com"', 'operator = ""', ["`operator` in [scheme]", "must be a text"]),
    "wrong type": (
        "jd",
        'on = ["login"]',
        'on = "login"',
        ["`on` in [[score.rule]] (score.rule.login)", "must be a list", '"login"'],
    ),
    "wrong boolean": ("taobao", "\nvirtual = false", '\nvirtual = "no"', ["`virtual`", "true or false", '"no"']),
    "wrong date": (
        "jd",
        "valid_until = 2025-12-31",
        'valid_until = "2025-12-31"',
        ["`valid_until` in [[currency]] (currency.beans)", "must be a date"],
    ),
    "table for a list": ("none", "[[tier]]", "[tier]", ["`tier`", "[[tier]]"]),
    "list for a table": ("none", "[confirm]", "[[confirm]]", ["[confirm]", "must be a table"]),
    "missing key": ("jd", 'settled = "monthly:2"', "", ["`settled` in [scheme]", "missing"]),
    "missing table": ("none", '[[tier]]\nname = "none"', "", ["`tier`", "missing"]),
    "rhythm": (
        "jd",
        'settled = "monthly:2"',
        'settled = "monthly:31"',
        ["`settled` in [scheme]", '"monthly:31"', "1 to 28"],
    ),
    "rhythm word": ("jd", 'scored = "daily"', 'scored = "weekly"', ["`scored` in [scheme]", '"weekly"', "daily"]),
    "settled when not scored": (
        "taobao",
        'settled = "monthly:8"',
        'settled = "monthly:9"',
        ["`settled`", "not valued"],
    ),
    "unknown kind": (
        "jd",
        'on = ["review"]\npoints',
        'on = ["reviw"]\npoints',
        ["`on` in [[score.rule]] (score.rule.review)", "no kind of event", "did you mean `review`?"],
    ),
    "unknown kind off": (
        "jd",
        'off = ["profile_cleared"]',
        'off = ["profile_clear"]',
        ["`off`", "`profile_cleared`"],
    ),
    "kind twice": ("jd", 'on = ["login"]', 'on = ["login", "login"]', ["`on`", "twice"]),
    "sets and clears": (
        "jd",
        'off = ["profile_cleared"]',
        'off = ["profile_completed"]',
        ["`off`", "profile_completed"],
    ),
    "unknown per": ("jd", 'per = "streak"', 'per = "strike"', ["`per`", '"strike"', "`streak`"]),
    "rate and points": (
        "jd",
        'rate = {value = 0.1, source = "F4"}',
        'rate = {value = 0.1, source = "F4"}\npoints = {value = 1, source = "F4"}',
        ["`rate` in [[currency.earn]] (currency.beans.earn.purchase)", "beside `points`"],
    ),
    "no points": ("jd", 'points = {value = 2, source = "D12"}\n', "", ["`points`", 'needed by per = "act"']),
    "points of a grant": (
        "jd",
        'per = "given"',
        'per = "given"\npoints = {value = 1, source = "F1"}',
        ["`points`", 'not used by per = "given"'],
    ),
    "days of an act": (
        "jd",
        'days = {value = 3, source = "D8"}\n',
        "",
        ["`days`", 'needed by per = "nth_shopping_day"'],
    ),
    "items of an act": (
        "jd",
        'on = ["login"]',
        'on = ["login"]\nitems = ["x"]',
        ["`items`", 'belongs to per = "state"'],
    ),
    "rate on an act": (
        "jd",
        'name = "spend"\ncomponent = "consumption"\non = ["order"]',
        'name = "spend"\ncomponent = "consumption"\non = ["review"]',
        ["`on`", "counts order lines", 'on = ["order"]'],
    ),
    "line cap on an act": (
        "jd",
        'cap_day = {value = 100, assumed = "five posts',
        'cap_line = {value = 100, assumed = "five posts',
        ["`cap_line`", "order lines", "photo_post"],
    ),
    "cap of a state": (
        "jd",
        'points = {value = 20, source = "D22"}',
        'points = {value = 20, source = "D22"}\ncap_day = {value = 1, source = "D22"}',
        ["`cap_day`", "no caps"],
    ),
    "negative cap": (
        "jd",
        "cap_line = {value = 1000",
        "cap_line = {value = -1000",
        ["`cap_line`", "at least 0", "-1000"],
    ),
    "cap in halves": (
        "jd",
        "cap_line = {value = 1000",
        "cap_line = {value = 0.5",
        ["`cap_line`", "whole number", "0.5"],
    ),
    "share over 1": (
        "jd",
        "cap_order = {value = 0.5",
        "cap_order = {value = 50",
        ["`cap_order` in [currency.redeem]", "at most 1 (share)", "50"],
    ),
    "range of a share": (
        "taobao",
        "range = [0, 0.99]}",
        "range = [0, 99]}",
        ["`cap_order`", "at most 1 (share)", "99"],
    ),
    "no value": (
        "jd",
        "value_cny = {value = 0.01",
        "value_cny = {value = 0",
        ["`value_cny`", "at least 1e-09", "CNY per point"],
    ),
    "multiple of none": ("jd", "multiple = {value = 1000", "multiple = {value = 0", ["`multiple`", "at least 1"]),
    "three decimals": (
        "jd",
        "above_cny = {value = 50,",
        "above_cny = {value = 50.005,",
        ["`above_cny`", "two decimals", "50.005"],
    ),
    "unknown component": (
        "jd",
        'name = "spend"\ncomponent = "consumption"',
        'name = "spend"\ncomponent = "consumtion"',
        ["`rule.spend.component` in [score]", 'no component "consumtion"', "`consumption`"],
    ),
    "cap by unknown": (
        "taobao",
        'cap_by = {component = "base"',
        'cap_by = {component = "bass"',
        ["`component.shopping.cap_by.component` in [score]", 'no component "bass"', "`base`"],
    ),
    "caps in a circle": (
        "taobao",
        'cap_by = {component = "base"',
        'cap_by = {component = "reward"',
        ["cap_by.component` in [score]", "circle", "shopping by reward by shopping"],
    ),
    "window": ("jd", 'window = "lifetime"', 'window = "livetime"', ["`window`", '"livetime"', "`lifetime`"]),
    "state window": (
        "jd",
        'points = {value = 2, source = "D12"}\nwindow = "trailing"',
        'points = {value = 2, source = "D12"}\nwindow = "state"',
        ["`window`", 'per = "state" or "level"'],
    ),
    "trailing state": (
        "jd",
        'window = "state"                        # X9',
        'window = "trailing" # X9',
        ["`window`", 'per = "state" has window = "state"'],
    ),
    "confirm an act": (
        "jd",
        'on = ["photo_post"]\npoints = {value = 20',
        'on = ["photo_post"]\naccrues = "confirm"\npoints = {value = 20',
        ["`accrues` in [[currency.earn]] (currency.beans.earn.photo_post)", "order lines"],
    ),
    "state in a currency": (
        "jd",
        'per = "given"',
        'per = "level"\npoints = {value = 1, source = "F1"}',
        ["`per`", "score"],
    ),
    "expiry kind": (
        "jd",
        'expiry = {kind = "end_of_next_year"',
        'expiry = {kind = "end_of_year"',
        ["`kind` in [[currency]] (currency.beans.expiry)", '"end_of_year"', "`end_of_next_year`"],
    ),
    "expiry before accrual": (
        "jd",
        'valid_from = 2026-01-01\nexpiry = {kind = "rolling_days", days = {value = 180',
        'valid_from = 2026-01-01\nexpiry = {kind = "rolling_days", days = {value = -1',
        ["`days` in [[currency.period]] (currency.beans.period.0.expiry)", "at least 0 (days)", "-1"],
    ),
    "fixed date": (
        "taobao",
        '"06-30", "12-31"',
        '"06-31", "12-31"',
        ["`dates` in [[currency]] (currency.coins.expiry)", '"06-31" is no day of every year'],
    ),
    "leap day": ("taobao", '"06-30", "12-31"', '"02-29", "12-31"', ["`dates`", "02-29"]),
    "dates that fall": ("taobao", '"06-30", "12-31"', '"12-31", "06-30"', ["`dates`", "rise"]),
    "pick": (
        "taobao",
        'pick = "first_after", source',
        'pick = "first", source',
        ["`pick`", '"first"', "`first_after`"],
    ),
    "no pick": ("taobao", 'pick = "first_after", source', "source", ["`pick`", "fixed_dates"]),
    "pick without dates": (
        "jd",
        '{kind = "end_of_next_year", source',
        '{kind = "end_of_next_year", pick = "next", source',
        ["`pick`", 'belongs to kind = "fixed_dates"'],
    ),
    "expiry from nowhere": (
        "jd",
        '{kind = "end_of_next_year", source = "F17, S060"}',
        '{kind = "end_of_next_year"}',
        ["`source`", "neither of source and assumed"],
    ),
    "periods with a gap": (
        "jd",
        "valid_from = 2026-01-01",
        "valid_from = 2026-01-02",
        ["`period.0.valid_from` in [[currency]] (currency.beans)", "leave a gap", "2025-12-31", "2026-01-02"],
    ),
    "periods that overlap": ("jd", "valid_from = 2026-01-01", "valid_from = 2025-12-31", ["overlap", "2025-12-31"]),
    "period without end": ("jd", "valid_until = 2025-12-31\n", "", ["overlap", "for ever"]),
    "ends before it begins": (
        "jd",
        "valid_until = 2025-12-31\n",
        "valid_until = 2025-12-31\nvalid_from = 2026-12-31\n",
        ["`valid_until`", "before valid_from 2026-12-31"],
    ),
    "shortfall": ("jd", 'on_shortfall = "deficit"', 'on_shortfall = "forgive"', ["`on_shortfall`", "deficit, clamp"]),
    "outlet": ("jd", 'name = "coupon"', 'name = "coupons"', ["`name` in [[currency.outlet]]", "`coupon`"]),
    "gate with two edges": (
        "jd",
        'source = "D35"}}\n[[currency.outlet]]\nname = "coupon"',
        'source = "D35"}, above = {value = 1, source = "D35"}}\n[[currency.outlet]]\nname = "coupon"',
        ["`above`", "one edge"],
    ),
    "gate without edge": ("taobao", 'name = "coupon"\n', 'name = "coupon"\ngate = {}\n', ["`above`", "neither"]),
    "tier twice": (
        "jd",
        'name = "gift"\nabove',
        'name = "birthday"\nabove',
        ["[[tier]] (tier.birthday)", "second one", '"birthday"'],
    ),
    "tiers that fall": (
        "jd",
        'above = {value = 500, source = "D29"}',
        'above = {value = 100, source = "D29"}',
        ["`tier.birthday`", "tier.birthday (above 100)", "tier.privileged (above 200)"],
    ),
    "tiers with one edge": (
        "jd",
        'above = {value = 500, source = "D29"}',
        'above = {value = 200, source = "D29"}',
        ["tier.birthday (above 200) repeats the edge of tier.privileged (above 200)"],
    ),
    "tiers with a gap": (
        "jd",
        'above = {value = 200, source = "D28"}',
        'above = {value = 200, source = "D28"}\nto = {value = 400, source = "D28"}',
        ["`tier.privileged`", "to 400 leaves a gap before tier.birthday (above 500)"],
    ),
    "tiers that overlap": (
        "jd",
        'above = {value = 200, source = "D28"}',
        'above = {value = 200, source = "D28"}\nto = {value = 600, source = "D28"}',
        ["tier.privileged (above 200) to 600 overlaps tier.birthday (above 500)"],
    ),
    "top tier with an end": (
        "jd",
        'above = {value = 20000, source = "D31"}',
        'above = {value = 20000, source = "D31"}\nto = {value = 30000, source = "D31"}',
        ["`tier.exchange`", "last step"],
    ),
    "tier without an edge": (
        "jd",
        'name = "birthday"\nabove = {value = 500, source = "D29"}',
        'name = "birthday"',
        ["`tier.birthday`", "tier.birthday (no edge) follows tier.privileged (above 200)"],
    ),
    "nobody's tier": ("jd", '[[tier]]\nname = "none"\n', "", ["`tier.privileged`", "200", "nobody below it"]),
    "invited without seats": (
        "taobao",
        'members_a_seat = {value = 10000, source = "B25"}\n',
        "",
        ["`invited` in [[tier]] (tier.apass)", "members_a_seat"],
    ),
    "seats without invitation": (
        "taobao",
        "invited = true\n",
        "",
        ["`members_a_seat` in [[tier]] (tier.apass)", "invited = true"],
    ),
    "invited in the middle": (
        "taobao",
        'name = "super"\n',
        'name = "super"\ninvited = true\nmembers_a_seat = {value = 10, source = "B25"}\n',
        ["`tier.super.invited`", "last tier"],
    ),
    "benefit of no tier": (
        "jd",
        'tier = "gift"',
        'tier = "gifts"',
        ["`benefit.gift_pack.tier`", 'no tier "gifts"', "`gift`"],
    ),
    "benefit twice placed": (
        "taobao",
        'tier = "super"\n',
        'tier = "super"\nfrom = {value = 1, source = "B28"}\n',
        ["`tier` in [[benefit]] (benefit.priority_service)", "exactly one"],
    ),
    "fees that fall": (
        "jd",
        'above = {value = 5000, source = "E3"}',
        'above = {value = 500, source = "E3"}',
        ["`fee.2` in [[plan]] (plan.plus)", "fee.2 (above 500)", "fee.1 (above 1000)"],
    ),
    "literal PLUS table": (
        "jd",
        'above = {value = 10000, assumed = "X1',
        'above = {value = 1000, source = "E4"} #',
        ["`fee.3` in [[plan]] (plan.plus)", "fee.3 (above 1000) repeats the edge of fee.1 (above 1000)"],
    ),
    "reading without table": ("jd", 'X1 = "repaired"', 'X2 = "repaired"', ["`X2` in [readings]", "no such reading"]),
    "reading with unknown choice": (
        "jd",
        'X15 = "beans"',
        'X15 = "been"',
        ["`X15` in [readings]", 'no choice "been"', "`beans`"],
    ),
    "first choice that sets": (
        "jd",
        'name = "beans"\nabout = "0.1 bean a CNY: 0.1 percent back"',
        'name = "beans"\nabout = "0.1"\nset = {"confirm.days" = 9}',
        ["`choice` in [[reading]] (reading.X15)", '"beans"'],
    ),
    "reading of a lost path": (
        "jd",
        '"currency.beans.earn.purchase.rate" = 10',
        '"currency.bean.earn.purchase.rate" = 10',
        ["[reading.choice.set] (reading.X15.choice.value.set)", 'no currency "bean"', "`beans`"],
    ),
    "choice twice": (
        "jd",
        'name = "order"\nabout',
        'name = "confirm"\nabout',
        ["(reading.X28.choice.confirm)", "second one"],
    ),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_refused(case, load_text):
    key, old, new, needles = REFUSED[case]
    assert old in TEXTS[key], f"{old!r} has left {key}.toml"
    text = message_of(load_text, TEXTS[key].replace(old, new, 1))
    for needle in needles:
        assert needle in text, text
    assert text.startswith("my.toml")
    assert len(text) < 420, text


@pytest.mark.parametrize(
    "case",
    [
        "unknown key",
        "rate and points",
        "bare number",
        "literal PLUS table",
        "unknown component",
        "rhythm",
        "benefit of no tier",
        "expiry before accrual",
        "periods with a gap",
        "unknown kind",
    ],
)
def test_line_of_the_mistake(case, load_text):
    key, old, new, _ = REFUSED[case]
    text = TEXTS[key].replace(old, new, 1)
    first = TEXTS[key][: TEXTS[key].index(old)].count("\n") + 1
    line = int(re.match(r"my\.toml, line (\d+): ", message_of(load_text, text))[1])
    assert first - 3 <= line <= first + new.count("\n") + 1


def test_assumed_number_needs_a_range(load_text):
    text = message_of(load_text, SMALL.replace('{value = 7, source = "S1"}', '{value = 7, assumed = "a week"}'))
    assert "`range` in [confirm] (confirm.days)" in text and "add range" in text


def test_steps_must_rise(load_text):
    def text(first, second):
        step = '{{from = {{value = {}, source = "S1"}}, points = {{value = 1, source = "S1"}}}}'
        return (
            f'{SMALL}{COIN}[[currency.earn]]\non = ["check_in"]\nper = "streak"\n'
            f"steps = [{step.format(first)}, {step.format(second)}]\n"
        )

    assert len(load_text(text(1, 3)).currencies[0].earn[0].steps) == 2
    found = message_of(load_text, text(3, 1))
    assert "`steps.1` in [[currency.earn]] (currency.coin.earn.0)" in found
    assert "steps.1 (from 1)" in found and "steps.0 (from 3)" in found
    assert "repeats" in message_of(load_text, text(3, 3))


def test_component_may_not_take_the_name_of_a_column(load_text):
    found = message_of(load_text, f'{SMALL}[[score.component]]\nname = "score"\n')
    assert "`name` in [[score.component]] (score.component.score)" in found and "column" in found


def test_shop_cap_is_a_share(load_text):
    shop = '[[currency.redeem.shop]]\nname = "a.b"\ncap_order = {value = 1.5, source = "S1"}\n'
    found = message_of(load_text, SMALL + COIN + shop)
    assert "`cap_order` in [[currency.redeem.shop]] (currency.coin.redeem.shop.a.b)" in found and "1.5" in found
    scheme = load_text(SMALL + COIN + shop.replace("1.5", "0.5"))
    changed = scheme.with_values({"currency.coin.redeem.shop.a.b.cap_order": 0.25})
    assert changed.currencies[0].redeem.shops[0].cap_order.value == 0.25


def test_what_may_be_left_out(load_text):
    scheme = load_text(
        f'{SMALL}{COIN}[[currency.earn]]\non = ["order"]\nrate = {{value = 1, source = "S1"}}\n'
        '[[plan]]\nname = "club"\n'
    )
    (coin,) = scheme.currencies
    assert (coin.title, coin.on_shortfall, coin.rounding, coin.steals, coin.redeem, coin.outlets) == (
        "coin",
        "deficit",
        "floor",
        False,
        None,
        (),
    )
    (rule,) = coin.earn
    assert (rule.name, rule.per, rule.accrues, rule.funded_by) == ("0", "amount_rate", "order", "platform")
    assert scheme.parameters["path"].iloc[-1] == "currency.coin.earn.0.rate"
    assert (scheme.score, scheme.plans[0].title, scheme.plans[0].fees, scheme.readings) == (None, "club", (), {})
    assert scheme.returns.goods_exchange == "return_and_order"
    assert load_text(scheme.to_toml()) == scheme


def test_fees_are_a_ladder_at_each_date(load_text):
    def text(end):
        fees = [("", end), ("2018-06-01", "")]
        lines = ['[[plan]]\nname = "prime"']
        for begin, until in fees:
            lines += ['[[plan.fee]]\ncny = {value = 388, source = "S1"}']
            lines += [f"valid_from = {begin}"] if begin else []
            lines += [f"valid_until = {until}"] if until else []
        return SMALL + "\n".join(lines)

    assert len(load_text(text("2018-05-31")).plans[0].fees) == 2
    assert "fee.1 (no edge) follows fee.0 (no edge)" in message_of(load_text, text("2018-06-01"))


def test_not_toml(load_text):
    found = message_of(load_text, "[scheme\nkey = 1")
    assert found.startswith("my.toml: the text is not TOML") and "line 1" in found


def test_not_text(tmp_path):
    path = tmp_path / "my.toml"
    path.write_bytes(b"\xff\xfe")
    assert "cannot be read as UTF-8 text" in message_of(load_scheme, path)


@pytest.mark.parametrize(
    ("wanted", "needles"),
    [
        ("jdd", ["'jdd'", "did you mean `jd`?"]),
        ("nowhere/else", ["'nowhere/else'", "path of a .toml file"]),
        ("nowhere/else.toml", ["there is no file nowhere/else.toml", "a key of list_schemes"]),
        ("nowhere/jd.toml", ["there is no file", "did you mean the key `jd`?"]),
        (7, ["int 7", "a key or the path"]),
    ],
)
def test_unknown_scheme(wanted, needles):
    text = message_of(load_scheme, wanted)
    for needle in needles:
        assert needle in text, text


def test_lines_are_found_by_path():
    lines = find_lines(TEXTS["jd"])
    rows = TEXTS["jd"].splitlines()
    for path, shown in [
        ("currency.beans.redeem.multiple", "multiple ="),
        ("currency.beans.earn.review", "[[currency.earn]]"),
        ("currency.beans.period.0.valid_from", "valid_from ="),
        ("plan.plus.fee.3.above", "above = {value = 10000"),
        ("reading.X15.choice.value", "[[reading.choice]]"),
        ("scheme.settled", "settled ="),
    ]:
        assert rows[lines[path] - 1].startswith(shown)


# ---------------------------------------------------------------- what differs
COLUMNS = ["path", "change", "a", "b", "provenance_a", "provenance_b", "origin_a", "origin_b"]


@pytest.mark.parametrize(("key", "reading", "choice"), CHOICES)
def test_diff_is_empty_exactly_where_schemes_are_equal(key, reading, choice):
    default = SCHEMES[key]
    other = default.with_readings(**{reading: choice})
    table = diff(default, other)
    assert list(table.columns) == COLUMNS and table.empty == (default == other)
    if not table.empty:
        assert f"readings.{reading}" in set(table["path"]) and len(table) > 1


def test_diff_of_values_can_be_set_again():
    values = {"confirm.days": 7, RATE: 0.3, "currency.beans.steals": True, "score.rule.login.on": ["login", "share"],
              "currency.beans.period.0.valid_from": date(2026, 1, 1), "scheme.title": "Cheap"}
    table = diff("jd", SCHEMES["jd"].with_values(values)).set_index("path")
    assert dict(table["b"]) == {path: value for path, value in values.items() if "period" not in path}
    assert dict(table["a"]) == {
        "confirm.days": 10, RATE: 0.1, "currency.beans.steals": False, "score.rule.login.on": ["login"],
        "scheme.title": SCHEMES["jd"].title,
    }
    assert SCHEMES["jd"].with_values(dict(table["b"])) == SCHEMES["jd"].with_values(values)
    row = table.loc[RATE]
    assert (row["change"], row["provenance_a"], row["origin_a"], row["provenance_b"]) == (
        "changed", "sourced", "F4", "assumed"
    )
    assert row["origin_b"] == "set by the user (the file says 0.1, F4) [0.3, 0.3]"
    assert table.loc["scheme.title", ["provenance_a", "provenance_b", "origin_a"]].isna().all()


def test_diff_turned_round_says_the_opposite():
    there, back = diff("jd", "taobao"), diff(SCHEMES["taobao"], SCHEMES["jd"])
    assert set(there["path"]) == set(back["path"]) and set(there["change"]) == {"added", "removed", "changed"}
    turned = back.set_index("path").loc[there["path"]].reset_index()
    opposite = {"added": "removed", "removed": "added", "changed": "changed"}
    assert [opposite[change] for change in turned["change"]] == there["change"].tolist()
    assert turned["a"].tolist() == there["b"].tolist() and turned["origin_b"].equals(there["origin_a"])


def test_diff_matches_items_by_name_and_keeps_the_order_of_the_file(load_text):
    before = load_text(SMALL + COIN)
    text = SMALL.replace('name = "all"', 'name = "low"\n[[tier]]\nname = "all"\nabove = {value = 5, source = "S1"}')
    after = load_text(text + COIN.replace("0.01", "0.02") + '[[plan]]\nname = "club"\n')
    table = diff(before, after)
    assert table[["path", "change"]].values.tolist() == [
        ["currency.coin.value_cny", "changed"], ["tier.low.name", "added"], ["tier.low.invited", "added"],
        ["tier.all.above", "added"], ["plan.club.name", "added"], ["plan.club.title", "added"],
    ]


def test_diff_sees_where_a_number_comes_from_and_not_how_it_is_written(load_text):
    scheme = load_text(SMALL)
    assert diff(scheme, load_text(SMALL.replace("value = 7", "value = 7.0"))).empty
    other = load_text(SMALL.replace('{value = 7, source = "S1"}', '{value = 7, assumed = "a week", range = [5, 9]}'))
    (row,) = diff(scheme, other).itertuples()
    assert (row.path, row.change, row.a, row.b, row.provenance_a, row.provenance_b, row.origin_a, row.origin_b) == (
        "confirm.days", "changed", 7, 7, "sourced", "assumed", "S1", "a week [5, 9]"
    )
    written = load_text(SMALL + COIN.replace("expiry", 'rounding = "floor"\ntitle = "coin"\nexpiry'))
    assert diff(load_text(SMALL + COIN), written).empty, "a default written down is no difference"


def test_diff_takes_keys_paths_and_schemes_and_keeps_its_types(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TEXTS["jd"].replace("{value = 10, assumed", "{value = 9, assumed", 1), encoding="utf-8")
    full = diff("jd", path)
    assert len(full) == 1 and diff(SCHEMES["jd"], str(path)).equals(full)
    assert diff("jd", "jd").dtypes.equals(full.dtypes) and list(diff("jd", "jd").columns) == COLUMNS
    assert list(full["change"].cat.categories) == ["added", "removed", "changed"]
    assert list(full["provenance_a"].cat.categories) == list(MARKS)


@pytest.mark.parametrize(
    ("pair", "needles"),
    [
        (("jdd", "jd"), ["'jdd'", "did you mean `jd`?"]),
        (("jd", 7), ["b is int", "a key of list_schemes", "a Scheme"]),
        ((SCHEMES["jd"].parameters, "jd"), ["a is DataFrame"]),
        (("jd", None), ["b is NoneType"]),
        (("jd", Path("nowhere.toml")), ["there is no file nowhere.toml"]),
    ],
)
def test_diff_refuses_what_is_no_scheme(pair, needles):
    with pytest.raises(SchemeError) as caught:
        diff(*pair)
    for needle in needles:
        assert needle in str(caught.value)


def test_missing_file_names_a_near_one(tmp_path):
    (tmp_path / "cheap.toml").write_text(SMALL, encoding="utf-8")
    assert "did you mean `cheap.toml`?" in message_of(load_scheme, tmp_path / "cheep.toml")


# ---------------------------------------------------------------- the card
FEATURES = load_scheme(Path(__file__).parent / "oracle" / "features.toml")
CARDS = {**SCHEMES, "features": FEATURES}


class Cells(HTMLParser):
    """The texts of the captions and cells of a page, and its tags."""

    def __init__(self, page: str):
        super().__init__()
        self.texts, self.tags = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(f"<{tag}")
        if tag in ("caption", "th", "td"):
            self.texts.append("")

    def handle_endtag(self, tag):
        self.tags.append(f"/{tag}")

    def handle_data(self, data):
        self.texts[-1] += data


@pytest.mark.parametrize("key", CARDS)
def test_card_shows_every_number_with_its_mark(key):
    scheme = CARDS[key]
    shown = " ".join(text for part in card_of(scheme) for text in (part.title, *(c for row in part.rows for c in row)))
    numbers = set(re.findall(r"[~^]?[\d,.]*\d", shown))
    for path, unit, number in scheme._numbers:
        assert re.match(r"[~^]?[\d,.]+", say_number(number, unit))[0] in numbers, path


@pytest.mark.parametrize("key", CARDS)
def test_text_and_html_lay_out_the_same_sections_within_100_columns(key):
    scheme = CARDS[key]
    sections = card_of(scheme)
    text = str(scheme)
    assert text == card_text(sections) and max(map(len, text.splitlines())) <= 100
    assert not re.search(r"\bNone\b|Number\(|=\d|[{}]", text), text
    page = Cells(scheme._repr_html_())
    assert page.texts == [cell for part in sections for cell in (part.title, *(c for row in part.rows for c in row))]
    assert set(page.tags) <= {f"{end}{tag}" for end in "</" for tag in "div table caption tbody tr th td".split()}
    assert page.tags.count("<td") == page.tags.count("/td") and "color:#" not in scheme._repr_html_()
    squeezed = re.sub(r"\s+", "", text)
    for part in sections:
        assert re.sub(r"\s+", "", part.title) in squeezed


def test_card_tells_what_a_reader_wants_at_a_glance():
    text = re.sub(r"\s+", " ", str(SCHEMES["jd"]))
    for words in (
        "JD: Jingxiang score, beans, PLUS key jd operator JD.com", "scored daily settled on day 2 of each month",
        "X28 confirm when receipt is confirmed", "Score: activity login ~1 point at most ~1 a day, ~31 a month",
        "tenure order: 20 points a year since the first kept for good order",
        "value 0.01 CNY per point", "expires at the end of the next year if earned until 2025-12-31",
        "expires 180 days after earning if earned from 2026-01-01", "earn: purchase order: 0.1 points per CNY",
        "spend: exchange for scores from 20,000", "none up to 200 privileged above 200 PLUS with part of the fee cut",
        "fee score above ~10,000 158 CNY", "benefit five free deliveries a month", "confirm ~10 days after the order",
    ):
        assert words in text, words
    assert "cap_order" not in text and "spend: order in multiples of 1,000 points" in text


def test_a_star_marks_a_reading_that_is_not_the_one_of_the_file(load_text):
    assert "*" not in str(SCHEMES["jd"])
    other = SCHEMES["jd"].with_readings(X15="value")
    assert re.search(r"^  X15 \*   value \(file: beans\)  10 beans a CNY", str(other), re.MULTILINE)
    assert "*" not in str(load_text(other.to_toml())), "the file that it writes has that reading"
    from_file = load_text(TEXTS["jd"].replace('X15 = "beans"', 'X15 = "value"', 1))
    assert "*" not in str(from_file) and "X15 *" in str(from_file.with_readings(X15="beans"))


def test_a_key_that_the_card_does_not_know_shows_its_name():
    @dataclass(frozen=True, kw_only=True)
    class Extended(Outlet):
        weekly_limit: Number | None = None
        fresh: bool = False
        colours: tuple[str, ...] = ()

    (beans,) = SCHEMES["jd"].currencies
    limit = Number(value=3, fitted="x")
    gift = Extended(name="gift", source="F12", weekly_limit=limit, fresh=True, colours=("red", "blue"))
    scheme = replace(SCHEMES["jd"], currencies=(replace(beans, outlets=(gift,)),))
    assert "spend: gift for any score weekly limit ^3; fresh; colours red, blue" in re.sub(r"\s+", " ", str(scheme))
    dull = replace(gift, weekly_limit=None, fresh=False, colours=())
    assert "weekly" not in str(replace(scheme, currencies=(replace(beans, outlets=(dull,)),)))


def test_card_of_odd_texts(load_text):
    title = "<script>alert(1)</script> & " + "x" * 150
    scheme = SCHEMES["jd"].with_values({"scheme.title": title, "benefit.gift_pack.title": "<b>pack</b>"})
    page = scheme._repr_html_()
    assert "<script" not in page and "<b>" not in page and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; " in page
    assert max(map(len, str(scheme).splitlines())) <= 100
    assert str(load_text(SMALL)).startswith("Small\n  key       small\n") and card_html([]) == "<div></div>"
    assert repr(scheme).startswith("Scheme('jd', ") and "\n" not in repr(scheme)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1, "points", "1 point"), (1000, "points", "1,000 points"), (0.1, "points per CNY", "0.1 points per CNY"),
        (0.125, "share", "12.5%"), (1, "share", "100%"), (0.05, "share per level", "5% per level"),
        (200, "score", "200"), (0.5, "score per score", "0.5"), (10.0, "days", "10 days"),
        (1e-9, "CNY per point", "0.000000001 CNY per point"),
        (1e12, "CNY", "1,000,000,000,000 CNY"), (0, "points", "0 points"),
    ],
)
def test_numbers_in_words(value, unit, text):
    assert say_number(Number(value=value, source="S1"), unit) == text
    assert say_number(Number(value=value, assumed="x", range=(0, 1e12)), unit) == f"~{text}"
    assert say_number(Number(value=value, fitted="x"), unit) == f"^{text}"
