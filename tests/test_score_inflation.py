"""Score inflation: what the two rules differ in, frozen acts, parts that add up, steps, and the verdicts."""
import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research.score_inflation import (
    LADDERS,
    RESPONSES,
    WINDOWS,
    claims,
    decay_claims,
    describe,
    drift,
    inflation,
    inflation_runs,
    ladder,
    live,
    moves,
    pooled_log,
    range_rows,
    score_panel,
    split_inflation,
    steps_of,
    with_window,
)

DAYS = pd.to_datetime(["2011-12-31", "2016-12-31"])


def panel(*rows):
    return pd.DataFrame(list(rows), columns=DAYS, dtype=float)


@pytest.mark.parametrize("name", LADDERS)
def test_the_two_rules_differ_in_windows_alone(name):
    changed = lr.diff(*(with_window(ladder(name), window) for window in WINDOWS))
    assert len(changed) and changed["path"].str.endswith(".window").all()
    assert not changed["path"].str.contains("tenure|profile|identity").any()


def test_an_unknown_ladder_is_refused():
    with pytest.raises(lr.LoyaltyError, match="take one of score, metals, days"):
        ladder("stars")


def test_frozen_acts_do_not_hang_on_the_rule_and_responding_ones_do():
    logs = {(window, responding): live(with_window(ladder("metals"), window), 5, 80, 2014, off=() if responding else RESPONSES).events() for window in WINDOWS for responding in (False, True)}
    assert logs["trailing", False].equals(logs["lifetime", False]) and not logs["trailing", True].equals(logs["lifetime", True])


def test_a_lifetime_score_never_falls_and_those_who_left_have_none():
    scheme = with_window(ladder("days"), "lifetime")
    worlds = [live(scheme, 5, 60, 2012), live(scheme, 6, 20, 2014)]
    days = pd.date_range("2012-06-30", "2016-12-31", freq="6ME")
    found = score_panel(worlds, pooled_log(worlds), scheme, days)
    steps = found.diff(axis=1).to_numpy()
    assert (steps[~np.isnan(steps)] >= 0).all()
    there = [done.customers["churn_week"].isna().sum() for done in worlds]
    assert [found.iloc[:60, -1].notna().sum(), found.iloc[60:, -1].notna().sum()] == there
    assert found.loc[61:, days[days < "2014-01-01"]].isna().all().all()


def test_parts_add_up_and_none_of_them_moves_alone():
    rng = np.random.default_rng(1)
    frozen, responding, joined = (panel(*rng.integers(1, 100, (20, 2))) for _ in range(3))
    frozen.iloc[3, 1] = responding.iloc[4, 1] = np.nan
    joined.iloc[:, 0] = np.nan
    found = split_inflation(frozen, responding, joined, 0.5)
    assert np.isclose(sum(found[name] for name in ("rule", "behaviour", "leavers", "joiners")), found["total"]) and found["fixed"] == 18
    assert split_inflation(frozen, responding, joined, 0)["joiners"] == 0
    assert split_inflation(frozen, frozen, joined, 0.5)["behaviour"] == 0 == split_inflation(frozen, frozen, joined, 0.5)["behaviour_late"]


def test_inflation_without_anybody_is_not_a_number():
    assert np.isnan(inflation(panel([np.nan, 1]))) and np.isnan(inflation(panel([0, 1]))) and inflation(panel([2, 3])) == 0.5


def test_edges_above_and_from_are_told_apart():
    assert steps_of(panel([200, 201]), ladder("score")).iloc[0].tolist() == [0, 1]          # JD: above 200
    assert steps_of(panel([1999, 2000]), ladder("metals")).iloc[0].tolist() == [0, 1]       # metals: from 2,000


def test_moves_and_drift_count_those_there_on_both_days():
    steps = panel([0, 1], [1, 0], [1, 1], [np.nan, 3])
    assert moves(steps) == {"up": 1 / 3, "same": 1 / 3, "down": 1 / 3}
    assert drift(steps.iloc[:3], np.ones(3)) == 0 and drift(panel([0, 1], [0, 1]), np.ones(2)) == 1


def test_years_are_the_only_part_of_jd_that_its_window_lets_through():
    found = describe(with_window(ladder("score"), "trailing"), 9, 120, 10, 0.2)
    assert 0 < found["years"] and abs(found["rule"] - found["years"]) < 0.15
    assert describe(with_window(ladder("metals"), "trailing"), 9, 40, 10, 0.2)["years"] == 0


def test_the_design_has_edges_in_order():
    rows = range_rows()
    edges = rows.filter(like="qq: tier.").to_numpy()
    assert (np.diff(edges, axis=1) > 0).all() and rows["joining"].between(0, 0.4).all()


def test_claims_are_those_of_the_sources_and_verdicts_follow_the_numbers():
    found = claims()
    assert found["claim_id"].tolist() == ["A9, A15", "A9", "A9", "A15", "A15, X9", "A4", "A4", "A4"]
    assert found["verdict"].isin(["holds", "holds under", "does not hold", "follows from an assumption"]).all()
    run = inflation_runs()
    worlds, ranges = run["worlds"].load(), run["ranges"].rows.join(run["ranges"].load())
    worse = worlds.assign(orders=worlds["orders"] + 100 * ((worlds["window"] == 1) & (worlds["ladder"] == 0)))
    flipped = pd.DataFrame(decay_claims(worse, ranges.assign(**{"trailing orders": 0.0}))).iloc[2]
    assert flipped["hi"] < 0 and flipped["verdict"] == "does not hold"
