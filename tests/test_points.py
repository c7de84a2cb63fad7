"""The steps of a ledger on hand-made purses: where lots stand, what is taken, given back and owed."""
from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research import points as P
from loyalty_research.dates import day_number
from loyalty_research.state import CUSTOMER, ENTRIES, LOTS, NULL, OUTPUT, clear_customer, compile_rules, new_record

from .properties.logs import make_log, make_scheme

TODAY = day_number("2024-01-01")


@pytest.fixture(scope="module")
def records() -> SimpleNamespace:
    scheme = make_scheme(
        '[[currency]]\nname = "points"\nvalue_cny = {value = 0.01, N}\n'
        'expiry = {kind = "rolling_days", days = {value = 30, N}, source = "test"}\n')
    tables = {"rules": compile_rules(scheme), "customer": new_record(CUSTOMER), "out": new_record(OUTPUT)}
    return SimpleNamespace(**{name: table.view(np.recarray)[0] for name, table in tables.items()})


@pytest.fixture
def purse(records):
    """The first purse of a fresh customer on 1 January 2024; `records` beside it."""
    clear_customer(records.customer, records.rules)
    records.customer.today, records.customer.now, records.customer.row = TODAY, TODAY * 86_400_000_000, -1
    records.out.n_entries = records.out.n_declined = 0
    return records.customer.purse[0]


def put(records, points: int, days: int = 0) -> int:
    """Accrue points some days later; returns the lot's number."""
    records.customer.today = TODAY + days
    return int(P.accrue(records.customer, records.rules, records.out, 0, points, P.PLATFORM, NULL, P.ACCRUAL))


def take(records, points: int) -> int:
    return int(P.take(records.customer, records.out, 0, points, P.PENALTY, P.NO_OUTLET, P.CUSTOMER_FUNDS, NULL, 0))


def lots(purse) -> list[tuple[int, int]]:
    return [(int(purse.lot[at].number), int(purse.lot[at].points)) for at in range(int(purse.head), int(purse.tail))]


def written(records) -> list[tuple[str, int, int]]:
    rows = records.out.entry[: int(records.out.n_entries)]
    return [(ENTRIES[row.entry], int(row.points), int(row.lot)) for row in rows]


def test_lots_stand_by_expiry_then_number(records, purse):
    for number, expires_on in ((4, 50), (1, 60), (3, 40), (2, 50)):
        P.add_to_lot(records.customer, purse, 10 * number, expires_on, number, 0, P.PLATFORM)
    assert lots(purse) == [(3, 30), (2, 20), (4, 40), (1, 10)]
    assert [int(P.find_place(purse, 50, number)) for number in (1, 2, 3, 4, 5)] == [1, 1, 2, 2, 3]


def test_points_go_back_into_a_lot_that_stands(records, purse):
    put(records, 10)
    P.add_to_lot(records.customer, purse, 5, TODAY + 30, 1, TODAY, P.PLATFORM)
    assert lots(purse) == [(1, 15)]


def test_an_empty_lot_that_still_stands_is_filled_again(records, purse):
    """A lot in the middle can be emptied by a claw-back; its points come back to the same place."""
    put(records, 10), put(records, 20, days=1)
    purse.lot[1].points = 0
    P.add_to_lot(records.customer, purse, 7, TODAY + 31, 2, TODAY + 1, P.PLATFORM)
    assert lots(purse) == [(1, 10), (2, 7)]


def test_taking_runs_over_lots_and_leaves_no_empty_head(records, purse):
    for day, points in enumerate((10, 20, 30)):
        put(records, points, days=day)
    assert take(records, 30) == 0 and lots(purse) == [(3, 30)]
    assert take(records, 50) == 20 and lots(purse) == [] and int(purse.balance) == 0
    assert [row for row in written(records) if row[0] == "penalty"] == [
        ("penalty", -10, 1), ("penalty", -20, 2), ("penalty", -30, 3)]


def test_nothing_is_written_for_nothing(records, purse):
    assert put(records, 0) == P.NO_LOT and take(records, 5) == 5
    P.owe(records.customer, records.out, 0, 0, P.CLAWBACK, P.PLATFORM, NULL)
    assert written(records) == []


def test_a_lot_expires_the_day_after_its_last(records, purse):
    put(records, 10)
    assert int(P.next_expiry(records.rules, purse, 0)) == TODAY + 31
    records.customer.today = TODAY + 30
    P.expire(records.customer, records.rules, records.out, 0)
    assert lots(purse) == [(1, 10)]
    records.customer.today = TODAY + 31
    P.expire(records.customer, records.rules, records.out, 0)
    assert lots(purse) == [] and written(records)[-1] == ("expiry", -10, 1)


def test_a_deficit_is_repaid_before_a_lot_is_filled(records, purse):
    P.owe(records.customer, records.out, 0, 25, P.CLAWBACK, P.PLATFORM, NULL)
    put(records, 10)
    assert (int(purse.balance), int(purse.deficit), lots(purse)) == (-15, 15, [])
    put(records, 20)
    assert (int(purse.balance), int(purse.deficit), lots(purse)) == (5, 0, [(2, 5)])
    assert written(records) == [("clawback", -25, 0), ("accrual", 10, 1), ("accrual", 20, 2)]
    assert [int(row.repaid) for row in records.out.entry[:3]] == [0, 10, 15]


def test_lots_move_to_the_front_where_the_table_ends(records, purse):
    purse.head = purse.tail = LOTS - 2
    for day in range(4):
        put(records, 10 + day, days=day)
    assert int(records.customer.failed) == 0 and (int(purse.head), int(purse.tail)) == (0, 4)
    assert lots(purse) == [(1, 10), (2, 11), (3, 12), (4, 13)]


def test_a_full_table_is_a_failure_and_keeps_within_its_bounds(records, purse):
    put(records, 1)
    for name in purse.lot.dtype.names:
        purse.lot[name][:] = purse.lot[name][0]
    purse.lot["number"][:] = np.arange(1, LOTS + 1)
    purse.tail = purse.last_number = LOTS
    take(records, 1)
    put(records, 1)
    assert int(records.customer.failed) == 0 and int(purse.tail) - int(purse.head) == LOTS
    put(records, 1)
    assert int(records.customer.failed) == P.TOO_MANY_LOTS and int(purse.tail) == LOTS


# ------------------------------------------------------------------------------------- through the ledger

JD, TAOBAO = lr.load_scheme("jd"), lr.load_scheme("taobao")


def steps(rows: list[dict], scheme: lr.Scheme = JD) -> list[tuple]:
    """Entries as (entry, points, lot, balance)."""
    entries = lr.ledger(make_log(rows), scheme).entries
    lots = [None if lot is pd.NA else lot for lot in entries["lot_id"]]
    return list(zip(entries["entry"].astype("str"), entries["points"].tolist(), lots, entries["balance"].tolist(),
                    strict=True))


def declined(rows: list[dict], scheme: lr.Scheme = JD) -> list[tuple]:
    frame = lr.ledger(make_log(rows), scheme).declined
    return list(zip(frame["kind"].astype("str"), frame["points"].tolist(), frame["reason"].astype("str"), strict=True))


def grant(points: int, day: str = "2024-01-01", **values) -> dict:
    return {"time": day, "kind": "grant", "points": points, **values}


def redeem(points: int, amount: float, order: int = 1, day: str = "2024-02-01", **values) -> dict:
    return {"time": day, "kind": "redeem", "order_id": order, "amount": amount, "points": points, **values}


def line(amount: float, order: int = 1, day: str = "2024-02-01", item: str | None = None) -> dict:
    return {"time": day, "kind": "order", "order_id": order, "item_id": item, "amount": amount}


def back(day: str, order: int = 1, item: str | None = None, kind: str = "return") -> dict:
    return {"time": day, "kind": kind, "order_id": order, "item_id": item}


@pytest.mark.parametrize(("asked", "held", "amount", "granted", "reason"), [
    (1000, 5000, 1000, 1000, None), (5000, 3999, 1000, 3000, "balance"), (5000, 9000, 70, 3000, "cap"),
    (1999, 5000, 1000, 1000, "multiple"), (999, 5000, 1000, 0, "multiple"), (5000, 0, 1000, 0, "balance"),
    (5000, 4000, 80, 4000, "balance"), (5000, 3000, 40, 2000, "cap"), (10**12, 2500, 10**6, 2000, "balance")])
def test_a_redemption_takes_the_largest_amount_allowed(asked, held, amount, granted, reason):
    """Not above the request, the balance, half the order, and in thousands; a tie names the balance."""
    rows = [*([grant(held)] if held else []), redeem(asked, amount), line(0)]
    assert -sum(points for entry, points, *_ in steps(rows) if entry == "redemption") == granted
    assert declined(rows) == ([("redeem", asked - granted, reason)] if reason else [])


def test_the_cap_of_an_order_runs_over_its_redemptions():
    rows = [grant(9000), redeem(2000, 60), redeem(2000, 60), line(60)]
    assert [points for entry, points, *_ in steps(rows) if entry == "redemption"] == [-2000, -1000]
    assert declined(rows) == [("redeem", 1000, "cap")]


def test_points_given_back_free_no_room_under_the_cap():
    rows = [grant(9000), redeem(3000, 60), line(60), back("2024-02-05"), redeem(1000, 60, day="2024-02-06")]
    assert declined(rows) == [("redeem", 1000, "cap")]


def test_a_currency_without_orders_declines_the_whole():
    rows = [grant(50, currency="tmall_points"), redeem(10, 100, currency="tmall_points"), line(5)]
    assert declined(rows, TAOBAO) == [("redeem", 10, "not_offered")]


def test_half_even_rounds_what_is_earned_and_never_a_cap():
    half = JD.with_readings(X28="order", X23="half_even")
    earned = [steps([line(amount)], half)[0][1] for amount in (55, 65, 64.99, 65.01)]
    assert earned == [6, 6, 6, 7]
    assert declined([grant(9000), redeem(2000, 39.99), line(0)], half) == [("redeem", 1000, "cap")]


def test_shares_of_a_redemption_round_down_and_the_last_line_takes_the_rest():
    """1,000 points over lines of 10, 10 and 10 CNY of 30: 333, 333 and 334, in whatever order they come back."""
    rows = [grant(1000), redeem(1000, 30), *(line(10, item=item) for item in "abc")]
    returned = [back(f"2024-02-0{day}", item=item) for day, item in zip((2, 3, 4), "cab", strict=True)]
    given = [points for entry, points, *_ in steps(rows + returned) if entry == "reinstatement"]
    assert given == [334, 333, 333]


def test_parts_go_back_to_their_own_lots_in_the_order_taken():
    rows = [grant(600), grant(700, day="2024-01-02"), redeem(1000, 100), line(50, item="a"), line(50, item="b"),
            back("2024-02-02", item="b"), back("2024-02-03", item="a")]
    given = [(points, lot) for entry, points, lot, _ in steps(rows) if entry == "reinstatement"]
    assert given == [(500, 1), (100, 1), (400, 2)]


def test_a_part_whose_time_is_over_is_declined():
    day = "2024-12-30"
    rows = [grant(1000, day="2023-05-01"), redeem(1000, 30, day=day), line(30, day=day), back("2025-01-01")]
    assert "reinstatement" not in [entry for entry, *_ in steps(rows)]
    assert declined(rows) == [("return", 1000, "expired")]
    assert ("reinstatement", 1000, 1, 1000) in steps([*rows[:3], back("2024-12-31 23:59:59")])


def test_a_claw_back_takes_its_own_lot_first_then_the_soonest_expiry():
    at_order = JD.with_readings(X28="order", expiry="days_180")
    rows = [line(600, order=1, day="2024-01-10"), grant(30, day="2024-01-11"), line(500, order=2, day="2024-01-12"),
            {"time": "2024-01-13", "kind": "penalty", "points": 50}, back("2024-01-14", order=2),
            back("2024-01-15", order=1)]
    assert steps(rows, at_order)[3:] == [
        ("penalty", -50, 1, 90), ("clawback", -50, 3, 40), ("clawback", -10, 1, 30), ("clawback", -30, 2, 0),
        ("clawback", -20, None, -20)]


def test_a_claw_back_that_nothing_covers_is_forgiven_where_the_scheme_clamps():
    rows = [line(600), {"time": "2024-02-02", "kind": "penalty", "points": 60}, back("2024-02-03")]
    clamp = JD.with_readings(X28="order", X16="clamp")
    assert [entry for entry, *_ in steps(rows, clamp)] == ["accrual", "penalty"]
    assert steps(rows, JD.with_readings(X28="order"))[-1] == ("clawback", -60, None, -60)


def test_a_deficit_is_repaid_by_a_reinstatement():
    """600 CNY earned 60 and were spent; the return owes 60; goods of another order give 1,000 back: 940 are left."""
    rows = [grant(1000), redeem(1000, 30, order=2), line(30, order=2), line(600, order=1, day="2024-02-02"),
            {"time": "2024-02-03", "kind": "penalty", "points": 60}, back("2024-02-04"), back("2024-02-05", order=2)]
    found = steps(rows, JD.with_readings(X28="order"))
    assert found[-2:] == [("clawback", -60, None, -60), ("reinstatement", 1000, 1, 940)]
    assert lr.ledger(make_log(rows), JD.with_readings(X28="order")).lots("2024-02-06")["points"].tolist() == [940]


def test_a_penalty_takes_at_most_the_balance():
    rows = [grant(30), {"time": "2024-01-02", "kind": "penalty", "points": 50}]
    assert steps(rows)[-1] == ("penalty", -30, 1, 0) and declined(rows) == [("penalty", 20, "shortfall")]
    assert lr.ledger(make_log(rows), JD).entries["funded_by"].tolist() == ["platform", "customer"]


def test_stolen_points_move_whole_even_into_a_deficit():
    rows = [{"customer_id": 1, **grant(20)}, {"customer_id": 2, **grant(1)},
            {"customer_id": 1, "time": "2024-01-05", "kind": "stolen", "order_id": 9, "points": 30},
            {"customer_id": 2, "time": "2024-01-05", "kind": "steal", "order_id": 9, "points": 30}]
    for scheme in (TAOBAO, TAOBAO.with_readings(X16="clamp")):
        assert steps(rows, scheme) == [
            ("accrual", 20, 1, 20), ("transfer_out", -20, 1, 0), ("transfer_out", -10, None, -10),
            ("accrual", 1, 1, 1), ("transfer_in", 30, 2, 31)]
    assert [entry for entry, *_ in steps(rows, JD)] == ["accrual", "accrual"], "JD has no stealing"


@pytest.mark.parametrize(("kind", "item", "outlet", "reason"), [
    ("exchange", None, "exchange", "gate"), ("exchange", "a bicycle", "exchange", "gate"),
    ("exchange", "coupon", "coupon", None), ("exchange", "external", "external", "gate"),
    ("exchange", "lottery", "lottery", "not_offered"), ("courier_gift", "coupon", "gift", None)])
def test_an_exchange_names_its_outlet_and_is_whole_or_nothing(kind, item, outlet, reason):
    rows = [grant(100), {"time": "2024-01-02", "kind": kind, "item_id": item, "points": 100}]
    entries = lr.ledger(make_log(rows), JD).entries
    assert entries["outlet"].iloc[1:].tolist() == ([] if reason else [outlet])
    assert declined(rows) == ([(kind, 100, reason)] if reason else [])
    short = [rows[0], {**rows[1], "points": 101}]
    assert declined(short) == [(kind, 101, reason or "balance")]


def test_a_grant_in_a_currency_without_grants_earns_nothing():
    scheme, (given, other) = lr.load_scheme("pinduoduo"), ("cash", "fruit")
    assert steps([grant(10, currency=other), grant(10, currency=given)], scheme) == [("accrual", 10, 1, 10)]


def test_lots_are_numbered_by_customer_and_currency():
    rows = [{"customer_id": customer, **line(600, order, day), "channel": "tmall"}
            for customer in (1, 2) for order, day in enumerate(("2024-01-01", "2024-01-02"))]
    entries = lr.ledger(make_log(rows), TAOBAO.with_readings(X28="order")).entries
    numbers = entries.groupby(["customer_id", "currency"], observed=True)["lot_id"].agg(list)
    assert numbers.tolist() == [[1, 2]] * 4
