"""Fits: the plan that was committed, and what may be fitted to what."""
import pandas as pd

import loyalty_research as lr
from loyalty_research import fits
from loyalty_research.reenactment import Reenactment, load_table
from loyalty_research.validation import plan_hash

PLAN = load_table("validation_plan").set_index("fact_id", drop=False)
COMMITTED = "d73a54192f827cb7a399b9b788fc8c695ddf2382f46cf12cc4c800eb36b261f3"


def test_the_plan_is_the_one_that_was_committed_before_the_first_fit():
    """A change is a new row with a status of its own; then this hash and the page change too."""
    assert plan_hash() == COMMITTED


def test_every_finding_of_the_facts_is_planned_and_tried():
    facts = load_table("facts")
    wanted = facts[facts["role"].isin(["finding_number", "finding_sign", "null_check", "negative_control"])]["id"]
    assert set(PLAN.index.str[:4]) == set(wanted)
    assert (facts["role"] == "finding_number").sum() == 17 and (facts["role"] == "finding_sign").sum() == 18
    tried = [fact for study in fits.STUDIES for fact in study.facts]
    assert len(tried) == len(set(tried)) and set(tried) <= set(PLAN.index)


def test_no_study_that_is_fitted_is_held_out_too():
    fitted = set(PLAN.loc[PLAN["used_for"] == "fit", "cluster"])
    assert not fitted & set(PLAN.loc[PLAN["used_for"] == "holdout", "cluster"])
    assert PLAN["may_move"].notna().equals(PLAN["used_for"] == "fit")


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
