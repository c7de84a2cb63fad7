"""Calendar tables against plain Python dates."""
from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from loyalty_research.dates import (
    FIRST_DAY,
    FIXED_DATE_PICKS,
    LAST_DAY,
    add_months,
    all_days,
    day_number,
    end_of_next_year,
    fixed_date_expiry,
    next_settlement,
)

DAYS = np.arange("2019-01-01", "2025-07-01", dtype="datetime64[D]")


def months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


@pytest.mark.parametrize("day", [
    "2024-02-29", date(2024, 2, 29), datetime(2024, 2, 29, 23, 59), np.datetime64("2024-02-29"),
    pd.Timestamp("2024-02-29 23:59:59.999999")], ids=lambda day: type(day).__name__)
def test_a_day_number_counts_from_1970_and_cuts_the_time_off(day):
    assert day_number(day) == (date(2024, 2, 29) - date(1970, 1, 1)).days


def test_days_before_1970_are_negative():
    assert day_number("1969-12-31 23:00") == -1


def test_the_calendar_runs_from_1990_to_2110():
    days = all_days()
    assert len(days) == LAST_DAY - FIRST_DAY + 1
    assert (str(days[0]), str(days[-1])) == ("1990-01-01", "2110-12-31")


@pytest.mark.parametrize("months", [-25, -12, -1, 0, 1, 11, 12, 24, 48])
def test_months_later_clip_to_the_end_of_the_month(months):
    expected = [months_later(day, months) for day in DAYS.astype(object)]
    assert add_months(DAYS, months).astype(object).tolist() == expected


def test_a_year_later_never_turns_days_round():
    """Windows are queues by the day on which an award drops out: a later award never drops out earlier."""
    assert (np.diff(add_months(all_days(), 12).astype(np.int64)) >= 0).all()


@pytest.mark.parametrize("day", [1, 2, 8, 28])
def test_the_next_settlement_is_the_first_such_day_not_before(day):
    table = next_settlement(f"monthly:{day}")
    assert table.dtype == np.int32 and len(table) == len(all_days())
    for today in DAYS.astype(object)[::3]:
        expected = today
        while expected.day != day:
            expected += timedelta(days=1)
        assert table[day_number(today) - FIRST_DAY] == day_number(expected)


def test_every_day_settles_itself_where_settlement_is_daily():
    assert (next_settlement("daily") == np.arange(FIRST_DAY, LAST_DAY + 1)).all()


@pytest.mark.parametrize("rule", ["daily", "monthly:8"])
def test_a_table_of_settlements_is_kept_and_cannot_be_written_to(rule):
    assert next_settlement(rule) is next_settlement(rule)
    with pytest.raises(ValueError, match="read-only"):
        next_settlement(rule)[0] = 0


@pytest.mark.parametrize("rule", [
    "monthly:0", "monthly:29", "monthly:", "monthly:-1", "monthly:8 ", "Monthly:8", "weekly", ""])
def test_a_settlement_rule_that_is_none_is_refused(rule):
    with pytest.raises(ValueError, match="is no settlement rule; write \"daily\" or \"monthly:D\" with D from 1 to 28"):
        next_settlement(rule)


def test_the_end_of_next_year_is_one_to_two_years_away():
    """F17: the shortest life is that of a lot of 31 December, the longest of 1 January."""
    lives = (end_of_next_year(DAYS) - DAYS).astype(int)
    assert (lives.min(), lives.max()) == (365, 730)
    assert {(end.month, end.day) for end in end_of_next_year(DAYS).astype(object)} == {(12, 31)}


def fixed_days(dates: list[str]) -> list[date]:
    return [date.fromisoformat(f"{year}-{each}") for year in range(2017, 2030) for each in sorted(dates)]


@pytest.mark.parametrize("dates", [["06-30", "12-31"], ["12-31", "06-30"], ["02-28"], ["01-01", "03-31", "09-30"]])
def test_fixed_dates_against_a_search_day_by_day(dates):
    pick = {"first_after": lambda day: min(each for each in fixed_days(dates) if each >= months_later(day, 12)),
            "last_before": lambda day: max(each for each in fixed_days(dates) if each <= months_later(day, 12)),
            "next": lambda day: min(each for each in fixed_days(dates) if each > day)}
    for name in FIXED_DATE_PICKS:
        found = fixed_date_expiry(DAYS, dates, name).astype(object).tolist()
        assert found == [pick[name](day) for day in DAYS.astype(object)], name


def test_fixed_dates_of_a_leap_day():
    """A year from 29 February is 28 February: that day itself is `first_after` and `last_before`."""
    leap = np.array(["2024-02-29"], "datetime64[D]")
    for pick in ("first_after", "last_before"):
        assert str(fixed_date_expiry(leap, ["02-28"], pick)[0]) == "2025-02-28"
    assert str(fixed_date_expiry(leap, ["02-28"], "next")[0]) == "2025-02-28"


def test_a_lot_never_lasts_longer_than_18_months_nor_shorter_than_its_reading_says():
    lives = {pick: (fixed_date_expiry(DAYS, ["06-30", "12-31"], pick) - DAYS).astype(int) for pick in FIXED_DATE_PICKS}
    assert lives["first_after"].min() >= 365 and lives["first_after"].max() <= 550
    assert lives["last_before"].min() >= 180 and lives["last_before"].max() <= 366
    assert lives["next"].min() == 1 and lives["next"].max() <= 184


def test_a_pick_that_is_none_is_refused():
    with pytest.raises(ValueError, match="'later' is no way to pick a fixed date; take one of first_after"):
        fixed_date_expiry(DAYS, ["06-30"], "later")
