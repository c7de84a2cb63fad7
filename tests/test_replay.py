"""Driver 1: types, order, instants, refusals, capacities, buffers, parts, files, cache."""
from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from importlib import import_module
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import loyalty_research as lr
from loyalty_research.state import CACHE_FOLDER, LINES, LOTS, REDEMPTIONS, ROWS, STEP_OPTIONS

from .properties.logs import make_log, make_scheme

JD, TAOBAO, NONE = (lr.load_scheme(key) for key in ("jd", "taobao", "none"))
SEATS = TAOBAO.with_values({"tier.super.above": 10, "tier.apass.above": 200, "tier.apass.members_a_seat": 1})
MODULE = import_module("loyalty_research.replay")
ROOT = Path(lr.__file__).parent
LOG = make_log([
    {"customer_id": 7, "time": "2024-01-05 10:00", "kind": "grant", "points": 2000},
    {"customer_id": 7, "time": "2024-02-01 09:00", "kind": "redeem", "order_id": 1, "amount": 100, "points": 1500},
    {"customer_id": 7, "time": "2024-02-01 09:00", "kind": "order", "order_id": 1, "amount": 600, "category": "toys"},
    {"customer_id": 7, "time": "2024-02-20", "kind": "credit", "points": 300},
    {"customer_id": 7, "time": "2024-05-01", "kind": "login"}])


def tables(done: lr.Replay) -> dict[str, pd.DataFrame]:
    return {"entries": done.ledger.entries, "declined": done.ledger.declined, "scores": done.scores,
            "tiers": done.tiers, "fees": done.fees}


def assert_same(left: lr.Replay, right: lr.Replay) -> None:
    for name, frame in tables(left).items():
        assert_frame_equal(frame, tables(right)[name], obj=name)


def run_python(code: str, timeout: int = 120, **env: str) -> subprocess.CompletedProcess:
    """A fresh interpreter that finds this package; the test's own never hangs or dies with it."""
    path = {"PYTHONPATH": os.pathsep.join([str(ROOT.parent), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **path, **env}, cwd=tempfile.gettempdir())


# ---------------------------------------------------------------------------------------- types and order

TEXT, INSTANT = "category", "datetime64[us]"
CONTRACT = {
    "entries": {"customer_id": "int64", "currency": TEXT, "time": INSTANT, "entry": TEXT, "points": "int64",
                "lot_id": "Int64", "accrued_on": INSTANT, "expires_on": INSTANT, "outlet": TEXT, "funded_by": TEXT,
                "order_id": "Int64", "event_id": "Int64", "balance": "int64"},
    "declined": {"customer_id": "int64", "currency": TEXT, "time": INSTANT, "kind": TEXT, "points": "int64",
                 "reason": TEXT, "order_id": "Int64", "event_id": "Int64"},
    "scores": {"customer_id": "int64", "settled_on": INSTANT, "consumption": "int64", "activity": "int64",
               "account": "int64", "credit": "int64", "reputation": "int64", "score": "int64"},
    "tiers": {"customer_id": "int64", "settled_on": INSTANT, "tier": TEXT, "change": TEXT},
    "fees": {"customer_id": "int64", "settled_on": INSTANT, "plan": TEXT, "fee_cny": "float64"}}


def test_every_table_has_the_types_of_the_contract():
    for name, frame in tables(lr.replay(LOG, JD)).items():
        assert not frame.empty
        assert frame.dtypes.astype("str").to_dict() == CONTRACT[name], name
        assert isinstance(frame.index, pd.RangeIndex) and frame.index.start == 0, name


def test_string_ids_come_back_as_strings():
    log = LOG.assign(customer_id="七", order_id=LOG["order_id"].astype("str"), event_id=[f"e{n}" for n in range(5)])
    for name, frame in tables(lr.replay(log, JD)).items():
        ids = {column: "str" for column in ("customer_id", "order_id", "event_id") if column in frame}
        assert frame.dtypes.astype("str").to_dict() == CONTRACT[name] | ids, name
    assert lr.ledger(log, JD).entries["event_id"].dropna().tolist() == ["e0", "e1", "e2"]


def test_closed_vocabularies_name_all_their_words():
    done = lr.replay(LOG, JD)
    assert list(done.tiers["tier"].cat.categories) == [tier.name for tier in JD.tiers]
    assert set(done.ledger.entries["outlet"].cat.categories) == {
        "order", "exchange", "coupon", "lottery", "external", "gift"}
    assert list(done.tiers["change"].cat.categories) == ["joined", "up", "down", "kept"]
    assert list(done.ledger.declined["kind"].cat.categories) == list(lr.EVENT_KINDS)


def nothing() -> dict[str, lr.Replay]:
    """Replays without a row: of no event, of a log that begins later, and of ids that are strings."""
    named = LOG.assign(customer_id="x")
    return {"int64": lr.replay(LOG.iloc[:0], JD, until="2024-01-01"), "later": lr.replay(LOG, JD, until="2023-12-31"),
            "without an end": lr.replay(LOG.iloc[:0], JD), "str": lr.replay(named.iloc[:0], JD)}


@pytest.mark.parametrize("case", ["int64", "later", "without an end", "str"])
def test_empty_answers_have_the_same_columns_and_types(case):
    full = lr.replay(LOG if case != "str" else LOG.assign(customer_id="x"), JD)
    empty = nothing()[case]
    for name, frame in tables(empty).items():
        assert_frame_equal(frame, tables(full)[name].iloc[:0], obj=name)
        assert isinstance(frame.index, pd.RangeIndex), name
    for what in ("balances", "lots"):
        assert_frame_equal(getattr(empty.ledger, what)("2024-03-01"), getattr(full.ledger, what)("2024-03-01").iloc[:0])
    assert_frame_equal(empty.ledger.outstanding(), full.ledger.outstanding().iloc[:0])
    assert_frame_equal(lr.assign_tiers(empty.scores, JD), full.tiers.iloc[:0])


def test_scores_asked_for_before_any_event_are_an_empty_table():
    assert_frame_equal(lr.score(LOG, JD, at="2024-01-04"), lr.score(LOG, JD, at="2024-01-05").iloc[:0])
    assert_frame_equal(lr.score(LOG.iloc[:0], JD, at="2024-01-04"), lr.score(LOG, JD, at="2024-01-05").iloc[:0])


def test_seats_keep_the_types():
    log = make_log([{"time": "2024-01-05", "kind": "reputation", "points": 5}])
    tiers = lr.replay(log, SEATS, until="2024-03-01").tiers
    assert tiers["tier"].tolist() == ["apass"] and tiers["change"].tolist() == ["joined"]
    assert tiers.dtypes.astype("str").to_dict() == CONTRACT["tiers"]
    assert list(tiers["tier"].cat.categories) == ["ordinary", "super", "apass"]
    assert isinstance(tiers.index, pd.RangeIndex)


@pytest.mark.parametrize("ids", [[-1, 0, 2, 10], ["10", "9", "Z", "a", "ä", "中"]], ids=["integers", "strings"])
def test_customers_stand_by_value_or_by_code_point(ids):
    rows = [{"customer_id": each, "time": day, "kind": "grant", "points": 5}
            for day in ("2024-01-02", "2024-01-01") for each in reversed(ids)]
    done, scores = lr.replay(make_log(rows), SEATS, until="2024-06-01"), lr.score(make_log(rows), JD, "2024-01-09")
    assert done.ledger.entries["customer_id"].tolist() == [each for each in ids for _ in range(2)]
    for frame in (done.scores, done.tiers, done.ledger.balances("2024-06-01"), scores):
        assert frame["customer_id"].tolist() == ids
    assert done.ledger.lots("2024-06-01")["customer_id"].tolist() == [each for each in ids for _ in range(2)]
    assert lr.assign_tiers(done.scores, SEATS)["customer_id"].tolist() == ids


def test_entries_stand_in_posting_order_although_the_log_does_not():
    rows = [{"time": "2024-01-03", "kind": "grant", "points": 3}, {"time": "2024-01-01", "kind": "grant", "points": 1},
            {"time": "2024-01-03", "kind": "grant", "points": 4}, {"time": "2024-01-02", "kind": "grant", "points": 2}]
    assert lr.ledger(make_log(rows), JD).entries["points"].tolist() == [1, 2, 3, 4]


def test_the_callers_tables_stay_as_they_are():
    log, before = LOG.copy(), LOG.copy()
    done = lr.replay(log, SEATS)
    lr.add_redemptions(log, JD)
    lr.score(log, JD, at="2024-03-01")
    scores, kept = done.scores, done.scores.copy()
    lr.assign_tiers(scores, SEATS)
    assert_frame_equal(log, before)
    assert_frame_equal(scores, kept)


def test_runs_do_not_touch_one_another():
    """The same scratch state serves every run of a thread; nothing of one may reach the next."""
    other = lr.make_events(30, days=200, seed=5)
    first = lr.replay(LOG, JD)
    lr.replay(other, TAOBAO), lr.replay(other, JD.with_readings(X28="order"))
    assert_same(lr.replay(LOG, JD), first)


# ------------------------------------------------------------------------------------------ until and at


@pytest.mark.parametrize("until", [
    "2024-02-11", pd.Timestamp("2024-02-11"), np.datetime64("2024-02-11"), date(2024, 2, 11), "2024-02-11 00:00:00"])
def test_until_is_a_date_or_a_time_and_inclusive(until):
    """Confirmation without a row comes at 00:00 of the tenth day: `until` at that instant has it."""
    entries = lr.ledger(LOG, JD, until=until).entries
    assert entries["entry"].tolist() == ["accrual", "redemption", "pending", "release", "accrual"]
    before = lr.ledger(LOG, JD, until=pd.Timestamp(until) - pd.Timedelta("1us")).entries
    assert before["entry"].tolist() == ["accrual", "redemption", "pending"]


def test_a_settlement_is_posted_once_its_day_is_over():
    assert lr.replay(LOG, JD, until="2024-02-02 23:59:59.999999").tiers.empty
    assert lr.replay(LOG, JD, until="2024-02-03").tiers["settled_on"].tolist() == [pd.Timestamp("2024-02-02")]


def test_until_defaults_to_the_latest_time_of_the_whole_log():
    other = make_log([{"customer_id": 1, "time": "2026-06-01", "kind": "login"}])
    done = lr.replay(pd.concat([other, LOG]), JD)
    assert done.until == pd.Timestamp("2026-06-01")
    mine = done.ledger.entries[done.ledger.entries["customer_id"] == 7]
    assert mine["entry"].tolist()[-2:] == ["expiry", "expiry"]


def test_until_after_the_log_brings_what_time_alone_brings():
    entries = lr.ledger(LOG, JD, until="2026-01-01").entries
    assert entries.tail(2)[["time", "points"]].to_numpy().tolist() == [
        [pd.Timestamp("2026-01-01"), -1000], [pd.Timestamp("2026-01-01"), -60]]
    assert entries.tail(2)["event_id"].isna().all()


@pytest.mark.parametrize(("instant", "message"), [
    ("garbage", "no date or time"), ("2024-02-30", "no date or time"), (["2024-01-01"], "no date or time"),
    ({}, "no date or time"), (True, "no date or time"), ("2024-01-01T00:00Z", "without a zone"),
    (pd.Timestamp("2024-01-01", tz="Asia/Shanghai"), "without a zone"),
    ("1989-12-31", "1990 to 2110"), ("2111-01-01", "1990 to 2110"),
    (pd.NaT, "NaT"), (20240630, "1990 to 2110")])
@pytest.mark.parametrize("door", ["until", "at", "balances", "lots"])
def test_instants_that_are_none_are_refused(door, instant, message):
    if door == "at" and instant in (["2024-01-01"], {}):
        pytest.skip("a list of days is one way to give `at`; an empty one is tested below")
    doors = {"until": lambda: lr.replay(LOG, JD, until=instant), "at": lambda: lr.score(LOG, JD, at=instant),
             "balances": lambda: lr.ledger(LOG, JD).balances(instant), "lots": lambda: lr.ledger(LOG, JD).lots(instant)}
    with pytest.raises(lr.EventError, match=f"^(until|at) is .*{message}"):
        doors[door]()


@pytest.mark.parametrize("at", [
    "2024-03-01", date(2024, 3, 1), np.datetime64("2024-03-01"), pd.Timestamp("2024-03-01"), ["2024-03-01"],
    ("2024-03-01", "2024-03-01"), pd.DatetimeIndex(["2024-03-01"]), pd.Series(["2024-03-01"]),
    np.array(["2024-03-01"], "datetime64[D]"), {"2024-03-01"}], ids=lambda at: type(at).__name__)
def test_days_of_a_score_come_in_every_form(at):
    found = lr.score(LOG, JD, at=at)
    assert found[["settled_on", "score"]].to_numpy().tolist() == [[pd.Timestamp("2024-03-01"), 430]]


@pytest.mark.parametrize("at", [[], (), {}, pd.DatetimeIndex([])], ids=lambda at: type(at).__name__)
def test_no_day_at_all_is_refused(at):
    with pytest.raises(lr.EventError, match="at is an empty list; name at least one day"):
        lr.score(LOG, JD, at=at)


def test_a_day_among_several_that_is_none_is_refused():
    with pytest.raises(lr.EventError, match="^at is None"):
        lr.score(LOG, JD, at=["2024-03-01", None])


def test_scores_at_days_leave_later_events_out():
    days = ["2024-02-19", "2024-02-20"]
    assert lr.score(LOG, JD, at=days)["score"].tolist() == [130, 430]
    assert lr.score(LOG.iloc[:3], JD, at=days)["score"].tolist() == [130, 130]


# -------------------------------------------------------------------------------- the ends of the calendar


def test_the_last_year_of_the_calendar_comes_to_an_end():
    """An anniversary beyond the calendar is never reached; the run must stop, and say what it said before."""
    code = (
        "import pandas as pd, loyalty_research as lr\n"
        "log = {'customer_id': [1], 'time': pd.to_datetime(['2024-05-01']), 'kind': 'order', 'amount': 600.0}\n"
        "log = pd.DataFrame(log)\n"
        "jd = lr.load_scheme('jd')\n"
        "print(lr.replay(log, jd, until='2110-12-31').scores['score'].iloc[-1])\n"
        "print(lr.score(log, jd, at='2110-12-31')['score'].item())")
    done = run_python(code, timeout=60)
    assert done.stdout.split() == ["1720", "1720"], done.stderr[-500:]     # 86 anniversaries of 20 points


def test_a_day_before_the_first_valuation_of_the_calendar_is_no_later_one():
    """Taobao values on the 8th: on 5 January 1990 the calendar has no 8th yet."""
    code = (
        "import pandas as pd, loyalty_research as lr\n"
        "log = pd.DataFrame({'customer_id': [1], 'time': pd.to_datetime(['1990-01-02']), 'kind': ['login']})\n"
        "try:\n"
        "    found = lr.score(log, lr.load_scheme('taobao'), at='1990-01-05')\n"
        "    print(found['settled_on'].max() if len(found) else 'nothing')\n"
        "except lr.LoyaltyError as error:\n"
        "    print('refused')")
    assert run_python(code, timeout=60).stdout.strip() in ("nothing", "refused", "1989-12-08 00:00:00")


# ------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize("scheme", ["jd", None, LOG, {"key": "jd"}], ids=lambda scheme: type(scheme).__name__)
@pytest.mark.parametrize("function", ["replay", "score", "ledger"])
def test_a_scheme_that_is_none_is_refused(function, scheme):
    with pytest.raises(lr.LoyaltyError, match=r"^scheme is (str|NoneType|DataFrame|dict); load one with load_scheme"):
        getattr(lr, function)(LOG, scheme)


@pytest.mark.parametrize("function", ["add_redemptions", "assign_tiers"])
def test_a_scheme_that_is_none_is_refused_by_its_helpers_too(function):
    given = lr.replay(LOG, JD).scores if function == "assign_tiers" else LOG
    with pytest.raises(lr.LoyaltyError, match="load_scheme"):
        getattr(lr, function)(given, "jd")


def test_a_currency_that_the_scheme_lacks_is_refused():
    log = LOG.assign(currency=["coins", None, None, None, None])
    with pytest.raises(lr.EventError, match=r"one of the scheme's \('beans'\), but the events name 'coins'"):
        lr.replay(log, JD)
    assert lr.replay(log, NONE).ledger.entries.empty      # the control takes every log
    assert lr.ledger(log, TAOBAO).entries["currency"].tolist()[0] == "coins"


def test_an_amount_that_makes_too_many_points_is_refused():
    log = make_log([{"time": "2024-01-01", "kind": "order", "order_id": 1, "amount": 1e11}])
    with pytest.raises(lr.EventError, match="more points than 64 bits hold"):
        lr.replay(log, JD.with_values({"currency.beans.earn.purchase.rate": 1e9}))


def test_a_product_beyond_64_bits_is_exact_where_the_points_fit():
    """10^13 fen x 123456789 / 10^11 goes through 10^21 on the way."""
    text = """
[[currency]]
name = "coins"
value_cny = {value = 0.01, N}
expiry = {kind = "never", source = "test"}
[[currency.earn]]
name = "purchase"
on = ["order"]
rate = {value = 0.123456789, N}
"""
    log = make_log([{"time": "2024-01-01", "kind": "order", "order_id": 1, "amount": 1e11}])
    assert lr.ledger(log, make_scheme(text)).entries["points"].tolist() == [12_345_678_900]


def test_a_share_of_a_huge_redemption_is_exact_or_refused():
    """Points x amount of a return go beyond 64 bits: three quarters come back, or the log is refused."""
    log = make_log([
        {"time": "2024-01-01", "kind": "grant", "points": 10**11},
        {"time": "2024-02-01", "kind": "redeem", "order_id": 1, "amount": 4e8, "points": 10**11},
        {"time": "2024-02-01", "kind": "order", "order_id": 1, "item_id": "a", "amount": 3e8},
        {"time": "2024-02-01", "kind": "order", "order_id": 1, "item_id": "b", "amount": 1e8},
        {"time": "2024-02-05", "kind": "return", "order_id": 1, "item_id": "a"}])
    try:
        entries = lr.ledger(log, JD).entries
    except lr.LoyaltyError:
        pass
    else:
        assert entries.loc[entries["entry"] == "reinstatement", "points"].tolist() == [15_000_000_000]


# ---------------------------------------------------------------------------------------------- capacities


def many(n: int, kind: str, **values) -> pd.DataFrame:
    """One act, n times, a minute apart."""
    return pd.DataFrame({"customer_id": 7, "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), "min"),
                         "kind": kind, **values})


def test_lots_up_to_the_capacity_are_held_and_one_more_is_refused():
    log = many(LOTS + 1, "grant", points=1)
    assert len(lr.ledger(log.iloc[:LOTS], JD).lots("2025-01-01")) == LOTS
    with pytest.raises(lr.LoyaltyError, match="Customer 7 has more unexpired lots of one currency .* split the log"):
        lr.replay(log, JD)


def test_a_refusal_names_the_customer_among_others():
    full = many(LOTS + 1, "grant", points=1).assign(customer_id="big")
    others = pd.concat([full.iloc[:1].assign(customer_id=name) for name in ("a", "z")])
    with pytest.raises(lr.LoyaltyError, match="^Customer 'big' has"):
        lr.replay(pd.concat([others, full]), JD)


def test_lots_that_went_make_room():
    """Twice the capacity in all, never more than a few at a time, in expiry order all the same."""
    n = 2 * LOTS + 10
    grants = many(n, "grant", points=1)
    log = pd.concat([grants, grants.assign(kind="penalty", time=grants["time"] + pd.Timedelta("150s"))])
    entries = lr.ledger(log, JD).entries
    assert len(entries) == 2 * n and entries["balance"].iloc[-1] == 0 and entries["balance"].max() <= 3
    spent = entries.loc[entries["entry"] == "penalty", "lot_id"].astype("int64")
    assert (np.diff(spent) == 1).all() and len(spent) == n


def test_order_lines_beyond_the_capacity_are_refused():
    log = many(LINES + 1, "order", amount=5.0, order_id=np.arange(LINES + 1))
    with pytest.raises(lr.LoyaltyError, match="Customer 7 has more order lines than the rule machine holds"):
        lr.replay(log, JD)
    assert lr.replay(log.iloc[:LINES], JD).scores["consumption"].iloc[-1] > 0


def test_redemptions_beyond_the_capacity_are_refused():
    n = REDEMPTIONS + 1
    order = make_log([{"customer_id": 7, "time": "2024-01-01", "kind": "grant", "points": 10**6},
                      {"customer_id": 7, "time": "2024-01-01", "kind": "order", "order_id": 1, "amount": 5}])
    log = pd.concat([order, many(n, "redeem", amount=1e6, order_id=1, points=1)])
    with pytest.raises(lr.LoyaltyError, match="Customer 7 has more redemptions than"):
        lr.replay(log, TAOBAO)
    entries = lr.ledger(log.iloc[:-1], TAOBAO).entries
    assert -entries.loc[entries["entry"] == "redemption", "points"].sum() == n - 1


def test_different_keys_beyond_the_capacity_are_refused():
    """Every line with an order, item, category and shop of its own: Taobao counts caps for each."""
    n = 24_000
    log = many(n, "order", amount=20.0, order_id=np.arange(n), item_id="i").assign(
        category=[f"c{i}" for i in range(n)], shop=[f"s{i}" for i in range(n)])
    no_coins = TAOBAO.with_values({"currency.coins.earn.purchase.rate": 0})
    with pytest.raises(lr.LoyaltyError, match="more different orders, items, categories and shops than"):
        lr.replay(log, no_coins)


@pytest.mark.parametrize("reading", ["confirm", "order"])
def test_far_beyond_a_capacity_is_a_refusal_and_no_crash(reading):
    """200,000 lines of one customer: six times what is held. The process must live to say so."""
    code = (
        "import numpy as np, pandas as pd, loyalty_research as lr\n"
        "n = 200_000\n"
        "log = pd.DataFrame({'customer_id': 1, 'time': pd.date_range('2022-01-01', periods=n, freq='20min'),\n"
        "                    'kind': 'order', 'amount': 60.0, 'order_id': np.arange(n)})\n"
        "try:\n"
        f"    lr.replay(log, lr.load_scheme('jd').with_readings(X28='{reading}'))\n"
        "except lr.LoyaltyError as error:\n"
        "    print(error)")
    done = run_python(code)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stderr[-500:]}"
    assert done.stdout.startswith("Customer 1 has more ")


# -------------------------------------------------------------------------------------- buffers and parts


def test_a_customer_whose_rows_fill_the_buffers_twice():
    """Grants of 1 point, each taken again: more rows than one buffer holds, within one customer."""
    n = ROWS // 2 + 1000
    grants = pd.DataFrame({"customer_id": 7, "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), "s"),
                           "kind": "grant", "points": 1})
    penalties = grants.assign(kind="penalty")
    between = pd.concat([grants, penalties]).sort_index(kind="stable")
    around = [between.iloc[:2].assign(customer_id=each) for each in (6, 8)]
    entries = lr.ledger(pd.concat([*around, between]), JD).entries
    mine = entries[entries["customer_id"] == 7]
    assert len(mine) == 2 * n > ROWS
    assert (mine["points"].to_numpy() == np.tile([1, -1], n)).all()
    assert (mine["balance"].to_numpy() == np.tile([1, 0], n)).all()
    assert (mine["lot_id"].to_numpy() == np.repeat(np.arange(1, n + 1), 2)).all()
    assert (mine["time"].to_numpy() == np.repeat(grants["time"].to_numpy("datetime64[us]"), 2)).all()
    others = entries.loc[entries["customer_id"] != 7, ["customer_id", "points", "lot_id"]]
    assert others.to_numpy().tolist() == [[6, 1, 1], [6, -1, 1], [8, 1, 1], [8, -1, 1]]


def test_declined_rows_fill_the_buffers_too():
    n = ROWS + 1000
    log = pd.DataFrame({"customer_id": 7, "time": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n), "s"),
                        "kind": "courier_gift", "points": np.arange(1, n + 1)})
    declined = lr.ledger(log, JD).declined
    assert (declined["points"].to_numpy() == np.arange(1, n + 1)).all() and declined["reason"].eq("balance").all()


def test_asked_days_fill_the_buffers_without_a_row_twice():
    """A first event on the 9th: the value in force on each day until the next 8th is that of an 8th before it."""
    n, days = 9000, pd.date_range("2024-01-09", periods=30)
    log = pd.DataFrame({"customer_id": np.arange(n), "time": pd.Timestamp("2024-01-09"), "kind": "login"})
    found = lr.score(log, TAOBAO, at=days)
    assert len(found) == n * len(days) > ROWS
    assert (found["customer_id"].to_numpy() == np.repeat(np.arange(n), len(days))).all()


def test_a_seat_is_lost_although_the_fall_stands_in_a_later_buffer():
    """Score 400, then a buffer full of other rows, then score 0: the seat goes with the score."""
    n = ROWS // 2
    grants = pd.DataFrame({"customer_id": 1, "time": pd.Timestamp("2024-03-01") + pd.to_timedelta(np.arange(n), "s"),
                           "kind": "grant", "points": 1})
    log = pd.concat([
        make_log([{"time": "2024-01-05", "kind": "reputation", "points": 5}]),
        pd.concat([grants, grants.assign(kind="penalty")]).sort_index(kind="stable"),
        make_log([{"time": "2024-06-05", "kind": "reputation", "points": 0}])], ignore_index=True)
    done = lr.replay(log, SEATS, until="2024-12-31")
    assert done.scores["base"].tolist() == [400, 0]
    assert done.tiers[["tier", "change"]].to_numpy().tolist() == [["apass", "joined"], ["ordinary", "down"]]


@pytest.mark.parametrize("scheme", [JD, SEATS, NONE], ids=lambda scheme: scheme.key)
def test_parts_and_threads_do_not_matter(scheme, monkeypatch):
    log = lr.make_events(60, days=400, seed=11, events_per_customer=40)
    whole = lr.replay(log, scheme)
    for rows, threads in ((1, 1), (97, 2), (400, 7)):
        monkeypatch.setattr(MODULE, "PART_ROWS", rows)
        monkeypatch.setattr(os, "cpu_count", lambda threads=threads: threads)
        assert_same(lr.replay(log, scheme), whole)
        assert_frame_equal(lr.score(log, scheme, at=["2022-06-01", "2023-01-31"]), lr.score(
            log.sample(frac=1, random_state=1).sort_values("time", kind="stable").sort_index(), scheme,
            at=["2022-06-01", "2023-01-31"]))


# --------------------------------------------------------------------------------------------- files


@pytest.fixture
def temp(tmp_path, monkeypatch) -> Path:
    """A temporary directory of its own, so that what is left in it shows."""
    folder = tmp_path / "temp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def parquet(tmp_path) -> Path:
    path = tmp_path / "log.parquet"
    LOG.to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("form", [str, Path])
def test_a_ledger_from_a_path_outlives_its_replay(parquet, temp, form):
    ledger = lr.ledger(form(parquet), JD)
    gc.collect()
    assert_frame_equal(ledger.entries, lr.ledger(LOG, JD).entries)
    assert_frame_equal(ledger.declined, lr.ledger(LOG, JD).declined)
    assert ledger.balances("2024-03-01")["balance"].tolist() == [1060]


def test_tables_from_a_path_can_be_read_in_any_order(parquet, temp):
    done = lr.replay(parquet, JD)
    tiers, ledger = done.tiers, done.ledger
    del done
    gc.collect()
    assert len(tiers) == 2 and len(ledger.entries) == 5


def test_nothing_is_left_in_the_temporary_directory(parquet, temp):
    done = lr.replay(parquet, SEATS)
    assert len(done.ledger.entries) and len(done.tiers)
    lr.score(parquet, JD)
    lr.score(LOG, JD, at="2024-03-01")
    lr.compare(["jd", "none"], str(parquet), draws=2)
    del done
    gc.collect()
    assert list(temp.iterdir()) == []


def test_a_refused_run_leaves_nothing_either(tmp_path, temp):
    path = tmp_path / "full.parquet"
    many(LOTS + 1, "grant", points=1).to_parquet(path, index=False)
    with pytest.raises(lr.LoyaltyError) as caught:
        lr.replay(path, JD)
    del caught
    gc.collect()
    assert list(temp.iterdir()) == []


def test_a_ledger_is_written_once(tmp_path):
    ledger = lr.ledger(LOG, JD)
    ledger.to_parquet(tmp_path / "ledger")
    back = pd.read_parquet(sorted((tmp_path / "ledger").glob("entries-*.parquet")))
    assert_frame_equal(back.astype(CONTRACT["entries"]), ledger.entries, check_dtype=True)
    with pytest.raises(lr.LoyaltyError, match="holds a ledger already; name another folder"):
        ledger.to_parquet(tmp_path / "ledger")


@pytest.mark.parametrize("table", ["scores", "tiers", "fees"])
def test_tables_can_be_written_as_parquet_without_a_warning(table, tmp_path):
    frame = getattr(lr.replay(LOG, JD), table)
    frame.to_parquet(tmp_path / "table.parquet")
    assert pd.read_parquet(tmp_path / "table.parquet")["customer_id"].tolist() == frame["customer_id"].tolist()


# --------------------------------------------------------------------------------------------- cache


def copy_package(folder: Path) -> Path:
    """A copy of the package with its data, whose files a test may change."""
    copy = folder / "loyalty_research"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("__pycache__", "data"))
    data = Path(import_module("loyalty_research.data").__file__).parent
    shutil.copytree(data, copy / "data", ignore=shutil.ignore_patterns("__pycache__"))
    return copy


PLACE_ONE = (
    "import pandas as pd, loyalty_research as lr, loyalty_research.state as state\n"
    "scores = pd.DataFrame({'customer_id': [1], 'settled_on': pd.to_datetime(['2020-01-02']), 'score': [300]})\n"
    "print(lr.__file__, state.CACHE_FOLDER, lr.assign_tiers(scores, lr.load_scheme('jd'))['tier'].item())")


def test_a_changed_step_is_never_answered_from_the_cache(tmp_path):
    """`assign_tiers` compiles `place_scores`, which calls `place` of another file; only that file changes."""
    package, cache = copy_package(tmp_path / "copy"), tmp_path / "cache"
    answers = []
    for _ in range(2):
        done = run_python(PLACE_ONE, PYTHONPATH=str(package.parent), NUMBA_CACHE_DIR=str(cache))
        assert done.returncode == 0, done.stderr[-500:]
        file, folder, tier = done.stdout.split()
        assert Path(file).parent == package and Path(folder).parents[1] == cache
        answers.append((folder, tier))
        before, after = "            tier = number\n", "            tier = 3\n"
        source = (package / "tiers.py").read_text(encoding="utf-8")
        assert source.count(before) == 1 or answers[1:]
        (package / "tiers.py").write_text(source.replace(before, after), encoding="utf-8")
    assert [tier for _, tier in answers] == ["privileged", "gift"]
    assert answers[0][0] != answers[1][0]


def test_the_cache_folder_lies_where_the_user_wants_it(tmp_path):
    code = "import loyalty_research.state as state; print(state.CACHE_FOLDER)"
    wanted = {"NUMBA_CACHE_DIR": str(tmp_path / "numba"), "XDG_CACHE_HOME": str(tmp_path / "xdg")}
    folders = []
    for name in (*wanted, "HOME"):
        folders.append(Path(run_python(code, **{"HOME": str(tmp_path), **wanted}).stdout.strip()))
        wanted[name] = ""
    assert [folder.parents[1] for folder in folders] == [tmp_path / "numba", tmp_path / "xdg", tmp_path / ".cache"]
    assert len({folder.name for folder in folders}) == 1, "the hash is that of the sources"


def test_without_a_writable_folder_the_cache_is_temporary(tmp_path):
    code = "import loyalty_research.state as state; print(state.CACHE_FOLDER)"
    done = run_python(code, NUMBA_CACHE_DIR="/dev/null/none", TMPDIR=str(tmp_path))
    assert Path(done.stdout.strip()).parents[1] == tmp_path, done.stderr[-300:]


def test_the_callers_numba_settings_stay_as_they_are(tmp_path):
    assert numba.config.CACHE_DIR != str(CACHE_FOLDER)
    code = ("import numba; numba.config.CACHE_DIR = 'mine'; before = numba.config.CACHE_DIR\n"
            "import loyalty_research as lr; lr.replay; print(numba.config.CACHE_DIR == before)")
    assert run_python(code).stdout.strip() == "True"
    assert STEP_OPTIONS["cache"] and STEP_OPTIONS["nogil"]


# ------------------------------------------------------------------------------------- balances, outstanding

FLOWS = make_log([
    {"customer_id": 1, "time": "2024-01-10", "kind": "grant", "points": 100},
    {"customer_id": 2, "time": "2024-01-31 23:59:59", "kind": "grant", "points": 40},
    {"customer_id": 1, "time": "2024-03-01", "kind": "exchange", "item_id": "coupon", "points": 30},
    {"customer_id": 1, "time": "2024-03-31", "kind": "penalty", "points": 500},
    {"customer_id": 2, "time": "2024-04-25", "kind": "order", "order_id": 1, "amount": 600}])


def test_outstanding_by_month_by_hand():
    found = lr.ledger(FLOWS, JD, until="2024-05-31").outstanding()
    assert found["time"].dt.strftime("%m-%d %H:%M:%S").tolist() == [
        f"{day} 23:59:59" for day in ("01-31", "02-29", "03-31", "04-30", "05-31")]
    expected = {"points_issued": [140, 0, 0, 0, 60], "points_redeemed": [0, 0, 30, 0, 0],
                "points_penalty": [0, 0, 70, 0, 0], "points_pending": [0, 0, 0, 60, 0],
                "points_outstanding": [140, 140, 40, 40, 100], "deficit_points": [0, 0, 0, 0, 0]}
    assert {name: found[name].tolist() for name in expected} == expected
    assert_frame_equal(found, lr.ledger(FLOWS, JD, until="2024-05-31").outstanding("M"))


@pytest.mark.parametrize("freq", ["D", "W", "M", "ME", "Q", "QE", "Y", "YE", "W-MON", "h"])
def test_outstanding_of_every_period_ends_alike(freq):
    found = lr.ledger(FLOWS, JD, until="2024-05-31").outstanding(freq)
    assert found["points_outstanding"].iloc[-1] == 100 and found["points_pending"].iloc[-1] == 0
    assert found["points_issued"].sum() == 200
    assert found["time"].is_monotonic_increasing and found["time"].iloc[-1] >= pd.Timestamp("2024-05-31")


@pytest.mark.parametrize("freq", ["15D", "2W", "2ME", "3M"])
def test_outstanding_of_several_periods_at_once_is_right_or_refused(freq):
    """Periods of a multiple overlap when each entry begins its own; flows must not fall out in silence."""
    try:
        found = lr.ledger(FLOWS, JD, until="2024-05-31").outstanding(freq)
    except lr.LoyaltyError as error:
        assert freq in str(error)
    else:
        assert found["points_issued"].sum() == 200 and found["points_outstanding"].iloc[-1] == 100


@pytest.mark.parametrize("freq", ["bogus", "MS", None, 5])
def test_a_period_that_is_none_is_refused_in_our_words(freq):
    with pytest.raises(lr.LoyaltyError, match="freq"):
        lr.ledger(FLOWS, JD).outstanding(freq)


def test_balances_and_lots_at_an_instant():
    ledger = lr.ledger(FLOWS, JD, until="2024-05-31")
    assert ledger.balances("2024-01-31")["customer_id"].tolist() == [1]            # 00:00: the second grant is to come
    assert ledger.balances("2024-01-31 23:59:59")["balance"].tolist() == [100, 40]
    assert ledger.balances("2024-03-31")["balance"].tolist() == [0, 40], "a row stays when the balance is 0"
    lots = ledger.lots("2024-05-31")
    assert lots[["customer_id", "lot_id", "points"]].to_numpy().tolist() == [[2, 1, 40], [2, 2, 60]]
    assert lots["expires_on"].eq(pd.Timestamp("2025-12-31")).all()


# ---------------------------------------------------------------------------------------- assign_tiers

MONTHS = pd.to_datetime(["2024-01-08", "2024-02-08", "2024-03-08"])


def hand(customers, days, scores) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": customers, "settled_on": days, "score": scores})


def test_tiers_of_a_table_by_hand_in_any_order():
    table = hand([2, 1, 1, 2], MONTHS[[0, 1, 0, 2]], [2000, 900, 1001, 2100])
    found = lr.assign_tiers(table, TAOBAO)
    assert found.to_numpy().tolist() == [
        [1, MONTHS[0], "super", "joined"], [1, MONTHS[1], "ordinary", "down"], [2, MONTHS[0], "super", "joined"]]
    assert found.dtypes.astype("str").to_dict() == CONTRACT["tiers"]


def test_a_daily_score_is_placed_at_the_next_settlement():
    """JD settles on the 2nd: of several values before it the last one counts."""
    table = hand([1, 1, 1], pd.to_datetime(["2024-01-10", "2024-02-02", "2024-02-03"]), [600, 300, 100])
    assert lr.assign_tiers(table, JD)[["settled_on", "tier"]].to_numpy().tolist() == [
        [pd.Timestamp("2024-02-02"), "privileged"], [pd.Timestamp("2024-03-02"), "none"]]


def test_seats_go_on_after_the_last_customer_joined():
    """A table of one's own says nothing of its end: every settlement in it is judged."""
    scheme = TAOBAO.with_values({"tier.apass.members_a_seat": 2})
    found = lr.assign_tiers(hand([1, 2, 1, 1], MONTHS[[0, 0, 1, 2]], [0, 0, 3000, 0]), scheme)
    mine = found[found["customer_id"] == 1]
    assert mine["tier"].tolist() == ["ordinary", "apass", "ordinary"]
    assert mine["settled_on"].tolist() == list(MONTHS)


def test_a_table_without_a_column_is_refused():
    with pytest.raises(lr.EventError, match="scores lacks the column 'score'; give a table as score"):
        lr.assign_tiers(hand([1], MONTHS[:1], [5]).drop(columns="score"), JD)


@pytest.mark.parametrize("scores", [None, [1, 2], {"score": [1]}], ids=lambda scores: type(scores).__name__)
def test_scores_that_are_no_table_are_refused(scores):
    with pytest.raises(lr.LoyaltyError):
        lr.assign_tiers(scores, JD)


BAD_TABLES = (
    "import numpy as np, pandas as pd, loyalty_research as lr\n"
    "day = pd.Timestamp('2024-01-08')\n"
    "cases = {'no day': ([1, 1], [day, pd.NaT], [5, 6]),\n"
    "         'before the calendar': ([1], [pd.Timestamp('1850-01-01')], [5]),\n"
    "         'after the calendar': ([1], [pd.Timestamp('2150-01-01')], [5]), 'no score': ([1], [day], [np.nan]),\n"
    "         'a fraction': ([1], [day], [200.9]), 'a number for a day': ([1], [20240108], [5]),\n"
    "         'no customer': (['a', None], [day, day], [5, 6])}\n"
    "for name, (customers, days, scores) in cases.items():\n"
    "    table = pd.DataFrame({'customer_id': customers, 'settled_on': days, 'score': scores})\n"
    "    try:\n"
    "        print(name, 'gives', lr.assign_tiers(table, lr.load_scheme('jd')).to_numpy().tolist(), flush=True)\n"
    "    except Exception as error:\n"
    "        print(name, 'refused' if isinstance(error, lr.LoyaltyError) else repr(error), flush=True)")


def test_scores_that_cannot_be_placed_are_refused():
    """Never a wrong tier, and never an address outside the rule tables."""
    done = run_python(BAD_TABLES)
    assert done.stdout.splitlines() == [f"{name} refused" for name in (
        "no day", "before the calendar", "after the calendar", "no score", "a fraction", "a number for a day",
        "no customer")], done.stderr[-300:]


# ------------------------------------------------------------------------------------ add_redemptions


def redeems(log: pd.DataFrame) -> pd.DataFrame:
    return log[log["kind"] == "redeem"]


def test_added_redemptions_stand_with_the_columns_of_the_log():
    log = make_log([{"time": "2024-01-01", "kind": "grant", "points": 5000},
                    {"time": "2024-02-01", "kind": "order", "order_id": 1, "amount": 60}])
    added = lr.add_redemptions(log[[*log.columns[::-1]]], JD)
    assert list(added.columns) == list(log.columns[::-1])
    assert added.loc[added["kind"] != "redeem", "event_id"].isna().all() and len(added) == 3
    assert redeems(added)[["order_id", "amount", "points"]].to_numpy().tolist() == [[1, 60.0, 3000]]


def test_redemptions_of_the_log_itself_are_not_asked_for_again():
    """1,000 of the 5,000 that the order allows are spent by the log's own row, which has no event_id."""
    log = make_log([{"time": "2024-01-01", "kind": "grant", "points": 9000},
                    {"time": "2024-02-01 09:00", "kind": "redeem", "order_id": 1, "amount": 100, "points": 1000},
                    {"time": "2024-02-01 10:00", "kind": "order", "order_id": 1, "amount": 100}])
    added = lr.add_redemptions(log, JD)
    assert sorted(redeems(added)["points"]) == [1000, 4000]
    assert lr.ledger(added, JD).declined.empty


def test_the_first_line_of_an_order_is_the_earliest():
    log = make_log([{"time": "2024-01-01", "kind": "grant", "points": 5000},
                    {"time": "2024-02-01 10:00", "kind": "order", "order_id": 1, "item_id": "b", "amount": 60},
                    {"time": "2024-02-01 09:00", "kind": "order", "order_id": 1, "item_id": "a", "amount": 100}])
    assert redeems(lr.add_redemptions(log, JD))["time"].tolist() == [pd.Timestamp("2024-02-01 09:00")]


def test_the_cap_of_the_shop_is_kept():
    """A merchant without coins takes none (C9), one with many takes half."""
    rows = [{"time": "2024-01-01", "kind": "grant", "points": 50_000}]
    rows += [{"time": "2024-02-01", "kind": "order", "order_id": order, "amount": 60, "shop": shop}
             for order, shop in enumerate(("no_coins", "half_coins", "other"))]
    added = redeems(lr.add_redemptions(make_log(rows), TAOBAO))
    assert added.set_index("order_id")["points"].to_dict() == {1: 3000, 2: 600}


def test_logs_that_leave_nothing_to_redeem_come_back_as_they_are():
    bare = make_log([{"time": "2024-02-01", "kind": "order", "amount": 60}])
    for log, scheme in ((bare, JD), (LOG.iloc[:0], JD), (LOG, NONE)):
        assert len(lr.add_redemptions(log, scheme)) == len(log)


@pytest.mark.parametrize(("values", "message"), [
    ({"policy": "never"}, "policy is 'never'; the declared policies are as_soon_as_allowed"),
    ({"currency": "bean"}, "did you mean 'beans'")])
def test_policies_and_currencies_that_are_none_are_refused(values, message):
    with pytest.raises(lr.LoyaltyError, match=message):
        lr.add_redemptions(LOG, JD, **values)
