"""The laws of DESIGN.md section 7 and of the contract, on logs drawn by hypothesis."""
from __future__ import annotations

import tempfile
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import loyalty_research as lr
from loyalty_research.membership import plan_fee
from loyalty_research.tiers import list_benefits

from .logs import SHOPPING, logs

END = "2040-01-01"                       # later than anything that a drawn log leaves open
DAY = pd.Timedelta(days=1)
JD, TAOBAO, NONE = (lr.load_scheme(key) for key in ("jd", "taobao", "none"))
SEATS = TAOBAO.with_values({"tier.super.above": 10, "tier.apass.above": 20, "tier.apass.members_a_seat": 2})
SCHEMES = {
    "jd": JD, "jd, at the order": JD.with_readings(X28="order"),
    "jd, clamp": JD.with_readings(X16="clamp", X32="claw_back"),
    "jd, value, 180 days": JD.with_readings(X15="value", expiry="days_180", X3="daily"),
    "taobao": TAOBAO, "taobao, at the order": TAOBAO.with_readings(X28="order", X4="next"), "taobao, seats": SEATS}
schemes = st.sampled_from(sorted(SCHEMES))
DRAWS = settings.default.max_examples    # 100 in the repeatable profile
some, few = settings(max_examples=DRAWS // 5), settings(max_examples=DRAWS // 10)


def tables(done: lr.Replay) -> dict[str, pd.DataFrame]:
    """The five tables of a replay."""
    return {"entries": done.ledger.entries, "declined": done.ledger.declined, "scores": done.scores,
            "tiers": done.tiers, "fees": done.fees}


def assert_same(left: lr.Replay, right: lr.Replay) -> None:
    for name, frame in tables(left).items():
        assert_frame_equal(frame, tables(right)[name], obj=name)


def in_balance(entries: pd.DataFrame) -> pd.DataFrame:
    """The entries that change the spendable balance."""
    return entries[~entries["entry"].isin(["pending", "release"])]


def sums(frame: pd.DataFrame, *by: str, column: str = "points") -> pd.Series:
    return frame.groupby(list(by), observed=True, dropna=False)[column].sum().astype("int64")


# ------------------------------------------------------------------------------------------------ ledger


@some
@given(log=logs(), scheme=schemes, at=st.integers(0, 4000))
def test_points_balance_and_lots_agree_at_any_instant(log, scheme, at):
    """Sum of points = balance = lots - deficit; a customer with a deficit has no lots."""
    scheme = SCHEMES[scheme]
    ledger = lr.ledger(log, scheme, until=END)
    entries = in_balance(ledger.entries)
    owner = [entries["customer_id"], entries["currency"].astype(str)]
    assert (entries.groupby(owner)["points"].cumsum() == entries["balance"]).all()
    assert (ledger.entries["points"] != 0).all()
    for instant in {log["time"].min() + pd.Timedelta(days=at), *ledger.entries["time"][at % 12::12]}:
        balances = ledger.balances(instant).set_index(["customer_id", "currency"])["balance"]
        lots = sums(ledger.lots(instant), "customer_id", "currency").reindex(balances.index, fill_value=0)
        assert (lots == balances.clip(lower=0)).all(), instant
        by_hand = sums(entries[entries["time"] <= instant], "customer_id", "currency")
        assert (by_hand.reindex(balances.index, fill_value=0) == balances).all(), instant
        assert (ledger.lots(instant)["expires_on"].fillna(instant) >= instant.normalize()).all()


@some
@given(log=logs(), scheme=schemes)
def test_flows_and_stocks_of_outstanding_agree_with_the_entries(log, scheme):
    scheme = SCHEMES[scheme]
    ledger = lr.ledger(log, scheme, until=END)
    entries, last = ledger.entries, ledger.outstanding("Y").set_index("currency")
    for currency in entries["currency"].astype(str).unique():
        mine, flows = entries[entries["currency"] == currency], last.loc[[currency]]
        moved = mine.groupby(mine["entry"].astype(str))["points"].sum()
        for word, column in {"accrual": "points_issued", "redemption": "points_redeemed", "expiry": "points_expired",
                             "clawback": "points_clawed_back", "penalty": "points_penalty",
                             "reinstatement": "points_reinstated"}.items():
            assert flows[column].sum() == abs(moved.get(word, 0)), word
        assert flows["points_transferred"].sum() == moved.get("transfer_in", 0) + moved.get("transfer_out", 0)
        balances = ledger.balances(END)["balance"][ledger.balances(END)["currency"] == currency]
        assert flows["points_outstanding"].iloc[-1] == balances.clip(lower=0).sum()
        assert flows["deficit_points"].iloc[-1] == -balances.clip(upper=0).sum()
        assert flows["points_pending"].iloc[-1] == 0 and (flows["points_pending"] >= 0).all()


@some
@given(log=logs(), scheme=schemes)
def test_what_waits_is_released_in_the_end(log, scheme):
    scheme = SCHEMES[scheme]
    entries = lr.ledger(log, scheme, until=END).entries
    waits = entries[entries["entry"].isin(["pending", "release"])]
    assert (sums(waits, "customer_id", "currency", "order_id") == 0).all()
    assert waits["lot_id"].isna().all() and waits["accrued_on"].isna().all()
    held = waits.groupby([waits["customer_id"], waits["currency"].astype(str)])["points"].cumsum()
    assert (held >= 0).all()


@some
@given(log=logs(), scheme=schemes)
def test_transfers_sum_to_zero_over_customers(log, scheme):
    scheme = SCHEMES[scheme]
    entries = lr.ledger(log, scheme, until=END).entries
    moved = entries[entries["entry"].isin(["transfer_in", "transfer_out"])]
    assert (sums(moved, "currency", "order_id") == 0).all()
    steals = any(currency.steals for currency in scheme.currencies)
    assert moved.empty or steals
    asked = log.loc[log["kind"] == "steal", "points"].sum()
    assert moved.loc[moved["entry"] == "transfer_in", "points"].sum() == (asked if steals else 0)


@some
@given(log=logs(), scheme=schemes)
def test_every_request_is_granted_or_declined(log, scheme):
    """Of each redeem, exchange, gift and penalty: points taken + points declined = points asked for."""
    scheme = SCHEMES[scheme]
    ledger = lr.ledger(log, scheme, until=END)
    acts = log[log["kind"].isin(["redeem", "exchange", "courier_gift", "penalty"])].set_index("event_id")
    taken = -ledger.entries.groupby("event_id")["points"].sum().reindex(acts.index, fill_value=0)
    refused = ledger.declined[ledger.declined["kind"].isin(["redeem", "exchange", "courier_gift", "penalty"])]
    refused = refused.groupby("event_id")["points"].sum().reindex(acts.index, fill_value=0)
    assert (taken + refused == acts["points"]).all()
    whole = acts["kind"].isin(["exchange", "courier_gift"])
    assert ((taken == 0) | (refused == 0))[whole].all()


@some
@given(log=logs(), scheme=schemes)
def test_lots_live_from_accrual_to_expiry_and_go_soonest_expiry_first(log, scheme):
    scheme = SCHEMES[scheme]
    entries = lr.ledger(log, scheme, until=END).entries
    touching = entries[entries["lot_id"].notna()]
    keys = ["customer_id", "currency", "lot_id"]
    born = touching.drop_duplicates(keys)
    assert born["entry"].isin(["accrual", "transfer_in"]).all()
    numbers = born.groupby(["customer_id", "currency"], observed=True)["lot_id"]
    assert (numbers.cumcount() + 1 == born["lot_id"]).all()
    assert (born["accrued_on"] == born["time"].dt.normalize()).all()
    assert (touching.groupby(keys, observed=True)[["accrued_on", "expires_on", "funded_by"]].nunique() <= 1).loc[
        :, ["accrued_on", "expires_on"]].all(axis=None)
    over = touching["expires_on"] + DAY
    is_expiry = touching["entry"] == "expiry"
    assert (touching["time"][is_expiry] == over[is_expiry]).all()
    assert (touching["time"][~is_expiry] < over[~is_expiry].fillna(pd.Timestamp.max)).all()
    spent = touching[touching["entry"].isin(["redemption", "penalty", "transfer_out"])]
    for _, rows in spent.groupby(["event_id", "currency"], observed=True):
        order = list(zip(rows["expires_on"].fillna(pd.Timestamp.max), rows["lot_id"], strict=True))
        assert order == sorted(set(order))


@some
@given(log=logs(doing=(*SHOPPING, "return", "return", "penalty")), scheme=st.sampled_from(
    ["jd", "jd, at the order", "taobao", "taobao, at the order"]))
def test_an_order_given_back_in_time_leaves_nothing(log, scheme):
    """Of an order with every line returned in time: accruals = claw-backs, redemptions = reinstatements + expired."""
    scheme = SCHEMES[scheme]
    ledger = lr.ledger(log, scheme, until=END)
    lines, returns = log[log["kind"] == "order"], log[log["kind"] == "return"]
    late = ledger.declined.loc[ledger.declined["reason"] == "late", ["customer_id", "order_id"]]
    late = set(map(tuple, late.to_numpy()))
    keys = ["customer_id", "order_id"]
    for key, rows in lines.groupby(keys):
        back = returns[(returns["customer_id"] == key[0]) & (returns["order_id"] == key[1])]
        if key in late or not (back["item_id"].isna().any() or set(back["item_id"]) == set(rows["item_id"])):
            continue
        mine = ledger.entries[(ledger.entries["customer_id"] == key[0]) & (ledger.entries["order_id"] == key[1])]
        expired = ledger.declined[(ledger.declined["customer_id"] == key[0]) & (ledger.declined["order_id"] == key[1])
                                  & (ledger.declined["reason"] == "expired")]["points"].sum()
        entry = mine["entry"].astype(str)
        assert mine["points"][entry.isin(["accrual", "clawback", "pending", "release"])].sum() == 0, key
        assert mine["points"][entry.isin(["redemption", "reinstatement"])].sum() + expired == 0, key


# ---------------------------------------------------------------------------------------- time and order


@some
@given(log=logs(), scheme=schemes, pick=st.integers(0, 99), shift=st.sampled_from(["0", "-1us", "30D"]))
def test_a_cut_log_gives_the_first_rows(log, scheme, pick, shift):
    """`until` = t leaves the rows posted by t, and is the same as cutting the log at t."""
    scheme = SCHEMES[scheme]
    whole = lr.replay(log, scheme, until=END)
    for table in (whole.ledger.entries, whole.ledger.declined):
        assert (table.groupby("customer_id")["time"].diff().dropna() >= pd.Timedelta(0)).all()
    instants = sorted({*log["time"], *whole.ledger.entries["time"]})
    t = instants[pick % len(instants)] + pd.Timedelta(shift)
    cut = lr.replay(log, scheme, until=t)
    for name, table in tables(whole).items():
        posted = table["time"] <= t if "time" in table else table["settled_on"] < t.normalize()
        assert_frame_equal(tables(cut)[name], table[posted].reset_index(drop=True), obj=name)
    assert_same(cut, lr.replay(log[log["time"] <= t], scheme, until=t))


@some
@given(log=logs(), scheme=schemes, days=st.lists(st.integers(-3, 1200), min_size=1, max_size=3))
def test_a_score_at_a_day_is_the_last_change_on_or_before_it(log, scheme, days):
    scheme = SCHEMES[scheme]
    days = sorted({log["time"].min().normalize() + pd.Timedelta(days=day) for day in days})
    rhythm = scheme.scored.removeprefix("monthly:")
    found = lr.score(log, scheme, at=days)
    expected = []
    changes = lr.replay(log, scheme, until=days[-1] + DAY).scores
    for customer, first in log.groupby("customer_id")["time"].min().items():
        for day in [day for day in days if day >= first.normalize()]:
            valued = day if rhythm == "daily" else day.replace(day=int(rhythm))
            valued = valued if valued <= day else valued - pd.DateOffset(months=1)
            mine = changes[(changes["customer_id"] == customer) & (changes["settled_on"] <= valued)].tail(1)
            zero = pd.DataFrame({name: [0] for name in changes.columns}).assign(customer_id=customer)
            expected.append((zero if mine.empty else mine).assign(settled_on=valued))
    expected = pd.concat(expected) if expected else changes.iloc[:0]
    assert_frame_equal(found, expected.astype(changes.dtypes.to_dict()).reset_index(drop=True))


@some
@given(log=logs(transfers=False), scheme=st.sampled_from(["jd", "taobao"]), chosen=st.sets(st.integers(1, 4)))
def test_customers_do_not_touch_one_another(log, scheme, chosen):
    """Split by customers and put together again: nothing changes (no transfers, and no seats at this size)."""
    scheme = SCHEMES[scheme]
    whole = lr.replay(log, scheme, until=END)
    first = log["customer_id"].isin(chosen)
    parts = [tables(lr.replay(log[rows], scheme, until=END)) for rows in (first, ~first)]
    for name, table in tables(whole).items():
        both = pd.concat([part[name] for part in parts]).sort_values("customer_id", kind="stable", ignore_index=True)
        assert_frame_equal(both, table, obj=name)


@few
@given(log=logs(), scheme=schemes, customers=st.permutations([1, 2, 3, 4]))
def test_order_of_customers_in_the_log_does_not_matter(log, scheme, customers):
    scheme = SCHEMES[scheme]
    whole = lr.replay(log, scheme, until=END)
    turned = pd.concat([log[log["customer_id"] == customer] for customer in customers])
    assert_same(lr.replay(turned, scheme, until=END), whole)
    assert_same(lr.replay(turned.sort_values("time", kind="stable"), scheme, until=END), whole)


@few
@given(log=logs(), scheme=schemes)
def test_names_of_customers_do_not_matter(log, scheme):
    scheme = SCHEMES[scheme]
    whole = tables(lr.replay(log, scheme, until=END))
    named = tables(lr.replay(log.assign(customer_id="客" + log["customer_id"].astype("str")), scheme, until=END))
    for name, table in whole.items():
        assert named[name]["customer_id"].dtype == "str"
        renamed = table.assign(customer_id=("客" + table["customer_id"].astype("str")).astype("str"))
        assert_frame_equal(named[name], renamed, obj=name)


@few
@given(log=logs(transfers=False), scheme=st.sampled_from(["jd", "taobao"]))
def test_negative_ids_in_reverse_only_turn_the_order_of_customers(log, scheme):
    scheme = SCHEMES[scheme]
    whole = tables(lr.replay(log, scheme, until=END))
    turned = tables(lr.replay(log.assign(customer_id=-log["customer_id"]), scheme, until=END))
    for name, table in whole.items():
        back = turned[name].assign(customer_id=-turned[name]["customer_id"])
        assert_frame_equal(back.sort_values("customer_id", kind="stable", ignore_index=True), table, obj=name)


@few
@given(log=logs(most_customers=8), scheme=schemes, part_rows=st.integers(1, 40), at=st.integers(0, 60))
def test_a_path_gives_what_the_frame_gives(log, scheme, part_rows, at):
    """Out of core, from several files, in parts of few rows."""
    scheme = SCHEMES[scheme]
    whole = lr.replay(log, scheme, until=END)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("loyalty_research.replay"), "PART_ROWS", part_rows)
        half = len(log) // 2
        log.iloc[:half].to_parquet(Path(folder, "a.parquet"), index=False)
        log.iloc[half:].to_parquet(Path(folder, "b.parquet"), index=False)
        assert_same(lr.replay(folder, scheme, until=END), whole)
        day = log["time"].min() + pd.Timedelta(days=at)
        assert_frame_equal(lr.score(f"{folder}/*.parquet", scheme, at=day), lr.score(log, scheme, at=day))


# ---------------------------------------------------------------------------- scores, tiers, fees, benefits


@some
@given(log=logs(), scheme=schemes)
def test_tiers_assigned_to_the_scores_are_those_of_the_replay(log, scheme):
    scheme = SCHEMES[scheme]
    done = lr.replay(log, scheme)
    assert_frame_equal(lr.assign_tiers(done.scores, scheme), done.tiers)
    turned = done.scores.iloc[::-1]
    assert_frame_equal(lr.assign_tiers(turned, scheme), done.tiers)


@some
@given(log=logs(), scheme=schemes)
def test_tiers_and_fees_follow_the_scores(log, scheme):
    """Every settled tier and fee is what the ladder says of the score in force; rows only where something changed."""
    scheme = SCHEMES[scheme]
    done = lr.replay(log, scheme, until=END)
    names = [tier.name for tier in scheme.tiers]
    scores = done.scores.sort_values("settled_on")
    for table in (done.tiers, done.fees):
        table = table.sort_values("settled_on")
        table["score"] = pd.merge_asof(table, scores, on="settled_on", by="customer_id")["score"].to_numpy()
        assert table["score"].notna().all()
        if "fee_cny" in table:
            for plan, rows in table.groupby(table["plan"].astype(str)):
                assert plan_fee(scheme, plan, rows["score"]).tolist() == rows["fee_cny"].tolist()
    for _, mine in done.tiers.groupby("customer_id"):
        place = [names.index(tier) for tier in mine["tier"]]
        moves = [now - before for before, now in pairwise(place)]
        assert mine["change"].tolist() == ["joined"] + ["up" if move > 0 else "down" for move in moves]
        assert 0 not in moves
    assert set(done.tiers["customer_id"]) == set(log["customer_id"])


@some
@given(log=logs(most_customers=6))
def test_seats_are_never_more_than_the_quota(log):
    """At each settlement: holders <= customers with an event by then // members a seat, each above the edge."""
    done = lr.replay(log, SEATS, until="2032-01-01")
    first = log.groupby("customer_id")["time"].min().dt.normalize()
    for day in done.tiers["settled_on"].unique():
        now = done.tiers[done.tiers["settled_on"] <= day].drop_duplicates("customer_id", keep="last")
        holders = now.loc[now["tier"] == "apass", "customer_id"]
        assert len(holders) <= (first <= day).sum() // 2
        scores = done.scores[done.scores["settled_on"] <= day].drop_duplicates("customer_id", keep="last")
        assert (scores.set_index("customer_id")["score"].reindex(holders) > 20).all()


@some
@given(log=logs(doing=("order", "order", "act", "state", "level", "return", "goods_exchange")))
def test_components_stay_in_their_bounds(log):
    taobao, jd = lr.replay(log, TAOBAO, until=END).scores, lr.replay(log, JD, until=END).scores
    assert taobao["base"].between(0, 400).all()
    assert (taobao["shopping"] <= 600 + 4 * taobao["base"]).all()
    assert (taobao["reward"] <= 100 + taobao["shopping"] // 2).all()
    assert jd["account"].isin([0, 20, 40, 100, 120, 140]).all()
    for scores in (taobao, jd):
        parts = scores.drop(columns=["customer_id", "settled_on", "score"])
        assert (parts >= 0).all(axis=None) and (parts.sum(axis=1) == scores["score"]).all()


@given(low=st.integers(0, 30_000), more=st.integers(0, 10_000))
def test_price_never_rises_with_the_score_and_benefits_nest(low, more):
    high = low + more
    for scheme in (JD, JD.with_readings(X1="lowest"), TAOBAO):
        for plan in scheme.plans:
            before, after = plan_fee(scheme, plan.name, [low, high])
            assert not after > before
            assert not (before == before and after != after), "a price that was known is unknown higher up"
        opened, still = (list_benefits(scheme, score)["open"] for score in (low, high))
        assert not (opened & ~still).any()


def test_higher_tiers_need_more():
    for scheme in (JD, TAOBAO):
        edges = [(tier.above or tier.from_).value for tier in scheme.tiers[1:]]
        assert edges == sorted(set(edges)) and scheme.tiers[0].edge is None
        for plan in scheme.plans:
            edges = [fee.edge.value if fee.edge else 0 for fee in plan.fees]
            assert edges == sorted(set(edges))
        opened = [set(list_benefits(scheme, 0, tier=tier.name).query("open").index) for tier in scheme.tiers]
        assert all(lower <= higher for lower, higher in pairwise(opened))


@few
@given(log=logs())
def test_no_scheme_pays_nothing_and_costs_nothing(log):
    done = lr.replay(log, NONE, until=END)
    assert done.ledger.entries.empty and done.ledger.declined.empty and done.fees.empty
    assert (done.scores["score"] == 0).all() and done.tiers["tier"].eq("none").all()
    assert done.tiers["customer_id"].tolist() == sorted(log["customer_id"].unique())
    row = lr.compare(["none"], log, draws=0).table.loc["none"]
    assert (row[["points_issued", "points_outstanding", "reward_cost_cny"]] == 0).all()
    assert row[["redemption_rate", "burn_rate", "breakage_rate", "stranded_share"]].isna().all()


# --------------------------------------------------------------------------------------- declared policies


@some
@given(log=logs(doing=(*SHOPPING, "return", "penalty", "act"), transfers=False),
       scheme=st.sampled_from(["jd", "jd, value, 180 days", "taobao"]))
def test_added_redemptions_are_granted_in_full_and_keep_the_caps(log, scheme):
    scheme = SCHEMES[scheme]
    log["shop"] = pd.Series(None, index=log.index, dtype="str")
    added = lr.add_redemptions(log, scheme)
    ledger = lr.ledger(added, scheme)
    assert ledger.declined.loc[ledger.declined["kind"] == "redeem", "event_id"].notna().all()
    new = added[added["event_id"].isna()]
    assert (new["kind"] == "redeem").all() and len(new) + len(log) == len(added)
    spent = ledger.entries[(ledger.entries["entry"] == "redemption") & ledger.entries["event_id"].isna()]
    asked = sums(new, "customer_id", "order_id")
    assert (-sums(spent, "customer_id", "order_id")).to_dict() == asked.to_dict()
    redeem = scheme.currencies[0].redeem
    assert (new["points"] % int(redeem.multiple.value if redeem.multiple else 1) == 0).all()
    assert (new["points"] * 0.01 <= redeem.cap_order.value * new["amount"] + 1e-9).all()


@some
@given(log=logs(doing=(*SHOPPING, "return", "penalty", "act")), scheme=schemes,
       days=st.integers(11, 60))
def test_confirmations_after_the_automatic_one_do_nothing(log, scheme, days):
    scheme = SCHEMES[scheme]
    assert_same(lr.replay(lr.add_confirms(log, days=days), scheme, until=END), lr.replay(log, scheme, until=END))


@some
@given(log=logs(doing=("order", "order", "redeem", "grant", "penalty", "act")), scheme=schemes, days=st.integers(0, 9))
def test_earlier_confirmations_only_move_times(log, scheme, days):
    """Without returns each line earns the same points, exactly `days` after its order."""
    scheme = SCHEMES[scheme]
    with_rows = lr.add_confirms(log, days=days)
    before, after = (lr.ledger(table, scheme, until=END).entries for table in (log, with_rows))
    columns = ["customer_id", "currency", "order_id", "entry", "points", "funded_by"]
    earned = [entries[entries["entry"].isin(["pending", "release", "accrual"])][columns] for entries in (before, after)]
    first, second = (rows.sort_values(columns, ignore_index=True) for rows in earned)
    assert_frame_equal(first, second)
    released = after[after["entry"] == "release"]
    ordered = log[log["kind"] == "order"].groupby(["customer_id", "order_id"])["time"].first()
    for row in released.itertuples():
        assert row.time == ordered[row.customer_id, row.order_id] + pd.Timedelta(days=days)


def test_the_strategy_draws_what_the_laws_speak_of():
    """A law over logs in which nothing happens proves nothing."""
    seen: dict[str, int] = {}

    @settings(max_examples=DRAWS, database=None)
    @given(log=logs())
    def count(log):
        for kind in log["kind"]:
            seen[kind] = seen.get(kind, 0) + 1

    count()
    assert set("order confirm return goods_exchange redeem grant penalty exchange steal credit".split()) <= set(seen)
    assert min(seen[kind] for kind in ("order", "return", "redeem", "grant", "steal")) >= DRAWS // 4, seen
