"""Fits and validation: the plan that was committed, the judgement of a row by hand, and the tables that come of stored runs."""
import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research import fits, validation
from loyalty_research.reenactment import Reenactment, load_table
from loyalty_research.validation import ALIKE, MODEL, RANDOM, STILL

PLAN = load_table("validation_plan").set_index("fact_id", drop=False)
COMMITTED = "d73a54192f827cb7a399b9b788fc8c695ddf2382f46cf12cc4c800eb36b261f3"


def test_the_plan_is_the_one_that_was_committed_before_the_first_fit():
    """A change is a new row with a status of its own; then this hash and the page change too."""
    assert validation.plan_hash() == COMMITTED


def test_every_finding_of_the_facts_is_planned_and_tried():
    facts = load_table("facts")
    wanted = facts[facts["role"].isin(["finding_number", "finding_sign", "null_check", "negative_control"])]["id"]
    assert set(PLAN.index.str[:4]) == set(wanted)
    assert (facts["role"] == "finding_number").sum() == 17 and (facts["role"] == "finding_sign").sum() == 18
    tried = [fact for study in fits.STUDIES for fact in study.facts]
    assert len(tried) == len(set(tried)) and set(tried) <= set(PLAN.index)


def test_no_study_that_is_fitted_is_held_out_too():
    facts = load_table("facts").set_index("id")
    fitted = set(PLAN.loc[PLAN["used_for"] == "fit", "cluster"])
    held = PLAN[(validation.groups_of(PLAN) != "shares a paper with a fit: apart") & (PLAN["used_for"] == "holdout")]
    assert not fitted & set(held["cluster"])
    assert PLAN["may_move"].notna().equals(PLAN["used_for"] == "fit") and facts.index.is_unique


def test_only_rows_to_fit_may_move_parameters_and_all_of_those_are_fitted():
    moved = {path for paths in PLAN["may_move"].dropna() for path in paths.split()}
    table = lr.Behaviour().parameters.set_index("path")
    assert set(table.index[table["provenance"] == "fitted"]) == moved and len(moved) == 8
    assert len([path for path in moved if not path.startswith("joining.")]) == 6


def coin(value: float) -> Reenactment:
    """A study whose numbers are the sum of two parameters, and one of them."""
    def measure(behaviour, seed, n):
        beta, kappa = behaviour.pressure.beta.value, behaviour.pressure.kappa.value
        return {"F002": value + beta / 10, "F004": value + kappa / 20}

    return Reenactment(cluster="coin", facts=("F002", "F004"), n=10, measure=measure)


def test_a_fit_finds_what_a_study_of_known_parameters_says():
    target = lr.Behaviour().with_values({"pressure.beta": 0.4, "pressure.kappa": 1.9})
    plan = PLAN.loc[["F002", "F004"], "published"]
    block = fits.Block(study=coin(0.0), facts=("F002", "F004"), paths=("pressure.beta", "pressure.kappa"))
    offset = plan - pd.Series(coin(0.0).measure(target, 0, 1))
    known = fits.Block(study=Reenactment(cluster="coin", facts=block.facts, n=10, measure=lambda b, seed, n: {
        fact: value + offset[fact] for fact, value in coin(0.0).measure(b, seed, n).items()}), facts=block.facts, paths=block.paths)
    found = fits.fit_block(known, lr.Behaviour())
    assert abs(found["first"] - 0.4) < 0.05 and abs(found["second"] - 1.9) < 0.15 and found["distance"] < 0.01


@pytest.mark.parametrize("values, met", [([12, 18, 16], True), ([-20, -21, -22], False), ([15, np.nan, np.nan, np.nan], False), ([60, 61, 62], False)])
def test_a_number_is_met_where_the_mean_lies_in_the_band(values, met):
    assert validation.meets(PLAN.loc["F013"], pd.Series(values, dtype="float64")) is met


@pytest.mark.parametrize("fact, values, met", [
    ("F016", [0.1, 0.2, 0.15], True), ("F016", [-0.1, 0.2, 0.0], False), ("F009", [-0.1, -0.2, -0.15], True), ("F009", [0.1, 0.2, 0.15], False),
    ("F006", [0.9, 1.1, 1.02], True), ("F006", [1.2, 1.21, 1.22], False), ("F032", [0, 0, 0], True), ("F032", [0, 1, 0], False)])
def test_signs_and_checks_are_judged_by_their_own_rules(fact, values, met):
    assert validation.meets(PLAN.loc[fact], pd.Series(values, dtype="float64")) is met


def test_the_table_and_the_score_agree():
    table, score = lr.validation_table(), validation.score()
    assert list(table.columns) == ["fact_id", "cluster", "role", "used_for", "published", "lo", "hi", "simulated", "sim_lo", "sim_hi", "severity", "verdict"]
    assert table["fact_id"].tolist() == PLAN["fact_id"].tolist() and set(table["verdict"]) <= {"met", "missed", "not_tried"}
    assert table["severity"].dropna().between(0, 1).all() and (table["lo"].dropna() <= table["hi"].dropna()).all()
    assert (score["met"] <= score["severe"]).all() and (score["severe"] <= score["findings"]).all() and score["findings"].sum() == len(set(PLAN.index.str[:4]))
    inside = table[(table["role"] == "finding_number") & table["simulated"].between(table["lo"], table["hi"])]
    assert (inside["verdict"] == "met").all()


def test_other_parameters_have_no_stored_validation(monkeypatch):
    monkeypatch.setattr(validation, "RANDOM_CUSTOMERS", 7)
    with pytest.raises(lr.LoyaltyError, match="make it with `make refresh-long`"):
        lr.validation_table()


def test_the_dummies_are_what_they_say():
    found = validation.found_values()
    assert set(found.index.get_level_values("who")) == {MODEL, STILL, ALIKE, RANDOM}
    assert found.loc[STILL, ["F053", "F038"]].eq(0).all().all(), "without mechanisms a programme changes nothing"
