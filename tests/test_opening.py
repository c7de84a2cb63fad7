"""Logs that start in mid-life: what an opening holds goes on as if the whole log had been run."""
from __future__ import annotations

import pandas as pd
import pytest

import loyalty_research as lr

from .properties.logs import make_log

JD, TAOBAO = lr.load_scheme("jd"), lr.load_scheme("taobao")
AT_ORDER = JD.with_readings(X28="order")
CUT, END = "2024-09-01", "2026-03-01"
LOTS = pd.DataFrame({"customer_id": [1, 1], "currency": "beans", "points": [300, 900],
                     "accrued_on": pd.to_datetime(["2023-05-01", "2022-05-01"]),
                     "expires_on": pd.to_datetime(["2024-12-31", "2023-12-31"])})
SCORES = pd.DataFrame({"customer_id": [1], "settled_on": pd.to_datetime(["2023-06-30"]), "consumption": [800],
                       "activity": [20], "account": [140], "credit": [0], "reputation": [0]})
LOGIN = make_log([{"time": "2023-07-05", "kind": "login"}])


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """A made log without runs of days and acts that reach over the cut; some customers never act after it."""
    events = lr.make_events(200, "2024-01-01", 500, seed=3)
    events = events[events["kind"].isin(["order", "confirm", "login", "photo_post", "grant", "penalty", "exchange"])]
    return events[(events["time"] < CUT) | (events["customer_id"] % 5 != 0)]


def held_at(events: pd.DataFrame, scheme: lr.Scheme) -> lr.Opening:
    before = lr.replay(events[events["time"] < CUT], scheme, until="2024-08-31 23:59:59.999999")
    return lr.Opening(at=CUT, lots=before.ledger.lots(CUT),
                      scores=lr.score(events[events["time"] < CUT], scheme, at="2024-08-31"),
                      tiers=before.tiers.drop_duplicates("customer_id", keep="last"))


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("stored", [False, True])
def test_points_go_on_as_in_the_whole_log(log, text, stored, tmp_path):
    events = log.assign(customer_id=log["customer_id"].map("c{:04}".format)) if text else log
    opening = held_at(events, AT_ORDER)
    later = events[events["time"] >= CUT]
    if stored:
        later.to_parquet(tmp_path / "later.parquet", index=False)
        later = tmp_path / "later.parquet"
    whole, after = lr.replay(events, AT_ORDER, until=END), lr.replay(later, AT_ORDER, END, opening)
    for day in ("2024-09-01 00:00:01", "2025-01-01", END):
        ours = after.ledger.balances(day)
        theirs = ours[["customer_id", "currency"]].merge(whole.ledger.balances(day))
        assert len(theirs) > 100 and ours["balance"].tolist() == theirs["balance"].tolist()
    columns = ["customer_id", "time", "entry", "points", "accrued_on", "expires_on", "balance"]
    new = after.ledger.entries[after.ledger.entries["time"] > CUT][columns].reset_index(drop=True)
    old = whole.ledger.entries[whole.ledger.entries["time"] > CUT][columns].reset_index(drop=True)
    assert new["time"].notna().all() and len(new) > 1000
    pd.testing.assert_frame_equal(new, old)


def test_a_score_goes_on_and_drops_out_twelve_months_after_it_was_valued():
    done = lr.replay(LOGIN, JD, until="2024-08-01", opening=lr.Opening(at="2023-07-01", scores=SCORES))
    rows = [(str(row.settled_on.date()), row.consumption, row.activity, row.account) for row in done.scores.itertuples()]
    assert rows == [("2023-07-01", 800, 20, 140), ("2023-07-05", 800, 21, 140), ("2024-06-30", 0, 1, 140),
                    ("2024-07-05", 0, 0, 140)]


def test_the_settled_score_of_the_opening_opens_gates_at_once():
    rows = make_log([{"time": "2023-07-05", "kind": "exchange", "points": 100}])
    rich = SCORES.assign(consumption=20_000)
    for scores, declined in ((SCORES, ["gate"]), (rich, [])):
        done = lr.replay(rows, JD, opening=lr.Opening(at="2023-07-01", lots=LOTS, scores=scores))
        assert done.ledger.declined["reason"].tolist() == declined


def test_a_tier_of_the_opening_is_left_not_joined():
    tiers = pd.DataFrame({"customer_id": [1], "tier": ["gift"]})
    done = lr.replay(LOGIN, JD, until="2023-08-01", opening=lr.Opening(at="2023-07-01", tiers=tiers))
    assert done.tiers[["tier", "change"]].to_numpy().tolist() == [["none", "down"]]
    seat = pd.DataFrame({"customer_id": [1], "tier": ["apass"]})
    log = make_log([{"time": "2023-07-05", "kind": "login"}])
    done = lr.replay(log, TAOBAO, until="2023-09-01", opening=lr.Opening(at="2023-07-01", tiers=seat))
    assert done.tiers[["tier", "change"]].to_numpy().tolist() == [["ordinary", "down"]]


def test_customers_who_never_act_are_followed_in_their_place():
    lots = pd.concat([LOTS.assign(customer_id=customer) for customer in (3, 1, 2)])
    done = lr.replay(LOGIN.assign(customer_id=2), JD, until="2025-01-02", opening=lr.Opening(at="2023-07-01", lots=lots))
    rows = done.ledger.entries
    assert rows["customer_id"].tolist() == [1] * 4 + [2] * 4 + [3] * 4
    assert rows["points"].tolist() == [900, 300, -900, -300] * 3
    assert done.ledger.balances("2025-01-02")["balance"].tolist() == [0, 0, 0]


def test_an_opening_alone_runs():
    empty = LOGIN.iloc[:0]
    done = lr.replay(empty, JD, until="2025-01-02", opening=lr.Opening(at="2023-07-01", lots=LOTS))
    assert done.ledger.entries["points"].tolist() == [900, 300, -900, -300]
    assert lr.score(empty, JD, at="2023-07-02", opening=lr.Opening(at="2023-07-01", scores=SCORES))["score"].tolist() == [960]


def test_funders_of_lots_stay():
    lots = LOTS.assign(currency="coins", funded_by=["merchant", "platform"])
    rows = lr.ledger(LOGIN, TAOBAO, "2025-01-02", lr.Opening(at="2023-07-01", lots=lots)).entries
    assert rows["funded_by"].tolist() == ["platform", "merchant", "platform", "merchant"]


@pytest.mark.parametrize(("values", "message"), [
    ({"lots": LOTS.assign(currency="bean")}, "lots.currency must be one of beans, but rows 0, 1 do not"),
    ({"lots": LOTS.assign(points=[1.5, 1])}, "lots.points must be a whole number of at least 1, but row 0 does not"),
    ({"lots": LOTS.assign(points=[0, 1])}, "lots.points must be a whole number of at least 1, but row 0 does not"),
    ({"lots": LOTS.assign(customer_id=[None, 1])}, "lots must name a customer in each row, but row 0"),
    ({"lots": LOTS.assign(accrued_on=pd.Timestamp("2023-07-02"))}, "accrued_on must not lie after the opening"),
    ({"lots": LOTS.assign(expires_on=pd.Timestamp("2023-06-30"))}, "expires_on must not lie before the opening"),
    ({"lots": LOTS.assign(funded_by="the bank")}, "lots.funded_by must be one of platform, merchant, customer"),
    ({"lots": [1, 2]}, "opening.lots must be a DataFrame"),
    ({"scores": SCORES.drop(columns="credit")}, "opening.scores lacks the column 'credit'"),
    ({"scores": SCORES.assign(settled_on="soon")}, "opening.scores.settled_on must hold dates"),
    ({"scores": SCORES.assign(settled_on=pd.Timestamp("2023-07-02"))}, "settled_on must not lie after the opening"),
    ({"tiers": pd.DataFrame({"customer_id": [1], "tier": ["gold"]})}, "tiers.tier must be one of none, privileged"),
    ({"at": "2023-07-06"}, "Customer 1 has an event before the opening of 2023-07-06 00:00:00"),
    ({"at": "soon"}, "opening.at is 'soon'")])
def test_what_is_wrong_is_said_in_a_sentence(values, message):
    with pytest.raises(lr.EventError, match=message):
        lr.replay(LOGIN, JD, opening=lr.Opening(**{"at": "2023-07-01", **values}))


def test_what_is_no_opening_is_refused():
    with pytest.raises(lr.EventError, match="opening must be an Opening, but a DataFrame was given"):
        lr.replay(LOGIN, JD, opening=LOTS)


# ------------------------------------------------------------------------------------------ orphans

ORPHANS = make_log([
    {"time": "2024-01-05", "kind": "return", "order_id": 7, "item_id": "a", "event_id": 1},
    {"time": "2024-01-06", "kind": "order", "order_id": 8, "item_id": "a", "amount": 600, "event_id": 2},
    {"time": "2024-01-07", "kind": "return", "order_id": 8, "item_id": "b", "event_id": 3},
    {"time": "2024-01-08", "kind": "goods_exchange", "order_id": 9, "event_id": 4},
    {"time": "2024-01-09", "kind": "return", "order_id": 8, "item_id": "a", "event_id": 5}])


def test_orphans_are_an_error_unless_they_may_go(tmp_path):
    with pytest.raises(lr.EventError, match=r"must name an order line .* row 0 has order_id 7.*\(3 rows in all\)|row 3"):
        lr.replay(ORPHANS, JD)
    ORPHANS.to_parquet(tmp_path / "orphans.parquet", index=False)
    for source in (ORPHANS, tmp_path / "orphans.parquet", ORPHANS.iloc[::-1]):
        done = lr.replay(source, AT_ORDER, on_orphan="drop")
        assert done.orphans == 3 and done.ledger.entries["points"].tolist() == [60, -60]
    kept = lr.read_events(ORPHANS.assign(note=list("vwxyz")), on_orphan="drop")
    assert kept["note"].tolist() == ["w", "z"] and kept.attrs == {"repeats": 0, "orphans": 3}


def test_repeats_and_orphans_are_counted_apart():
    twice = pd.concat([ORPHANS, ORPHANS])
    kept = lr.read_events(twice, on_orphan="drop")
    assert len(kept) == 2 and kept.attrs == {"repeats": 5, "orphans": 3}


def test_a_redemption_without_its_order_stays_an_error():
    log = make_log([{"time": "2024-01-05", "kind": "redeem", "order_id": 7, "amount": 60, "points": 1000}])
    with pytest.raises(lr.EventError, match="a redeem must name an order"):
        lr.replay(log, JD, on_orphan="drop")


def test_an_unknown_choice_is_refused():
    with pytest.raises(lr.EventError, match="on_orphan must be 'error' or 'drop', but 'skip' was given"):
        lr.read_events(ORPHANS, on_orphan="skip")
