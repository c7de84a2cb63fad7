"""Survival without a model: curves, tests, lapses, cohorts, false churn; and hazards on known truth."""
from __future__ import annotations

import doctest
import warnings
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import loyalty_research as lr
from loyalty_research import survival

from .estimates import make_orders, refused

NAN = float("nan")

# ------------------------------------------------------------------------------------------------- curves


def test_bands_end_at_the_last_time_they_are_defined():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve = lr.kaplan_meier([1, 2, 3, 3, 4], [0, 1, 1, 0, 1])
    assert curve.bands == (2.0, 3.0) and curve.note == "95 % bands from 2 to 3; nobody is left at 4"
    assert curve.table["low"].notna().tolist() == [False, True, True, False]
    assert curve.table[["at_risk", "ended"]].to_numpy().tolist() == [[5, 0], [4, 1], [3, 1], [1, 1]]
    assert curve.predict([0, 0.5, 2, 3.5, 4]).tolist() == pytest.approx([1, 1, 0.75, 0.5, 0])
    assert np.isnan(curve.predict(4.1).iloc[0]), "nobody was watched so long"


def test_bands_where_the_last_time_is_censored_run_to_it():
    curve = lr.kaplan_meier([1, 2, 3], [1, 1, 0])
    assert curve.bands == (1.0, 3.0) and "nobody" not in curve.note


def test_no_end_seen_means_no_bands():
    curve = lr.kaplan_meier([1, 2, 3], [False] * 3)
    assert (curve.table["survival"] == 1).all() and np.isnan(curve.bands).all()
    assert curve.note.startswith("no 95 % bands")
    assert np.isnan(curve.summary()["median"].iloc[0])


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=30))
def test_curve_is_the_product_of_shares(rows):
    times, ended = zip(*rows, strict=True)
    curve, left = lr.kaplan_meier(times, ended), 1.0
    for at in sorted(set(times)):
        there = sum(time >= at for time in times)
        left *= 1 - sum(time == at and end for time, end in rows) / there
        assert curve.predict(at).iloc[0] == pytest.approx(left, abs=1e-12)
    inside = curve.table.dropna()
    assert ((inside["low"] <= inside["survival"]) & (inside["survival"] <= inside["high"])).all()


@pytest.mark.parametrize(("durations", "observed", "parts"), [
    ([], [], ("at least 1",)), ([1, 2], [1], ("one length",)), ([1, -2], [1, 1], ("row 1 has -2",)),
    ([1, NAN], [1, 1], ("row 1 has nan",)), ([1, 2], [1, 2], ("observed must be true or false", "row 1 has 2")),
    (["a"], [1], ("durations must be numbers",)), ([1, 2], ["yes", "no"], ("observed must be numbers",))])
def test_impossible_durations_are_refused(durations, observed, parts):
    refused(lambda: lr.kaplan_meier(durations, observed), *parts)


def test_logrank_of_two_is_scipys():
    rng = np.random.default_rng(3)
    for _ in range(20):
        pair = [(np.round(rng.exponential(scale, 25), 1), rng.random(25) < 0.7) for scale in (3, 4)]
        ours = lr.logrank(dict(zip("ab", pair, strict=True)))
        theirs = stats.logrank(*(stats.CensoredData.right_censored(times, ~ended) for times, ended in pair))
        assert ours.statistic == pytest.approx(theirs.statistic**2) and ours.p_value == pytest.approx(theirs.pvalue)


def test_logrank_of_three_keeps_its_level():
    """Three groups of one law: p below .05 in about a twentieth of 600 samples; expected and seen ends have one sum."""
    rng, low = np.random.default_rng(4), 0
    for _ in range(600):
        groups = {name: (rng.exponential(3, 30), rng.random(30) < 0.8) for name in "abc"}
        test = lr.logrank(groups)
        assert test.degrees == 2 and test.table["expected"].sum() == pytest.approx(test.table["ended"].sum())
        low += test.p_value < 0.05
    assert 0.03 < low / 600 < 0.075


@pytest.mark.parametrize(("groups", "parts"), [
    ({"a": ([1], [1])}, ("two or more",)), ([([1], [1]), ([2], [1])], ("must map two or more names",)),
    ({"a": ([1, 2], [0, 0]), "b": ([3], [0])}, ("none tells them apart",)),
    ({"a": ([1, 2], [0, 0]), "b": ([3], [1])}, ("none tells them apart",)),
    ({"a": ([1, -2], [0, 0]), "b": ([3], [1])}, ("row 1 has -2",))])
def test_impossible_groups_are_refused(groups, parts):
    refused(lambda: lr.logrank(groups), *parts)


# -------------------------------------------------------------------------------------------- from a log


def test_false_churn_windows_are_open_at_the_start_and_closed_at_the_end():
    """t0 = 2023-01-01, t = 2024-01-01, 365 days either side."""
    log = make_orders(
        ("in the base at its last instant", "2023-01-01", 1.0), ("just before the base", "2022-01-01", 1.0),
        ("first instant of the base", "2022-01-01 00:00:01", 1.0), ("active at the last instant", "2022-06-01", 1.0),
        ("active at the last instant", "2024-01-01", 1.0), ("back at the last instant", "2022-06-01", 1.0),
        ("back at the last instant", "2024-12-31", 1.0), ("back too late", "2022-06-01", 1.0),
        ("back too late", "2024-12-31 00:00:01", 1.0))
    table = lr.false_churn(log, "2024-01-01")
    assert table[["customers", "of"]].to_numpy().tolist() == [[4, 5], [1, 4]]
    assert table["share"].tolist() == [0.8, 0.25]
    assert ((table["low"] < table["share"]) & (table["share"] < table["high"]) & table["high"].lt(1)).all()
    wilson = stats.binomtest(1, 4).proportion_ci(method="wilson")
    assert table.loc["false_churn", ["low", "high"]].tolist() == pytest.approx([wilson.low, wilson.high])


def test_false_churn_with_a_shorter_gap_keeps_the_base():
    log = make_orders((1, "2022-06-01", 1.0), (1, "2023-03-01", 1.0), (2, "2022-06-01", 1.0), (2, "2023-12-01", 1.0),
                      (2, "2025-02-01", 1.0))
    assert lr.false_churn(log, "2024-01-01", gap_days=365)["customers"].tolist() == [0, 0]
    assert lr.false_churn(log, "2024-01-01", gap_days=180)["customers"].tolist() == [1, 0]
    nobody = lr.false_churn(log, "2024-01-01")
    assert np.isnan(nobody.loc["false_churn", "share"]) and nobody.loc["inactive", "share"] == 0


@pytest.mark.parametrize(("arguments", "parts"), [
    ({"at": "2024-07-01"}, ("365 days beyond 2024-07-01", "its last event is of 2025-02-01")),
    ({"at": "2026-01-01", "base_at": "2027-01-01"}, ("base_at must not lie after at",)),
    ({"at": "2020-01-01"}, ("in the year to 2019-01-01", "none did")),
    ({"at": "2024-01-01", "gap_days": 0}, ("gap_days", "received 0")),
    ({"at": "2024-01-01", "more_days": 1.5}, ("more_days", "received 1.5")),
    ({"at": "2024-01-01", "gap_days": True}, ("gap_days", "received True")),
    ({"at": None}, ("at must be a day or time", "None"))])
def test_impossible_windows_are_refused(arguments, parts):
    log = make_orders((1, "2022-06-01", 1.0), (2, "2025-02-01", 1.0))
    refused(lambda: lr.false_churn(log, **arguments), *parts)


def test_false_churn_of_an_empty_log_is_refused():
    refused(lambda: lr.false_churn(make_orders((1, "2022-06-01", 1.0)).iloc[:0], "2024-01-01"), "the log must reach")


def test_cohorts_by_the_slow_way():
    log = lr.make_events(60, days=300, seed=4).query("kind == 'order'")
    table = lr.cohort_retention(log, end="2023-03-31")
    month = log["time"].dt.to_period("M")
    first = month.groupby(log["customer_id"]).transform("min")
    last = pd.Timestamp("2023-04-01")
    for cohort, row in table.iterrows():
        mine = log["customer_id"][first == pd.Period(cohort)].unique()
        for since, share in row.items():
            at = pd.Period(cohort) + since
            if at.end_time >= last:
                assert np.isnan(share)
            else:
                ordered = log["customer_id"][(month == at) & log["customer_id"].isin(mine)].nunique()
                assert share == pytest.approx(ordered / len(mine))
    refused(lambda: lr.cohort_retention(log, end=log["time"].min().normalize()), "must be over")


# ------------------------------------------------------------------------------------------------- contracts


def make_memberships(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Members who join in two years and lapse with chance .3 a term; renewals up to 30 days late, or early."""
    rng, rows = np.random.default_rng(seed), []
    for customer in range(n):
        paid, act = pd.Timestamp("2018-01-01") + pd.Timedelta(days=int(rng.integers(0, 730))), "joined"
        for _ in range(9):
            rows.append((customer, paid, act))
            ends = paid.normalize() + pd.DateOffset(years=1)
            if rng.random() < 0.3:
                break
            paid, act = ends + pd.Timedelta(days=int(rng.integers(0, 31))), "renewed"
    return pd.DataFrame(rows, columns=["customer_id", "time", "act"])


def test_lapses_are_those_of_the_draw_whenever_the_log_ends():
    """A lapse is known 30 days after a term; a cut that counted renewals earlier than lapses would find fewer than .3."""
    acts = make_memberships(3_000, 1)
    for until in ("2021-06-30", "2023-02-10"):
        table = lr.lapses(acts[acts["time"] <= until], until).table
        rates = table["ended"] / table["at_risk"]
        assert ((rates - 0.3).abs() < 4.5 * np.sqrt(0.21 / table["at_risk"])).all()
        assert table["survival"].to_numpy() == pytest.approx((1 - rates).cumprod().to_numpy())


def test_a_lapse_is_a_renewal_later_than_the_grace():
    def acts(second):
        return pd.DataFrame({"customer_id": 1, "time": [pd.Timestamp("2022-01-01"), pd.Timestamp(second)], "act": ["joined", "renewed"]})

    assert lr.lapses(acts("2023-01-31"), "2023-12-31").table["ended"].tolist() == [0]
    assert lr.lapses(acts("2023-01-31 00:00:01"), "2023-12-31").table["ended"].tolist() == [1]
    assert lr.lapses(acts("2023-01-31"), "2023-12-31", grace_days=7).table["ended"].tolist() == [1]


# ------------------------------------------------------------------------------------------------- hazards


def make_panel(n: int, variance: float, effect: float = 0.5, seed: int = 0, link: str = "cloglog", within: float = 0) -> pd.DataFrame:
    """Periods of customers up to the one in which they leave, at most ten; `within` is how alike one customer's x are."""
    rng = np.random.default_rng(seed)
    u = rng.gamma(1 / variance, variance, n) if variance else np.ones(n)
    x = within * rng.normal(size=(n, 1)) + np.sqrt(1 - within**2) * rng.normal(size=(n, 10))
    score = -1.8 + effect * x + np.log(u[:, None])
    left = rng.random((n, 10)) < (1 / (1 + np.exp(-score)) if link == "logit" else -np.expm1(-np.exp(score)))
    at_risk = np.cumsum(left, axis=1) - left == 0
    who, when = np.nonzero(at_risk)
    return pd.DataFrame({"customer_id": who, "duration": when + 1, "x": x[who, when], "event": left[who, when].astype(int)})


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_known_coefficients_are_found(link):
    panel = make_panel(4_000, 0, seed=1, link=link)
    fit = lr.fit_hazard(panel, "x", link)
    assert abs(fit.params["x"] - 0.5) < 4 * fit.se["x"] and abs(fit.params["Intercept"] + 1.8) < 4 * fit.se["Intercept"]
    assert fit.se.max() < 0.05 and fit.params.index.tolist() == fit.se.index.tolist() == ["Intercept", "x"]
    h = fit.predict(panel)
    assert fit.loglik == pytest.approx(np.log(np.where(panel["event"] == 1, h, 1 - h)).sum())
    assert h.mean() == pytest.approx(panel["event"].mean(), rel=0.01)


def test_frailty_is_found_and_the_naive_hazard_is_biased():
    panel = make_panel(6_000, 1.0, effect=1.0, seed=2)
    naive, fit = lr.fit_hazard(panel, "x", "cloglog"), lr.fit_hazard(panel, "x", "cloglog", frailty=True)
    true = pd.Series({"Intercept": -1.8, "x": 1.0, "frailty_variance": 1.0})
    assert ((fit.params - true).abs() < 4 * fit.se).all() and fit.params.index.tolist() == true.index.tolist()
    assert naive.params["x"] < 1 - 5 * naive.se["x"] and naive.params["Intercept"] < -1.8 - 5 * naive.se["Intercept"]
    summary = fit.summary().loc["frailty_variance"]
    assert 0 < summary["low"] < 1 < summary["high"] and np.isnan(summary["z"])
    by_period = fit.data.groupby("period")[["event", "fitted"]].mean()
    assert (by_period["event"] - by_period["fitted"]).abs().max() < 0.03, "the hazard of those left, frailer ones gone"


def test_frailty_likelihood_is_the_integral():
    """The closed form against 200,000 drawn frailties, for three customers."""
    rng = np.random.default_rng(3)
    design, y, groups = np.column_stack([np.ones(6), [0.2, -1, 0.4, 1.5, 0, -0.3]]), np.array([0, 1, 0, 0, 0, 1.0]), np.array([0, 0, 1, 1, 2, 2])
    for variance in (0.3, 2.0):
        rate = np.exp(design @ np.array([-0.7, 0.5]))
        u = rng.gamma(1 / variance, variance, (200_000, 1))
        chance = np.where(y == 1, -np.expm1(-u * rate), np.exp(-u * rate))
        whole = sum(np.log(chance[:, groups == group].prod(axis=1).mean()) for group in range(3))
        found = survival.frailty_loglik(np.array([-0.7, 0.5, np.log(variance)]), design, y, groups)[0]
        assert found == pytest.approx(whole, abs=0.02)


def test_no_frailty_is_the_limit():
    panel = make_panel(500, 0, seed=4)
    plain = lr.fit_hazard(panel, "x", "cloglog")
    y, groups = panel["event"].to_numpy(float), panel["customer_id"].to_numpy()
    design = np.column_stack([np.ones(len(panel)), panel["x"]])
    value, slopes = survival.frailty_loglik(np.append(plain.params, -12.0), design, y, groups)
    assert value == pytest.approx(plain.loglik, abs=1e-2) and np.abs(slopes[:2]).max() < 0.05


@pytest.mark.parametrize("log_variance", [-8.0, 0.0, 3.0])
def test_slopes_of_frailty_are_those_of_the_likelihood(log_variance):
    panel = make_panel(60, 1.0, seed=5)
    rows = np.column_stack([np.ones(len(panel)), panel["x"]]), panel["event"].to_numpy(float), panel["customer_id"].to_numpy()
    at = np.array([-1.5, 0.4, log_variance])
    steps = 1e-5 * np.eye(3)
    by_hand = [(survival.frailty_loglik(at + step, *rows)[0] - survival.frailty_loglik(at - step, *rows)[0]) / 2e-5 for step in steps]
    assert survival.frailty_loglik(at, *rows)[1] == pytest.approx(np.array(by_hand), rel=1e-4, abs=1e-4)


def test_standard_errors_know_that_rows_of_a_customer_are_alike():
    """Rows copied four times under one customer: four times the rows, the same standard errors."""
    panel = make_panel(400, 0, seed=6)
    copied = pd.concat([panel] * 4).sort_values(["customer_id", "duration"], kind="stable")
    assert lr.fit_hazard(copied, "x").se.to_numpy() == pytest.approx(lr.fit_hazard(panel, "x").se.to_numpy(), rel=0.01)


def test_survival_is_the_product_of_one_less_the_hazard():
    panel = make_panel(300, 1.0, seed=7)
    fit = lr.fit_hazard(panel, "x", "cloglog", frailty=True)
    one = panel[panel["customer_id"] == panel["customer_id"].value_counts().idxmax()]
    assert fit.survival(one).iloc[-1] == pytest.approx((1 - fit.predict(one)).prod())
    rate = np.exp(fit.params["Intercept"] + fit.params["x"] * one["x"]).sum()
    assert fit.survival(one).iloc[-1] == pytest.approx((1 + fit.variance * rate) ** (-1 / fit.variance))
    assert fit.predict(one[["x"]]).iloc[0] == pytest.approx(fit.predict(one).iloc[0]), "without customers each row is a first period"


def test_categories_without_rows_do_not_count():
    panel = make_panel(300, 0, seed=8)
    tier = pd.Categorical(np.where(panel["x"] > 0, "high", "low"), ["none", "low", "high", "top"], ordered=True)
    fit = lr.fit_hazard(panel.assign(tier=tier), "tier")
    assert fit.params.index.tolist() == ["Intercept", "tier[T.high]"] and fit.predict(panel.assign(tier=tier)).notna().all()
    refused(lambda: fit.predict(panel.assign(tier="top")), "values that the fit has seen", "mend or drop")


HAND = pd.DataFrame({"customer_id": [1, 1, 2, 2, 3, 3, 4, 4], "event": [0, 1, 0, 1, 0, 0, 0, 0], "x": [1, 0, 2, 1, 0, 1, 2, 0.0],
                     "high": [0, 1, 0, 1, 0, 1, 0, 0], "gap": [NAN, 1, 2, 3, 4, 5, 6, 7]})


@pytest.mark.parametrize(("panel", "formula", "options", "parts"), [
    (HAND.assign(event=0), "x", {}, ("0 of 8 have one", "watch longer")),
    (HAND.assign(event=1), "x", {}, ("8 of 8 have one",)),
    (HAND[:2], "x", {}, ("all 2 are of one", "more customers")),
    (HAND.assign(event=2 * HAND["event"]), "x", {}, ("event must be 0 or 1", "row 1 has 2")),
    (HAND.assign(event=NAN), "x", {}, ("event must be a finite number",)),
    (HAND.drop(columns="event"), "x", {}, ("lacks the column 'event'",)),
    (HAND.drop(columns="customer_id"), "x", {}, ("lacks the column 'customer_id'",)),
    (HAND[:0], "x", {}, ("person_periods must be a table",)),
    (None, "x", {}, ("person_periods must be a table", "NoneType")),
    (HAND, "x + y", {}, ("name 'y' is not defined", "mend the formula")),
    (HAND, "x +", {}, ("must give a number",)),
    (HAND, "gap", {}, ("gap (1)", "leave out the rows")),
    (HAND.assign(x=3.0), "x", {}, ("each term must vary, but x",)),
    (HAND, "x + I(2 * x - 1)", {}, ("sum of others, but I(2 * x - 1)",)),
    (HAND, "x + high", {}, ("separation", "high")),
    (HAND.assign(x=HAND["event"] * 1e-3), "x", {}, ("separation", "x can tell")),
    (HAND, "x", {"link": "probit"}, ("'logit' or 'cloglog'", "'probit'")),
    (HAND, "x", {"link": "logit", "frailty": True}, ("'cloglog' with frailty",)),
    (HAND.assign(event=[1, 1, 0, 1, 0, 0, 0, 0]), "x", {"link": "cloglog", "frailty": True}, ("one event a customer", "spell == 1")),
])
def test_impossible_hazards_are_refused(panel, formula, options, parts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refused(lambda: lr.fit_hazard(panel, formula, **options), *parts)


def test_customers_who_do_not_differ_are_said_to_be_so():
    with pytest.warns(UserWarning, match="hardly bound frailty_variance"):
        fit = lr.fit_hazard(make_panel(800, 0, seed=2), "x", "cloglog", frailty=True)
    assert np.isnan(fit.se["frailty_variance"]) and fit.se[["Intercept", "x"]].notna().all() and fit.note


def test_hazards_are_frozen_and_drawn(monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    fit = lr.fit_hazard(make_panel(300, 0, seed=8), "x")
    with pytest.raises(AttributeError):
        fit.loglik = 0.0
    _, axes = plt.subplots()
    assert fit.plot(axes) is axes and fit.plot().get_xlabel()
    assert lr.kaplan_meier([1, 2, 3], [1, 0, 1]).plot(axes) is axes
    seen = fit.plot().lines[0].get_ydata()
    assert seen[0] == pytest.approx(fit.data.query("period == 1")["event"].mean())
    plt.close("all")


def test_examples_run():
    found = doctest.testmod(import_module("loyalty_research.survival"))
    assert found.attempted >= 5 and not found.failed
