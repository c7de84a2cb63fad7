"""Do points keep: twins share a history, the truth is 0 where points hold nobody, verdicts follow from the stored numbers."""
import numpy as np
import pandas as pd

from loyalty_research.behaviour import Behaviour
from loyalty_research.do_points_keep import (
    BEFORE,
    READ,
    beans_alone,
    claims,
    held_table,
    live_on,
    pushed_weeks,
    two_kinds,
    wiped,
    world_table,
)
from loyalty_research.minds import PUSHES, uniform
from loyalty_research.population import Population
from loyalty_research.reenacted_members import persons
from loyalty_research.replay import replay
from loyalty_research.scheme_parts import keep_parts
from loyalty_research.schemes import load_scheme


def test_the_twin_ends_all_points_of_the_year_and_changes_nothing_before():
    scheme, behaviour = beans_alone("value"), Behaviour().without("urgency")
    (lives, log), (twins, other) = (live_on(each, behaviour, two_kinds(Population(), 4), 200, 3) for each in (scheme, wiped(scheme)))
    before = lambda rows: rows.loc[rows["time"] < pd.Timestamp("2024-12-25"), ["customer_id", "time", "kind", "amount"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(before(log), before(other))
    gone = lambda found: (found["left_in"] >= 0) & (found["left_in"] < BEFORE)
    assert (gone(lives) == gone(twins)).all()
    held = [replay(each, kind, until=READ).ledger.balances(READ)["balance"].sum() for each, kind in ((log, scheme), (other, wiped(scheme)))]
    assert held[1] < 0.05 * held[0]
    table = held_table(lives, twins, log, scheme)
    assert (table["balance"] >= 0).all() and (table["orders"] > 0).all() and table["latent_wiped"].sum() >= table["latent"].sum()


def test_the_truth_is_nothing_where_points_hold_nobody():
    table = world_table()
    assert np.allclose(table.query("hold == 0")["latent truth"], 0) and (table.query("hold == 1.5 and reading == 'value'")["latent truth"] > 0).all()


def test_claims_are_those_of_the_sources():
    table = claims()
    assert set(table["claim_id"]) == {"A4", "A7", "A12", "C14", "C15", "C19", "F19"}
    assert table["verdict"].isin(["holds", "holds under", "does not hold", "follows from an assumption", "needs data"]).all()


def test_messages_found_anew_are_those_that_were_sent():
    scheme, n, lift = keep_parts("b", load_scheme("taobao")), 800, 0.4
    people = persons(Population(), 5, n)
    held_out = np.array([uniform(key, PUSHES, 0) for key in people["key"]]) < Behaviour().push.holdout.value
    means = {}
    for value in (0.0, lift):
        behaviour = Behaviour().only("push").with_values({"push.lift": value, "push.base": -1.0})
        orders, sent, _ = pushed_weeks(live_on(scheme, behaviour, [Population()], n, 5)[1], people, behaviour.push)
        reached = np.broadcast_to(~held_out[:, None], sent.shape)
        means[value] = orders[sent & reached].sum(), orders[~reached].sum()
    assert abs(means[lift][0] / means[0.0][0] - np.exp(lift)) < 0.1 and means[lift][1] == means[0.0][1]
