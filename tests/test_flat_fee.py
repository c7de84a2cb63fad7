"""A flat fee: what two shares and a gap say, and what the stored runs must add up to."""
import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research.flat_fee import (
    LEVELS,
    best_split,
    claims,
    effect_and_selection,
    gap_of,
    long_runs,
    movers,
    pooled_renewal,
    prime_at,
    sbg_of_survey,
)


@pytest.mark.parametrize(("first", "later", "last"), [(0.91, 0.96, 2), (0.90, 0.96, 5), (0.93, 0.98, 11)])
def test_an_sbg_of_a_survey_has_its_shares(first, later, last):
    alpha, beta = sbg_of_survey(first, later, last)
    assert np.isclose(beta / (alpha + beta), first)
    assert np.isclose(pooled_renewal(first, alpha + beta, last), later)


def test_two_terms_have_the_closed_form():
    assert np.isclose(sum(sbg_of_survey(0.9, 0.96)), (1 - 0.96) / (0.96 - 0.9))


@pytest.mark.parametrize(("first", "later", "last"), [(0.81, 0.81, 2), (0.9, 0.8, 2), (0.9, 1.0, 2), (0.9, 0.95, 1)])
def test_shares_that_no_sbg_has_are_refused(first, later, last):
    with pytest.raises(lr.LoyaltyError, match="geometric life"):
        sbg_of_survey(first, later, last)


@pytest.mark.parametrize("reading", ["percent", "money"])
def test_effect_and_selection_give_back_ratio_and_overstatement(reading):
    ratio, over = np.array([1.71, 2.0, 2.4])[:, None], np.array([3.0, 7.0, 12.0])
    effect, selection = effect_and_selection(ratio, over, reading)
    assert np.allclose(selection * (1 + effect), ratio + 0 * over)
    assert np.allclose((ratio - 1) / (effect * (selection if reading == "money" else 1)), over + 0 * ratio)
    with pytest.raises(lr.LoyaltyError, match="percent"):
        effect_and_selection(2, 7, "share")


def test_a_gap_without_others_is_not_defined():
    found = gap_of(np.array([True, True]), np.ones(2, bool), np.array([2.0, 4]), np.array([1.0, 2]))
    assert np.isnan(found["ratio"]) and np.isnan(found["selection"]) and found["effect"] == 1


def test_every_fee_of_prime_is_set():
    table = prime_at(100).parameters.set_index("path")["value"]
    assert [table[f"plan.prime.fee.{number}.cny"] for number in range(4)] == [828.0] * 4 and table["plan.prime.fee.4.cny"] == 388


def test_movers_and_split_find_what_decides():
    moved = pd.DataFrame({"low": [0.0, 5.0, 5.0], "high": [10.0, 5.2, np.nan]}, index=["a", "b", "c"])
    assert movers(moved) == ["a"]
    numbers = pd.DataFrame({"low": 0.0, "high": 1.0}, index=["a"])
    assert best_split(pd.DataFrame({"a": [0.2, 0.8]}), pd.Series([1.0, 0.0]), numbers, ["a"])["a"] == -1


def test_stored_levels_have_fewer_members_at_a_higher_fee_in_every_replication():
    levels = next(iter(long_runs())).load()
    shares = levels.pivot(index="replication", columns="fee_usd", values="members")
    assert shares.columns.tolist() == list(LEVELS) and (shares.diff(axis=1).iloc[:, 1:] <= 0).all().all()


def test_claims_say_what_is_behind_them():
    table = claims()
    assert table["claim_id"].tolist() == ["A4", "S015", "A13", "F114"] and (table["because"].str.len() > 20).all()
    assert ((table["lo"] <= table["effect"]) & (table["effect"] <= table["hi"])).all() and table["share"].between(0, 1).all()
