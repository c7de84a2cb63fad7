"""The scheme files of the package: readings, contract names, published numbers and their rows, what logs make of it."""

import csv
import re
from datetime import date
from importlib.resources import files
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research.membership import break_even, plan_fee
from loyalty_research.tiers import list_benefits

from .properties.logs import make_log

DATA = files("loyalty_research.data")
TEXTS = {
    path.name: path.read_text(encoding="utf-8")
    for folder in ("schemes", "refused")
    for path in sorted(DATA.joinpath(folder).iterdir(), key=lambda path: path.name)
    if path.name.endswith(".toml")
}
KEYS = tuple(lr.list_schemes().index)
SCHEMES = {key: lr.load_scheme(key) for key in KEYS}
READ = {  # every scheme, and every other complete scheme that a file holds
    **SCHEMES,
    "kaola, growth": SCHEMES["kaola"].with_readings(X21="growth"),
    "xiaohongshu, points": SCHEMES["xiaohongshu"].with_readings(X29="points"),
}
each_key = pytest.mark.parametrize("key", KEYS)
each_scheme = pytest.mark.parametrize("name", READ)


def table(name: str) -> dict[str, dict[str, str]]:
    """A reference table of the package, by id."""
    with DATA.joinpath("reference", name).open(encoding="utf-8", newline="") as rows:
        return {row["id"]: row for row in csv.DictReader(rows)}


RULES, FACTS = table("source_rules.csv"), table("schemes_facts.csv")


def rule_named(scheme: lr.Scheme, name: str):
    return next(rule for rule in scheme.score.rules if rule.name == name)


def currency_named(scheme: lr.Scheme, name: str):
    return next(currency for currency in scheme.currencies if currency.name == name)


# ---------------------------------------------------------------- the files
def test_the_schemes_of_the_contract_are_there():
    assert set(KEYS) == {
        "amazon_prime", "jd", "jd_2016", "kaola", "none", "pinduoduo", "pinduoduo_v1", "qq", "taobao", "taobao_2025",
        "xiaohongshu", "yanxuan",
    }  # fmt: skip


@each_key
def test_every_choice_and_every_pair_of_choices_loads(key):
    scheme = SCHEMES[key]
    by_reading = {name: list(rows["choice"]) for name, rows in scheme.reading_choices.groupby("reading", sort=False)}
    assert list(by_reading) == list(scheme.readings)
    for names in [(), *combinations(by_reading, 1), *combinations(by_reading, 2)]:
        for chosen in product(*(by_reading[name] for name in names)):
            choices = dict(zip(names, chosen, strict=True))
            other = scheme.with_readings(**choices)
            assert other.readings == {**scheme.readings, **choices}


@each_key
def test_the_file_says_its_readings_and_starts_with_the_defaults(key):
    scheme = SCHEMES[key]
    defaults = scheme.reading_choices.query("default").set_index("reading")["choice"].to_dict()
    assert dict(scheme.readings) == defaults
    assert all(re.fullmatch(r"X\d+|expiry", reading) for reading in defaults)
    assert all(reading in RULES for reading in defaults if reading != "expiry")


@each_scheme
def test_values_can_be_changed_under_every_reading(name):
    scheme = READ[name]
    for path, value in scheme.parameters.set_index("path")["value"].items():
        assert scheme.with_values({path: value}) == scheme, path


@each_scheme
def test_titles_are_english(name):
    scheme = READ[name]
    parts = [scheme, *scheme.currencies, *scheme.plans, *scheme.benefits]
    assert all(part.title.isascii() and part.title.strip() for part in parts)
    assert scheme.operator.isascii() and scheme.timezone == "Asia/Shanghai"


NAMES = {
    "amazon_prime": (["none"], ["prime"], []),
    "jd": (["none", "privileged", "birthday", "gift", "exchange"], ["plus"], ["beans"]),
    "jd_2016": (["copper", "silver", "gold", "diamond"], ["plus"], []),
    "kaola": (["none"], ["black_card"], []),
    "kaola, growth": (["level_1", "level_2", "level_3", "level_4"], [], []),
    "none": (["none"], [], []),
    "pinduoduo": (["none"], ["monthly_card"], ["cash", "fruit"]),
    "pinduoduo_v1": ([f"level_{n}" for n in range(1, 6)], ["monthly_card"], ["cash", "points", "fruit"]),
    "qq": (["none", *(f"{sign}_{n}" for sign in ("star", "moon", "sun") for n in (1, 2, 3))], [], []),
    "taobao": (["ordinary", "super", "apass"], ["88vip"], ["coins", "tmall_points"]),
    "taobao_2025": (["bronze", "silver", "gold", "platinum", "diamond", "black_diamond"], ["88vip"], ["coins"]),
    "xiaohongshu": ([f"level_{n}" for n in range(1, 6)], [], []),
    "xiaohongshu, points": (["none"], [], ["points"]),
    "yanxuan": (["v1", "v2", "v3", "v4", "v5", "v6"], [], []),
}


@each_scheme
def test_tiers_plans_and_currencies_have_the_names_of_the_contract(name):
    scheme = READ[name]
    found = tuple([part.name for part in parts] for parts in (scheme.tiers, scheme.plans, scheme.currencies))
    assert found == NAMES[name]
    assert (scheme.score is None) == (name in ("amazon_prime", "kaola", "none", "pinduoduo", "xiaohongshu, points"))


# ---------------------------------------------------------------- where numbers come from
PUBLISHED = [
    # scheme, path, value, row
    ("amazon_prime", "plan.prime.fee.4.cny", 388, "S019"),
    ("jd", "score.rule.new_category.points", 10, "D7"),
    ("jd", "score.rule.three_days.days", 3, "D8"),
    ("jd", "score.rule.three_days.points", 30, "D8"),
    ("jd", "score.rule.tenure.points", 20, "D9"),
    ("jd", "score.rule.photo_post.points", 5, "D11"),
    ("jd", "score.rule.review.points", 2, "D12"),
    ("jd", "score.rule.group_buy_start.points", 10, "D13"),
    ("jd", "score.rule.group_buy_join.points", 5, "D14"),
    ("jd", "score.rule.charity_yuan.points", 20, "D15"),
    ("jd", "score.rule.charity_purchase.points", 25, "D16"),
    ("jd", "score.rule.charity_goods.points", 30, "D17"),
    ("jd", "score.rule.answer.points", 2, "D18"),
    ("jd", "score.rule.share.points", 2, "D19"),
    ("jd", "score.rule.online_payment.points", 2, "D20"),
    ("jd", "score.rule.profile.points", 20, "D22"),
    ("jd", "score.rule.identity.points", 100, "D23"),
    ("jd", "score.rule.wechat.points", 20, "D24"),
    ("jd", "tier.privileged.above", 200, "D28"),
    ("jd", "tier.birthday.above", 500, "D29"),
    ("jd", "tier.gift.above", 10000, "D30"),
    ("jd", "tier.exchange.above", 20000, "D31"),
    ("jd", "currency.beans.outlet.external.gate.from", 20000, "D35"),
    ("jd", "plan.plus.fee.0.above", 200, "E1"),
    ("jd", "plan.plus.fee.0.cny", 198, "E1"),
    ("jd", "plan.plus.fee.1.above", 1000, "E2"),
    ("jd", "plan.plus.fee.1.cny", 188, "E2"),
    ("jd", "plan.plus.fee.2.above", 5000, "E3"),
    ("jd", "plan.plus.fee.2.cny", 168, "E3"),
    ("jd", "plan.plus.fee.3.cny", 158, "E4"),
    ("jd", "plan.plus.fee.4.above", 20000, "E5"),
    ("jd", "plan.plus.fee.4.cny", 148, "E5"),
    ("jd", "benefit.free_deliveries.orders_month", 5, "S045"),
    ("jd", "currency.beans.earn.purchase.above_cny", 50, "F3"),
    ("jd", "currency.beans.earn.purchase.rate", 0.1, "F4"),
    ("jd", "currency.beans.earn.purchase.cap_line", 1000, "F5"),
    ("jd", "currency.beans.earn.review.steps.0.points", 10, "F6"),
    ("jd", "currency.beans.earn.review.steps.2.points", 20, "F6"),
    ("jd", "currency.beans.value_cny", 0.01, "F8"),
    ("jd", "currency.beans.redeem.cap_order", 0.5, "F9"),
    ("jd", "currency.beans.redeem.multiple", 1000, "F10"),
    ("jd", "currency.beans.period.0.expiry.days", 180, "S061"),
    ("jd_2016", "plan.plus.fee.0.cny", 149, "S041"),
    ("jd_2016", "benefit.free_deliveries.orders_month", 5, "S045"),
    ("kaola", "plan.black_card.fee.0.cny", 279, "S063"),
    ("kaola", "benefit.discount.rate", 0.04, "S064"),
    ("pinduoduo", "benefit.coupons.value_cny", 5, "S079"),
    ("pinduoduo", "plan.monthly_card.months", 1, "S078"),
    ("taobao", "score.component.base.cap", 400, "B13"),
    ("taobao", "tier.super.above", 1000, "B23"),
    ("taobao", "tier.apass.above", 2500, "B24"),
    ("taobao", "tier.apass.members_a_seat", 10000, "B25"),
    ("taobao", "benefit.lucky_bag.from", 300, "B27"),
    ("taobao", "benefit.birthday.from", 300, "B27"),
    ("taobao", "plan.88vip.fee.0.cny", 888, "B32"),
    ("taobao", "plan.88vip.fee.1.from", 1000, "B33"),
    ("taobao", "plan.88vip.fee.1.cny", 88, "B33"),
    ("taobao", "benefit.discount.rate", 0.05, "S023"),
    ("taobao", "currency.coins.value_cny", 0.01, "C8"),
    ("taobao_2025", "currency.coins.value_cny", 0.01, "C8"),
    ("taobao_2025", "benefit.discount.rate", 0.05, "S023"),
]


@pytest.mark.parametrize(("key", "path", "value", "row"), PUBLISHED, ids=lambda part: str(part))
def test_a_published_number_stands_in_its_file_with_its_row(key, path, value, row):
    found = SCHEMES[key].parameters.set_index("path").loc[path]
    assert found["value"] == value and found["provenance"] == "sourced"
    assert row in found["source_id"].split(", ")


def test_the_table_of_published_numbers_is_complete():
    """What a file calls sourced is listed above, so that nobody adds a fact without a test of it."""
    sourced = {
        (key, path)
        for key, scheme in SCHEMES.items()
        for path, provenance in scheme.parameters[["path", "provenance"]].itertuples(index=False)
        if provenance == "sourced"
    }
    same = {("jd", "currency.beans.outlet.exchange.gate.from")}  # the same row as the outlet listed
    copied = {(key, path) for key, path in sourced if key == "pinduoduo_v1"}  # as in pinduoduo, see below
    assert sourced - same - copied == {(key, path) for key, path, _, _ in PUBLISHED}


def test_published_texts_stand_in_their_files():
    jd, taobao, old, new = (SCHEMES[key] for key in ("jd", "taobao", "jd_2016", "taobao_2025"))
    assert (jd.scored, jd.settled, jd.valid_until) == ("daily", "monthly:2", None)  # D2, S052
    assert (taobao.scored, taobao.settled) == ("monthly:8", "monthly:8")  # B14
    assert old.valid_until == date(2017, 9, 13)  # D1, S051: replaced on the 14th
    assert taobao.score.channels == ("taobao", "tmall", "fliggy", "taopiaopiao")  # B2
    assert new.score.channels == ("taobao", "tmall", "eleme", "fliggy")  # S035
    (beans,) = jd.currencies
    assert [(p.valid_from, p.expiry.kind) for p in beans.periods] == [
        (None, "end_of_next_year"), (date(2026, 1, 1), "rolling_days"),
    ]  # fmt: skip  # F17, S060, S061
    coins = currency_named(taobao, "coins")
    assert coins.expiry.dates == ("06-30", "12-31") and coins.expiry.pick == "first_after"  # C11, S082
    assert coins.earn[0].funded_by == "merchant" and coins.earn[0].accrues == "confirm"  # C4
    assert new.currencies[0] == coins


def test_rows_and_facts_are_the_whole_tables():
    assert len(RULES) == 216 and len(FACTS) == 84
    assert list(FACTS) == [f"S{number:03d}" for number in range(1, 85)]
    assert {f"X{number}" for number in range(1, 33)} <= set(RULES)
    kinds = {"exact", "vague", "illustrative", "claim", "proposal", "contrast", "gap", "ambiguity"}
    assert {row["kind"] for row in RULES.values()} == kinds
    assert all(row["what"] and row["what"].isascii() for row in RULES.values())


@pytest.mark.parametrize("name", TEXTS)
def test_every_row_that_a_file_names_exists(name):
    text = TEXTS[name]
    sources = [part for found in re.findall(r'\bsource = "([^"]*)"', text) for part in found.split(", ")]
    unknown = {part for part in sources if part not in RULES and part not in FACTS}
    assert not unknown
    assert set(re.findall(r"\b(?:[A-IX]\d{1,2}[abc]?|S\d{3})\b", text)) <= {*RULES, *FACTS}
    assert "/work" not in text


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_not_verified_is_no_source(name):
    shaky = {id_ for id_, row in FACTS.items() if "not verified" in row["verified_at"]}
    assert {"S020", "S044", "S046", "S069", "S076", "S080"} <= shaky
    sources = {part for found in re.findall(r'\bsource = "([^"]*)"', TEXTS[name]) for part in found.split(", ")}
    assert not sources & shaky


@each_scheme
def test_no_assumed_cap_lies_below_one_award(name):
    scheme = READ[name]
    rules = [*(scheme.score.rules if scheme.score else ()), *(rule for each in scheme.currencies for rule in each.earn)]
    for rule in rules:
        award = max((step.points.value for step in rule.steps), default=rule.points.value if rule.points else 0)
        for key in ("cap_line", "cap_order", "cap_day", "cap_month", "cap_year", "cap_category_year", "cap_shop_year"):
            cap = getattr(rule, key)
            if cap is not None:
                assert min(cap.value, *(cap.range or (cap.value,))) >= award, (rule.name, key)


@each_scheme
def test_no_fee_rises_with_the_score(name):
    scheme = READ[name]
    scores = [0, 199, 200, 201, 999, 1000, 1001, 2500, 5001, 10001, 20001, 10**6]
    for plan in scheme.plans:
        for day in ("2004-12-31", "2010-01-01", "2017-01-01", "2019-01-01", "2026-01-01"):
            fees = plan_fee(scheme, plan.name, scores, at=day).dropna()
            assert (fees.diff().dropna() <= 0).all()


# ---------------------------------------------------------------- what single files say
@pytest.mark.parametrize(
    ("day", "country", "dollars"),
    [
        ("2005-01-31", "US", None), ("2005-02-01", "US", 79), ("2014-02-28", "US", 79),  # S001
        ("2014-03-01", "US", 99), ("2018-05-10", "US", 99),  # S002
        ("2018-05-11", "US", 119), ("2022-02-17", "US", 119),  # S003
        ("2022-02-18", "US", 139), ("2025-09-03", "US", 139),  # S004
        ("2016-09-30", "CN", None),  # G1
    ],
)  # fmt: skip
def test_prime_costs_what_it_cost_on_the_day(day, country, dollars):
    scheme = SCHEMES["amazon_prime"].with_values({"plan.prime.country": country})
    fee = plan_fee(scheme, "prime", [0], at=day).item()
    assert np.isnan(fee) if dollars is None else fee == pytest.approx(8.28 * dollars, abs=1e-9)


def test_prime_in_china_and_nowhere_else():
    scheme = SCHEMES["amazon_prime"]
    china = scheme.with_values({"plan.prime.country": "CN"})
    assert plan_fee(china, "prime", [0], at="2016-10-01").item() == 388  # S019
    assert plan_fee(china, "prime", [0], at="2019-01-01").item() == 388
    for country in ("JP", "UK", "DE"):
        with pytest.raises(lr.SchemeError, match="no fee holds"):
            scheme.with_values({"plan.prime.country": country})


def test_dollars_are_turned_within_their_range():
    fees = SCHEMES["amazon_prime"].plans[0].fees[:4]
    for fee, dollars, row in zip(fees, (79, 99, 119, 139), ("S001", "S002", "S003", "S004"), strict=True):
        assert fee.cny.exact == pytest.approx(dollars * 8.28)
        assert fee.cny.range == (pytest.approx(dollars * 6.05), pytest.approx(dollars * 8.28))
        assert fee.cny.assumed.startswith(f"{row}: {dollars} USD at 8.28")
        assert FACTS[row]["value"] == str(dollars)


def test_prime_posts_its_fee_once_and_at_each_change():
    log = make_log([{"time": day, "kind": "login"} for day in ("2013-01-01", "2023-01-01")])
    done = lr.replay(log, SCHEMES["amazon_prime"])
    found = list(zip(done.fees["settled_on"].dt.strftime("%Y-%m-%d"), done.fees["fee_cny"], strict=True))
    assert found == [("2013-01-01", 654.12), ("2014-03-01", 819.72), ("2018-05-11", 985.32), ("2022-02-18", 1150.92)]


def test_the_black_card_breaks_even_where_the_facts_say():
    scheme = SCHEMES["kaola"]
    assert break_even(scheme, "black_card", 0)["spend_cny"] == pytest.approx(6975)
    assert float(FACTS["S068"]["value"]) == 6975
    assert plan_fee(scheme, "black_card", [0, 10**6]).tolist() == [279, 279]


def test_the_black_card_is_sold_or_reached_and_never_both():
    card, growth = READ["kaola"], READ["kaola, growth"]
    assert card.score is None and len(card.tiers) == 1 and {each.plan for each in card.benefits} == {"black_card"}
    assert growth.plans == () and {each.plan for each in growth.benefits} == {None}
    assert {kind for rule in growth.score.rules for kind in rule.on} >= {
        "order", "review", "login", "profile_completed",
    }  # fmt: skip  # G2
    with pytest.raises(lr.SchemeError, match="no plan 'black_card'"):
        plan_fee(growth, "black_card", [0])
    assert growth.with_readings(X21="card") == card


def test_yanxuan_grows_by_what_the_source_names():
    kinds = {kind for rule in SCHEMES["yanxuan"].score.rules for kind in rule.on}
    assert kinds >= {"order", "review", "login", "profile_completed"}  # G3, S073
    assert SCHEMES["yanxuan"].parameters["provenance"].eq("assumed").all()


def test_xiaohongshu_runs_one_of_the_two_systems():
    levels, points = READ["xiaohongshu"], READ["xiaohongshu, points"]
    assert levels.score and len(levels.tiers) > 1 and not levels.currencies
    assert points.score is None and len(points.tiers) == 1 and len(points.currencies) == 1
    assert points.with_readings(X29="levels") == levels


def test_88vip_of_2025_opens_where_platinum_begins():
    scheme = SCHEMES["taobao_2025"]
    platinum = next(tier for tier in scheme.tiers if tier.name == "platinum")
    (fee,) = scheme.plans[0].fees
    assert fee.from_.exact == platinum.from_.exact and fee.from_.range == platinum.from_.range  # S036
    edge = int(platinum.from_.value)
    fees = plan_fee(scheme, "88vip", [edge - 1, edge, 10 * edge])
    assert np.isnan(fees.iloc[0]) and fees.iloc[1:].tolist() == [88, 88]
    assert "S022" in fee.cny.assumed


def test_tmall_ele_me_and_fliggy_count_for_the_level_and_others_do_not():
    channels = ("taobao", "tmall", "eleme", "fliggy", "taopiaopiao", "other", None)
    rows = [
        {"customer_id": n, "time": "2025-08-20", "kind": "order", "amount": 20_000, "channel": channel}
        for n, channel in enumerate(channels, 1)
    ]
    scores = lr.score(make_log(rows), SCHEMES["taobao_2025"], at="2025-09-08")["score"]
    assert scores.tolist() == [1000, 1000, 1000, 1000, 0, 0, 1000]


def test_plus_as_printed_is_refused_with_both_steps_named():
    path = DATA.joinpath("refused", "plus_literal.toml")
    with pytest.raises(lr.SchemeError) as caught:
        lr.load_scheme(str(path))
    text = str(caught.value)
    assert "fee.1 (above 1000)" in text and "fee.3 (above 1000)" in text and "plan.plus" in text
    assert "plus_literal" not in KEYS
    printed = re.findall(r"^cny = \{value = (\d+)", TEXTS["plus_literal.toml"], re.MULTILINE)
    assert printed == ["198", "188", "168", "158", "148"]  # E1-E5


def test_plus_read_as_the_lowest_price_names_the_row_of_that_price():
    lowest = SCHEMES["jd"].with_readings(X1="lowest")
    found = lowest.parameters.set_index("path").loc[[f"plan.plus.fee.{n}.cny" for n in (1, 2, 3)]]
    assert found["value"].tolist() == [158] * 3 and found["source_id"].tolist() == ["E4"] * 3
    assert plan_fee(lowest, "plus", [200, 201, 1001, 5001, 10001, 20001]).tolist()[1:] == [198, 158, 158, 158, 148]
    repaired = plan_fee(SCHEMES["jd"], "plus", [200, 201, 1001, 5001, 10001, 20001])
    assert repaired.tolist()[1:] == [198, 188, 168, 158, 148] and np.isnan(repaired.iloc[0])  # E6


def test_a_multiplier_of_reputation_says_so():
    multiplier = SCHEMES["taobao"].with_readings(X30="multiplier").parameters.set_index("path")
    for part in ("shopping", "reward"):
        row = multiplier.loc[f"score.component.{part}.boost_by_level"]
        assert row["value"] == 0.05 and "no multiplier" not in row["reason"]


# ---------------------------------------------------------------- pinduoduo, now and as proposed
def test_check_in_pays_cash_of_the_platform_once_a_day():
    times = ("2024-05-01 08:00", "2024-05-01 20:00", "2024-05-02 08:00", "2024-05-09 08:00")
    entries = lr.ledger(make_log([{"time": time, "kind": "check_in"} for time in times]), SCHEMES["pinduoduo"]).entries
    assert entries["points"].tolist() == [10, 10, 10]
    assert set(entries["funded_by"]) == {"platform"} and set(entries["currency"]) == {"cash"}
    assert currency_named(SCHEMES["pinduoduo"], "cash").kind == "cash"  # H1
    assert SCHEMES["pinduoduo"].score is None  # S077


def water(times: int, **values) -> list[dict]:
    return [{"time": f"2024-05-01 {n // 60:02d}:{n % 60:02d}", "kind": "water", **values} for n in range(times)]


def test_the_orchard_hands_over_fruit_at_exactly_its_price():
    scheme = SCHEMES["pinduoduo"]
    fruit = currency_named(scheme, "fruit")
    each, price = int(fruit.earn[0].points.value), int(fruit.outlets[0].price.value)
    assert fruit.kind == "goods" and fruit.outlets[0].automatic and price % each == 0  # H2
    needed = price // each
    before = lr.ledger(make_log(water(needed - 1)), scheme).entries
    assert set(before["entry"]) == {"accrual"} and before["balance"].iloc[-1] == price - each
    grown = lr.ledger(make_log(water(2 * needed + 1)), scheme).entries
    handed = grown[grown["entry"] == "redemption"]
    assert -handed["points"].sum() == 2 * price and set(handed["outlet"]) == {"exchange"}
    assert handed["time"].nunique() == 2 and handed["time"].iloc[0] == pd.Timestamp(water(needed)[-1]["time"])
    assert grown["balance"].iloc[-1] == each
    assert set(handed["funded_by"]) == {"platform"}


def test_a_returned_order_leaves_the_orchard_alone():
    scheme = SCHEMES["pinduoduo"]
    order = [
        {"time": "2024-04-30", "kind": "order", "amount": 600, "order_id": 1, "item_id": "a"},
        *water(100),
        {"time": "2024-05-02", "kind": "return", "order_id": 1, "item_id": "a"},
    ]
    with_order, without = (lr.ledger(make_log(rows), scheme).entries for rows in (order, water(100)))
    columns = ["currency", "time", "entry", "points", "balance"]
    assert with_order[columns].equals(without[columns])


def test_fruit_handed_over_before_a_return_is_owed_and_grown_again():
    """Growth that an order paid is taken back after the fruit has gone: it is owed, and the next watering repays."""
    scheme = SCHEMES["pinduoduo"].with_values({"currency.fruit.earn.water.on": ("water", "order")})
    order = {"time": "2024-04-30", "kind": "order", "amount": 600, "order_id": 1}
    rows = [order, *water(99), {"time": "2024-05-02", "kind": "return", "order_id": 1}]
    entries = lr.ledger(make_log([*rows, {"time": "2024-05-03", "kind": "water"}]), scheme).entries
    assert entries["entry"].tolist()[-3:] == ["redemption", "clawback", "accrual"]
    assert entries["balance"].tolist()[-3:] == [0, -10, 0]
    assert -entries.loc[entries["entry"] == "redemption", "points"].sum() == 1000


def test_cash_pays_an_order_to_the_fen_and_comes_back_with_it():
    rows = [
        {"time": "2024-05-01", "kind": "check_in"},
        {"time": "2024-05-02", "kind": "redeem", "amount": 0.07, "points": 10, "order_id": 1},
        {"time": "2024-05-02", "kind": "order", "amount": 0.0, "order_id": 1},
        {"time": "2024-05-03", "kind": "return", "order_id": 1},
    ]
    ledger = lr.ledger(make_log(rows), SCHEMES["pinduoduo"])
    assert ledger.entries["points"].tolist() == [10, -7, 7] and ledger.declined["reason"].tolist() == ["cap"]


def test_the_monthly_card_is_quoted_by_the_year():
    plan = SCHEMES["pinduoduo"].plans[0]
    assert plan.months.value == 1 and plan.fees[0].cny.value == pytest.approx(12 * 11.9)
    assert plan.fees[0].cny.range == (pytest.approx(12 * 5.9), pytest.approx(12 * 12.9))
    assert "S080" in plan.fees[0].cny.assumed


def test_the_proposal_keeps_what_there_is():
    now, first = SCHEMES["pinduoduo"], SCHEMES["pinduoduo_v1"]
    assert first.plans == now.plans and [each for each in first.benefits if each.plan] == list(now.benefits)
    cash, tree = currency_named(first, "cash"), currency_named(first, "fruit")
    assert cash.redeem == currency_named(now, "cash").redeem and cash.value_cny == currency_named(now, "cash").value_cny
    assert tree.outlets == currency_named(now, "fruit").outlets
    assert tree.earn[0].points == currency_named(now, "fruit").earn[0].points


def test_the_proposal_mixes_cash_and_points_for_a_check_in():
    scheme = SCHEMES["pinduoduo_v1"]
    mix = {name: f"currency.{name}.earn.check_in.steps.0.points" for name in ("cash", "points")}
    shown = scheme.parameters.set_index("path").loc[list(mix.values())]
    assert shown["provenance"].eq("assumed").all() and shown["reason"].str.startswith("H11").all()
    log = make_log([{"time": "2024-05-01", "kind": "check_in"}])
    for cash, points in ((5, 5), (10, 0), (0, 10), (3, 7)):
        other = scheme.with_values({mix["cash"]: cash, mix["points"]: points})
        entries = lr.ledger(log, other).entries.set_index("currency")["points"]
        assert entries.get("cash", 0) == cash and entries.get("points", 0) == points
    assert shown["value"].sum() == SCHEMES["pinduoduo"].currencies[0].earn[0].steps[0].points.value


def test_the_tree_of_the_proposal_grows_faster_with_the_level():
    scheme = SCHEMES["pinduoduo_v1"]
    orders = [
        {"customer_id": n, "time": "2024-05-01", "kind": "order", "amount": amount}
        for n, amount in enumerate((199, 200, 1000, 3000, 10_000), 1)
    ]
    acts = [{"customer_id": n, "time": "2024-05-03", "kind": "water"} for n in range(1, 6)]
    entries = lr.ledger(make_log([*orders, *acts]), scheme).entries
    assert entries["points"].tolist() == [10, 11, 12, 13, 14]  # H12


def test_the_proposal_opens_no_mall_lottery_or_third_party():
    scheme = SCHEMES["pinduoduo_v1"]
    outlets = currency_named(scheme, "points").outlets
    assert {each.name: (each.offered, each.source) for each in outlets} == dict.fromkeys(
        ("exchange", "coupon", "lottery", "external"), (False, "H18")
    )
    rows = [{"time": "2024-05-01", "kind": "grant", "points": 500, "currency": "points"}]
    rows += [
        {"time": "2024-05-02", "kind": "exchange", "points": 10, "currency": "points", "item_id": item}
        for item in ("coupon", "lottery", "external", None)
    ]
    rows += [{"time": "2024-05-02", "kind": kind} for kind in ("harvest", "plant")]
    ledger = lr.ledger(make_log(rows), scheme)
    assert ledger.declined["reason"].tolist() == ["not_offered"] * 4 and ledger.entries["points"].tolist() == [500]


def test_each_level_of_the_proposal_has_a_badge():
    opened = list_benefits(SCHEMES["pinduoduo_v1"], 3000)["open"]
    assert opened[["badge_2", "badge_3", "badge_4", "badge_5"]].tolist() == [True, True, True, False]  # H13


# ---------------------------------------------------------------- logs
@pytest.fixture(scope="module")
def made() -> pd.DataFrame:
    return lr.make_events(200, seed=3)


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    return lr.load_cdnow()


def check_tables(done: lr.Replay, scheme: lr.Scheme, customers: int) -> pd.DataFrame:
    """The laws that hold for every scheme, and the ledger's entries."""
    entries, names = done.ledger.entries, [currency.name for currency in scheme.currencies]
    spendable = entries[~entries["entry"].isin(["pending", "release"])]
    last = entries.drop_duplicates(["customer_id", "currency"], keep="last")
    sums = spendable.groupby(["customer_id", "currency"], observed=True)["points"].sum()
    held = last.set_index(["customer_id", "currency"])["balance"]
    assert held.sub(sums, fill_value=0).eq(0).all()
    assert set(entries["currency"]) <= set(names)
    assert done.tiers["customer_id"].nunique() == customers
    assert set(done.tiers["tier"]) <= {tier.name for tier in scheme.tiers}
    first = done.tiers.drop_duplicates("customer_id")
    assert (first["change"] == "joined").all()
    assert set(done.fees["plan"]) <= {plan.name for plan in scheme.plans}
    assert (done.scores["score"] >= 0).all()
    return entries


ISSUES = {  # currencies in which a log of all kinds of acts, and one of orders only, issues points
    "jd": ({"beans"}, {"beans"}),
    "pinduoduo": ({"cash", "fruit"}, set()),
    "pinduoduo_v1": ({"cash", "points", "fruit"}, set()),
    "taobao": ({"coins", "tmall_points"}, {"coins"}),
    "taobao_2025": ({"coins"}, {"coins"}),
    "xiaohongshu, points": ({"points"}, {"points"}),
}
ORDERS_MOVE = {  # purchases alone lift somebody: not QQ, and not Taobao, whose shopping score the base holds down
    "jd", "jd_2016", "kaola, growth", "pinduoduo_v1", "taobao_2025", "xiaohongshu", "yanxuan",
}  # fmt: skip


def issued_in(entries: pd.DataFrame) -> set[str]:
    """The currencies in which points were issued."""
    return set(entries.loc[entries["entry"] == "accrual", "currency"])


@each_scheme
def test_replay_of_a_log_of_all_kinds_of_acts(name, made):
    if name == "jd_2016":  # over before the log begins: six years earlier it ends within the log
        made = made.assign(time=made["time"] - pd.Timedelta(days=6 * 365))
    scheme = READ[name]
    done = lr.replay(made, scheme, until=made["time"].max() + pd.Timedelta(days=40))
    joined = made[made["time"] < "2017-09-14"] if name == "jd_2016" else made
    entries = check_tables(done, scheme, joined["customer_id"].nunique())
    assert issued_in(entries) == ISSUES.get(name, (set(), set()))[0]
    if name not in ("jd", "taobao"):
        assert done.tiers["change"].eq("up").any() == (len(scheme.tiers) > 1)


@each_scheme
def test_replay_of_cdnow(name, cdnow):
    scheme = READ[name]
    done = lr.replay(cdnow, scheme, until="1998-08-01")
    entries = check_tables(done, scheme, cdnow["customer_id"].nunique())
    assert issued_in(entries) == ISSUES.get(name, (set(), set()))[1]
    assert done.tiers["change"].eq("up").any() == (name in ORDERS_MOVE)
    priced = scheme.plans and name not in ("amazon_prime", "taobao_2025")  # not yet begun; nobody at Platinum
    assert len(done.fees) > 0 if priced else name != "amazon_prime" or done.fees.empty


def test_qq_only_rises():
    log = lr.make_events(100, seed=5, events_per_customer=200)
    logins = log[log["kind"].isin(["login", "order", "return"])]
    done = lr.replay(logins, SCHEMES["qq"], until="2035-01-01")
    assert set(done.tiers["change"]) == {"joined", "up"}
    assert (done.scores.groupby("customer_id")["score"].diff().dropna() > 0).all()
    days = logins[logins["kind"] == "login"].assign(day=lambda frame: frame["time"].dt.normalize())
    counted = days.groupby("customer_id")["day"].nunique()
    final = done.scores.drop_duplicates("customer_id", keep="last").set_index("customer_id")["score"]
    assert final[counted.index].equals(counted.rename("score"))


def test_the_other_growth_values_fall_when_nothing_happens():
    rows = [{"time": "2024-05-01", "kind": "order", "amount": 30_000, "channel": "tmall"}]
    for name in ("kaola, growth", "yanxuan", "xiaohongshu", "pinduoduo_v1", "taobao_2025"):
        done = lr.replay(make_log(rows), READ[name], until="2026-01-01")
        assert done.tiers["change"].tolist()[-1] == "down", name
        assert done.scores["score"].tolist()[-1] == 0, name


def test_the_four_levels_of_jd_end_with_13_september_2017():
    days = pd.date_range("2016-06-01", "2018-06-01", freq="MS").strftime("%Y-%m-%d")
    rows = [{"time": day, "kind": "order", "amount": 1500} for day in (*days, "2017-09-13", "2017-09-14")]
    rows += [{"customer_id": 2, "time": "2017-12-01", "kind": "order", "amount": 50_000}]
    log = make_log(sorted(rows, key=lambda row: (row.get("customer_id", 1), row["time"])))
    done = lr.replay(log, SCHEMES["jd_2016"], until="2020-01-01")
    for table in (done.scores, done.tiers, done.fees):
        assert len(table) and table["settled_on"].max() <= pd.Timestamp("2017-09-13")
        assert set(table["customer_id"]) == {1}
    assert done.scores["settled_on"].max() == pd.Timestamp("2017-09-13")
    assert done.scores["score"].iloc[-1] == 13 * 1500  # twelve months and the last day itself
    assert done.tiers["tier"].tolist() == ["copper", "silver", "gold"]


def test_a_return_takes_growth_back():
    rows = [
        {"time": "2024-05-01", "kind": "order", "amount": 5000, "order_id": 1},
        {"time": "2024-06-01", "kind": "return", "order_id": 1},
    ]
    for name in ("kaola, growth", "yanxuan", "xiaohongshu", "pinduoduo_v1", "taobao_2025"):
        scores = lr.score(make_log(rows), READ[name], at=["2024-05-10", "2024-06-10"])["score"]
        assert scores.iloc[0] > 0 and scores.iloc[1] == 0, name
