"""Person-period tables: each row against a slow reading of the ledger, no look-ahead, events by their definitions."""
from __future__ import annotations

import doctest
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research.accounts import term_at

from .estimates import make_orders, refused

DAY = pd.Timedelta(days=1)
SCHEMES = ("jd", "taobao", "taobao_2025", "amazon_prime", "none")


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """40 customers over two years with every kind of act; plans joined and renewed, named by no plan, so the scheme's first."""
    made = lr.make_events(40, "2022-03-10", days=730, seed=11, events_per_customer=60)
    return made.assign(item_id=made["item_id"].where(~made["kind"].isin(["plan_joined", "plan_renewed", "plan_cancelled"])))


@pytest.fixture(scope="module", params=SCHEMES)
def replayed(request, log) -> lr.Replay:
    return lr.replay(log, lr.load_scheme(request.param), on_orphan="drop")


def read_slowly(replay: lr.Replay, log: pd.DataFrame, row) -> dict:
    """What the account of one customer says at the start of a period, from the public tables."""
    mine = {name: table[table["customer_id"] == row.customer_id] for name, table in
            {"orders": log[log["kind"] == "order"], "entries": replay.ledger.entries, "tiers": replay.tiers}.items()}
    orders = mine["orders"].loc[mine["orders"]["time"] <= row.start, "time"]
    found = {"recency_days": (row.start - orders.max()) / DAY}
    settled = mine["tiers"][mine["tiers"]["settled_on"] < row.start.normalize()]
    found["tier"] = settled["tier"].iloc[-1] if len(settled) else np.nan
    moved = settled[settled["change"].isin(["up", "down"])]
    recent = len(moved) and row.start - (moved["settled_on"].iloc[-1] + DAY) < 90 * DAY
    for name, change in (("demoted", "down"), ("promoted", "up")):
        found[name] = int(bool(recent) and moved["change"].iloc[-1] == change)
    balances, lots = replay.ledger.balances(row.start), replay.ledger.lots(row.start)
    for number, currency in enumerate(each.name for each in replay.scheme.currencies):
        suffix = f"_{currency}" if number else ""
        held = balances[(balances["customer_id"] == row.customer_id) & (balances["currency"] == currency)]
        found[f"balance{suffix}"] = held["balance"].sum()
        mine_lots = lots[(lots["customer_id"] == row.customer_id) & (lots["currency"] == currency)]
        soon = mine_lots["expires_on"].between(row.start.normalize(), row.start.normalize() + 30 * DAY)
        found[f"expiring_30d{suffix}"] = mine_lots.loc[soon, "points"].sum()
    account = replay._account(row.customer_id)
    found["plans"] = [plan.name for plan in replay.scheme.plans if term_at(account, plan, row.start)[0]]
    return found


def test_every_row_is_what_the_account_says(replayed, log):
    panel = lr.person_periods(replayed, gap_days=120)
    rng = np.random.default_rng(0)
    soon = panel.index[panel["expiring_30d"] > 0][:20]
    for row in panel.loc[sorted({*rng.choice(panel.index, 60, replace=False), *soon})].itertuples():
        found = read_slowly(replayed, log, row)
        plans = found.pop("plans")
        assert (row.plan in plans) if plans else row.plan == "none"
        assert np.isnan(row.months_to_renewal) == (row.plan == "none")
        for name, value in found.items():
            have = getattr(row, name)
            assert (pd.isna(have) and pd.isna(value)) or have == pytest.approx(value) if name == "recency_days" else \
                (pd.isna(have) and pd.isna(value)) or have == value, (name, row)


def test_no_column_looks_ahead(log):
    """A replay cut at the start of a period gives the columns of its rows, whatever comes later."""
    jd, at = lr.load_scheme("jd"), pd.Timestamp("2023-06-01")
    columns = ["recency_days", "tier", "demoted", "promoted", "balance", "expiring_30d", "plan", "months_to_renewal", "spell", "duration"]
    whole = lr.person_periods(lr.replay(log, jd, on_orphan="drop"), gap_days=120)
    cut = lr.person_periods(lr.replay(log, jd, until=at + 31 * DAY, on_orphan="drop"), gap_days=120)
    bare = log[log["time"] <= at]
    blind = lr.person_periods(lr.replay(bare, jd, until=at + 31 * DAY, on_orphan="drop"), gap_days=120)
    wanted, first, second = (panel[panel["start"] == at].set_index("customer_id")[columns] for panel in (whole, cut, blind))
    assert len(wanted) >= 15
    pd.testing.assert_frame_equal(wanted, first)
    pd.testing.assert_frame_equal(wanted, second)


def test_inactivity_is_that_of_the_definition(log):
    """Who ordered in the gap up to the start is at risk; the event is no order in the gap up to the end."""
    replay, gap = lr.replay(log, lr.load_scheme("jd"), on_orphan="drop"), 60
    panel = lr.person_periods(replay, gap_days=gap).set_index(["customer_id", "start"])
    orders = log[log["kind"] == "order"].groupby("customer_id")["time"]

    def active(customer, at):
        times = orders.get_group(customer)
        return ((times > at - gap * DAY) & (times <= at)).any()

    starts = pd.date_range(log.loc[log["kind"] == "order", "time"].min().to_period("M").start_time, replay.until, freq="MS")
    rows = 0
    for customer in orders.groups:
        for start, end in zip(starts[:-1], starts[1:], strict=True):
            assert ((customer, start) in panel.index) == active(customer, start)
            if active(customer, start):
                rows += 1
                assert panel.loc[(customer, start), "event"] == int(not active(customer, end))
    assert rows == len(panel) and panel["event"].sum() > 20


def test_with_periods_as_long_as_the_gap_the_share_is_that_of_false_churn():
    """Definition 3.2 read off a log two ways: the panel of a year, and false_churn's inactive share."""
    log = lr.make_events(300, "2020-01-01", days=1460, seed=5, events_per_customer=8).query("kind == 'order'")
    panel = lr.person_periods(lr.replay(log, lr.load_scheme("none")), months=12, start="2021-01-01")
    assert panel["start"].iloc[0] == pd.Timestamp("2021-01-01")
    first = panel[panel["start"] == pd.Timestamp("2021-01-01")]
    table = lr.false_churn(log, "2022-01-01")
    assert len(first) == table.loc["inactive", "of"] and first["event"].sum() == table.loc["inactive", "customers"]


def test_spells_number_the_returns():
    log = make_orders(("a", "2024-01-05", 1.0), ("a", "2024-06-05", 1.0), ("b", "2024-01-05", 1.0), ("b", "2024-02-05", 1.0), ("b", "2024-03-05", 1.0))
    panel = lr.person_periods(lr.replay(log, lr.load_scheme("none"), until="2024-08-01"), gap_days=60)
    a, b = (panel[panel["customer_id"] == customer] for customer in "ab")
    assert a["start"].dt.month.tolist() == [2, 3, 7] and a["event"].tolist() == [0, 1, 0]
    assert a["spell"].tolist() == [1, 1, 2] and a["duration"].tolist() == [1, 2, 1] and a["censored"].tolist() == [False, False, True]
    assert b["event"].tolist() == [0, 0, 0, 1] and not b["censored"].any()
    assert panel[["balance", "expiring_30d"]].eq(0).all().all() and panel["tier"].dropna().eq("none").all() and panel["plan"].eq("none").all()


def test_lapses_of_a_panel_are_those_of_the_terms(log):
    """Each event by month is a term that ended in it and was not renewed in 30 days; counted over terms by lr.lapses."""
    rng, rows = np.random.default_rng(2), []
    for customer in range(200):
        paid, act = pd.Timestamp("2020-01-01") + pd.Timedelta(days=int(rng.integers(0, 365))), "plan_joined"
        rows.append((customer, paid - DAY, "order"))
        for _ in range(4):
            rows.append((customer, paid, act))
            if rng.random() < 0.4:
                break
            paid, act = paid.normalize() + pd.DateOffset(years=1) - pd.Timedelta(days=int(rng.integers(-30, 60))), "plan_renewed"
    acts = pd.DataFrame(rows, columns=["customer_id", "time", "kind"]).assign(amount=10.0)
    replay = lr.replay(acts, lr.load_scheme("jd"), until="2022-08-15")
    panel = lr.person_periods(replay, "lapse")
    assert (panel["plan"] == "plus").all() and panel["months_to_renewal"].gt(0).all()
    assert (panel.loc[panel["event"] == 1, "months_to_renewal"] <= 31 / (365 / 12)).all()
    terms = lr.lapses(replay.plans, "2022-08-01").table["ended"].sum()
    known = panel.loc[panel["end"] <= pd.Timestamp("2022-07-01"), "event"].sum()
    assert 0 <= terms - known <= (replay.plans["time"] > pd.Timestamp("2021-06-01")).sum() * 0.2 and known > 80


def test_latent_instants_end_the_rows():
    log = make_orders((1, "2024-01-05", 1.0), (2, "2024-01-05", 1.0), (3, "2024-03-05", 1.0))
    replay = lr.replay(log, lr.load_scheme("none"), until="2024-06-01")
    left = pd.Series(pd.to_datetime(["2024-03-10", None, "2024-02-01"]), index=[1, 2, 3])
    panel = lr.person_periods(replay, left)
    assert panel.groupby("customer_id").size().to_dict() == {1: 2, 2: 4} and panel.groupby("customer_id")["event"].sum().to_dict() == {1: 1, 2: 0}


def test_any_customer_names_and_any_order(log):
    jd = lr.load_scheme("jd")
    panel = lr.person_periods(lr.replay(log, jd, on_orphan="drop"), gap_days=90)
    named = log.assign(customer_id=[f"c{customer:05d}" for customer in log["customer_id"]]).sample(frac=1, random_state=1).sort_values("event_id", kind="stable")
    again = lr.person_periods(lr.replay(named, jd, on_orphan="drop"), gap_days=90)
    pd.testing.assert_frame_equal(panel.drop(columns="customer_id"), again.drop(columns="customer_id"))


def test_a_log_from_a_file_gives_the_same(log, tmp_path):
    jd = lr.load_scheme("jd")
    log.to_parquet(tmp_path / "log.parquet")
    pd.testing.assert_frame_equal(lr.person_periods(lr.replay(tmp_path / "log.parquet", jd, on_orphan="drop")),
                                  lr.person_periods(lr.replay(log, jd, on_orphan="drop")))


@pytest.mark.parametrize(("options", "parts"), [
    ({"event": "gone"}, ("'inactive', 'lapse' or a Series", "'gone'")),
    ({"event": pd.Series([3.0], index=[1])}, ("must hold instants", "float64")),
    ({"months": 0}, ("months must be", "0")), ({"months": 1.5}, ("1.5",)), ({"months": 99}, ("99 months must fit",)),
    ({"gap_days": True}, ("gap_days", "True")), ({"start": "soon"}, ("start must be a day",)), ({"start": "2030-01-01"}, ("must fit",)),
    ({"event": "lapse"}, ("nobody is",))])
def test_impossible_panels_are_refused(options, parts):
    log = make_orders((1, "2024-01-05", 1.0), (1, "2024-05-05", 1.0))
    refused(lambda: lr.person_periods(lr.replay(log, lr.load_scheme("jd")), **options), *parts)


def test_examples_run():
    found = doctest.testmod(import_module("loyalty_research.panels"))
    assert found.attempted >= 1 and not found.failed
