"""88VIP's fee step: one fee for all, reviews that are added to a log, and what the parts of spend must add up to."""
import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research.fee_step import (
    EDGE,
    LOOSE,
    REVIEWED,
    SHOPPERS,
    VARIANTS,
    around_crossing,
    base_shares,
    choose_writers,
    claims,
    estimator_table,
    first_crossing,
    free_points,
    kept_spend,
    log_of,
    move_up,
    one_fee,
    spend_parts,
    step_runs,
    variant_of,
    with_lifetime,
    with_reviews,
)
from loyalty_research.known_effects import QUIET, EdgeWorld
from loyalty_research.replay import score


@pytest.fixture(scope="module")
def taobao():
    return lr.load_scheme("taobao")


@pytest.fixture(scope="module")
def log(taobao):
    return log_of(taobao, QUIET, SHOPPERS, n=40, weeks=110, seed=3, start="2021-01-01")


def test_one_fee_leaves_no_step(taobao):
    assert {float(fee.cny.value) for fee in one_fee(taobao, 488).plans[0].fees} == {488}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_what_its_name_says(name, taobao):
    scheme, behaviour = variant_of(name, 300, taobao)
    assert bool(scheme.plans) == (not name.startswith("no plan")) and (behaviour.retention is None) == name.endswith("off") and (behaviour.rival is not None) == name.startswith("rival")


def test_reviews_add_at_most_their_points_and_no_order(taobao, log):
    plain = score(log[log["time"] < REVIEWED], taobao, at=[REVIEWED]).set_index("customer_id")
    longer = with_reviews(log, plain.index[:20].to_numpy(), "review", 15, REVIEWED)
    assert (longer["kind"] == "order").sum() == (log[log["time"] < REVIEWED]["kind"].astype(str) == "order").sum()
    assert longer["event_id"].is_unique and longer["time"].is_monotonic_increasing and longer["time"].max() < REVIEWED
    moved = score(longer, taobao, at=[REVIEWED]).set_index("customer_id")
    gain = (moved - plain)[["shopping", "reward", "base"]]
    assert (gain[["shopping", "base"]] == 0).all(axis=None) and gain["reward"].between(0, 45).all() and (gain["reward"].iloc[20:] == 0).all() and gain["reward"].max() > 0
    loose = taobao.with_values(LOOSE)
    by_loose = score(longer, loose, at=[REVIEWED]).set_index("customer_id")["reward"] - score(log[log["time"] < REVIEWED], loose, at=[REVIEWED]).set_index("customer_id")["reward"]
    assert by_loose.sum() > gain["reward"].sum()


def test_a_lifetime_score_is_at_least_that_of_a_year(taobao, log):
    year, life = (score(log, scheme, at=[REVIEWED]).set_index("customer_id")["score"] for scheme in (taobao, with_lifetime(taobao)))
    assert (life >= year).all() and life.sum() > year.sum()


def test_returned_orders_are_not_kept(log):
    edges = [pd.Timestamp("2021-01-01"), pd.Timestamp("2024-01-01")]
    orders = log[log["kind"].astype(str) == "order"]
    back = log.loc[log["kind"].astype(str) == "return", ["customer_id", "order_id"]]
    gone = orders.merge(back, on=["customer_id", "order_id"])["amount"].sum()
    assert gone > 0 and np.isclose(kept_spend(log, 40, edges).sum(), orders["amount"].sum() - gone)


def test_the_first_crossing_is_the_first_settlement_that_differs():
    above, would = np.array([[0, 1, 1], [1, 1, 1], [0, 0, 0]], bool), np.array([[0, 0, 1], [1, 1, 1], [0, 0, 1]], bool)
    month = first_crossing(above, would)
    assert month[0] == 1 and np.isnan(month[1:]).all()
    assert around_crossing(np.tile(np.arange(40.0), (3, 1)), month + 10)[6] == 11


def test_writers_land_at_the_edge_and_do_what_the_lower_fee_makes_them_do():
    scores = np.arange(900, 1100)
    orders = {name: np.full((200, 2), number) for number, name in enumerate(("seen", "cheap", "dear"))}
    world = EdgeWorld(edge=EDGE, score=scores, orders=orders, member={name: np.zeros((200, 2), bool) for name in orders})
    chosen = choose_writers(world, True, 5)
    assert chosen.sum() == 24 and scores[chosen].min() >= 940 and scores[chosen].max() < EDGE
    up = move_up(world, chosen, 5)
    assert (up.score[chosen] >= EDGE).all() and (up.score[~chosen] == scores[~chosen]).all() and (up.orders["seen"][chosen] == 1).all() and (up.orders["seen"][~chosen] == 0).all()


def test_more_verification_never_lowers_the_base(taobao):
    shares = base_shares(taobao, lr.Population(), 2, 1000)
    assert shares["level alone"] <= shares["as verified"] <= shares["all verified"]
    assert base_shares(taobao, lr.Population().with_values({"reputation_mean": 5}), 2, 500)["level alone"] > 0.9
    assert free_points(taobao)["acts"].min() >= 5


def test_the_parts_of_spend_add_up():
    crossings = step_runs()["crossings"].load()
    parts = spend_parts(crossings)
    assert np.allclose(parts["gross"], parts[["borrowed", "returned", "net"]].sum(axis=1)) and len(parts) == 20


def test_claims_have_verdicts_that_follow():
    table = claims().set_index("claim_id")
    assert (table.loc[table["lo"].isna(), "verdict"] == "needs data").all() and not table["because"].eq("").any()
    assert table.loc["B34c", "verdict"] == "follows from an assumption" and (table.loc["B32-B33", "effect"] < 0).all()
    assert set(estimator_table(step_runs()["estimators"].load()).columns) == {"estimate", "low", "high", "truth", "error", "held"}
