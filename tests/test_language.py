"""The dataclasses of a scheme, built directly: what they hold and what they refuse."""

from dataclasses import FrozenInstanceError, replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_research.events import EVENT_KINDS, SchemeError
from loyalty_research.language import (
    AwardRule,
    Benefit,
    Body,
    Confirm,
    Currency,
    EarnRule,
    Edge,
    Expiry,
    Fee,
    Heading,
    Number,
    Outlet,
    Period,
    Plan,
    Returns,
    ScoreRule,
    Step,
    Tier,
    suggest,
    write_value,
)

ONE = Number(value=1, source="S1")


def number(value):
    return Number(value=value, source="S1")


@given(st.decimals(min_value=0, max_value=10**6, places=9))
def test_a_number_is_the_decimal_that_is_written(decimal):
    value = float(decimal)
    if Fraction(repr(value)) * 10**9 % 1:
        with pytest.raises(SchemeError, match="nine places"):
            number(value)
    else:
        assert number(value).exact == Fraction(repr(value))


def test_provenance_and_edge():
    assert number(1).provenance == "sourced"
    assert Number(value=1, assumed="why", range=(0, 2)).provenance == "assumed"
    assert Number(value=1, fitted="CDNOW").provenance == "fitted"
    assert Edge(above=ONE).edge == Edge(from_=ONE).edge == ONE and Tier(name="all").edge is None
    with pytest.raises(FrozenInstanceError):
        ONE.value = 2


@pytest.mark.parametrize(
    ("per", "given", "missing"),
    [
        ("act", {"points": ONE}, "points"),
        (None, {"rate": ONE}, None),
        ("new_category", {"points": ONE}, "points"),
        ("shopping_day", {"points": ONE}, "points"),
        ("nth_shopping_day", {"points": ONE, "days": ONE}, "days"),
        ("consecutive_month", {"points": ONE}, "points"),
        ("year_since_first_order", {"points": ONE}, "points"),
        ("state", {"points": ONE}, "points"),
        ("level", {"points": ONE}, "points"),
        ("streak", {"steps": (Step(from_=ONE, points=ONE),)}, "steps"),
        ("amount", {"steps": (Step(from_=ONE, points=ONE),)}, "steps"),
        ("given", {}, None),
    ],
)
def test_each_way_to_count_takes_its_numbers_and_no_others(per, given, missing):
    rule = AwardRule(name="rule", on=("order",), per=per, **given)
    assert rule.per == (per or "amount_rate")
    if missing:
        with pytest.raises(SchemeError, match=f"`{missing}`: needed by"):
            AwardRule(
                name="rule", on=("order",), per=per, **{key: value for key, value in given.items() if key != missing}
            )
    for key, value in {"points": ONE, "rate": ONE, "days": ONE, "steps": (Step(from_=ONE, points=ONE),)}.items():
        if key not in given:
            with pytest.raises(SchemeError, match="not used by|keep one"):
                AwardRule(name="rule", on=("order",), per=per, **given, **{key: value})


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_an_act_of_any_kind_can_pay(kind):
    assert AwardRule(name="rule", on=(kind,), points=ONE).on == (kind,)


def ladder(*edges):
    """A plan whose fees begin at these edges, each written as (word, value) or (word, value, end)."""
    fees = [Fee(cny=ONE, **{word: number(value)}, to=number(end[0]) if end else None) for word, value, *end in edges]
    return Plan(name="plan", fees=tuple(fees))


@pytest.mark.parametrize(
    ("edges", "needles"),
    [
        ([("above", 1), ("above", 1)], ["fee.1 (above 1) repeats the edge of fee.0 (above 1)"]),
        ([("above", 1), ("from_", 1)], ["fee.1 (from 1) repeats the edge of fee.0 (above 1)"]),
        ([("above", 1), ("above", 3), ("above", 2)], ["fee.2 (above 2) begins below fee.1 (above 3)"]),
        ([("above", 1, 2), ("above", 3)], ["fee.0 (above 1) to 2 leaves a gap before fee.1 (above 3)"]),
        ([("above", 1, 4), ("above", 3)], ["fee.0 (above 1) to 4 overlaps fee.1 (above 3)"]),
        ([("above", 1, 4)], ["fee.0 (above 1) is the last step"]),
        (
            [("above", 200), ("above", 1000), ("above", 5000), ("above", 1000), ("above", 20000)],
            ["fee.3 (above 1000) repeats the edge of fee.1 (above 1000)"],
        ),
    ],
)
def test_faulty_ladders_name_both_steps(edges, needles):
    with pytest.raises(SchemeError) as caught:
        ladder(*edges)
    for needle in needles:
        assert needle in str(caught.value)


@given(st.lists(st.tuples(st.sampled_from(["above", "from_"]), st.integers(0, 50)), min_size=1, max_size=6))
def test_a_ladder_holds_exactly_when_its_edges_rise(edges):
    values = [value for _, value in edges]
    if all(a < b for a, b in zip(values, values[1:], strict=False)):
        assert len(ladder(*edges).fees) == len(edges)
    else:
        with pytest.raises(SchemeError, match="repeats the edge|begins below"):
            ladder(*edges)


def test_ends_that_meet_are_a_ladder():
    assert ladder(("above", 1, 3), ("above", 3, 9), ("from_", 9)).fees[0].to.value == 3


def test_fees_of_different_dates_do_not_meet():
    def fees(last, first):
        return Plan(name="plan", fees=(Fee(cny=ONE, valid_until=last), Fee(cny=number(2), valid_from=first)))

    assert len(fees(date(2018, 5, 31), date(2018, 6, 1)).fees) == 2
    assert len(fees(date(2018, 5, 31), date(2019, 1, 1)).fees) == 2
    with pytest.raises(SchemeError, match="fee.1"):
        fees(date(2018, 6, 1), date(2018, 6, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Edge(), "`above`: neither above nor from"),
        (lambda: Edge(above=ONE, from_=ONE), "one edge"),
        (lambda: Tier(name="x", above=ONE, from_=ONE), "one edge"),
        (lambda: Outlet(name="coupon"), "neither of source and assumed"),
        (lambda: Outlet(name="coupon", source="S1", assumed="why"), "both of source and assumed"),
        (lambda: Benefit(name="x", title="X", kind="service", value_cny=ONE, cost_cny=ONE, source="S1"), "exactly one of tier, plan, above and from"),
        (lambda: Expiry(kind="rolling_days", source="S1"), "`days`: missing"),
        (lambda: Expiry(kind="never", dates=("01-01",), source="S1"), 'belongs to kind = "fixed_dates"'),
        (lambda: Expiry(kind="fixed_dates", dates=("1-1",), pick="next", source="S1"), "no day of every year"),
        (lambda: EarnRule(name="x", on=("grant",), per="given", accrues="confirm"), "order lines"),
        (
            lambda: ScoreRule(name="x", component="c", on=("order",), points=ONE, window="state"),
            "choose trailing or lifetime",
        ),
        (
            lambda: ScoreRule(
                name="x", component="c", on=("order",), per="year_since_first_order", points=ONE, window="trailing"
            ),
            'window = "lifetime"',
        ),
        (lambda: AwardRule(name="x", on=("login",), points=ONE, virtual=True), "`virtual`: speaks of order lines"),
        (lambda: AwardRule(name="x", on=("login",), points=ONE, above_cny=ONE), "`above_cny`: speaks of order lines"),
        (
            lambda: AwardRule(
                name="x", on=("login",), points=ONE, valid_from=date(2020, 1, 2), valid_until=date(2020, 1, 1)
            ),
            "before valid_from 2020-01-02",
        ),
        (
            lambda: Heading(key="k", title="K", operator="K", timezone="Z", scored="monthly:0", settled="daily"),
            "`scored`",
        ),
        (
            lambda: Heading(key="k", title="K", operator="K", timezone="Z", scored="monthly:8", settled="daily"),
            "not valued",
        ),
    ],
)
def test_refused(make, message):
    with pytest.raises(SchemeError) as caught:
        make()
    assert message in str(caught.value)


def test_first_tier_holds_everybody():
    parts = {"returns": Returns(window_days=ONE), "confirm": Confirm(days=ONE)}
    for first in (Tier(name="a"), Tier(name="a", from_=number(0))):
        assert Body(**parts, tiers=(first, Tier(name="b", above=ONE))).tiers[0] == first
    for first in (Tier(name="a", above=number(0)), Tier(name="a", from_=number(1))):
        with pytest.raises(SchemeError, match="`tier.a`: begins at .* nobody below it"):
            Body(**parts, tiers=(first,))


def test_three_periods_follow_each_other():
    never = Expiry(kind="never", source="S1")
    currency = Currency(name="c", value_cny=ONE, expiry=never)
    assert len(currency.periods) == 1
    later = [period_of(never, date(2020, 1, 1), date(2020, 12, 31)), period_of(never, date(2021, 1, 1), None)]
    assert len(replace(currency, valid_until=date(2019, 12, 31), later=tuple(later)).periods) == 3
    with pytest.raises(SchemeError, match="`period.1.valid_from`.*2020-12-31.*2021-01-02 leave a gap"):
        replace(
            currency, valid_until=date(2019, 12, 31), later=(later[0], replace(later[1], valid_from=date(2021, 1, 2)))
        )


def period_of(expiry, first, last):
    """A period with these dates."""
    return Period(expiry=expiry, valid_from=first, valid_until=last)


def test_words():
    assert suggest("multipel", ["multiple"]) == "did you mean `multiple`? (known: multiple)"
    assert suggest("JD", ["jd", "none"]).startswith("did you mean `jd`?")
    assert suggest("x", ["one", "two"]) == "choose from one, two"
    assert suggest("x", EVENT_KINDS).startswith("choose from order, confirm, ") and " more" in suggest("x", EVENT_KINDS)
    assert suggest("x", []) == "there is none to choose from"
    assert write_value({"a": [1, 0.5, True, 'x"y', date(2020, 1, 1)]}) == '{a = [1, 0.5, true, "x\\"y", 2020-01-01]}'
