"""Ladders, seats by invitation, and benefits."""
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research.state import compile_rules
from loyalty_research.tiers import DOWN, JOINED, KEPT, UP, change_of, invite, list_benefits, place, seat_tiers

from .properties.logs import make_log, make_scheme

JD, TAOBAO, NONE = (lr.load_scheme(key) for key in ("jd", "taobao", "none"))
MONTHS = pd.to_datetime([f"2024-0{month}-08" for month in range(1, 7)])
LADDER = '''
[[tier]]
name = "open"
above = {value = 10, N}
[[tier]]
name = "closed"
from = {value = 20, N}
'''


def places(scheme: lr.Scheme, scores: range | list[int]) -> list[str]:
    rules = compile_rules(scheme).view(np.recarray)[0]
    return [scheme.tiers[place(rules, score)].name for score in scores]


def test_edges_hold_the_side_that_they_say():
    assert places(make_scheme(LADDER), [0, 10, 11, 19, 20, 21]) == ["none", "none", "open", "open", "closed", "closed"]


def test_a_score_never_reaches_a_tier_by_invitation():
    assert places(TAOBAO, [1000, 1001, 2501, 10**9]) == ["ordinary", "super", "super", "super"]


def test_a_scheme_of_one_tier_places_everybody_in_it():
    assert places(NONE, [-5, 0, 10**12]) == ["none"] * 3


@pytest.mark.parametrize(("before", "now", "change"), [
    (-1, 0, JOINED), (-1, 3, JOINED), (0, 2, UP), (2, 0, DOWN), (1, 1, KEPT)])
def test_changes(before, now, change):
    assert change_of(before, now) == change


# --------------------------------------------------------------------------------------------- seats


def seats(rows: list[tuple], members: list[int], least: int = 100, a_seat: int = 1) -> list[tuple]:
    """Seats got and lost, by month number; rows are (customer, month, score)."""
    scores = pd.DataFrame(rows, columns=["customer_id", "settled_on", "score"])
    scores["settled_on"] = MONTHS[scores["settled_on"]]
    found = invite(scores, pd.Series(members, index=MONTHS[: len(members)]), least, a_seat)
    return [(row.customer_id, MONTHS.get_loc(row.settled_on), row.holds) for row in found.itertuples()]


def test_a_higher_score_does_not_push_a_holder_out():
    assert seats([(1, 0, 100), (2, 1, 900)], [1, 1, 1]) == [(1, 0, True)]


def test_a_seat_is_free_for_the_best_when_its_holder_falls():
    assert sorted(seats([(1, 0, 500), (2, 1, 300), (3, 1, 400), (1, 2, 99)], [1, 1, 1])) == [
        (1, 0, True), (1, 2, False), (3, 2, True)]


def test_ties_go_to_the_smaller_customer():
    assert seats([(30, 0, 200), (4, 0, 200), (200, 0, 200)], [2]) == [(4, 0, True), (30, 0, True)]
    assert seats([("b", 0, 200), ("a", 0, 200)], [1]) == [("a", 0, True)]


def test_a_score_that_did_not_change_still_counts_months_later():
    """Seats grow with the members: the second on the list gets one when there are enough."""
    assert seats([(1, 0, 300), (2, 0, 200)], [10, 19, 20], a_seat=10) == [(1, 0, True), (2, 2, True)]


def test_there_is_no_seat_below_the_members_of_one():
    assert seats([(1, 0, 300)], [9, 9], a_seat=10) == []


def test_a_seat_can_be_lost_and_got_again():
    assert seats([(1, 0, 300), (1, 1, 0), (1, 2, 300)], [1, 1, 1]) == [(1, 0, True), (1, 1, False), (1, 2, True)]


def test_holders_take_the_invited_tier_and_fall_back_to_their_place():
    ladder = pd.DataFrame({"customer_id": [1, 1, 2], "settled_on": MONTHS[[0, 2, 0]], "tier": [1, 0, 1]})
    held = pd.DataFrame({"customer_id": [1, 1], "settled_on": MONTHS[[1, 3]], "holds": [True, False]})
    found = seat_tiers(ladder, held, 2)
    assert found.to_numpy().tolist() == [
        [1, MONTHS[0], 1, JOINED], [1, MONTHS[1], 2, UP], [1, MONTHS[3], 0, DOWN], [2, MONTHS[0], 1, JOINED]]


def test_seats_of_a_log_follow_joining_scores_and_falls():
    """Two members a seat: customer 1 is alone, then two, then falls; the seat goes to customer 2."""
    scheme = TAOBAO.with_values({"tier.super.above": 10, "tier.apass.above": 100, "tier.apass.members_a_seat": 2})
    log = make_log([
        {"customer_id": 1, "time": "2024-01-05", "kind": "reputation", "points": 3},
        {"customer_id": 2, "time": "2024-02-05", "kind": "reputation", "points": 2},
        {"customer_id": 1, "time": "2024-03-05", "kind": "reputation", "points": 1},
        {"customer_id": 2, "time": "2024-04-20", "kind": "login"}])
    tiers = lr.replay(log, scheme, until="2024-05-01").tiers
    assert [(row.customer_id, row.settled_on.month, row.tier, row.change) for row in tiers.itertuples()] == [
        (1, 1, "super", "joined"), (1, 2, "apass", "up"), (1, 3, "super", "down"),
        (2, 2, "super", "joined"), (2, 3, "apass", "up")]


# ------------------------------------------------------------------------------------------ benefits


def test_a_benefit_opens_at_its_edge_or_with_its_tier():
    opened = {score: set(list_benefits(TAOBAO, score).query("open").index) for score in (0, 299, 300, 1000, 1001)}
    assert opened[0] == opened[299] == {"fast_refund"}
    assert opened[300] == opened[1000] == {"fast_refund", "lucky_bag", "birthday"}
    assert opened[1001] == opened[300] | {"priority_service"}


def test_a_named_tier_counts_for_what_tiers_give_and_the_score_for_edges():
    benefits = list_benefits(TAOBAO, 0, tier="apass")
    assert set(benefits.query("open").index) == {"fast_refund", "priority_service"}
    assert benefits["needs"].tolist() == [
        "tier ordinary or higher", "a settled score of at least 300", "a settled score of at least 300",
        "tier super or higher", "the plan 88vip"]
    assert list_benefits(TAOBAO, 0, plans=["88vip"]).loc["discount", "open"]


def test_a_scheme_without_benefits_lists_none():
    assert list(list_benefits(NONE, 5).columns) == ["title", "needs", "open"] and list_benefits(NONE, 5).empty


def test_a_tier_that_is_none_is_refused():
    with pytest.raises(lr.SchemeError, match="jd has no tier 'gold'; its tiers are none, privileged, birthday, gift"):
        list_benefits(JD, 5, tier="gold")


def test_a_scheme_that_is_none_is_refused():
    with pytest.raises(lr.LoyaltyError, match="load_scheme"):
        list_benefits("jd", 5)
