"""The account of a customer in sentences."""
from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import loyalty_research as lr

from .properties.logs import logs, make_log, make_scheme

JD, TAOBAO, NONE = (lr.load_scheme(key) for key in ("jd", "taobao", "none"))
AT_ORDER = JD.with_readings(X28="order")
SEATS = TAOBAO.with_values({"tier.super.above": 10, "tier.apass.above": 100, "tier.apass.members_a_seat": 1})
SCHEMES = {"jd": JD, "jd, at the order": AT_ORDER, "jd, clamp": JD.with_readings(X16="clamp", X32="claw_back"), "taobao": TAOBAO, "seats": SEATS}
A_FEW = settings(max_examples=max(settings.default.max_examples // 4, 1))
POINTS = '''
[[currency]]
name = "shop_points"
value_cny = {value = 0.02, N}
expiry = %s
%s
[[currency.earn]]
name = "grant"
on = ["grant"]
per = "given"
'''
NEVER = '{kind = "never", source = "test"}'


def grant(points: int, time: str, **values) -> dict:
    return {"time": time, "kind": "grant", "points": points, **values}


def order(amount: float, time: str, number: int = 1, **values) -> dict:
    return {"time": time, "kind": "order", "amount": amount, "order_id": number, **values}


def redeem(points: int, time: str, number: int, amount: float, **values) -> dict:
    return {"time": time, "kind": "redeem", "points": points, "order_id": number, "amount": amount, **values}


def returned(time: str, number: int, **values) -> dict:
    return {"time": time, "kind": "return", "order_id": number, **values}


def told(rows: list[dict], scheme: lr.Scheme = JD, until: str = "2024-12-31", **period) -> pd.DataFrame:
    return lr.replay(make_log(rows), scheme, until=until).statement(rows[0].get("customer_id", 1), **period)


def said(rows: list[dict], scheme: lr.Scheme = JD, until: str = "2024-12-31") -> list[tuple]:
    """Day, sentence and points of all that concerns a currency, without the last balance."""
    frame = told(rows, scheme, until)
    frame = frame[frame["currency"].notna()]
    frame = frame[~frame["what"].str.startswith("balance of ")]
    return [(f"{row.time:%m-%d}", row.what, None if pd.isna(row.points) else row.points) for row in frame.itertuples()]


def woven(rows: list[dict], scheme: lr.Scheme = JD, until: str = "2024-12-31") -> list[tuple[str, str]]:
    """Day and sentence of all that concerns no currency."""
    frame = told(rows, scheme, until)
    return [(f"{row.time:%m-%d}", row.what) for row in frame[frame["currency"].isna()].itertuples()]


# ------------------------------------------------------------------------------------------------ each kind of entry


def test_points_wait_and_are_earned():
    assert said([order(600, "2024-05-01 10:00")]) == [
        ("05-01", "60 beans pending on order 1, until receipt is confirmed", None),
        ("05-11", "60 pending beans earned on order 1, valid to 2025-12-31", 60)]


def test_points_that_wait_are_earned_by_the_customers_own_confirmation():
    rows = [order(600, "2024-05-01"), order(700, "2024-05-01", item_id="b"), {"time": "2024-05-03", "kind": "confirm", "order_id": 1}]
    assert said(rows)[2:] == [("05-03", "130 pending beans earned on order 1, valid to 2025-12-31", 130)]


def test_points_that_wait_are_cancelled_when_the_goods_come_back_first():
    assert said([order(600, "2024-05-01"), returned("2024-05-04", 1)])[1:] == [
        ("05-04", "60 pending beans cancelled: goods of order 1 were returned", None)]


def test_an_exchange_of_goods_cancels_and_pends_again():
    rows = [order(600, "2024-05-01"), {"time": "2024-05-04", "kind": "goods_exchange", "order_id": 1}]
    assert said(rows)[1:] == [
        ("05-04", "60 pending beans cancelled: goods of order 1 were exchanged", None),
        ("05-04", "60 beans pending on order 1, until receipt is confirmed", None),
        ("05-14", "60 pending beans earned on order 1, valid to 2025-12-31", 60)]


def test_points_earned_by_acts_name_the_act():
    assert said([{"time": "2024-05-01", "kind": "check_in"}, {"time": "2024-05-01", "kind": "photo_post"}, grant(7, "2024-05-01"),
                 order(600, "2024-05-01", 12)], AT_ORDER) == [
        ("05-01", "5 beans earned (check in), valid to 2025-12-31", 5), ("05-01", "20 beans earned (photo post), valid to 2025-12-31", 20),
        ("05-01", "7 beans granted, valid to 2025-12-31", 7), ("05-01", "60 beans earned on order 12, valid to 2025-12-31", 60)]


def test_a_review_names_order_and_act():
    rows = [order(600, "2024-05-01", "A-7"), {"time": "2024-05-02", "kind": "review", "order_id": "A-7"}]
    log = pd.DataFrame(rows).assign(customer_id="b", time=lambda frame: pd.to_datetime(frame["time"]))
    whats = lr.replay(log, AT_ORDER).statement("b")["what"].tolist()
    assert whats[1] == "20 beans earned on order A-7 (review), valid to 2025-12-31"


def test_lots_of_one_redemption_are_added_up_and_worth_money():
    rows = [grant(700, "2024-05-01"), grant(800, "2025-01-01"), redeem(1000, "2025-02-01", 13, 100), order(100, "2025-02-01", 13)]
    frame = told(rows, until="2025-02-05")
    [spent] = frame[frame["points"] == -1000].to_dict("records")
    assert spent["what"] == "1,000 beans paid 10.00 CNY of order 13" and spent["worth_cny"] == -10 and spent["balance"] == 500


@pytest.mark.parametrize(("act", "what"), [
    ({"kind": "exchange", "item_id": "coupon"}, "90 beans spent on a coupon"),
    ({"kind": "courier_gift"}, "90 beans spent on a gift to the courier")])
def test_points_spent_elsewhere_name_the_outlet(act, what):
    assert said([grant(100, "2024-05-01"), {"time": "2024-05-02", "points": 90, **act}])[1] == ("05-02", what, -90)


@pytest.mark.parametrize(("item", "what"), [
    (None, "90 coins spent on an exchange"), ("lottery", "90 coins spent on the lottery")])
def test_coins_are_exchanged_or_played_for(item, what):
    rows = [grant(100, "2024-05-01"), {"time": "2024-05-02", "kind": "exchange", "points": 90, "item_id": item}]
    assert said(rows, TAOBAO)[1][1] == what


def test_a_right_outside_needs_its_score_first():
    rows = [grant(100, "2024-05-01"), {"time": "2024-05-01", "kind": "credit", "points": 20_000},
            {"time": "2024-06-03", "kind": "exchange", "points": 90, "item_id": "external"}]
    assert said(rows)[1] == ("06-03", "90 beans spent on a right outside", -90)


def test_pieces_have_a_price_also_where_they_are_bought_by_themselves():
    scheme = make_scheme(POINTS % (NEVER, "") + '[[currency.outlet]]\nname = "exchange"\nsource = "test"\nprice = {value = 40, N}\nautomatic = true\n')
    assert said([grant(90, "2024-05-01")], scheme) == [
        ("05-01", "90 shop points granted", 90), ("05-01", "80 shop points spent on an exchange: 2 at 40 a piece", -80)]


def test_points_expire_with_their_last_day():
    assert said([grant(30, "2024-05-01")], until="2026-01-01")[1:] == [("01-01", "30 beans expired: their last day was 2025-12-31", -30)]


def test_points_of_an_idle_account_expire():
    idle = make_scheme(POINTS % ('{kind = "inactivity_days", days = {value = 30, N}, source = "test"}', ""))
    rows = [grant(30, "2024-05-01"), grant(5, "2024-05-11")]
    assert said(rows, idle)[2:] == [("06-11", "35 shop points expired: nothing was earned or spent for 30 days", -35)]
    assert told(rows, idle, until="2024-05-20")["what"].iloc[-1] == (
        "balance of 35 shop points, all expire after 2024-06-10 unless some are earned or spent before")


def test_points_are_taken_back_also_where_no_lot_covers_them():
    rows = [order(10_000, "2024-05-01", 1), redeem(1000, "2024-06-01", 2, 100), order(40, "2024-06-01", 2), returned("2024-06-02", 1),
            grant(300, "2024-06-03"), grant(900, "2024-06-04")]
    assert said(rows, AT_ORDER)[2:] == [
        ("06-02", "1,000 beans taken back: goods of order 1 were returned, 1,000 of them owed, to be repaid by the next beans", -1000),
        ("06-03", "300 beans granted, 300 of them repay what was owed", 300),
        ("06-04", "900 beans granted, 700 of them repay what was owed, valid to 2025-12-31", 900)]


def test_points_spent_on_goods_that_come_back_are_given_back():
    rows = [grant(1000, "2024-05-01"), redeem(1000, "2024-06-01", 2, 40), order(40, "2024-06-01", 2), returned("2024-06-02", 2)]
    assert said(rows)[2:] == [("06-02", "1,000 beans given back: goods of order 2 were returned, valid to 2025-12-31", 1000)]
    rows[-1]["kind"] = "goods_exchange"
    assert said(rows)[2][1] == "1,000 beans given back: goods of order 2 were exchanged, valid to 2025-12-31"


def test_penalties_name_their_order():
    rows = [grant(100, "2024-05-01"), {"time": "2024-05-02", "kind": "penalty", "points": 40, "order_id": 3}, {"time": "2024-05-03", "kind": "penalty", "points": 5}]
    assert said(rows)[1:] == [("05-02", "40 beans taken as a penalty on order 3", -40), ("05-03", "5 beans taken as a penalty", -5)]


def test_coins_are_taken_from_friends_and_by_friends():
    log = make_log([
        {"customer_id": 1, "time": "2024-05-02", "kind": "steal", "points": 20, "order_id": 90},
        {"customer_id": 2, "time": "2024-05-01", "kind": "grant", "points": 15},
        {"customer_id": 2, "time": "2024-05-02", "kind": "stolen", "points": 20, "order_id": 90}])
    done = lr.replay(log, TAOBAO)
    assert done.statement(1)["what"].iloc[0] == "20 coins taken from a friend, valid to 2025-06-30"
    assert done.statement(2)["what"].iloc[1] == "20 coins taken by a friend, 5 of them owed, to be repaid by the next coins"
    assert done.statement(2)["what"].iloc[-1] == "balance of -5 coins"


# ------------------------------------------------------------------------------------------------ each reason of a refusal


def refused(rows: list[dict], scheme: lr.Scheme = JD) -> list[str]:
    """The sentences of what was not granted."""
    frame = told(rows, scheme)
    return frame.loc[frame["what"].str.contains("none granted|granted:|refused|not given|penalty of"), "what"].tolist()


@pytest.mark.parametrize(("had", "asked", "amount", "words"), [
    (2500, 3000, 100, "asked for 3,000 beans for order 2, 2,000 granted: the balance held 2,500, of which the order takes multiples of 1,000"),
    (2000, 3000, 100, "asked for 3,000 beans for order 2, 2,000 granted: the balance held 2,000"),
    (0, 3000, 100, "asked for 3,000 beans for order 2, none granted: the balance held 0"),
    (2000, 2000, 20, "asked for 2,000 beans for order 2, 1,000 granted: the order takes at most half, in multiples of 1,000"),
    (2000, 2000, 19.99, "asked for 2,000 beans for order 2, none granted: the order takes at most half, in multiples of 1,000"),
    (2000, 1500, 100, "asked for 1,500 beans for order 2, 1,000 granted: the order takes multiples of 1,000"),
    (2000, 900, 100, "asked for 900 beans for order 2, none granted: the order takes multiples of 1,000")])
def test_a_request_at_an_order_says_what_bound_it(had, asked, amount, words):
    rows = [grant(had, "2024-05-01")] if had else [{"time": "2024-05-01", "kind": "login"}]
    assert refused([*rows, redeem(asked, "2024-06-01", 2, amount), order(amount, "2024-06-01", 2)]) == [words]


@pytest.mark.parametrize(("redeem_table", "shop", "words"), [
    ("", None, "asked for 50 shop points for order 2, none granted: the order takes no shop points"),
    ("cap_order = {value = 0, N}\n", None, "asked for 50 shop points for order 2, none granted: the order takes no shop points"),
    ("cap_order = {value = 0.3, N}\n", None, "asked for 50 shop points for order 2, 15 granted: the order takes at most 30 %"),
    ('cap_order = {value = 0.3, N}\n[[currency.redeem.shop]]\nname = "s"\ncap_order = {value = 0.1, N}\n', "s",
     "asked for 50 shop points for order 2, 5 granted: the shop takes no more shop points for this order")])
def test_orders_and_shops_take_what_their_rule_says(redeem_table, shop, words):
    scheme = make_scheme(POINTS % (NEVER, "") + ("[currency.redeem]\n" + redeem_table if redeem_table else ""))
    rows = [grant(50, "2024-05-01"), redeem(50, "2024-06-01", 2, 1, shop=shop), order(1, "2024-06-01", 2, shop=shop)]
    assert refused(rows, scheme) == [words]


@pytest.mark.parametrize(("act", "words"), [
    ({"kind": "exchange", "points": 50}, "asked to exchange 50 beans, none granted: it needs a settled score of at least 20,000, and 130 was in force"),
    ({"kind": "exchange", "points": 500, "item_id": "coupon"}, "asked to exchange 500 beans, none granted: the balance held 100"),
    ({"kind": "courier_gift", "points": 500}, "asked to give the courier 500 beans, none granted: the balance held 100"),
    ({"kind": "exchange", "points": 50, "item_id": "lottery"}, "asked to exchange 50 beans, none granted: the outlet takes no beans")])
def test_a_request_elsewhere_says_what_bound_it(act, words):
    assert refused([grant(100, "2024-05-01"), {"time": "2024-05-01", "kind": "credit", "points": 130}, {"time": "2024-06-03", **act}]) == [words]


def test_gates_that_differ_are_not_named():
    outlets = "".join(f'[[currency.outlet]]\nname = "{name}"\nsource = "test"\ngate = {{from = {{value = {edge}, N}}}}\n'
                      for name, edge in (("coupon", 10), ("external", 20)))
    rows = [grant(100, "2024-05-01"), {"time": "2024-05-02", "kind": "exchange", "points": 5, "item_id": "coupon"}]
    assert refused(rows, make_scheme(POINTS % (NEVER, "") + outlets)) == [
        "asked to exchange 5 shop points, none granted: it needs a higher settled score, and 0 was in force"]


def test_a_part_of_a_piece_is_not_sold():
    priced = [f'[[currency.outlet]]\nname = "{name}"\nsource = "test"\nprice = {{value = {price}, N}}\n'
              for name, price in (("exchange", 40), ("coupon", 30))]
    rows = [grant(100, "2024-05-01"), {"time": "2024-05-02", "kind": "exchange", "points": 50}]
    one, two = (refused(rows, make_scheme(POINTS % (NEVER, "") + "".join(outlets))) for outlets in (priced[:1], priced))
    assert one == ["asked to exchange 50 shop points, none granted: a piece costs 40"]
    assert two == ["asked to exchange 50 shop points, none granted: it is no whole number of pieces"]


def test_a_penalty_beyond_the_balance_says_what_was_taken():
    rows = [grant(100, "2024-05-01"), {"time": "2024-05-02", "kind": "penalty", "points": 140, "order_id": 3},
            {"time": "2024-05-03", "kind": "penalty", "points": 5}]
    assert [what for _, what, _ in said(rows)][1:] == [
        "100 beans taken as a penalty on order 3", "penalty of 140 beans on order 3, 100 taken: the balance held no more",
        "penalty of 5 beans, none taken: the balance held no more"]


def test_points_whose_day_is_over_are_not_given_back():
    rows = [grant(1000, "2023-05-01"), redeem(1000, "2024-12-20", 2, 40), order(40, "2024-12-20", 2), returned("2025-01-05", 2)]
    frame = told(rows, until="2025-02-01")
    assert "1,000 beans of order 2 not given back: their last day is over" in frame["what"].tolist()


@pytest.mark.parametrize(("kind", "words"), [
    ("return", "return of order 1 refused: more than 180 days after the order"),
    ("goods_exchange", "exchange of order 1 refused: more than 180 days after the order")])
def test_goods_that_come_back_late_are_refused_and_move_no_currency(kind, words):
    frame = told([order(600, "2024-01-01"), {"time": "2024-06-30", "kind": kind, "order_id": 1}])
    [late] = frame[frame["what"] == words].to_dict("records")
    assert late["time"] == pd.Timestamp("2024-06-30") and pd.isna(late["currency"]) and pd.isna(late["balance"])


def test_acts_of_one_instant_stand_in_their_order():
    """The log says exchange, grant, exchange: the first met no points, although all have one time."""
    acts = [{"kind": "exchange", "points": 50, "item_id": "coupon"}, {"kind": "grant", "points": 60}, {"kind": "exchange", "points": 50, "item_id": "coupon"},
            {"kind": "exchange", "points": 50, "item_id": "coupon"}]
    assert said([{"time": "2024-05-01", **act} for act in acts]) == [
        ("05-01", "asked to exchange 50 beans, none granted: the balance held 0", None), ("05-01", "60 beans granted, valid to 2025-12-31", 60),
        ("05-01", "50 beans spent on a coupon", -50), ("05-01", "asked to exchange 50 beans, none granted: the balance held 10", None)]


# ------------------------------------------------------------------------------------------------ settlements and plans


def test_settlements_stand_at_the_day_from_which_they_govern():
    rows = [{"time": "2024-01-05", "kind": "credit", "points": 300}, {"time": "2024-02-10", "kind": "credit", "points": 1500},
            {"time": "2024-02-20", "kind": "credit", "points": 1400}, {"time": "2024-03-20", "kind": "credit", "points": 10}]
    assert woven(rows, until="2024-05-01") == [
        ("02-03", "score of 300 settled on 2024-02-02"), ("02-03", "placed in tier privileged"), ("02-03", "JD PLUS quoted at 198.00 CNY a year"),
        ("03-03", "score of 1,400 settled on 2024-03-02, 300 before"), ("03-03", "up from tier privileged to tier birthday"),
        ("03-03", "JD PLUS quoted at 188.00 CNY a year"), ("04-03", "score of 10 settled on 2024-04-02, 1,400 before"),
        ("04-03", "down from tier birthday to tier none"), ("04-03", "no price of JD PLUS is known at this score")]
    assert woven(rows, until="2024-02-02 23:59:59") == []


def test_seats_are_among_the_tiers():
    rows = [{"time": "2024-01-05", "kind": "reputation", "points": 3}, {"time": "2024-02-20", "kind": "reputation", "points": 1}]
    moves = [what for _, what in woven(rows, SEATS) if "tier" in what]
    assert moves == ["placed in tier apass", "down from tier apass to tier super"]


def test_a_plan_is_joined_renewed_cancelled_and_ends():
    acts = [("joined", "2024-01-05 10:00", 198), ("renewed", "2024-12-20", 188), ("cancelled", "2025-01-10", None), ("joined", "2026-01-05", None)]
    rows = [{"time": time, "kind": f"plan_{act}", "amount": amount} for act, time, amount in acts]
    assert [each for each in woven(rows, until="2027-06-01") if "PLUS" in each[1]] == [
        ("01-05", "JD PLUS joined, 198.00 CNY paid, paid to 2025-01-04"), ("12-20", "JD PLUS renewed, 188.00 CNY paid, paid to 2026-01-04"),
        ("01-10", "JD PLUS cancelled, paid to 2026-01-04"), ("01-05", "JD PLUS ended, it was paid to 2026-01-04"),
        ("01-05", "JD PLUS joined, paid to 2027-01-04"), ("01-05", "JD PLUS ended, it was paid to 2027-01-04")]


def test_a_scheme_of_one_tier_without_a_score_says_nothing_of_them():
    assert told([{"time": "2024-01-05", "kind": "login"}], NONE).empty


# ------------------------------------------------------------------------------------------------ the table


TYPES = {"time": "datetime64[us]", "currency": "category", "what": "str", "points": "Int64", "worth_cny": "float64", "balance": "Int64"}


@pytest.mark.parametrize("rows", [
    [grant(5, "2024-05-01")], [{"time": "2024-05-01", "kind": "login"}], [{"time": "2024-05-01", "kind": "login", "customer_id": "c"}]])
def test_a_statement_has_its_types_and_may_be_empty(rows, tmp_path):
    frame = told(rows, until="2024-05-01 12:00")
    assert frame.dtypes.astype("str").to_dict() == TYPES and isinstance(frame.index, pd.RangeIndex)
    assert frame.empty == (rows[0]["kind"] == "login") and list(frame["currency"].cat.categories) == ["beans"]
    frame.to_parquet(tmp_path / "statement.parquet")


def test_the_last_rows_name_each_balance_what_waits_and_what_expires_next():
    rows = [grant(30, "2024-05-01"), order(600, "2025-03-01"), grant(9, "2025-03-02"), order(100, "2025-03-02", 2, channel="tmall")]
    frame = told(rows, until="2025-03-03")
    assert frame["what"].iloc[-1] == "balance of 39 beans, 70 more pending, 30 expire next, after 2025-12-31"
    assert frame.iloc[-1][["points", "worth_cny", "balance"]].tolist() == [pd.NA, 0.39, 39]
    last = told(rows, TAOBAO, until="2025-04-01").groupby("currency", observed=True)["what"].last().to_dict()
    assert last == {"coins": "balance of 389 coins, 30 expire next, after 2025-06-30",
                    "tmall_points": "balance of 50 tmall points, 50 expire next, after 2026-12-31"}


@pytest.mark.parametrize(("expiry", "more", "words"), [
    (NEVER, "", "balance of 30 shop points, none expires"),
    ('{kind = "rolling_days", days = {value = 10, N}, source = "test"}', "", "balance of 30 shop points, 30 expire next, after 2024-05-11")])
def test_points_that_never_expire_say_so(expiry, more, words):
    assert told([grant(30, "2024-05-01")], make_scheme(POINTS % (expiry, more)), until="2024-05-02")["what"].iloc[-1] == words


def test_a_period_carries_the_balance_over():
    rows = [grant(1500, "2024-05-01"), redeem(1000, "2024-06-01", 2, 40), order(40, "2024-06-01", 2), grant(7, "2024-07-01 10:00")]
    frame = told(rows, start="2024-06-01", end="2024-07-01")
    money = frame[frame["currency"].notna()]
    assert money["what"].tolist() == [
        "carried over: balance of 1,500 beans, 1,500 expire next, after 2025-12-31", "1,000 beans paid 10.00 CNY of order 2",
        "balance of 500 beans, 500 expire next, after 2025-12-31"]
    assert money["balance"].tolist() == [1500, 500, 500] and money["worth_cny"].tolist() == [15, -10, 5]
    assert frame["time"].between("2024-06-01", "2024-07-01").all()
    assert told(rows, end="2024-07-01 10:00")["balance"].iloc[-1] == 507
    early = told(rows, start="2024-01-01", end="2024-04-30")
    assert early.empty and early.dtypes.astype("str").to_dict() == TYPES


@pytest.mark.parametrize(("period", "message"), [
    ({"end": "2025-01-01"}, "end is 2025-01-01 00:00:00, after the end of the run at 2024-12-31 00:00:00; run the log with a later until."),
    ({"start": "2025-01-01"}, "start is 2025-01-01 00:00:00, after the end of the run at 2024-12-31 00:00:00; run the log with a later until."),
    ({"start": "2024-07-01", "end": "2024-06-01"}, "start is 2024-07-01 00:00:00 and end is 2024-06-01 00:00:00; give a start that is not after the end."),
    ({"start": "soon"}, "start is 'soon', which is no date or time; write for example '2024-06-30'.")])
def test_a_period_that_is_none_is_refused(period, message):
    with pytest.raises(lr.LoyaltyError) as error:
        told([grant(5, "2024-01-05")], **period)
    assert str(error.value) == message


@A_FEW
@given(log=logs(), key=st.sampled_from(sorted(SCHEMES)), days=st.integers(0, 900))
def test_points_sum_to_the_balance_of_the_ledger(log, key, days):
    """Also from any start on; and every entry is told, at its time."""
    done = lr.replay(log, SCHEMES[key], until="2027-01-05")
    entries = done.ledger.entries
    for customer, since in log.groupby("customer_id")["time"].min().items():
        own = entries[entries["customer_id"] == customer]
        balances = own.groupby("currency", observed=True)["balance"].last().to_dict()
        start = min(since + pd.Timedelta(days=days), done.until)
        frame, later = done.statement(customer), done.statement(customer, start=start)
        money, goes_on = (each[each["currency"].notna()].groupby("currency", observed=True) for each in (frame, later))
        last = {name: balances.get(name, 0) for name in money.groups}
        assert set(last) >= set(balances) and money["points"].sum().to_dict() == money["balance"].last().to_dict() == last
        carried = later[later["what"].str.startswith("carried over")].set_index("currency")["balance"].to_dict()
        assert {name: points + carried.get(name, 0) for name, points in goes_on["points"].sum().items()} == {
            name: balance for name, balance in last.items() if name in goes_on.groups}
        moved = own[~own["entry"].isin(["pending", "release"])].groupby(["currency", "time"], observed=True)["points"].sum()
        assert frame.dropna(subset="points").groupby(["currency", "time"], observed=True)["points"].sum().to_dict() == moved.to_dict()
        assert frame["time"].is_monotonic_increasing and not frame["what"].str.contains("nan|NaT|None|<NA>|  ").any()


@A_FEW
@given(log=logs())
def test_every_refusal_is_told(log):
    done = lr.replay(log, JD, until="2027-01-05")
    for customer, declined in done.ledger.declined.groupby("customer_id"):
        what = done.statement(customer)["what"]
        assert what.str.contains(" granted: | refused: | taken: |not given back: ").sum() == len(declined)


def test_acts_without_points_are_no_rows_and_runs_from_files_tell_the_same(tmp_path):
    log = lr.make_events(30, "2024-01-01", 400)
    log.to_parquet(tmp_path / "log.parquet")
    memory, files = (lr.replay(source, TAOBAO) for source in (log, tmp_path / "log.parquet"))
    for customer in log["customer_id"].unique()[:5]:
        assert_frame_equal(memory.statement(customer), files.statement(customer))
