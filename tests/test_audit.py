"""The audit holds on what the machine writes, and finds every fault that is planted.

A planted fault is a small edit of the tables. The test names the invariant for which it is planted and all others
that must break with it, so a fault is found under its own name and only there; every invariant has at least one.
"""
from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import loyalty_research as lr
from loyalty_research.books import last_days
from loyalty_research.dates import all_days
from loyalty_research.results import Rows
from loyalty_research.state import expiry_table

from .properties.logs import logs, make_log, make_scheme
from .properties.test_laws import DRAWS, END, SCHEMES, schemes

DAY, SECOND = pd.Timedelta(days=1), pd.Timedelta(seconds=1)
WAITS = ("pending", "release")


# ----------------------------------------------------------------------------------------------- what is audited


@dataclass(frozen=True, kw_only=True)
class Case:
    """A log, and the tables that a scheme made of it."""

    scheme: lr.Scheme
    log: pd.DataFrame
    until: pd.Timestamp
    entries: pd.DataFrame
    declined: pd.DataFrame
    scores: pd.DataFrame
    tiers: pd.DataFrame
    fees: pd.DataFrame
    opening: lr.Opening | None = None

    def audit(self, with_log: bool = False) -> lr.Audit:
        ledger = lr.Ledger.from_frames(
            scheme=self.scheme, entries=self.entries, declined=self.declined, until=self.until)
        return lr.audit(ledger, self.log if with_log else None, scores=self.scores, tiers=self.tiers, fees=self.fees,
                        opening=self.opening)


def make_case(scheme: lr.Scheme, log: pd.DataFrame, until=None, opening=None) -> Case:
    done = lr.replay(log, scheme, until, opening, on_orphan="drop")
    return Case(scheme=scheme, log=log, until=done.until, entries=done.ledger.entries, declined=done.ledger.declined,
                scores=done.scores, tiers=done.tiers, fees=done.fees, opening=opening)


def hand_log() -> pd.DataFrame:
    """JD: grants, orders, a redemption that comes back whole, a grant at the instant of two expiries, a penalty."""
    return make_log([{"customer_id": 7, "event_id": number, **row} for number, row in enumerate([
        {"time": "2024-01-01 09:00", "kind": "grant", "points": 1500},
        {"time": "2024-03-01 20:00", "kind": "order", "order_id": 1, "amount": 600},
        {"time": "2024-05-01 12:00", "kind": "redeem", "order_id": 2, "amount": 2000, "points": 1000},
        {"time": "2024-05-01 12:00", "kind": "order", "order_id": 2, "amount": 1990},
        {"time": "2024-05-20 12:00", "kind": "return", "order_id": 2},
        {"time": "2026-01-01 00:00", "kind": "grant", "points": 40},
        {"time": "2026-02-01 00:00", "kind": "penalty", "points": 50},
        {"time": "2026-03-01 00:00", "kind": "order", "order_id": 3, "amount": 700}])])


FEES = """
[score]
[[score.component]]
name = "spend"
[[score.rule]]
name = "spend"
component = "spend"
on = ["order"]
rate = {value = 1, N}
window = "trailing"
[[plan]]
name = "card"
[[plan.fee]]
cny = {value = 99, N}
valid_until = 2024-06-30
[[plan.fee]]
cny = {value = 88, N}
valid_from = 2024-08-01
[[plan.fee]]
above = {value = 500, N}
cny = {value = 49, N}
valid_from = 2024-08-01
"""


CARDS = """
[[currency]]
name = "stamps"
value_cny = {value = 1, N}
expiry = {kind = "inactivity_days", source = "test", days = {value = 40, N}}
[[currency.earn]]
name = "purchase"
on = ["order"]
points = {value = 1, N}
[[currency.outlet]]
name = "exchange"
source = "test"
price = {value = 3, N}
automatic = true
[[currency.outlet]]
name = "lottery"
source = "test"
price = {value = 2, N}
[[currency]]
name = "fruit"
value_cny = {value = 1, N}
expiry = {kind = "inactivity_days", source = "test", days = {value = 40, N}}
[[currency.earn]]
name = "login"
on = ["login"]
points = {value = 3, N}
[[currency.outlet]]
name = "lottery"
source = "test"
price = {value = 2, N}
"""


def mid_life() -> Case:
    """JD from the middle of a log on, with what was held there; some customers never act again."""
    jd, cut = lr.load_scheme("jd"), pd.Timestamp("2024-03-01")
    log = lr.make_events(120, seed=6)
    log = log[(log["time"] < cut) | (log["customer_id"] % 5 != 0)]
    before = lr.replay(log[log["time"] < cut], jd, until=cut - SECOND)
    scores = lr.score(log[log["time"] < cut], jd, at=cut - DAY)
    held = lr.Opening(at=cut, lots=before.ledger.lots(cut - SECOND), scores=scores,
                      tiers=before.tiers.drop_duplicates("customer_id", keep="last"))
    later = log[log["time"] >= cut]
    ordered = later["order_id"].isin(later.loc[later["kind"] == "order", "order_id"])
    return make_case(jd, later[ordered | (later["kind"] != "redeem")], until="2026-02-01", opening=held)


def draws(log: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Some requests at the lottery, whole prices and others, beside a log."""
    asks = log.iloc[::40]
    asks = asks.assign(kind="exchange", currency=currency, item_id="lottery", points=range(2, 2 + len(asks)),
                       amount=None, order_id=None, event_id=range(-1, -1 - len(asks), -1))
    both = pd.concat([log, asks.astype({"points": "Int64", "order_id": log["order_id"].dtype})])
    return both.sort_values("time", kind="stable")


@cache
def case(key: str) -> Case:
    if key == "opening":
        return mid_life()
    if key == "cards by hand":
        orders = [{"time": f"2024-03-0{day}", "kind": "order", "order_id": day, "amount": 30} for day in (2, 3, 4)]
        log = make_log([{"time": "2024-01-01", "kind": "login"}, *orders]).assign(event_id=range(4))
        return make_case(make_scheme(CARDS), log, until="2024-10-01")
    if key == "cards":
        log = lr.make_events(60, days=150, seed=8)
        log = log[~log["kind"].isin(["redeem", "exchange", "courier_gift", "penalty"])]
        return make_case(make_scheme(CARDS), draws(log, "fruit"), until="2024-10-01")
    if key == "hand":
        return make_case(lr.load_scheme("jd"), hand_log(), until="2026-03-05")
    if key == "seats":
        return make_case(SCHEMES["taobao, seats"], lr.make_events(120, seed=5), until="2024-03-01")
    if key == "dated fees":
        log = lr.make_events(50, start="2024-01-01", days=300, seed=4)
        return make_case(make_scheme(FEES), log, until="2025-01-01")
    return make_case(lr.load_scheme(key), lr.make_events(300, seed=2), until="2024-10-01")


@pytest.mark.parametrize("key", ["jd", "taobao", "none", "seats", "dated fees", "hand", "opening", "cards",
                                 "cards by hand"])
def test_what_the_machine_writes_holds(key):
    for with_log in (False, True):
        found = case(key).audit(with_log)
        assert found.holds and found.faults.empty and (found.table["first"] == "").all(), found
        assert found.table["checked"].sum() > 50


EXAMPLES = sorted(Path(__file__).parents[1].glob("data/examples/*.toml"))


@pytest.mark.parametrize("scheme", [*lr.list_schemes().index, *EXAMPLES], ids=lambda key: getattr(key, "stem", key))
def test_every_scheme_holds(scheme):
    """On a log of its own years, and in mid-life."""
    scheme = lr.load_scheme(scheme)
    start = "2016-01-01" if scheme.valid_until else "2023-06-01"
    log = lr.make_events(80, start=start, days=800, seed=5)
    done = lr.replay(log, scheme)
    assert (found := lr.audit(done, log)).holds, found
    cut = pd.Timestamp(start) + 400 * DAY
    later = log[(log["time"] >= cut) & ~log["kind"].isin(["redeem"])]
    scores = lr.score(log[log["time"] < cut], scheme, at=cut - DAY)
    held = lr.Opening(at=cut, lots=done.ledger.lots(cut - SECOND), scores=scores)
    again = lr.replay(later, scheme, opening=held, on_orphan="drop")
    assert (found := lr.audit(again, later)).holds, found
    apart = lr.Ledger.from_frames(
        scheme=scheme, entries=again.ledger.entries, declined=again.ledger.declined, until=again.until)
    tables = {"scores": again.scores, "tiers": again.tiers, "fees": again.fees}
    for opening, holds in ((held, True), (None, held.lots.empty or (held.lots["accrued_on"] == cut).all())):
        assert lr.audit(apart, later, **tables, opening=opening).holds == holds


@settings(max_examples=max(DRAWS // 4, 10))
@given(log=logs(), scheme=schemes, until=st.sampled_from([None, END, "2024-03-15 12:00"]), ids=st.booleans())
def test_drawn_logs_hold(log, scheme, until, ids):
    log = log if ids else log.drop(columns="event_id")
    done = lr.replay(log, SCHEMES[scheme], until=until)
    for found in (lr.audit(done, log), lr.audit(done)):
        assert found.holds, f"{found}\n{found.faults.to_string()}"


# ------------------------------------------------------------------------------------------------ planted faults


@dataclass(frozen=True, kw_only=True)
class Plant:
    """A fault planted for an invariant; `edit` returns the edited case and the customers that must be named."""

    invariant: str
    key: str
    edit: Callable[[Case], tuple[Case, set]]
    also: frozenset[str]


PLANTS: list[Plant] = []
LOGGED = ("events_known", "events_agree", "event_kinds", "orders_known", "requests_answered", "order_cap")


def plant(invariant: str, key: str, also: str = "") -> Callable:
    """Register an edit of the case `key`; `also` names the other invariants that the fault must break."""
    def register(edit: Callable) -> Callable:
        PLANTS.append(Plant(invariant=invariant, key=key, edit=edit, also=frozenset(also.split())))
        return edit
    return register


def pick(mask: pd.Series) -> int:
    """The first row of a mask; there must be one."""
    return mask[mask].index[0]


def last(entries: pd.DataFrame) -> pd.Series:
    """Which rows are the last of their account, so that nothing follows from an edit of them."""
    return ~entries.duplicated(["customer_id", "currency"], keep="last")


def goes_on(frame: pd.DataFrame, rows: int = 1) -> pd.Series:
    """Which rows are followed by so many more of the same customer."""
    return frame["customer_id"] == frame["customer_id"].shift(-rows)


def entry(entries: pd.DataFrame, *words: str) -> pd.Series:
    return entries["entry"].isin(words)


def lot_of(entries: pd.DataFrame, row: int) -> pd.Index:
    """All rows of the lot of a row."""
    keys = ["customer_id", "currency", "lot_id"]
    return entries.index[(entries[keys].astype("str") == entries.loc[row, keys].astype("str")).all(axis=1)]


def mend(c: Case, rows, table: str = "entries", **values) -> tuple[Case, set]:
    """The case with other values in some rows of a table, and the customers of these rows."""
    frame, rows = getattr(c, table).copy(), pd.Index(np.atleast_1d(rows))
    for column, value in values.items():
        closed = isinstance(frame[column].dtype, pd.CategoricalDtype)
        frame[column] = frame[column].astype("str") if closed else frame[column]
        frame.loc[rows, column] = value
        frame[column] = frame[column].astype("category") if closed else frame[column]
    return replace(c, **{table: frame}), set(frame.loc[rows, "customer_id"])


def put(c: Case, rows: list[int], table: str = "entries") -> Case:
    """The case with the rows of a table in another order; a row may be left out or come twice."""
    return replace(c, **{table: getattr(c, table).iloc[rows].reset_index(drop=True)})


def without(c: Case, *rows: int, table: str = "entries") -> tuple[Case, set]:
    frame = getattr(c, table)
    return put(c, [row for row in range(len(frame)) if row not in rows], table), set(frame.loc[[*rows], "customer_id"])


def swap(c: Case, row: int, table: str = "entries") -> tuple[Case, set]:
    """A row and the next one change places."""
    rows = list(range(len(getattr(c, table))))
    rows[row], rows[row + 1] = row + 1, row
    return put(c, rows, table), {getattr(c, table).at[row, "customer_id"]}


def twice(c: Case, row: int, table: str = "entries") -> tuple[Case, set]:
    frame = getattr(c, table)
    return put(c, [*range(row + 1), *range(row, len(frame))], table), {frame.at[row, "customer_id"]}


def shift(c: Case, row: int, points: int) -> tuple[Case, set]:
    """Other points in a row, with all later balances of its account to match."""
    e = c.entries
    later = (e["customer_id"] == e.at[row, "customer_id"]) & (e["currency"] == e.at[row, "currency"]) & (e.index >= row)
    e = e.assign(points=e["points"].where(e.index != row, e["points"] + points),
                 balance=e["balance"].where(~later, e["balance"] + points))
    return replace(c, entries=e), {e.at[row, "customer_id"]}


def rebalance(c: Case) -> Case:
    """Balances that are the running sums again."""
    e = c.entries
    moved = e["points"].where(~e["entry"].isin(WAITS), 0)
    return replace(c, entries=e.assign(balance=moved.groupby([e["customer_id"], e["currency"].astype("str")]).cumsum()))


# ---------------------------------------------------------------------------------------- rows, words and signs


@plant("columns", "jd")
def points_are_floats(c):
    return replace(c, declined=c.declined.astype({"points": "float64"})), set()


@plant("columns", "jd")
def score_lacks_a_component(c):
    return replace(c, scores=c.scores.drop(columns="credit")), set()


@plant("entries_in_order", "jd")
def time_runs_back(c):
    e = c.entries
    row = pick(entry(e, "penalty") & goes_on(e) & (e["time"].shift(-1) > e["time"]))
    return mend(c, row, time=e.at[row + 1, "time"] + SECOND)


@plant("entries_in_order", "jd")
def customers_change_places(c):
    e = c.entries
    first, second = e["customer_id"].unique()[:2]
    a, b = e.index[e["customer_id"] == first], e.index[e["customer_id"] == second]
    return put(c, [*b, *a, *range(b[-1] + 1, len(e))]), {first}


@plant("entries_in_order", "jd")
def row_after_the_end(c):
    return mend(c, pick(last(c.entries) & entry(c.entries, "penalty")), time=c.until + SECOND)


@plant("expiries_first", "hand")
def expiry_behind_a_grant(c):
    rows, expiry = list(range(len(c.entries))), pick(entry(c.entries, "expiry"))
    rows.insert(expiry, rows.pop(expiry + 2))
    return rebalance(put(c, rows)), {7}


@plant("words_known", "taobao", "outlet_offered")
def outlet_is_unknown(c):
    return mend(c, pick(c.entries["outlet"] == "lottery"), outlet="casino")


@plant("words_known", "taobao")
def entry_is_unknown(c):
    return mend(c, pick(last(c.entries) & entry(c.entries, "clawback")), entry="theft")


@plant("words_known", "jd", "penalty_funder")
def funder_is_missing(c):
    return mend(c, pick(entry(c.entries, "penalty")), funded_by=None)


@plant("signs", "jd")
def rows_without_points(c):
    row = pick(entry(c.entries, "pending"))
    edited = put(c, [*range(row), row, row, *range(row, len(c.entries))])
    edited, customers = mend(edited, [row, row + 1], points=0)
    return mend(edited, row + 1, entry="release")[0], customers


# ------------------------------------------------------------------------------------------ balances and lots


@plant("running_balance", "taobao")
def balance_is_off_by_one(c):
    row = pick(entry(c.entries, "redemption"))
    return mend(c, row, balance=c.entries.at[row, "balance"] + 1)


@plant("running_balance", "jd", "lot_covers lot_opened_once lot_numbers accrued_on_day soonest_first")
def accrual_is_dropped(c):
    return without(c, pick(entry(c.entries, "accrual")))


@plant("running_balance", "jd", "lot_opened_once no_lot_overdue soonest_first")
def accrual_comes_twice(c):
    return twice(c, pick(entry(c.entries, "accrual")))


@plant("lots_less_deficit", "taobao", "no_lot_overdue own_lot_first")
def clawback_into_a_deficit_with_lots_left(c):
    e = c.entries
    row = pick(last(e) & entry(e, "clawback") & e["lot_id"].notna())
    return mend(c, row, lot_id=None, accrued_on=pd.NaT, expires_on=pd.NaT)


@plant("lot_covers", "taobao")
def lot_is_overdrawn(c):
    e = c.entries
    account = [e["customer_id"], e["currency"].astype("str")]
    emptied = e["points"].groupby([*account, e["lot_id"]]).transform("sum") == 0
    least_to_come = e["balance"][::-1].groupby(account).cummin()[::-1]
    final = ~e.duplicated(["customer_id", "currency", "lot_id"], keep="last")
    return shift(c, pick(entry(e, "transfer_out", "clawback") & emptied & final & (least_to_come > 0)), -1)


@plant("lot_where_needed", "jd")
def pending_with_a_lot(c):
    return mend(c, pick(entry(c.entries, "pending")), lot_id=1)


@plant("lot_where_needed", "jd", "lots_less_deficit")
def penalty_without_a_lot(c):
    row = pick(last(c.entries) & entry(c.entries, "penalty"))
    return mend(c, row, lot_id=None, accrued_on=pd.NaT, expires_on=pd.NaT)


@plant("deficit_allowed", "taobao")
def deficit_where_points_are_forgiven(c):
    e = c.entries
    owed = entry(e, "clawback") & e["lot_id"].isna()
    return replace(c, scheme=c.scheme.with_readings(X16="clamp")), set(e.loc[owed, "customer_id"])


@plant("lot_opened_once", "jd", "outlet_given")
def reinstatement_is_called_accrual(c):
    return mend(c, pick(entry(c.entries, "reinstatement")), entry="accrual")


@plant("lot_numbers", "jd")
def lot_number_is_left_out(c):
    e = c.entries
    row = pick(last(e) & entry(e, "accrual"))
    return mend(c, row, lot_id=e.at[row, "lot_id"] + 1)


@plant("lot_keeps_days", "jd")
def redemption_names_another_last_day(c):
    row = pick(entry(c.entries, "redemption"))
    return mend(c, row, expires_on=c.entries.at[row, "expires_on"] - DAY)


@plant("accrued_on_day", "jd")
def lot_accrued_a_day_early(c):
    e = c.entries
    row = pick(entry(e, "accrual") & (e["time"].dt.day_of_year > 1))
    return mend(c, lot_of(e, row), accrued_on=e.at[row, "accrued_on"] - DAY)


@plant("expires_by_rule", "taobao")
def lot_expires_a_day_early(c):
    e = c.entries
    row = pick(last(e) & entry(e, "accrual"))
    return mend(c, row, expires_on=e.at[row, "expires_on"] - DAY)


@plant("expiry_takes_all", "taobao", "no_lot_overdue")
def expiry_leaves_a_point(c):
    e = c.entries
    return shift(c, pick(last(e) & entry(e, "expiry") & (e["points"] < -1)), 1)


@plant("expiry_on_time", "taobao")
def expiry_a_day_late(c):
    row = pick(last(c.entries) & entry(c.entries, "expiry"))
    return mend(c, row, time=c.entries.at[row, "time"] + DAY)


@plant("lot_used_in_time", "jd")
def lot_spent_after_its_last_day(c):
    e = c.entries
    row = pick(last(e) & entry(e, "penalty", "redemption") & (e["expires_on"] + DAY < c.until))
    return mend(c, row, time=e.at[row, "expires_on"] + DAY)


@plant("no_lot_overdue", "taobao")
def expiry_is_dropped(c):
    return without(c, pick(last(c.entries) & entry(c.entries, "expiry")))


# ------------------------------------------------------------------------------------------------- taking


@plant("soonest_first", "jd")
def lots_are_swapped(c):
    e = c.entries
    one_act = (e["event_id"] == e["event_id"].shift(-1)) & (e["lot_id"] < e["lot_id"].shift(-1))
    edited, customers = swap(c, pick(entry(e, "penalty") & one_act & last(e).shift(-1)))
    return rebalance(edited), customers


@plant("own_lot_first", "hand", "lot_covers soonest_first expiry_takes_all no_lot_overdue")
def clawback_spares_its_own_lot(c):
    e = c.entries
    row = pick(entry(e, "clawback"))
    return mend(c, row, lot_id=2, accrued_on=e.at[3, "accrued_on"])


@plant("outlet_given", "jd")
def penalty_with_an_outlet(c):
    return mend(c, pick(entry(c.entries, "penalty")), outlet="order")


@plant("outlet_offered", "jd")
def lottery_at_jd(c):
    return mend(c, pick(c.entries["outlet"] == "coupon"), outlet="lottery")


@plant("redemption_multiple", "jd")
def redemption_off_the_multiple(c):
    return shift(c, pick(last(c.entries) & (c.entries["outlet"] == "order") & entry(c.entries, "redemption")), 1)


@plant("reinstatement_covered", "hand", "expiry_takes_all no_lot_overdue soonest_first")
def more_given_back_than_spent(c):
    return shift(c, pick(entry(c.entries, "reinstatement")), 1)


# ------------------------------------------------------------------------------------------------- waiting


@plant("pending_covers", "hand", "release_matched")
def pending_is_dropped(c):
    return without(c, pick(entry(c.entries, "pending")))


@plant("release_matched", "jd", "release_in_time")
def release_of_another_order(c):
    row = pick(entry(c.entries, "release"))
    return mend(c, [row, row + 1], order_id=999_999)


@plant("release_paid", "jd")
def points_move_between_customers(c):
    e = c.entries
    paid = entry(e, "accrual") & entry(e.shift(), "release") & last(e) & (e["points"] > 1)
    giver, taker = e.index[paid][:2]
    edited, customers = shift(c, giver, -1)
    edited, others = shift(edited, taker, 1)
    return edited, customers | others


@plant("release_in_time", "hand")
def release_is_dropped(c):
    row = pick(entry(c.entries, "release"))
    return without(c, row)


# ---------------------------------------------------------------------------------------------- who pays


@plant("funder_of_rule", "jd")
def lot_funded_by_a_party_without_a_rule(c):
    row = pick(last(c.entries) & entry(c.entries, "accrual"))
    return mend(c, row, funded_by="merchant")


@plant("transfer_funder", "taobao")
def theft_funded_by_the_merchant(c):
    return mend(c, pick(last(c.entries) & entry(c.entries, "transfer_in")), funded_by="merchant")


@plant("penalty_funder", "jd")
def penalty_borne_by_the_platform(c):
    return mend(c, pick(entry(c.entries, "penalty")), funded_by="platform")


@plant("funder_of_lot", "taobao", "funding_adds_up")
def redemption_charged_to_the_wrong_party(c):
    e = c.entries
    return mend(c, pick(entry(e, "redemption") & (e["funded_by"] == "merchant")), funded_by="platform")


@plant("funding_adds_up", "taobao", "funder_of_lot")
def expiry_credited_to_the_wrong_party(c):
    e = c.entries
    return mend(c, pick(entry(e, "expiry") & (e["funded_by"] == "platform")), funded_by="merchant")


@plant("transfer_offered", "taobao", "transfers_paired")
def theft_in_a_currency_without_thefts(c):
    e = c.entries
    return mend(c, pick(last(e) & entry(e, "accrual") & (e["currency"] == "tmall_points")), entry="transfer_in")


@plant("transfers_paired", "taobao")
def thief_without_a_victim(c):
    e = c.entries
    gone = pick(last(e) & entry(e, "transfer_out") & ~e.duplicated(["customer_id", "order_id"], keep=False))
    thief = entry(e, "transfer_in") & (e["order_id"] == e.at[gone, "order_id"])
    return without(c, gone)[0], set(e.loc[thief, "customer_id"])


@plant("transfers_paired", "taobao")
def thief_gets_more_than_was_stolen(c):
    return shift(c, pick(last(c.entries) & entry(c.entries, "transfer_in")), 1)


# --------------------------------------------------------------------------------------- declined requests


@plant("declined_in_order", "jd")
def declined_customers_change_places(c):
    return swap(c, pick(~goes_on(c.declined)), "declined")


@plant("declined_reasons", "jd")
def penalty_declined_for_the_cap(c):
    return mend(c, pick(c.declined["kind"] == "penalty"), "declined", reason="cap")


@plant("declined_points", "jd")
def nothing_declined(c):
    return mend(c, pick(c.declined["reason"] == "balance"), "declined", points=0)


# ------------------------------------------------------------------------------------ scores, tiers and fees


@plant("scores_in_order", "jd")
def valuations_change_places(c):
    s = c.scores
    day, later = s["settled_on"], s["settled_on"].shift(-2)
    one_month = day.dt.to_period("M") == later.dt.to_period("M")    # so that the same valuation is settled
    return swap(c, pick(goes_on(s, 2) & (day.dt.day > 2) & one_month), "scores")


@plant("score_days", "taobao")
def valued_on_another_day(c):
    return mend(c, 0, "scores", settled_on=c.scores.at[0, "settled_on"] - DAY)


@plant("score_is_sum", "jd")
def score_is_no_sum(c):
    s = c.scores
    row = pick((s["score"] > 300) & (s["score"] < 400))
    return mend(c, row, "scores", score=s.at[row, "score"] + 1)


@plant("score_changes", "jd")
def valuation_without_a_change(c):
    s = c.scores
    row = pick(goes_on(s) & (s["settled_on"].shift(-1) - s["settled_on"] > DAY))
    edited, customers = twice(c, row, "scores")
    return mend(edited, row + 1, "scores", settled_on=s.at[row, "settled_on"] + DAY)[0], customers


@plant("component_caps", "taobao")
def base_score_above_its_cap(c):
    s = c.scores
    row = pick((s["base"] == 400) & (s["score"] < 900))
    return mend(c, row, "scores", base=401, score=s.at[row, "score"] + 1)


@plant("tiers_in_order", "jd", "tier_changes")
def tier_comes_twice(c):
    return twice(c, pick(c.tiers["change"] == "up"), "tiers")


@plant("tier_changes", "jd")
def up_is_called_down(c):
    return mend(c, pick(c.tiers["change"] == "up"), "tiers", change="down")


@plant("tier_follows_score", "jd")
def tier_does_not_follow_the_score(c):
    t = c.tiers
    row = pick((t["tier"] == "privileged") & (t["change"] == "joined") & ~goes_on(t))
    return mend(c, row, "tiers", tier="birthday")


@plant("tier_follows_score", "seats")
def seat_is_lost(c):
    t = c.tiers
    row = pick((t["tier"] == "apass") & (t["change"] == "up") & ~goes_on(t))
    return without(c, row, table="tiers")


@plant("fees_in_order", "jd")
def fees_change_places(c):
    return swap(c, pick(goes_on(c.fees)), "fees")


@plant("fee_follows_score", "jd")
def fee_is_another(c):
    return mend(c, pick(c.fees["fee_cny"] == 198), "fees", fee_cny=188)


@plant("fee_follows_score", "dated fees")
def fee_of_a_new_price_is_missing(c):
    return without(c, pick(c.fees["fee_cny"] == 88), table="fees")


# ------------------------------------------------------------------------------ openings, pieces, idle accounts


@plant("opening_lots", "opening")
def lot_of_the_opening_is_another(c):
    lots = c.opening.lots.reset_index(drop=True)
    lots.loc[3, "points"] += 1
    return replace(c, opening=replace(c.opening, lots=lots)), {lots.at[3, "customer_id"]}


@plant("opening_lots", "opening")
def lot_of_the_opening_is_missing(c):
    customer = c.opening.lots["customer_id"].iloc[0]
    lost = c.opening.lots[:1].assign(customer_id=10**6)
    assert customer != 10**6
    return replace(c, opening=replace(c.opening, lots=pd.concat([c.opening.lots, lost]))), {10**6}


@plant("tier_changes", "opening")
def tier_of_the_opening_is_forgotten(c):
    return mend(c, pick(c.tiers["change"] == "down"), "tiers", change="joined")


def one_act(entries: pd.DataFrame, row: int, *keys: str) -> pd.Index:
    """All rows of the instant of a row with the same customer and the same values of the keys."""
    same = [entries[key] == entries.at[row, key] for key in ("customer_id", "time", *keys)]
    return entries.index[np.all(same, axis=0)]


@plant("automatic_spent", "cards", "no_lot_overdue")
def full_card_is_kept(c):
    return without(c, *one_act(c.entries, pick(last(c.entries) & (c.entries["outlet"] == "exchange")), "outlet"))


@plant("redemption_multiple", "cards", "no_lot_overdue")
def half_a_piece_is_bought(c):
    row = pick(last(c.entries) & (c.entries["outlet"] == "exchange"))
    return without(c, row)


@plant("expiry_on_time", "cards")
def idle_account_expires_a_day_late(c):
    row = pick(last(c.entries) & entry(c.entries, "expiry") & ~goes_on(c.entries))
    return mend(c, row, time=c.entries.at[row, "time"] + DAY)


@plant("no_lot_overdue", "cards")
def idle_account_keeps_its_points(c):
    return without(c, *one_act(c.entries, pick(last(c.entries) & entry(c.entries, "expiry")), "currency"))


@plant("lot_used_in_time", "cards by hand", "automatic_spent")
def idle_account_is_used(c):
    e = c.entries
    row = pick((e["outlet"] == "exchange") & (e["balance"] == 0) & ~goes_on(e))
    return mend(c, one_act(e, row, "outlet"), time=e.at[row, "time"] + 45 * DAY)


# -------------------------------------------------------------------------------------------- against the log


@plant("events_known", "jd")
def event_is_unknown(c):
    return mend(c, pick(entry(c.entries, "penalty")), event_id=10**12)


@plant("events_agree", "jd")
def accrual_at_another_second(c):
    e = c.entries
    row = pick(last(e) & entry(e, "accrual") & e["event_id"].notna())
    return mend(c, row, time=e.at[row, "time"] + SECOND)


@plant("event_kinds", "jd")
def accrual_for_a_login(c):
    e = c.entries
    paid = e.loc[entry(e, "accrual") & e["event_id"].notna() & e["order_id"].isna(), "event_id"]
    row = pick(c.log["event_id"].isin(paid) & (c.log["kind"] == "photo_post"))
    return mend(c, row, "log", kind="login")


@plant("orders_known", "hand", "events_agree requests_answered reinstatement_covered")
def redemption_on_an_unknown_order(c):
    return mend(c, pick(entry(c.entries, "redemption")), order_id=99)


@plant("requests_answered", "jd")
def more_declined_than_asked(c):
    row = pick(c.declined["reason"] == "balance")
    return mend(c, row, "declined", points=c.declined.at[row, "points"] + 1)


@plant("order_cap", "hand")
def redemption_above_the_cap(c):
    return mend(c, pick(c.log["kind"] == "redeem"), "log", amount=19.99)


@pytest.mark.parametrize("fault", PLANTS, ids=lambda fault: f"{fault.invariant}-{fault.edit.__name__}")
def test_planted_fault_is_found(fault):
    """Found under its name, at the customers that it touches and no others; the sound tables hold and are checked."""
    sound = case(fault.key).audit(fault.invariant in LOGGED)
    assert sound.holds and sound.table.loc[fault.invariant, "checked"] > 0
    edited, customers = fault.edit(case(fault.key))
    found = edited.audit(fault.invariant in LOGGED)
    assert set(found.table.index[~found.table["holds"]]) == {fault.invariant} | fault.also, found
    assert set(found.faults["customer_id"].dropna()) == customers, found.faults.to_string()
    assert found.table.loc[fault.invariant, "first"] and not found.holds


def test_every_invariant_has_a_planted_fault():
    assert {fault.invariant for fault in PLANTS} == set(case("taobao").audit(True).table.index)


@pytest.mark.parametrize("column", ["points", "balance", "lot_id", "accrued_on", "expires_on", "customer_id", "time"])
@pytest.mark.parametrize("key", ["jd", "taobao"])
def test_any_one_value_changed_is_found(key, column):
    """A point, a lot, a day, a customer more, wherever it stands; only the points of rows that wait could be others."""
    c = make_case(lr.load_scheme(key), lr.make_events(20, seed=9))
    rows = c.entries.index[~entry(c.entries, *WAITS)]
    for row in np.random.default_rng(1).choice(rows, 12, replace=False):
        step = DAY if pd.api.types.is_datetime64_dtype(c.entries[column]) else 1
        edited, _ = mend(c, row, **{column: c.entries.at[row, column] + step})
        assert not (edited.audit(False).holds and edited.audit(True).holds), f"row {row}\n{c.entries.loc[row].to_string()}"


# --------------------------------------------------------------------------------------- what comes in and out


def test_parts_do_not_matter():
    """Customers go on from part to part, and rows are counted through."""
    c = case("taobao")
    edited, customers = mend(c, 20_000, balance=c.entries.at[20_000, "balance"] + 1)
    whole = lr.Ledger.from_frames(scheme=c.scheme, entries=edited.entries, declined=c.declined, until=c.until)
    rows, (table,) = Rows("entries", whole.rows.blank), list(whole.rows)
    for start in range(0, table.num_rows, 97):
        rows.append(table.slice(start, 97))
    found = lr.audit(replace(whole, rows=rows))
    assert_frame_equal(found.table, lr.audit(whole).table)
    assert found.faults["row"].tolist() == [20_000] and set(found.faults["customer_id"]) == customers


@pytest.mark.parametrize("key", ["jd", "taobao"])
def test_a_ledger_read_back_from_files_is_the_same(key, tmp_path):
    done = lr.replay(lr.make_events(100, seed=3), lr.load_scheme(key))
    done.ledger.to_parquet(tmp_path)
    entries = pd.read_parquet(sorted(tmp_path.glob("entries-*.parquet")))
    declined = pd.read_parquet(sorted(tmp_path.glob("declined-*.parquet")))
    ledger = lr.Ledger.from_frames(scheme=done.scheme, entries=entries, declined=declined, until=done.until)
    assert_frame_equal(ledger.entries, done.ledger.entries)
    assert_frame_equal(ledger.declined, done.ledger.declined)
    assert_frame_equal(ledger.lots("2023-06-30"), done.ledger.lots("2023-06-30"))
    assert_frame_equal(ledger.outstanding(), done.ledger.outstanding())
    assert lr.audit(ledger).holds


def test_a_replay_is_audited_with_its_scores_tiers_and_fees():
    c = case("jd")
    done = lr.replay(c.log, c.scheme, until=c.until)
    assert_frame_equal(lr.audit(done).table, c.audit().table)
    only = lr.audit(done.ledger).table
    assert only.loc[["score_is_sum", "tier_follows_score", "fee_follows_score"], "checked"].tolist() == [0, 0, 0]
    upside_down = c.tiers["tier"].cat.rename_categories({"none": "gift", "gift": "none"})
    wrong = lr.audit(done, tiers=c.tiers.assign(tier=upside_down))
    assert set(wrong.faults["invariant"]) == {"tier_changes", "tier_follows_score"}


def test_customers_may_be_strings_and_a_log_empty():
    log = hand_log()
    named = lr.replay(log.assign(customer_id=pd.Series(["anna"] * len(log), dtype="str")), lr.load_scheme("jd"))
    assert lr.audit(named, log.assign(customer_id="anna")).holds
    for scheme in ("jd", "taobao", "none"):
        empty = lr.audit(lr.replay(log[:0], lr.load_scheme(scheme)), log[:0])
        assert empty.holds and empty.table["checked"].drop("columns").sum() == 0


def test_a_transfer_cut_in_two_is_known_from_the_log():
    log = make_log([{"customer_id": 1, "time": "2024-05-01", "kind": "steal", "order_id": 9, "points": 20},
                    {"customer_id": 2, "time": "2024-05-03", "kind": "stolen", "order_id": 9, "points": 20}])
    ledger = lr.ledger(log, lr.load_scheme("taobao"), until="2024-05-02")
    assert lr.audit(ledger).table["faults"].sum() == lr.audit(ledger).table.loc["transfers_paired", "faults"] == 1
    assert lr.audit(ledger, log).holds and lr.audit(lr.ledger(log, lr.load_scheme("taobao"))).holds


def test_at_most_a_thousand_offenders_are_named_and_all_are_counted():
    c = case("taobao")
    found = replace(c, entries=c.entries.assign(balance=c.entries["balance"] + 1)).audit()
    assert found.table.loc["running_balance", "faults"] == len(c.entries) and len(found.faults) == 1000
    assert found.faults["row"].tolist() == list(range(1000))


def test_what_comes_out_is_readable():
    c = case("hand")
    found = mend(c, 4, balance=561)[0].audit()
    assert list(found.table.columns) == ["says", "checked", "faults", "holds", "first"]
    assert found.table.index.name == "invariant"
    assert list(found.faults.columns) == ["invariant", "row", "customer_id", "currency", "time", "found", "expected"]
    assert found.table["says"].str.fullmatch(r"[A-Z].*\.").all() and found.table["holds"].dtype == bool
    assert repr(c.audit()) == "Audit: 51 of 51 invariants hold"
    assert repr(found) == ("Audit: 50 of 51 invariants hold\n  running_balance: 1 of 15 rows; row 4, customer 7, "
                           "beans, 2024-05-01 12:00:00: found 561, expected 560")


def test_messages():
    c = case("hand")
    frames = {"scheme": c.scheme, "declined": c.declined}
    ledger = lr.Ledger.from_frames(entries=c.entries, **frames)
    for says, act in {
            "subject is a DataFrame; give a Replay or a Ledger.": lambda: lr.audit(c.entries),
            "tiers can only be judged against scores; give scores too.": lambda: lr.audit(ledger, tiers=c.tiers),
            "scores is a list; give a DataFrame.": lambda: lr.audit(ledger, scores=[]),
            "customer_id is string in events and int64 in the ledger; give the log that the ledger was made of.":
                lambda: lr.audit(ledger, c.log.assign(customer_id="7")),
            "entries lacks the column 'balance'; give the columns of Ledger.entries.":
                lambda: lr.Ledger.from_frames(entries=c.entries.drop(columns="balance"), **frames)}.items():
        with pytest.raises(lr.LoyaltyError) as error:
            act()
        assert str(error.value) == says


# ---------------------------------------------------------------------------------------------- independence


@pytest.mark.parametrize("module", ["books", "audit"])
def test_no_step_of_the_machine_takes_part(module):
    """Of the floors that hold steps only constants are imported, and the replay only for its type."""
    tree = ast.parse((Path(lr.__file__).parent / f"{module}.py").read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names = [(node.module, alias.name) for node in imports for alias in node.names]
    steps = [name for home, name in names if home in ("scoring", "points", "tiers", "membership", "machine")]
    assert steps and all(name.isupper() for name in steps)
    assert {name for home, name in names if home == "replay"} <= {"Replay"}
    assert not {name for home, name in names if home == "state"} & {"compile_rules", "expiry_table"}


@pytest.mark.parametrize("expiry", [
    {}, {"expiry": "days_180"}, {"X4": "first_after"}, {"X4": "last_before"}, {"X4": "next"}], ids=str)
def test_the_last_days_are_those_of_the_machine(expiry):
    """Two ways to the same days: plain dates here, the machine's table there, for every day of the calendar."""
    scheme = lr.load_scheme("taobao" if "X4" in expiry else "jd").with_readings(**expiry)
    days = all_days().astype("datetime64[us]").astype(np.int64)
    for currency in scheme.currencies:
        table = expiry_table(currency.periods).astype("datetime64[D]").astype("datetime64[us]").astype(np.int64)
        assert (last_days(currency, days) == table).all()
