"""The order of the steps at one instant, and what confirmation, return and exchange of goods set off."""
from __future__ import annotations

import pytest

import loyalty_research as lr

from .properties.logs import make_log, make_scheme

JD, TAOBAO = lr.load_scheme("jd"), lr.load_scheme("taobao")
AT_ORDER = JD.with_readings(X28="order")


def steps(rows: list[dict], scheme: lr.Scheme = JD, until: str | None = None) -> list[tuple[str, str, int]]:
    """Entries as (day and hour, entry, points)."""
    entries = lr.ledger(make_log(rows), scheme, until=until).entries
    hours = entries["time"].dt.strftime("%m-%d %H")
    return list(zip(hours, entries["entry"].astype("str"), entries["points"], strict=True))


def reasons(rows: list[dict], scheme: lr.Scheme = JD) -> list[tuple[str, str]]:
    declined = lr.ledger(make_log(rows), scheme).declined
    return list(zip(declined["kind"].astype("str"), declined["reason"].astype("str"), strict=True))


def grant(points: int, time: str) -> dict:
    return {"time": time, "kind": "grant", "points": points}


def line(amount: float = 600, time: str = "2024-01-01 12:00", order: int = 1, item: str | None = None) -> dict:
    return {"time": time, "kind": "order", "order_id": order, "item_id": item, "amount": amount}


def act(kind: str, time: str, order: int = 1, item: str | None = None) -> dict:
    return {"time": time, "kind": kind, "order_id": order, "item_id": item}


def gift(points: int, time: str) -> dict:
    return {"time": time, "kind": "courier_gift", "points": points}


# ---------------------------------------------------------------------------------------- one instant


def test_expiries_come_before_the_events_of_midnight():
    """Points of 2023 may be spent until 23:59:59 of 31 December 2024, and no longer at 00:00."""
    rows = [grant(10, "2023-05-01"), gift(4, "2024-12-31 23:59:59"), gift(4, "2025-01-01 00:00:00")]
    assert steps(rows)[1:] == [("12-31 23", "redemption", -4), ("01-01 00", "expiry", -6)]
    assert reasons(rows) == [("courier_gift", "balance")]


def test_automatic_confirmation_comes_before_the_events_of_midnight():
    rows = [line(), gift(60, "2024-01-10 23:59:59"), gift(60, "2024-01-11 00:00:00")]
    assert steps(rows) == [("01-01 12", "pending", 60), ("01-11 00", "release", -60), ("01-11 00", "accrual", 60),
                           ("01-11 00", "redemption", -60)]
    assert reasons(rows) == [("courier_gift", "balance")]


def test_an_expiry_comes_before_the_confirmation_of_the_same_midnight():
    """Both at 00:00 of 1 January 2025: what expires goes first, what is confirmed gets the new year's life."""
    rows = [grant(10, "2023-05-01"), line(time="2024-12-22 12:00")]
    ledger = lr.ledger(make_log(rows), JD, until="2025-01-01")
    assert ledger.entries["entry"].tolist()[2:] == ["expiry", "release", "accrual"]
    assert ledger.entries["expires_on"].dt.year.tolist()[-1] == 2026


def test_a_settlement_is_struck_before_the_events_of_the_next_midnight():
    """The gate of 20,000: reached on 2 January, it opens at 00:00 of the 3rd and not within the 2nd."""
    exchange = {"kind": "exchange", "points": 1}
    rows = [grant(9, "2024-01-01"), {"time": "2024-01-02 09:00", "kind": "credit", "points": 20_000},
            {**exchange, "time": "2024-01-02 23:59:59"}, {**exchange, "time": "2024-01-03 00:00:00"}]
    assert reasons(rows) == [("exchange", "gate")]
    assert steps(rows)[-1] == ("01-03 00", "redemption", -1)


def test_events_of_one_instant_stand_in_input_order():
    assert reasons([gift(5, "2024-01-01"), grant(5, "2024-01-01")]) == [("courier_gift", "balance")]
    assert reasons([grant(5, "2024-01-01"), gift(5, "2024-01-01")]) == []


def test_lines_are_confirmed_by_order_time_and_currencies_in_file_order():
    rows = [{**line(time="2024-01-01 12:00", order=2), "channel": "tmall"},
            {**line(100, time="2024-01-01 09:00", order=1), "channel": "tmall"}]
    entries = lr.ledger(make_log(rows), TAOBAO, until="2024-01-11").entries
    assert entries["order_id"].tolist() == [1] * 2 + [2] * 2 + [1] * 4 + [2] * 4
    assert entries["currency"].tolist() == ["coins", "tmall_points"] * 2 + (["coins"] * 2 + ["tmall_points"] * 2) * 2


# --------------------------------------------------------------------------------------- confirmation


def test_a_confirmation_releases_its_line_and_a_later_one_does_nothing():
    rows = [line(item="a"), line(item="b", amount=70), act("confirm", "2024-01-03", item="b"),
            act("confirm", "2024-01-04", item="b"), act("confirm", "2024-01-05"), act("confirm", "2024-01-20")]
    assert steps(rows) == [
        ("01-01 12", "pending", 60), ("01-01 12", "pending", 7),
        ("01-03 00", "release", -7), ("01-03 00", "accrual", 7),
        ("01-05 00", "release", -60), ("01-05 00", "accrual", 60)]


def test_a_confirmation_of_nothing_does_nothing():
    """Before its order, of an order that is unknown, of an item that it has not."""
    rows = [act("confirm", "2024-01-01 11:00"), line(item="a"), act("confirm", "2024-01-02", item="z"),
            act("confirm", "2024-01-02", order=9)]
    assert [entry for _, entry, _ in steps(rows)] == ["pending"]


def test_points_live_from_their_release():
    entries = lr.ledger(make_log([line(time="2023-12-30 12:00")]), JD, until="2024-02-01").entries
    assert entries["accrued_on"].dt.strftime("%Y-%m-%d").tolist()[-1] == "2024-01-09"
    assert entries["expires_on"].dt.year.tolist()[-1] == 2025
    assert entries["lot_id"].isna().tolist() == [True, True, False]


# -------------------------------------------------------------------------------------------- returns


def test_a_line_returned_while_it_waits_is_cancelled():
    rows = [line(), act("return", "2024-01-05"), act("confirm", "2024-01-06")]
    assert steps(rows, until="2024-03-01") == [("01-01 12", "pending", 60), ("01-05 00", "release", -60)]


@pytest.mark.parametrize(("day", "late"), [("2024-06-29 23:59", False), ("2024-06-30 00:00", True)])
def test_the_window_counts_days_from_the_day_of_the_order(day, late):
    """180 days after 1 January 2024 is 29 June."""
    rows = [line(), act("return", day)]
    assert reasons(rows) == ([("return", "late")] if late else [])
    assert ("clawback" in [entry for _, entry, _ in steps(rows)]) is not late


def test_of_an_order_only_the_lines_in_time_come_back():
    rows = [line(item="a"), line(700, "2024-01-02 12:00", item="b"), act("return", "2024-06-30")]
    declined = lr.ledger(make_log(rows), JD).declined
    assert declined[["points", "reason", "order_id"]].to_numpy().tolist() == [[0, "late", 1]]
    assert steps(rows)[-1] == ("06-30 00", "clawback", -70)


def test_a_late_return_in_a_scheme_without_points_says_nothing():
    ledger = lr.ledger(make_log([line(), act("return", "2024-12-01")]), lr.load_scheme("none"))
    assert ledger.declined.empty


def test_what_reviews_earned_stays_after_a_return():
    rows = [line(), {**act("review", "2024-01-02"), "item_id": None}, act("return", "2024-01-03")]
    assert steps(rows, AT_ORDER) == [
        ("01-01 12", "accrual", 60), ("01-02 00", "accrual", 20), ("01-03 00", "clawback", -60)]


# ---------------------------------------------------------------------------------- exchange of goods


def test_an_exchange_of_goods_is_a_return_and_a_new_order():
    """X32: what waited is cancelled and waits anew, ten days from the exchange."""
    rows = [line(), act("goods_exchange", "2024-01-05")]
    assert steps(rows, until="2024-02-01") == [
        ("01-01 12", "pending", 60), ("01-05 00", "release", -60), ("01-05 00", "pending", 60),
        ("01-15 00", "release", -60), ("01-15 00", "accrual", 60)]


def test_an_exchange_may_only_claw_back():
    rows = [line(), act("goods_exchange", "2024-01-05"), act("return", "2024-01-06")]
    assert steps(rows, AT_ORDER.with_readings(X32="claw_back")) == [
        ("01-01 12", "accrual", 60), ("01-05 00", "clawback", -60)]


def test_goods_exchanged_can_be_exchanged_and_returned_again():
    """Each is a new order line, so the second one makes the month's third shopping day (30), which stays."""
    rows = [line(), *(act("goods_exchange", day) for day in ("2024-01-05", "2024-01-06")), act("return", "2024-01-07")]
    assert [entry for _, entry, _ in steps(rows, AT_ORDER)] == ["accrual", "clawback"] * 3
    score = lr.score(make_log(rows), AT_ORDER, at=["2024-01-04", "2024-01-05", "2024-01-06", "2024-01-07"])
    assert score["consumption"].tolist() == [120, 120, 150, 30]


def test_points_spent_come_back_once_however_often_goods_are_exchanged():
    rows = [grant(1000, "2023-12-01"), {**act("redeem", "2024-01-01"), "amount": 600, "points": 1000}, line(),
            act("goods_exchange", "2024-01-05"), act("return", "2024-01-06")]
    given = [points for _, entry, points in steps(rows) if entry == "reinstatement"]
    assert given == [1000]


# ------------------------------------------------------------------------------------------- dated rules


def test_the_bean_rule_of_2026_decides_by_the_day_of_release():
    rows = [line(time="2025-12-21 12:00", order=1), line(time="2025-12-22 12:00", order=2)]
    entries = lr.ledger(make_log(rows), JD, until="2026-01-05").entries
    ends = entries.loc[entries["entry"] == "accrual", "expires_on"].dt.strftime("%Y-%m-%d").tolist()
    assert ends == ["2026-12-31", "2026-06-30"]          # released on 31 December, and on 1 January + 180 days


def test_a_currency_earns_only_while_it_holds():
    scheme = make_scheme(
        '[[currency]]\nname = "p"\nvalue_cny = {value = 0.01, N}\nexpiry = {kind = "never", source = "test"}\n'
        'valid_from = 2024-01-02\nvalid_until = 2024-01-03\n'
        '[[currency.earn]]\nname = "grant"\non = ["grant"]\nper = "given"\n')
    rows = [grant(day, f"2024-01-0{day} 23:59") for day in (1, 2, 3, 4)]
    assert [points for _, _, points in steps(rows, scheme)] == [2, 3]


def test_lots_without_an_end_never_expire():
    scheme = make_scheme(
        '[[currency]]\nname = "p"\nvalue_cny = {value = 0.01, N}\nexpiry = {kind = "never", source = "test"}\n'
        '[[currency.earn]]\nname = "grant"\non = ["grant"]\nper = "given"\n')
    ledger = lr.ledger(make_log([grant(5, "2024-01-01")]), scheme, until="2109-01-01")
    assert ledger.entries["expires_on"].isna().all() and ledger.lots("2109-01-01")["points"].tolist() == [5]
