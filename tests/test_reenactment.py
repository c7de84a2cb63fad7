"""Re-enacted studies: every row of the plan is played or excused, any behaviour is taken, nothing but behaviour moves what is tested."""
from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research.behaviour import MECHANISMS
from loyalty_research.reenacted_points import (
    CAFE,
    NOT_TRIED,
    POINT_STUDIES,
    full_cards,
    play,
    rate_of_purchases,
    rate_of_washes,
    use_of_points,
)
from loyalty_research.reenactment import load_programme, load_table
from loyalty_research.simulation import digest_ledger

PLAN = load_table("validation_plan").set_index("fact_id")
PROGRAMMES = ("car_wash_10", "car_wash_8", "coffee_card", "coffee_card_12", "department_card", "golf_card", "grocery_coalition", "hotel", "multi_vendor",
              "online_grocer", "turkey_8_weeks")
each_study = pytest.mark.parametrize("study", POINT_STUDIES, ids=lambda study: "_".join(study.facts))
STILL = lr.Behaviour().only()


def extreme(side: str) -> lr.Behaviour:
    """All mechanisms at one end of their ranges."""
    behaviour = lr.Behaviour(rival=None)
    return behaviour.with_values(behaviour.parameters.set_index("path")[side].to_dict())


def test_every_row_of_the_plan_is_played_or_excused():
    facts = [fact for study in POINT_STUDIES for fact in study.facts]
    mine = PLAN[PLAN["programme"].str.split(", ").apply(lambda names: set(names) <= set(PROGRAMMES))]
    assert sorted([*facts, *NOT_TRIED]) == sorted(mine.index)
    for study in POINT_STUDIES:
        assert (PLAN.loc[list(study.facts), "n"] == study.n).all()
        assert PLAN.loc[list(study.facts), "cluster"].dropna().isin([study.cluster]).all()


@each_study
def test_the_same_seed_is_the_same_replication(study):
    once, again, other = (study.replicate(lr.Behaviour(), [seed], n=60).loc[seed] for seed in (3, 3, 4))
    assert once.equals(again)
    assert study.facts[0] == "F088" or not once.equals(other)


@each_study
@pytest.mark.parametrize("side", ["low", "high"])
def test_the_ends_of_the_ranges_are_taken(study, side):
    found = study.replicate(extreme(side), [3], n=40)
    assert list(found) == list(study.facts) and not np.isinf(found.to_numpy(float)).any()


@each_study
def test_any_mechanism_may_be_off(study):
    for name in ("attention", "pressure", "reward", "redemption", "windfall", "foresight"):
        assert not np.isinf(study.replicate(lr.Behaviour().without(name), [3], n=40).to_numpy(float)).any()
    assert not np.isinf(study.replicate(STILL, [3], n=2).to_numpy(float)).any()


@pytest.mark.parametrize("fact", ["F002", "F004", "F006", "F007"])
def test_without_mechanisms_cards_fill_evenly(fact):
    study = next(study for study in POINT_STUDIES if fact in study.facts)
    found = study.replicate(STILL, range(12), n=1000)[fact]
    assert abs(found.mean() - 1) < 3 * found.std() / np.sqrt(12) + 0.002


@pytest.mark.parametrize("fact", ["F009", "F010", "F016", "F018", "F050"])
def test_without_mechanisms_a_sign_is_not_met(fact):
    """The estimators have no push of their own towards the published sign: the interval of the mean holds 0 or lies on the other side."""
    study = next(study for study in POINT_STUDIES if fact in study.facts)
    found = study.replicate(STILL, range(12))[fact]
    wrong = -1 if fact == "F009" else 1
    assert wrong * found.mean() < 3 * found.std() / np.sqrt(12)


def test_rates_are_moved_to_the_control_arm():
    washes = rate_of_washes(STILL)
    assert abs(full_cards("car_wash_8", washes, STILL, 4000, 1) - 28 / 150) < 0.03
    assert abs(use_of_points(STILL, rate_of_purchases(STILL), 1, 2000)["purchases"] - 2.74) < 0.12


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_the_log_of_a_programme_gives_the_same_ledger(programme):
    """Cards handed out with stamps on them, rewards that come by themselves and dated programmes included."""
    done = lr.simulate(load_programme(programme), 60, 70, warmup=0, start="2023-10-02", seed=5, population=CAFE.with_values({"rate_mean": 1}), progress=False)
    replayed = lr.ledger(done.events(), done.setting.scheme, until=np.datetime64(done.setting.days[3], "D"))
    found = digest_ledger(replayed)
    assert [found.get(customer, 0) for customer in range(1, 61)] == done.lives["digest"].tolist() and found


def test_given_stamps_are_on_the_card_from_the_first_day():
    log = lr.simulate(load_programme("coffee_card_12"), 20, 4, warmup=0, runoff=False, seed=5, behaviour=STILL, progress=False).events()
    first = log[log["kind"] == "account_bound"]
    assert sorted(first["customer_id"]) == list(range(1, 21)) and (first["time"] == pd.Timestamp("2022-01-01")).all()
    ledger = lr.ledger(log, load_programme("coffee_card_12"))
    assert (ledger.balances("2022-01-01 00:00")["balance"] == 2).all()


def test_a_full_card_is_felt():
    """The reset that follows a reward follows one that comes by itself too."""
    reset = lr.Behaviour().only("reward").with_values({"reward.reset": 0.6, "reward.momentum": 0})
    still, felt = (len(play("coffee_card", CAFE, behaviour, 200, 26, 1)[0]) for behaviour in (STILL, reset))
    assert felt < 0.95 * still
    assert set(MECHANISMS) > {"reward"}
