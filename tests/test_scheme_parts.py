"""Parts of a scheme switched off in its file, and designs over its numbers."""
import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research.scheme_parts import (
    PARTS,
    at_point,
    draw_points,
    interplay,
    jd_fees,
    keep_parts,
    part_rows,
    ranged_numbers,
    verdict_of,
    with_fees,
    without_rule,
)

JD, TAOBAO = lr.load_scheme("jd"), lr.load_scheme("taobao")


@pytest.mark.parametrize("scheme", [JD, JD.with_readings(X15="value"), TAOBAO], ids=["jd", "jd value", "taobao"])
@pytest.mark.parametrize("parts", PARTS)
def test_a_scheme_has_the_parts_that_were_asked_for_and_no_others(parts, scheme):
    kept = keep_parts(parts, scheme)
    assert (bool(kept.currencies), kept.score is not None, bool(kept.plans)) == ("b" in parts, "s" in parts, "p" in parts)
    assert all(scheme.readings[name] == choice for name, choice in kept.readings.items())
    assert lr.Scheme is type(kept) and kept.returns == scheme.returns


def test_without_its_score_a_plan_has_the_first_fee_for_everybody():
    assert [float(fee.cny.value) for fee in keep_parts("p", TAOBAO).plans[0].fees] == [888]
    assert [float(fee.cny.value) for fee in keep_parts("bp", JD).plans[0].fees] == [198]


def test_other_fees_leave_the_rest_of_the_file_as_it_is():
    changed = lr.diff(JD, with_fees(JD, {200: 150}))
    assert changed["path"].str.startswith(("plan.", "reading")).all() and len(changed)


@pytest.mark.parametrize("call, message", [(lambda: keep_parts("bx", JD), "take letters of 'bsp'"), (lambda: jd_fees("free", 0, JD), "take one of no plan, by score")])
def test_unknown_words_are_refused(call, message):
    with pytest.raises(lr.LoyaltyError, match=message):
        call()


def test_every_point_of_a_design_makes_a_scheme():
    points = draw_points([JD, TAOBAO], 8, seed=3)
    for point in points.to_dict("records"):
        for scheme in (JD, TAOBAO):
            moved, problem = at_point(scheme, point)
            values = moved.parameters.set_index("path")["value"]
            assert all(np.isclose(values[path.split(": ")[1]], value) for path, value in point.items() if path.startswith(f"{scheme.key}: "))
            assert problem.finance.margin.value == point["finance.margin"]
    assert points.columns.str.startswith("taobao: ").sum() == len(ranged_numbers(TAOBAO))


def test_a_latin_hypercube_takes_each_slice_once():
    points = draw_points([JD], 16, seed=1)
    share = (points["finance.margin"] - 0.03) / 0.27
    assert sorted((share * 16).astype(int)) == list(range(16))


def test_the_parts_of_a_row_of_the_design_and_the_score_without_spend():
    assert part_rows(2)["replication"].tolist() == [0] * 18 + [1] * 18
    assert len(without_rule(JD, "spend").score.rules) == len(JD.score.rules) - 1
    table = pd.DataFrame({"orders": [10.0]})
    assert interplay(table, 0 * table, 0.4 * table, 0.6 * table)["orders"].abs().max() < 1e-12


def test_a_verdict_needs_an_interval_above_zero_and_nearly_all_of_the_ranges():
    assert [verdict_of(0.1, 0.3, share) for share in (1.0, 0.95, 0.94, 0.0)] == ["holds", "holds", "holds under", "holds under"]
    assert [verdict_of(-0.1, 0.3, share) for share in (1.0, 0.06, 0.05, 0.0)] == ["holds under", "holds under", "does not hold", "does not hold"]
