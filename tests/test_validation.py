"""Validation: the judgement of a row by hand, and the tables that come of stored runs."""
import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research import validation
from loyalty_research.reenactment import load_table
from loyalty_research.validation import ALIKE, MODEL, RANDOM, STILL

PLAN = load_table("validation_plan").set_index("fact_id", drop=False)


def test_findings_that_share_a_paper_with_a_fit_stay_out_of_the_headline():
    fitted = set(PLAN.loc[PLAN["used_for"] == "fit", "cluster"])
    counted = PLAN[(validation.groups_of(PLAN) != "shares a paper with a fit: apart") & (PLAN["used_for"] == "holdout")]
    assert not fitted & set(counted["cluster"])


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
    checks = (PLAN["role"].isin(["null_check", "negative_control"])).to_numpy()
    assert checks.sum() == 4 and table.loc[checks, "severity"].isna().all() and table.loc[checks, "verdict"].isin(["met", "missed"]).all() and "checks" not in score.index
    assert list(table.columns) == ["fact_id", "cluster", "role", "used_for", "published", "lo", "hi", "simulated", "sim_lo", "sim_hi", "severity", "verdict"]
    assert table["fact_id"].tolist() == PLAN["fact_id"].tolist() and set(table["verdict"]) <= {"met", "missed", "not_tried"}
    assert table["severity"].dropna().between(0, 1).all() and (table["lo"].dropna() <= table["hi"].dropna()).all()
    assert (score["met"] <= score["severe"]).all() and (score["severe"] <= score["findings"]).all() and score["findings"].sum() == len(set(PLAN.index[~checks].str[:4]))
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
