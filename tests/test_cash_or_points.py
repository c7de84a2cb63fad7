"""Cash or points: variants of Pinduoduo's files, what is read from stored runs, and the verdicts."""
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research import cash_or_points as cp
from loyalty_research.outcomes import Finance, outcomes

SMALL = {"n_customers": 60, "weeks": 26, "warmup": 8, "seed": 3, "progress": False, "threads": 1}


def test_kinds_of_reward_differ_in_the_kind_alone():
    kinds = cp.kinds(20)
    numbers = {name: scheme.parameters.set_index("path")["value"] for name, scheme in kinds.items()}
    assert numbers["cash"][cp.CASH] == numbers["at once"][cp.CASH] == 20 and numbers["cash"][cp.POINTS] == 0
    assert all(numbers[name][cp.POINTS] == 20 and numbers[name][cp.CASH] == 0 for name in cp.LIVES)
    assert numbers["90 days"]["currency.points.expiry.days"] == 90


def test_cash_at_once_leaves_nothing_and_draws_nobody_to_an_order():
    """The fruit tree grows by watering, and cash paid out is no way to a reward: neither pulls an order, and pressure changes nothing."""
    once, usual = cp.paid_at_once(lr.load_scheme("pinduoduo")), lr.Behaviour()
    orders = {name: outcomes(lr.simulate(once, behaviour=behaviour, **SMALL), Finance())["orders_per_customer"] for name, behaviour in {"usual": usual, "no pressure": usual.without("pressure")}.items()}
    assert orders["usual"] == orders["no pressure"] > 0
    granted, left = cp.granted_and_left(lr.simulate(once, **SMALL))
    assert granted > 0 and left == 0


def test_a_point_that_costs_more_is_charged_on_what_is_redeemed():
    run = pd.DataFrame({"a net": [10.0], "b net": [7.0], "a points": [2.0], "b points": [0.5]})
    assert cp.charged(run, "a", "b", 1)[0] == 3 and cp.charged(run, "a", "b", 3)[0] == 0


def test_net_value_is_linear_in_the_margin():
    arms = {name: (scheme, lr.Behaviour()) for name, scheme in {"v1": cp.paying(5, 5), "today": lr.load_scheme("pinduoduo")}.items()}
    options = {key: value for key, value in SMALL.items() if key not in ("progress", "threads")}
    ten, three = (cp.run_arms(arms, replace(Finance(), margin=replace(Finance().margin, value=margin)), **options) for margin in (0.10, 0.03))
    moved = cp.at_margin(pd.DataFrame([ten]), "v1", "today", 0.03, 0.10)[0]
    assert moved == pytest.approx(three["v1 net"] - three["today net"], abs=1e-9)


def test_cells_with_an_interval_around_nothing_are_open():
    rows = pd.DataFrame({"x": [1, 1, 2, 2], "replication": [0, 1, 0, 1]})
    table = cp.cells(rows, pd.Series([-1.0, 1.0, 5.0, 5.0]), ["x"])
    assert table["mean"].tolist() == [0, 5] and table.loc[1, "low"] < 0 < table.loc[1, "high"] and table.loc[2, "low"] == 5


def test_points_of_the_design_keep_edges_in_order_and_vary_what_is_open():
    points = cp.design_points(16)
    edges = points[[f"pinduoduo_v1: tier.level_{level}.from" for level in (2, 3, 4, 5)]].to_numpy()
    assert (np.diff(edges, axis=1) >= 0).all() and not set(cp.KEPT) & set(points)
    assert ((points[cp.OPEN.index] >= cp.OPEN["low"] - 1) & (points[cp.OPEN.index] <= cp.OPEN["high"] + 1)).all(axis=None)


def test_badges_carry_only_by_what_is_assumed():
    found = cp.versions_run().load()
    assert (cp.gap(found, "levels, unminded", "today", "orders") == 0).all()
    judged = cp.claims().set_index("claim_id")
    assert judged.loc["H13", "verdict"] == judged.loc["H6", "verdict"] == "follows from an assumption"
    assert judged.loc["H3", "verdict"] == "needs data" and sorted(set(judged.index)) == sorted(f"H{number}" for number in range(3, 21))
