"""The rules of the sources as hand-size cases: one a row id, with the change that switches the rule off.

A case checks one scheme on a log of a few rows. `off` says how the rule is taken away: a path of the scheme file that
is taken out, values that are set, or a line of code that is replaced (file, line, replacement). tests/test_rules.py
runs every case, and in the long form runs it again with its rule off, when it has to fail.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

import loyalty_research as lr
from loyalty_research.membership import plan_fee
from loyalty_research.tiers import list_benefits

from .properties.logs import make_log

DAY = "2024-03-05"                                   # when the hand logs begin; a Tuesday in no special month


@dataclass(frozen=True, kw_only=True)
class Case:
    """A rule of the sources, its check on a scheme, and how to switch it off."""

    scheme: str
    check: Callable[[lr.Scheme], None]
    off: str | tuple[str, ...] | dict | tuple


CASES: dict[str, Case] = {}


def rule(ids: str, scheme: str, off) -> Callable:
    """Register a check for the row ids that it shows."""
    def keep(check):
        for row in ids.split():
            assert row not in CASES, row
            CASES[row] = Case(scheme=scheme, check=check, off=off)
        return check
    return keep


# ------------------------------------------------------------------------------------------ asking a scheme


def act(kind: str, day: str = DAY, **values) -> dict:
    return {"time": day, "kind": kind, **values}


def order(amount: float, day: str = DAY, **values) -> dict:
    order.number += 1
    return act("order", day, amount=amount, **{"order_id": order.number, "item_id": "i", **values})


order.number = 0


def score(scheme: lr.Scheme, *rows: dict, at: str = "2024-04-10") -> dict:
    """Components and score of one customer in force on a day."""
    return lr.score(make_log(list(rows)), scheme, at=at).iloc[0].drop(["customer_id", "settled_on"]).to_dict()


def run(scheme: lr.Scheme, *rows: dict, until: str = "2024-03-31") -> lr.Ledger:
    return lr.ledger(make_log(list(rows)), scheme, until=until)


def earned(scheme: lr.Scheme, *rows: dict, currency: str | None = None, until: str = "2024-03-31") -> int:
    """Points accrued."""
    rows = run(scheme, *rows, until=until).entries.query("entry == 'accrual'")
    return int(rows.loc[(rows["currency"] == currency) | (currency is None), "points"].sum())


def rich(points: int, currency: str | None = None, day: str = "2024-03-01") -> dict:
    return act("grant", day, points=points, currency=currency)


def spent(scheme: lr.Scheme, kind: str, points: int, item: str | None = None, currency: str | None = None, before=()) -> str:
    """What became of an exchange or a gift: the outlet, or the reason why not."""
    done = run(scheme, *before, rich(50_000, currency), act(kind, points=points, item_id=item, currency=currency))
    if len(done.declined):
        return done.declined["reason"].item()
    return done.entries.query("entry == 'redemption'")["outlet"].unique().item()


def redeemed(scheme: lr.Scheme, amount: float, ask: int = 100_000, currency: str | None = None, **values) -> int:
    """Points that an order of an amount takes."""
    bought = order(amount, **values)
    ask_row = act("redeem", order_id=bought["order_id"], amount=amount, points=ask, currency=currency, **values)
    rows = run(scheme, rich(50_000, currency), ask_row, bought, until=DAY).entries.query("entry == 'redemption'")
    return int(-rows["points"].sum())


def tier_at(scheme: lr.Scheme, value: int) -> str:
    """The tier of a settled score."""
    table = pd.DataFrame({"customer_id": [1], "settled_on": [pd.Timestamp("2024-03-08")], "score": [value]})
    return str(lr.assign_tiers(table, scheme)["tier"].item())


def fees(scheme: lr.Scheme, plan: str, *scores: int) -> list[float]:
    return plan_fee(scheme, plan, list(scores)).tolist()


def opened(scheme: lr.Scheme, value: int) -> set[str]:
    return set(list_benefits(scheme, value).query("open").index)


def paid_once(ids: str, kind: str, name: str, points: int) -> None:
    """An act of JD's activity or account component pays a published number."""
    @rule(ids, "jd", off=f"score.rule.{name}")
    def check(scheme):
        assert score(scheme, act(kind, item_id={"identity_verified": "real_name", "account_bound": "wechat"}.get(kind)))["score"] == points


# ------------------------------------------------------------------------------------------ A, I: what holds for both


@rule("A2", "pinduoduo", off={"currency.cash.kind": "points"})
def both_one_or_neither(scheme):
    def systems(each):
        return bool(each.score), any(currency.kind == "points" for currency in each.currencies)
    assert systems(scheme) == (False, False)
    assert systems(lr.load_scheme("jd")) == systems(lr.load_scheme("taobao")) == (True, True)
    assert sum(systems(lr.load_scheme("xiaohongshu"))) == 1


@rule("A8 I2", "jd", off={"score.rule.login.window": "lifetime"})
def points_pile_up_and_scores_roll(scheme):
    rows = [act("login"), act("check_in")]
    assert score(scheme, *rows, at="2024-03-06")["activity"] == 1 and score(scheme, *rows, at="2025-03-05")["activity"] == 0
    assert run(scheme, *rows, until="2025-12-31 23:00").balances("2025-12-31 23:00")["balance"].item() == 5


@rule("A10 I3", "jd", off={"currency.beans.earn.photo_post.on": ["photo_post", "plan_joined"]})
def points_are_not_for_sale(scheme):
    bought = [act(kind, amount=500) for kind in ("plan_joined", "plan_renewed", "online_payment")]
    assert earned(scheme, *bought) == 0


@rule("I1", "jd", off={"currency.beans.earn.purchase.above_cny": 5000})
def one_purchase_pays_both(scheme):
    assert earned(scheme, order(600)) == 60 and score(scheme, order(600))["consumption"] > 0


@rule("I4", "taobao", off={"currency.coins.redeem": {"cap_order": {"value": 0, "source": "test"}}})
def coins_take_money_off_and_tmall_points_do_not(scheme):
    assert redeemed(scheme, 100, currency="coins") > 0 and redeemed(scheme, 100, currency="tmall_points") == 0


@rule("I6", "jd", off={"scheme.scored": "monthly:2"})
def jd_values_daily_and_taobao_monthly(scheme):
    days = {name: [str(day.date()) for day in lr.replay(make_log([act("login")]), each, until="2024-04-30").scores["settled_on"]]
            for name, each in {"jd": scheme, "taobao": lr.load_scheme("taobao")}.items()}
    assert days == {"jd": [DAY], "taobao": ["2024-03-08"]}


@rule("I7", "taobao", off={"currency.coins.expiry": {"kind": "end_of_next_year", "source": "test"}})
def coins_end_on_fixed_dates_and_beans_with_a_year(scheme):
    days = [str(run(each, act("check_in")).entries["expires_on"].iloc[0].date()) for each in (scheme, lr.load_scheme("jd"))]
    assert days == ["2025-06-30", "2025-12-31"]


@rule("I8 D36", "jd", off="score.rule.wechat.off")
def a_jd_score_is_given_up_by_unbinding(scheme):
    bound = act("account_bound", item_id="wechat")
    assert score(scheme, bound)["account"] == 20
    assert score(scheme, bound, act("account_unbound", "2024-03-20", item_id="wechat"))["account"] == 0


@rule("I9", "jd", off=("score.rule.credit", "score.component.credit"))
def five_dimensions_against_three_parts(scheme):
    assert len(scheme.score.components) == 5 and len(lr.load_scheme("taobao").score.components) == 3
    assert not scheme.score.channels and len(lr.load_scheme("taobao").score.channels) == 4


@rule("I10", "jd", off="plan.plus.fee.4")
def one_step_against_five(scheme):
    assert len(scheme.plans[0].fees) == 5 and len(lr.load_scheme("taobao").plans[0].fees) == 2


@rule("I11 C3", "taobao", off={"currency.coins.earn.purchase.funded_by": "platform"})
def platform_and_merchants_fund_coins(scheme):
    rows = run(scheme, act("check_in"), order(100)).entries.query("entry == 'accrual' and currency == 'coins'")
    assert set(rows["funded_by"]) == {"platform", "merchant"}
    beans = run(lr.load_scheme("jd"), act("check_in"), order(100)).entries.query("entry == 'accrual'")
    assert set(beans["funded_by"]) == {"platform"}


# ------------------------------------------------------------------------------------------ B: the Taobao score


@rule("B1", "taobao", off={"score.channels": ["taobao", "fliggy", "taopiaopiao"]})
def taobao_and_tmall_share_one_score(scheme):
    parts = [score(scheme, act("reputation", points=5), order(1000, channel=channel))["shopping"] for channel in ("taobao", "tmall")]
    assert parts[0] == parts[1] > 0


@rule("B2", "taobao", off="score.channels")
def four_apps_count(scheme):
    base = act("reputation", points=5)
    for channel in ("taobao", "tmall", "fliggy", "taopiaopiao"):
        assert score(scheme, base, order(1000, channel=channel))["shopping"] > 0
    assert score(scheme, base, order(1000, channel="eleme"))["shopping"] == 0


@rule("B3 B15", "taobao", off={"score.rule.physical.window": "lifetime"})
def twelve_months_count_and_the_base_stays(scheme):
    rows = [act("reputation", points=5), order(1000), act("ask")]
    first, later = score(scheme, *rows, at="2025-03-04"), score(scheme, *rows, at="2025-03-08")
    assert first["shopping"] > 0 and first["reward"] > 0 and first["base"] == 400
    assert later["shopping"] == later["reward"] == 0 and later["base"] == 400


@rule("B4", "taobao", off={"score.rule.physical.component": "reward"})
def a_sum_of_three_parts(scheme):
    parts = score(scheme, act("reputation", points=5), order(1000), act("ask"))
    assert list(parts) == ["shopping", "reward", "base", "score"]
    assert min(parts.values()) > 0 and sum(parts.values()) == 2 * parts["score"]


@rule("B5", "taobao", off=tuple(f"score.rule.physical.cap_{cap}" for cap in ("order", "day", "month", "category_year", "shop_year")))
def five_caps_on_shopping(scheme):
    caps = next(rule for rule in scheme.score.rules if rule.name == "physical")
    base, at = act("reputation", points=5), "2024-12-10"
    orders = {
        "order": [order(90_000)], "day": [order(90_000) for _ in range(9)],
        "month": [order(90_000, f"2024-03-{day:02}") for day in range(10, 20)],
        "category_year": [order(90_000, f"2024-{month:02}-{day:02}", category="toys") for month in (3, 4, 5) for day in range(10, 20)],
        "shop_year": [order(90_000, f"2024-{month:02}-{day:02}", shop="s") for month in (3, 4, 5) for day in range(10, 20)]}
    for name, rows in orders.items():
        assert score(scheme, base, *rows, at=at)["shopping"] == getattr(caps, f"cap_{name}").value, name


@rule("B6", "taobao", off={"score.rule.physical.cap_order": 50, "score.rule.virtual.cap_order": 50, "score.rule.virtual.cap_day": 75,
                           "score.rule.virtual.cap_month": 200, "score.rule.virtual.rate": 0.05})
def goods_count_more_than_virtual_goods(scheme):
    base = act("reputation", points=5)
    goods, virtual = (score(scheme, base, order(90_000, virtual=virtual))["shopping"] for virtual in (False, True))
    assert goods > virtual > 0


@rule("B7", "taobao", off="score.rule.share_click")
def eight_inputs_of_the_reward_score(scheme):
    inputs = [[act(kind)] for kind in ("review", "photo_review", "follow_up_review", "share_click", "ask")]
    inputs += [[order(1, category="toys")], [order(1)], [order(1, "2024-02-20"), order(1)]]
    plain = [0] * 5 + [3, 0, 6]                          # what the rows pay without the input: deal days
    found = [score(scheme, *rows)["reward"] for rows in inputs]
    assert all(value > less for value, less in zip(found, plain, strict=True)), found


@rule("B8", "taobao", off="score.rule.family_bound")
def the_family_account_pays_extra(scheme):
    assert score(scheme, act("family_bound"))["reward"] > 0


@rule("B9", "taobao", off="score.rule.text_review.cap_day")
def each_reward_has_a_daily_and_a_monthly_cap(scheme):
    assert all(rule.cap_day and rule.cap_month for rule in scheme.score.rules if rule.component == "reward")
    review = next(rule for rule in scheme.score.rules if rule.name == "text_review")
    assert score(scheme, *[act("review") for _ in range(9)])["reward"] == review.cap_day.value
    days = [act("review", f"2024-03-{day:02}") for day in range(9, 30) for _ in range(9)]
    assert score(scheme, *days)["reward"] == min(review.cap_month.value, 100)


@rule("B10", "taobao", off="score.component.reward.cap_by")
def more_shopping_allows_more_reward(scheme):
    rows = [act(kind, f"2024-03-{day:02}") for day in range(9, 30) for kind in ("review", "photo_review", "video_review", "ask")]
    bought = [act("reputation", points=5), *[order(2000, f"2024-03-{day:02}") for day in range(9, 30)]]
    acts_alone, orders_alone, both = (score(scheme, *each)["reward"] for each in (rows, bought, [*rows, *bought]))
    assert both > acts_alone + orders_alone


@rule("B11 B17", "taobao", off="score.rule.reputation")
def the_base_follows_reputation_and_coins_begin_at_nothing(scheme):
    levels = [score(scheme, act("reputation", points=level))["base"] for level in (0, 1, 3)]
    assert levels[0] < levels[1] < levels[2] and earned(scheme, act("reputation", points=3)) == 0


@rule("B12", "taobao", off={"score.component.shopping.cap_by.slope": 0})
def reputation_raises_what_can_be_reached(scheme):
    bought = [order(90_000, f"2024-{month:02}-{day:02}") for month in range(3, 12) for day in range(9, 14)]
    low, high = (score(scheme, act("reputation", points=level), *bought, at="2024-12-08")["shopping"] for level in (0, 5))
    assert low < high


@rule("B13", "taobao", off="score.component.base.cap")
def the_base_ends_at_400(scheme):
    states = [act("identity_verified", item_id=item) for item in ("real_name", "voiceprint", "alipay", "sesame")]
    assert score(scheme, act("reputation", points=20), *states)["base"] == 400


@rule("B14", "taobao", off={"scheme.scored": "monthly:1", "scheme.settled": "monthly:1"})
def taobao_counts_on_the_8th(scheme):
    done = lr.replay(make_log([act("ask"), act("ask", "2024-05-30")]), scheme, until="2024-07-01")
    assert {day.day for day in done.scores["settled_on"]} == {day.day for day in done.tiers["settled_on"]} == {8}


@rule("B18", "taobao", off="score.rule.categories")
def many_kinds_often_in_many_places(scheme):
    base, one = act("reputation", points=5), order(1000, category="toys", shop="s1", channel="taobao")
    alone = score(scheme, base, one)
    kinds = score(scheme, base, one, order(1000, category="food", shop="s2", channel="tmall"))
    often = score(scheme, base, one, order(1000, "2024-03-20", category="toys", shop="s1", channel="taobao"))
    assert kinds["reward"] > alone["reward"] and often["reward"] > alone["reward"] and often["shopping"] > alone["shopping"]


@rule("B19", "taobao", off="score.rule.sesame")
def identity_raises_the_score(scheme):
    for item in ("real_name", "voiceprint", "alipay", "sesame"):
        assert score(scheme, act("identity_verified", item_id=item))["score"] > 0, item


@rule("B20", "taobao", off="score.rule.video_review")
def interaction_raises_the_score(scheme):
    for kind in ("follow_up_review", "photo_review", "video_review", "ask", "share_click"):
        assert score(scheme, act(kind))["reward"] > 0, kind


@rule("B21", "taobao", off="score.rule.pay_for_other")
def paying_for_relatives_raises_the_score(scheme):
    assert score(scheme, act("family_bound"))["reward"] > 0 and score(scheme, act("pay_for_other"))["reward"] > 0


@rule("B22", "taobao", off={"tier.super.above": 500})
def everybody_is_ordinary_up_to_1000(scheme):
    assert tier_at(scheme, 0) == tier_at(scheme, 999) == tier_at(scheme, 1000) == "ordinary"


@rule("B23", "taobao", off={"tier.super.above": 1500})
def above_1000_is_super(scheme):
    assert tier_at(scheme, 1001) == "super"


def seats(scheme: lr.Scheme, value: int, members: int) -> int:
    table = pd.DataFrame({"customer_id": range(members), "settled_on": pd.Timestamp("2024-03-08"),
                          "score": [value] * 5 + [0] * (members - 5)})
    return int((lr.assign_tiers(table, scheme)["tier"] == "apass").sum())


@rule("B24", "taobao", off={"tier.apass.above": 2000})
def apass_is_by_invitation_above_2500(scheme):
    assert seats(scheme, 2500, 20_000) == 0 and seats(scheme, 2501, 20_000) == 2


@rule("B25", "taobao", off={"tier.apass.members_a_seat": 5000})
def one_seat_in_ten_thousand(scheme):
    assert [seats(scheme, 3000, members) for members in (9_999, 10_000, 29_999)] == [0, 1, 2]


@rule("B27", "taobao", off={"benefit.lucky_bag.from": 301})
def two_benefits_begin_at_300(scheme):
    assert opened(scheme, 299) == {"fast_refund"} and opened(scheme, 300) == {"fast_refund", "lucky_bag", "birthday"}


@rule("B28 B29", "taobao", off="benefit.priority_service")
def super_members_have_priority_service_too(scheme):
    assert opened(scheme, 1001) - opened(scheme, 1000) == {"priority_service"}


@rule("B30", "taobao", off="benefit.lucky_bag")
def the_catalogue_shows_what_is_open_and_what_is_not(scheme):
    table = list_benefits(scheme, 0)
    assert table.loc["fast_refund", "open"] and not table.loc["lucky_bag", "open"]


@rule("B32", "taobao", off={"plan.88vip.fee.0.cny": 188})
def below_1000_the_plan_costs_888(scheme):
    assert fees(scheme, "88vip", 0, 999) == [888, 888]


@rule("B33", "taobao", off={"plan.88vip.fee.1.cny": 188})
def from_1000_the_plan_costs_88(scheme):
    assert fees(scheme, "88vip", 1000, 1001) == [88, 88]


# ------------------------------------------------------------------------------------------ C: coins, Tmall points


@rule("C1", "taobao", off={"currency.coins.redeem.cap_order": 0})
def coins_take_money_off_an_order(scheme):
    assert redeemed(scheme, 100) > 0


@rule("C2", "taobao", off={"currency.coins.outlet.lottery.offered": False})
def coins_buy_tickets_and_goods(scheme):
    assert [spent(scheme, "exchange", 100, item) for item in ("lottery", None)] == ["lottery", "exchange"]


@rule("C4", "taobao", off={"currency.coins.earn.purchase.accrues": "order"})
def coins_of_merchants_wait_for_receipt(scheme):
    bought = order(100)
    rows = run(scheme, bought, act("confirm", "2024-03-09", order_id=bought["order_id"]), until="2024-03-10").entries
    rows = rows[rows["currency"] == "coins"]
    assert rows["entry"].tolist() == ["pending", "release", "accrual"] and set(rows["funded_by"]) == {"merchant"}
    assert rows["time"].iloc[-1] == pd.Timestamp("2024-03-09")


@rule("C5", "taobao", off={"currency.coins.steals": False})
def four_acts_of_the_manor(scheme):
    for kind in ("check_in", "harvest", "water"):
        assert earned(scheme, act(kind)) > 0, kind
    theft = [rich(500) | {"customer_id": 2}, act("stolen", customer_id=2, order_id=9, points=30), act("steal", order_id=9, points=30)]
    moved = run(scheme, *theft).entries.query("entry in ['transfer_in', 'transfer_out']")
    assert sorted(moved["points"]) == [-30, 30]


@rule("C6", "taobao", off="currency.coins.earn.harvest.cap_day")
def one_harvest_a_day(scheme):
    assert earned(scheme, act("harvest"), act("harvest")) == earned(scheme, act("harvest")) > 0


@rule("C7", "taobao", off={"currency.coins.earn.check_in.steps.1.points": 5, "currency.coins.earn.check_in.steps.2.points": 5})
def a_run_of_days_pays_more(scheme):
    days = [act("check_in", f"2024-03-{day:02}") for day in range(1, 8)]
    points = run(scheme, *days).entries["points"].tolist()
    assert points[0] < points[1] <= points[5] < points[6]


@rule("C8", "taobao", off={"currency.coins.value_cny": 0.1})
def a_hundred_coins_are_one_yuan(scheme):
    assert redeemed(scheme, 10, shop="half_coins") == 500


@rule("C9", "taobao", off="currency.coins.redeem.shop")
def merchants_say_how_many_coins_they_take(scheme):
    assert [redeemed(scheme, 10, shop=shop) for shop in ("no_coins", None, "half_coins")] == [0, 100, 500]


@rule("C10", "taobao", off={"currency.coins.earn.purchase.rate": 0})
def two_discounts_on_one_order(scheme):
    assert redeemed(scheme, 200) > 0 and earned(scheme, order(200), currency="coins") > 0


@rule("C11", "taobao", off={"currency.coins.expiry.dates": ["12-31"]})
def coins_last_a_year_and_end_on_two_dates(scheme):
    ends = {day: str(run(scheme, act("check_in", day), until=day).entries["expires_on"].item().date())
            for day in ("2024-06-30", "2024-07-01", "2024-12-31", "2025-01-01")}
    assert list(ends.values()) == ["2025-06-30", "2025-12-31", "2025-12-31", "2026-06-30"]


@rule("C12", "taobao", off="currency.coins.earn.check_in")
def coins_change_at_once(scheme):
    rows = run(scheme, act("check_in", "2024-03-05 08:30")).entries
    assert rows["time"].tolist() == [pd.Timestamp("2024-03-05 08:30")] and rows["balance"].tolist() == rows["points"].tolist()


@rule("C16", "taobao", off={"currency.tmall_points.earn.purchase.channels": ["taobao"]})
def tmall_points_are_a_currency_of_their_own(scheme):
    assert earned(scheme, order(100, channel="tmall"), currency="tmall_points") > 0
    assert earned(scheme, order(100, channel="taobao"), currency="tmall_points") == 0
    assert spent(scheme, "exchange", 100, "coupon", "tmall_points") == "coupon"


@rule("C17", "taobao", off="currency.tmall_points.outlet.external")
def tmall_points_buy_coupons_tickets_and_rights(scheme):
    outlets = ("coupon", "lottery", "external")
    assert tuple(spent(scheme, "exchange", 100, item, "tmall_points") for item in outlets) == outlets


# ------------------------------------------------------------------------------------------ D: the Jingxiang score


@rule("D2 X3", "jd", off={"scheme.settled": "daily"})
def valued_daily_settled_on_the_2nd(scheme):
    done = lr.replay(make_log([order(2000), order(3000, "2024-03-20")]), scheme, until="2024-05-01")
    assert [str(day.date()) for day in done.scores["settled_on"]] == [DAY, "2024-03-20"]
    assert {day.day for day in done.tiers["settled_on"]} == {2}


@rule("D3", "jd", off={"score.rule.review.window": "lifetime"})
def the_last_twelve_months(scheme):
    assert [score(scheme, act("review"), at=day)["activity"] for day in ("2025-03-04", "2025-03-05")] == [2, 0]


@rule("D4", "jd", off={"score.channels": ["mall"]})
def mall_and_finance_count(scheme):
    assert score(scheme, order(1000, channel="mall")) == score(scheme, order(1000, channel="finance"))


@rule("D5 F21", "jd", off=("score.rule.credit", "score.component.credit"))
def five_dimensions(scheme):
    parts = score(scheme, order(1000), act("review"), act("profile_completed"), act("credit", points=100), act("reputation", points=2))
    assert list(parts) == ["consumption", "activity", "account", "credit", "reputation", "score"] and min(parts.values()) > 0


@rule("D6", "jd", off="score.rule.spend")
def spend_counts(scheme):
    assert score(scheme, order(2000))["consumption"] > score(scheme, order(1000))["consumption"] > 0


@rule("D7", "jd", off="score.rule.new_category")
def a_new_category_pays_10(scheme):
    assert score(scheme, order(0, category="toys"), order(0, category="food"), order(0, category="food"))["consumption"] == 20


@rule("D8", "jd", off="score.rule.three_days")
def the_third_shopping_day_of_a_month_pays_30(scheme):
    days = [order(0, f"2024-03-{day:02}") for day in (5, 6, 6, 8, 9)]
    assert [score(scheme, *days[:n])["consumption"] for n in (3, 4, 5)] == [0, 30, 30]


@rule("D9", "jd", off="score.rule.tenure")
def a_year_of_tenure_pays_20(scheme):
    assert [score(scheme, order(0), at=day)["consumption"] for day in ("2025-03-04", "2025-03-05", "2027-03-05")] == [0, 20, 60]


@rule("D10", "jd", off="score.rule.login")
def six_acts_of_activity(scheme):
    for kind in ("login", "review", "photo_post", "answer", "share", "online_payment"):
        assert score(scheme, act(kind))["activity"] > 0, kind


for _ids, _kind, _name, _points in (
        ("D11", "photo_post", "photo_post", 5), ("D12", "review", "review", 2), ("D13", "group_buy_start", "group_buy_start", 10),
        ("D14", "group_buy_join", "group_buy_join", 5), ("D15", "charity_yuan", "charity_yuan", 20),
        ("D16", "charity_purchase", "charity_purchase", 25), ("D17", "charity_goods", "charity_goods", 30),
        ("D18", "answer", "answer", 2), ("D19", "share", "share", 2), ("D20", "online_payment", "online_payment", 2),
        ("D22", "profile_completed", "profile", 20), ("D23", "identity_verified", "identity", 100),
        ("D24", "account_bound", "wechat", 20)):
    paid_once(_ids, _kind, _name, _points)


@rule("D21", "jd", off="score.rule.review.cap_day")
def each_activity_has_limits(scheme):
    assert all(rule.cap_day and rule.cap_month and rule.cap_year for rule in scheme.score.rules if rule.component == "activity")
    assert score(scheme, *[act("review") for _ in range(200)])["activity"] == 10


@rule("D25", "jd", off="score.rule.credit")
def credit_counts_as_the_log_gives_it(scheme):
    assert score(scheme, act("credit", points=100), act("credit", "2024-03-06", points=300))["credit"] == 300


@rule("D26", "jd", off="score.rule.reputation")
def reputation_counts(scheme):
    assert score(scheme, act("reputation", points=3))["reputation"] > score(scheme, act("reputation", points=1))["reputation"] > 0


@rule("D27", "jd", off={"tier.privileged.above": 150})
def up_to_200_there_is_no_right(scheme):
    assert tier_at(scheme, 199) == tier_at(scheme, 200) == "none" and opened(scheme, 200) == set()


@rule("D28", "jd", off={"tier.privileged.above": 250})
def above_200_plus_and_a_parcel(scheme):
    assert tier_at(scheme, 201) == tier_at(scheme, 500) == "privileged" and opened(scheme, 201) == {"plus_fee_cut", "freight_waiver"}


@rule("D29", "jd", off="benefit.birthday_privilege")
def above_500_a_birthday_right(scheme):
    assert tier_at(scheme, 501) == tier_at(scheme, 10_000) == "birthday" and "birthday_privilege" in opened(scheme, 501)


@rule("D30", "jd", off={"tier.gift.above": 12_000})
def above_10000_a_gift_pack(scheme):
    assert tier_at(scheme, 10_001) == tier_at(scheme, 20_000) == "gift" and "gift_pack" in opened(scheme, 10_001)


@rule("D31", "jd", off={"tier.exchange.above": 22_000})
def above_20000_exchange_for_repair(scheme):
    assert tier_at(scheme, 20_001) == "exchange" and "exchange_instead_of_repair" in opened(scheme, 20_001)


@rule("D32", "jd", off=("tiers.py", "at >= names.index(benefit.tier)", "at == names.index(benefit.tier)"))
def benefits_nest(scheme):
    sets = [opened(scheme, value) for value in (0, 201, 501, 10_001, 20_001)]
    assert all(low < high for low, high in zip(sets, sets[1:], strict=False))


@rule("D33", "jd", off="score.rule.answer")
def every_way_to_raise_it_does(scheme):
    for rows in ([order(1000)], [order(0, category="toys")], [act("login")], [act("answer")], [act("share")], [act("profile_completed")],
                 [act("identity_verified", item_id="phone")], [act("credit", points=50)], [act("reputation", points=1)]):
        assert score(scheme, *rows)["score"] > 0, rows


@rule("D34", "jd", off={f"plan.plus.fee.{step}.cny": 198 for step in range(1, 5)})
def a_higher_score_gets_more_from_the_same_act(scheme):
    prices = fees(scheme, "plus", 201, 1001, 5001, 10_001, 20_001)
    assert prices == sorted(prices, reverse=True) and prices[-1] < prices[0]


@rule("D35 F13", "jd", off="currency.beans.outlet.external.gate")
def outside_rights_need_a_score_of_20000(scheme):
    level = lambda points: (act("credit", "2024-01-15", points=points),)
    assert spent(scheme, "exchange", 100, "external", before=level(19_999)) == "gate"
    assert spent(scheme, "exchange", 100, "external", before=level(20_000)) == "external"


@rule("D37", "jd", off={"score.rule.login.window": "lifetime"})
def who_stays_away_loses_activity(scheme):
    logins = [act("login", f"2024-03-{day:02}") for day in (5, 15)]
    assert [score(scheme, *logins, at=day)["activity"] for day in ("2024-03-20", "2025-03-10", "2025-03-20")] == [2, 1, 0]


@rule("D38", "jd", off="score.rule.tenure")
def tenure_rises_while_activity_falls(scheme):
    rows = [order(0), act("review")]
    first, later = score(scheme, *rows), score(scheme, *rows, at="2026-03-10")
    assert later["consumption"] > first["consumption"] and later["activity"] < first["activity"]


# ------------------------------------------------------------------------------------------ E: PLUS

for _ids, _step, _score, _cny in (("E1", 0, 201, 198), ("E2", 1, 1001, 188), ("E3", 2, 5001, 168), ("E4", 3, 10_001, 158),
                                  ("E5", 4, 20_001, 148)):
    def _fee(scheme, value=_score, cny=_cny):
        assert fees(scheme, "plus", value) == [cny]
    rule(_ids, "jd", off={f"plan.plus.fee.{_step}.cny": _cny + 1})(_fee)


@rule("E6", "jd", off="plan.plus.fee.0.above")
def up_to_200_the_price_is_unknown(scheme):
    assert plan_fee(scheme, "plus", [0, 200]).isna().all()
    assert lr.replay(make_log([act("login")]), scheme, until="2024-05-01").fees.empty


@rule("E7", "jd", off="benefit.freight_waiver")
def the_freight_waiver_belongs_to_the_band(scheme):
    waiver = next(benefit for benefit in scheme.benefits if benefit.name == "freight_waiver")
    assert waiver.tier == "privileged" and waiver.plan is None


# ------------------------------------------------------------------------------------------ F: beans


@rule("F1", "jd", off="currency.beans.earn.photo_post")
def shopping_reviewing_and_posting_earn_beans(scheme):
    assert min(earned(scheme, order(100)), earned(scheme, act("review")), earned(scheme, act("photo_post"))) > 0


@rule("F2", "jd", off={f"currency.beans.earn.check_in.steps.{step}.points": 5 for step in (1, 2)})
def a_run_of_check_ins_pays_more_and_a_long_one_much(scheme):
    days = [act("check_in", f"2024-03-{day:02}") for day in range(1, 9)]
    points = run(scheme, *days).entries["points"].tolist()
    assert points[0] < points[2] < points[6]


@rule("F3", "jd", off="currency.beans.earn.purchase.above_cny")
def only_lines_above_50_yuan(scheme):
    assert [earned(scheme, order(amount)) for amount in (50, 50.01)] == [0, 5]
    assert earned(scheme, order(30, order_id=1, item_id="a"), order(30, order_id=1, item_id="b")) == 0


@rule("F4", "jd", off={"currency.beans.earn.purchase.rate": 0.2})
def ten_percent_of_the_amount_paid(scheme):
    assert earned(scheme, order(600)) == 60


@rule("F5", "jd", off="currency.beans.earn.purchase.cap_line")
def a_thousand_beans_a_line_at_most(scheme):
    assert [earned(scheme, order(amount)) for amount in (10_000, 20_000)] == [1000, 1000]
    assert earned(scheme, order(20_000, order_id=1, item_id="a"), order(20_000, order_id=1, item_id="b")) == 2000


@rule("F6", "jd", off={"currency.beans.earn.review.steps.2.points": 10})
def a_review_pays_10_to_20_by_amount(scheme):
    def pays(amount):
        return earned(scheme, order(amount, order_id=1), act("review", order_id=1, item_id="i")) - earned(scheme, order(amount))
    assert pays(20) == 10 and pays(5000) == 20 and 10 <= pays(150) <= 20


@rule("F7", "jd", off="currency.beans.earn.photo_post")
def a_photo_post_pays(scheme):
    assert earned(scheme, act("photo_post")) > 0


@rule("F8", "jd", off={"currency.beans.value_cny": 0.02})
def a_hundred_beans_are_one_yuan(scheme):
    assert redeemed(scheme, 40) * 0.01 == 20


@rule("F9", "jd", off="currency.beans.redeem.cap_order")
def at_most_half_of_an_order(scheme):
    assert [redeemed(scheme, amount) for amount in (19.99, 20, 39.99, 40)] == [0, 1000, 1000, 2000]


@rule("F10", "jd", off="currency.beans.redeem.multiple")
def in_whole_thousands(scheme):
    assert [redeemed(scheme, 1000, ask=ask) for ask in (999, 1000, 2999)] == [0, 1000, 2000]


@rule("F11", "jd", off="currency.beans.outlet.coupon")
def beans_buy_coupons(scheme):
    assert spent(scheme, "exchange", 500, "coupon") == "coupon"


@rule("F12", "jd", off="currency.beans.outlet.gift")
def a_gift_to_the_courier_takes_its_beans(scheme):
    assert spent(scheme, "courier_gift", 500) == "gift"


@rule("F14", "jd", off=("machine.py", "    claw_back_line(customer, rules, out, line)\n", ""))
def returned_goods_give_their_beans_back(scheme):
    bought = order(600)
    for kind in ("return", "goods_exchange"):
        rows = run(scheme, bought, act(kind, "2024-03-25", order_id=bought["order_id"]), until="2024-03-26").entries
        assert rows.query("entry == 'clawback'")["points"].tolist() == [-60], kind


@rule("F15 F16", "jd", off=("machine.py", "        penalise(customer, out, event)\n", "        pass\n"))
def a_default_is_paid_in_beans(scheme):
    rows = run(scheme, rich(500), act("penalty", points=300)).entries
    assert rows["entry"].tolist() == ["accrual", "penalty"] and rows["balance"].iloc[-1] == 200
    assert rows["funded_by"].iloc[-1] == "customer"


@rule("F17", "jd", off={"currency.beans.expiry": {"kind": "never", "source": "test"}})
def beans_last_to_the_end_of_the_next_year(scheme):
    ends = [str(run(scheme, act("check_in", day), until=day).entries["expires_on"].item().date()) for day in ("2023-01-01", "2023-12-31")]
    assert ends == ["2024-12-31", "2024-12-31"]


@rule("F18", "jd", off={"currency.beans.outlet.external.offered": False})
def three_ways_to_spend_beans(scheme):
    level = (act("credit", "2024-01-15", points=20_000),)
    assert redeemed(scheme, 100) > 0 and spent(scheme, "exchange", 100, "coupon") == "coupon"
    assert spent(scheme, "exchange", 100, "external", before=level) == "external"


# ------------------------------------------------------------------------------------------ X: readings


def reading(row: str, scheme: str, choice: str, check: Callable[[lr.Scheme, lr.Scheme], None]) -> None:
    """A question that the sources leave open: the file as written, and the same file read the other way."""
    rule(row, scheme, off=f"reading.{row}")(lambda each: check(each.with_readings(**{row: each.reading_choices.query(
        f"reading == '{row}'")["choice"].iloc[0]}), each.with_readings(**{row: choice})))


def _x1(repaired, lowest):
    assert fees(repaired, "plus", 1001, 10_001) == [188, 158] and fees(lowest, "plus", 1001, 10_001) == [158, 158]


def _x4(first_after, last_before):
    ends = [run(each, act("check_in", "2024-03-05"), until="2024-03-06").entries["expires_on"].item() for each in (first_after, last_before)]
    assert ends == [pd.Timestamp("2025-06-30"), pd.Timestamp("2024-12-31")]


def _x12(wide, order_only):
    assert spent(wide, "exchange", 100, "lottery") == "lottery" and spent(order_only, "exchange", 100, "lottery") == "not_offered"


def _x14(external, internal):
    assert {outlet.name: outlet.offered for outlet in internal.currencies[0].outlets}["external"] is False
    assert all(outlet.offered for outlet in external.currencies[0].outlets)


def _x15(beans, value):
    assert [earned(each, order(100)) for each in (beans, value)] == [10, 1000]
    assert [earned(each, order(amount)) for each, amount in ((beans, 9_999), (value, 99.99))] == [999, 999]


def _x16(deficit, clamp):
    bought = order(600)
    rows = [rich(960), bought, act("redeem", "2024-03-20", order_id=bought["order_id"], amount=600, points=1000),
            act("goods_exchange", "2024-03-25", order_id=bought["order_id"])]
    alone = [each.with_readings(X32="claw_back") for each in (deficit, clamp)]
    assert [run(each, *rows).balances("2024-03-26")["balance"].item() for each in alone] == [-40, 0]


def _x23(floor, half_even):
    assert [earned(each, order(59.9)) for each in (floor, half_even)] == [5, 6]


def _x28(confirm, at_order):
    entries = [run(each, order(600), until="2024-03-06").entries["entry"].tolist() for each in (confirm, at_order)]
    assert entries == [["pending"], ["accrual"]]


def _x30(cap, multiplier):
    parts = [[score(each, act("reputation", points=level), order(1000))["shopping"] for level in (0, 5)] for each in (cap, multiplier)]
    assert parts[0][0] == parts[0][1] and parts[1][0] < parts[1][1]


def _x31(window, ever):
    rows = [order(0, category="toys"), order(0, "2025-06-01", category="toys")]
    assert [score(each, *rows, at="2025-06-02")["consumption"] for each in (window, ever)] == [30, 20]     # with a year of tenure


def _x32(return_and_order, claw_back):
    bought = order(600)
    rows = [bought, act("goods_exchange", "2024-03-25", order_id=bought["order_id"])]
    points = [earned(each, *rows, until="2024-04-30") for each in (return_and_order, claw_back)]
    assert points == [120, 60]


for _row, _scheme, _choice, _check in (
        ("X1", "jd", "lowest", _x1), ("X4", "taobao", "last_before", _x4), ("X12", "taobao", "order_only", _x12),
        ("X14", "jd", "internal", _x14), ("X15", "jd", "value", _x15), ("X16", "jd", "clamp", _x16), ("X23", "jd", "half_even", _x23),
        ("X28", "jd", "order", _x28), ("X30", "taobao", "multiplier", _x30), ("X31", "jd", "ever", _x31),
        ("X32", "jd", "claw_back", _x32)):
    reading(_row, _scheme, _choice, _check)


@rule("X2", "jd", off={"tier.birthday.above": 1000})
def bands_and_fee_steps_are_two_tables(scheme):
    edges = [{step.edge.value for step in steps if step.edge} for steps in (scheme.tiers, scheme.plans[0].fees)]
    assert edges == [{200, 500, 10_000, 20_000}, {200, 1000, 5000, 10_000, 20_000}]


@rule("X5", "taobao", off={"plan.88vip.fee.1.from": 1001})
def every_edge_has_a_side(scheme):
    assert tier_at(scheme, 1000) == "ordinary" and fees(scheme, "88vip", 1000) == [88]
    assert [tier_at(lr.load_scheme("jd"), edge) for edge in (200, 500, 10_000, 20_000)] == ["none", "privileged", "birthday", "gift"]


@rule("X6", "taobao", off={"benefit.lucky_bag.from": 1000})
def benefits_have_edges_of_their_own(scheme):
    assert tier_at(scheme, 300) == "ordinary" and "lucky_bag" in opened(scheme, 300) - opened(scheme, 299)


@rule("X7", "jd", off="score.rule.spend")
def the_spend_rate_is_declared_and_ranged(scheme):
    row = scheme.parameters.set_index("path").loc["score.rule.spend.rate"]
    assert row["provenance"] == "assumed" and row["low"] < row["value"] < row["high"]


@rule("X9 X10", "taobao", off={"score.rule.ask.window": "lifetime"})
def windows_belong_to_rules(scheme):
    assert {rule.window for rule in scheme.score.rules} == {"trailing", "state"}
    assert {rule.window for rule in lr.load_scheme("jd").score.rules} == {"trailing", "lifetime", "state"}
    assert score(scheme, act("ask"), act("reputation", points=2), at="2026-03-08") == {"shopping": 0, "reward": 0, "base": 160, "score": 160}


@rule("X11", "taobao", off=("score.rule.video_review",))
def identity_and_video_reviews_have_rules_of_their_own(scheme):
    homes = {rule.name: rule.component for rule in scheme.score.rules}
    assert homes["real_name"] == homes["sesame"] == "base" and homes["video_review"] == "reward"


@rule("X25", "jd", off={"currency.beans.earn.purchase.rate": 0.2})
def what_beans_paid_earns_nothing(scheme):
    bought = order(580, order_id=1)             # 600 CNY less 2,000 beans: the row holds the money paid
    asked = act("redeem", order_id=1, amount=600, points=2000)
    assert earned(scheme, rich(2000), asked, bought) == 2000 + 58


@rule("X26", "jd", off=("machine.py", "        unrate_line(customer, rules, line)\n", ""))
def returns_go_by_line_and_the_score_follows(scheme):
    rows = [order(600, order_id=1, item_id="a"), order(300, order_id=1, item_id="b"), act("return", "2024-03-25", order_id=1, item_id="b")]
    taken = run(scheme, *rows, until="2024-03-26").entries.query("entry == 'clawback'")["points"].tolist()
    assert taken == [-30]
    assert [score(scheme, *rows, at=day)["consumption"] for day in ("2024-03-24", "2024-03-25")] == [180, 120]


@rule("X27", "taobao", off={"tier.apass.members_a_seat": 5000})
def seats_follow_the_members_of_the_day_and_go_when_the_score_falls(scheme):
    days = pd.to_datetime(["2024-03-08", "2024-04-08"])
    table = pd.concat([pd.DataFrame({"customer_id": range(20_000), "settled_on": days[0], "score": [3000, 2900, 2800] + [0] * 19_997}),
                       pd.DataFrame({"customer_id": [0], "settled_on": days[1:], "score": [2500]})])
    rows = lr.assign_tiers(table, scheme)
    seated = rows[rows["customer_id"] < 3][["customer_id", "tier", "change"]].to_numpy().tolist()
    assert seated == [[0, "apass", "joined"], [0, "super", "down"], [1, "apass", "joined"], [2, "super", "joined"], [2, "apass", "up"]]


@rule("X24", "jd", off={"scheme.timezone": "UTC"})
def the_zone_is_declared(scheme):
    assert scheme.timezone == "Asia/Shanghai" == lr.load_scheme("taobao").timezone


# ------------------------------------------------------------------------------------------ A, D, G: other schemes


@rule("A5 A6", "qq", off={"score.rule.login.window": "trailing"})
def levels_only_rise(scheme):
    logins = [act("login", f"2024-03-{day:02}") for day in range(1, 15)]
    rows = lr.replay(make_log(logins), scheme, until="2030-01-01").tiers
    assert rows["change"].tolist()[:2] == ["joined", "up"] and "down" not in set(rows["change"])
    assert score(scheme, *logins, at="2029-12-31")["score"] == 14


@rule("D1", "jd_2016", off="scheme.valid_until")
def four_levels_until_the_score_came(scheme):
    assert [step.name for step in scheme.tiers] == ["copper", "silver", "gold", "diamond"]
    rows = [order(500, "2017-09-10"), order(90_000, "2017-09-14")]
    assert lr.replay(make_log(rows), scheme, until="2017-12-31").tiers["tier"].tolist() == ["copper"]


@rule("G1", "amazon_prime", off={"plan.prime.country": "CN"})
def prime_is_a_paid_plan_with_services(scheme):
    assert not scheme.score and not scheme.currencies
    at = {day: plan_fee(scheme, "prime", [0], at=day).item() / 8.28 for day in ("2005-02-02", "2014-03-01", "2018-05-11", "2022-02-18")}
    assert [round(fee) for fee in at.values()] == [79, 99, 119, 139]
    china = scheme.with_values({"plan.prime.country": "CN"})
    assert plan_fee(china, "prime", [0], at="2016-10-01").item() == 388
    assert len([benefit for benefit in scheme.benefits if benefit.plan == "prime"]) >= 2


@rule("G2 X21", "kaola", off="reading.X21")
def black_card_is_bought_or_grown_into(scheme):
    card, growth = scheme.with_readings(X21="card"), scheme.with_readings(X21="growth")
    assert fees(card, "black_card", 0) == [279] and not card.score
    assert not growth.plans and len(growth.tiers) > 1
    for rows in ([order(100)], [act("review")], [act("login")], [act("profile_completed")]):
        assert score(growth, *rows)["score"] > 0, rows


@rule("G3", "yanxuan", off="score.rule.reviews")
def growth_from_purchases_reviews_logins_profile(scheme):
    for rows in ([order(100)], [act("review")], [act("login")], [act("profile_completed")]):
        assert score(scheme, *rows)["score"] > 0, rows
    assert len(scheme.tiers) > 1


@rule("G5 X29", "xiaohongshu", off="reading.X29")
def one_of_the_two_systems(scheme):
    levels, points = (scheme.with_readings(X29=choice) for choice in ("levels", "points"))
    assert levels.score and len(levels.tiers) > 1 and not levels.currencies
    assert points.currencies and len(points.tiers) == 1 and not points.score


# ------------------------------------------------------------------------------------------ H: Pinduoduo


@rule("H1", "pinduoduo", off={"currency.cash.kind": "points"})
def check_in_pays_cash(scheme):
    rows = run(scheme, act("check_in")).entries
    kinds = {currency.name: currency.kind for currency in scheme.currencies}
    assert [kinds[name] for name in rows["currency"]] == ["cash"] and rows["funded_by"].tolist() == ["platform"]


@rule("H2 X20", "pinduoduo", off={"currency.fruit.outlet.exchange.automatic": False})
def a_grown_tree_gives_real_fruit(scheme):
    fruit = next(currency for currency in scheme.currencies if currency.name == "fruit")
    waterings = int(fruit.outlets[0].price.value / fruit.earn[0].points.value)
    rows = run(scheme, *[act("water", f"2024-03-01 {n // 60:02}:{n % 60:02}") for n in range(waterings)]).entries
    assert fruit.kind == "goods" and rows["entry"].tolist().count("redemption") == waterings
    assert rows["outlet"].iloc[-1] == "exchange" and rows["balance"].iloc[-1] == 0
    assert rows.query("entry == 'redemption'")["time"].nunique() == 1


@rule("H11", "pinduoduo_v1", off="currency.points.earn.check_in")
def check_in_pays_cash_and_points(scheme):
    assert set(run(scheme, act("check_in")).entries["currency"]) == {"cash", "points"}


@rule("H12", "pinduoduo_v1", off="currency.fruit.earn.water.boost_by_tier")
def the_tree_grows_faster_with_the_level(scheme):
    rows = run(scheme, act("water", "2024-03-01"), order(15_000, "2024-03-02"), act("water", "2024-03-05")).entries
    grown = rows[(rows["currency"] == "fruit") & (rows["entry"] == "accrual")]["points"].tolist()
    assert grown[1] > grown[0]


@rule("H13", "pinduoduo_v1", off="benefit.badge_5")
def badges_go_with_the_levels(scheme):
    ladder = [step.name for step in scheme.tiers][1:]
    assert [benefit.tier for benefit in scheme.benefits if benefit.name.startswith("badge")] == ladder


@rule("H18", "pinduoduo_v1", off={"currency.points.outlet.lottery.offered": True})
def the_first_version_leaves_four_things_out(scheme):
    assert {spent(scheme, "exchange", 10, item, "points") for item in (None, "coupon", "lottery", "external")} == {"not_offered"}
