"""The re-enactments of members, tiers and rivals: any behaviour within its ranges gives numbers, the same seed the same ones."""
import numpy as np
import pandas as pd
import pytest

from loyalty_research.behaviour import MECHANISMS, Behaviour, Rival
from loyalty_research.reenacted_members import MEMBER_STUDIES, PIECE_ACTS, play_log
from loyalty_research.reenactment import load_table

each_study = pytest.mark.parametrize("study", MEMBER_STUDIES, ids=lambda study: study.cluster or "sorting")
EVERYTHING = Behaviour(rival=Rival())


def drawn(rng) -> Behaviour:
    """A behaviour drawn from the ranges, each mechanism on with a chance of three quarters."""
    off = [name for name in MECHANISMS if rng.random() < 0.25]
    on = EVERYTHING.without(*off)
    return on.with_values({row.path: rng.uniform(row.low, row.high) for row in on.parameters.itertuples()})


def at_bound(side: str) -> Behaviour:
    return EVERYTHING.with_values(EVERYTHING.parameters.set_index("path")[side].to_dict())


@each_study
def test_drawn_behaviours_give_a_number_a_fact(study):
    rng = np.random.default_rng(7)
    for seed in range(3):
        found = study.measure(drawn(rng), seed, 150)
        assert tuple(found) == study.facts and all(type(value) is float for value in found.values()), found


@each_study
@pytest.mark.parametrize("side", ["low", "high"])
def test_bounds_give_a_number_a_fact(study, side):
    """A whole piece of customers who are as busy as the ranges allow fits into its log."""
    found = study.measure(at_bound(side), 1, min(study.n, 500))
    assert tuple(found) == study.facts and not np.isinf(list(found.values())).any()


@each_study
def test_same_seed_same_numbers(study):
    again = [study.replicate(Behaviour(), [3], n=200) for _ in range(2)]
    pd.testing.assert_frame_equal(*again)


def test_every_row_of_the_plan_is_there_once():
    plan = load_table("validation_plan")
    clusters = {study.cluster for study in MEMBER_STUDIES if study.cluster}
    rows = plan[plan["cluster"].isin(clusters) | (plan["fact_id"] == "F104")]
    facts = [fact for study in MEMBER_STUDIES for fact in study.facts]
    assert sorted(facts) == sorted(rows["fact_id"])
    for study in MEMBER_STUDIES:
        mine = rows[rows["fact_id"].isin(study.facts)]
        assert set(mine["n"]) == {study.n} and set(mine["cluster"].fillna("")) == {study.cluster}


@pytest.mark.parametrize("pieces", [1_000, PIECE_ACTS])
def test_the_log_does_not_depend_on_its_pieces(pieces, monkeypatch):
    """A piece is a matter of room, never of luck."""
    from loyalty_research import reenacted_members as module

    whole = play_log(module.load_programme("airline"), module.FLYERS, Behaviour(), n=300, weeks=20, seed=2)
    monkeypatch.setattr(module, "PIECE_ACTS", pieces)
    pd.testing.assert_frame_equal(play_log(module.load_programme("airline"), module.FLYERS, Behaviour(), n=300, weeks=20, seed=2), whole)
