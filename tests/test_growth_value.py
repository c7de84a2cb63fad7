"""Growth value and the paid card: what the measures must add up to, and how groups of numbers move."""
import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research.flat_fee import setting_of
from loyalty_research.growth_value import (
    MEASURES,
    all_numbers,
    card_and_ladder,
    claims,
    discounts,
    long_runs,
    measure_scheme,
    moved_scheme,
    positions,
    split_point,
    three_schemes,
    with_gaps,
    year_of,
)
from loyalty_research.sensitivity import pose


@pytest.fixture(scope="module")
def small():
    problem = pose(["none"], n_customers=300, seed=7)
    setting = setting_of(problem)
    return problem, {name: year_of(scheme, setting) for name, scheme in {**three_schemes(), "none": lr.load_scheme("none")}.items()}


def test_the_same_scheme_twice_differs_by_nothing(small):
    problem, done = small
    found = measure_scheme(done["none"], done["none"], problem.finance)
    assert set(found) == set(MEASURES) and all(value == 0 for value in found.values())


def test_only_the_card_has_fees_and_discounts(small):
    problem, done = small
    for name in ("card", "growth", "yanxuan"):
        found = measure_scheme(done[name], done["none"], problem.finance)
        assert (found["fees_cny"] > 0) == (discounts(done[name]) > 0) == (found["losers"] > 0) == (name == "card")
        assert np.isclose(found["net_value_cny"] - found["net_own_cny"], 0.9 * found["discount_cny"])


@pytest.mark.parametrize("name", ["growth", "yanxuan"])
@pytest.mark.parametrize("at", [0, 0.3, 0.5, 1])
def test_edges_ascend_wherever_they_stand(name, at):
    moved = moved_scheme(three_schemes()[name], name, {path: at for path in positions().index})
    edges = [float(tier.edge.value) for tier in moved.tiers if tier.edge]
    assert edges == sorted(set(edges))
    worth = [float(benefit.value_cny.value) for benefit in moved.benefits]
    assert worth == sorted(worth)


def test_the_middle_position_is_the_file():
    scheme = three_schemes()["yanxuan"]
    same = moved_scheme(scheme, "yanxuan", {path: 0.5 for path in positions().index})
    assert same.parameters["value"].tolist() == scheme.parameters["value"].tolist()


def test_a_point_is_split_between_problem_and_schemes():
    problem, own = split_point(pose(["none"]), {"population.rate_mean": 0.5, "growth: edges": 0.2})
    assert own == {"growth: edges": 0.2} and setting_of(problem).population.rate_mean.value == 0.5
    assert set(positions().index) <= set(all_numbers().index)


def test_gaps_are_card_less_ladder():
    table = pd.DataFrame({f"{scheme} {name}": [value] for scheme, value in (("card", 3.0), ("growth", 1.0)) for name in ("net_value_cny", "net_own_cny", "winners", "gain_cny")})
    assert with_gaps(table)["gap winners"].item() == 2


def test_claims_say_what_is_behind_them():
    table = claims().set_index("claim_id")
    assert table.at["S065", "effect"] == 1040 and table.at["S065", "verdict"] == "needs data"
    variants = next(long_runs()).load()
    assert np.isclose(table.at["X21c", "effect"], card_and_ladder(variants, "net_own_cny").mean())
    assert (table["because"].str.len() > 20).all()
