"""Churn models: what is refused and in which words, boundaries, units, counting; no published numbers here."""
from __future__ import annotations

import doctest
import subprocess
import sys
import warnings
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import loyalty_research as lr
from loyalty_research import churn

from .estimates import make_orders, refused

NAN = float("nan")
BUYERS = {"fit_bg_nbd": churn.BgNbd, "fit_mbg_nbd": churn.MbgNbd, "fit_pareto_nbd": churn.ParetoNbd}
each_buyer_fit = pytest.mark.parametrize("fit", [getattr(lr, name) for name in BUYERS], ids=BUYERS)


def with_params(kind: type[churn.Fit], **params: float) -> churn.Fit:
    return kind(params=pd.Series(params), se=pd.Series(dtype=float), loglik=0.0, data=pd.DataFrame())


BG = with_params(churn.BgNbd, r=0.5, alpha=6.0, a=0.8, b=2.4)
MBG = with_params(churn.MbgNbd, r=0.5, alpha=6.0, a=0.8, b=2.4)
PARETO = with_params(churn.ParetoNbd, r=0.6, alpha=10.0, s=0.6, beta=12.0)
SPEND = with_params(churn.GammaGamma, p=6.0, q=4.0, gamma=15.0)
each_model = pytest.mark.parametrize("model", [BG, MBG, PARETO], ids=["bg", "mbg", "pareto"])


@pytest.fixture(scope="module")
def customers() -> pd.DataFrame:
    """800 made customers of the BG/NBD model, watched for 26 to 52 weeks, times in whole weeks and half weeks."""
    drawn = BG.simulate(np.random.default_rng(5).integers(26, 53, 800), seed=5)
    return drawn.assign(recency=np.where(drawn["frequency"] > 0, np.ceil(2 * drawn["recency"]) / 2, 0))


def columns(frame: pd.DataFrame) -> tuple[pd.Series, pd.Series, pd.Series]:
    return frame["frequency"], frame["recency"], frame["T"]


# ---------------------------------------------------------------------------------------------- what is refused


@each_buyer_fit
@pytest.mark.parametrize(("rows", "parts"), [
    (([], [], []), ("length of at least 1", "0, 0, 0")),
    (([2], [3], [9]), ("2 or more", "of 1 customers")),
    (([0, 0, 0], [0, 0, 0], [9, 9, 9]), ("of 3 customers 0 bought again", "watch longer")),
    (([1, 2, 3], [9, 8, 7], [9, 8, 7]), ("all 3 bought again on their last day", "boundary")),
    (([1, 2], [5, 12], [9, 9]), ("recency must not exceed T", "row 1 has 12")),
    (([1, -2], [5, 5], [9, 9]), ("frequency must be a finite number, 0 or more", "row 1 has -2")),
    (([1, 2], [5, -5], [9, 9]), ("recency must be", "row 1 has -5")),
    (([1, 2], [5, 5], [9, -9]), ("T must be", "row 1 has -9")),
    (([1, 2], [5, NAN], [9, 9]), ("recency must be", "row 1 has nan")),
    (([1, 2], [5, 5], [9, float("inf")]), ("T must be", "row 1 has inf")),
    (([1, 2, 3], [5, 5], [9, 9]), ("one length", "3, 2, 2")),
    (([1, 1.5], [5, 5], [9, 9]), ("whole number of repeat purchases", "row 1 has 1.5")),
    (([1, 0], [5, 5], [9, 9]), ("recency must be above 0 where", "row 1 has 5")),
    (([1, 1], [5, 0], [9, 9]), ("recency must be above 0 where", "row 1 has 0")),
    ((["1", "2"], [5, 5], [9, 9]), ("frequency must be numbers", "'1'", "pd.to_numeric")),
    (([1, 2], [5, 5], ["nine", "ten"]), ("T must be numbers", "'nine'")),
    (([1, None], [5, 5], [9, 9]), ("row 1 has nan",)),
    ((None, [5], [9]), ("frequency must be numbers", "None")),
    ((pd.to_datetime(["2024-01-01"] * 2), [5, 5], [9, 9]), ("frequency must be numbers", "datetime64")),
])
def test_impossible_customers_are_refused(fit, rows, parts):
    refused(lambda: fit(*rows), *parts)


def test_five_offenders_are_named_and_the_rest_counted():
    message = refused(lambda: lr.fit_bg_nbd([1] * 9, [8] * 9, [7] * 9), "row 0 has 8", "row 4 has 8", "(9 rows in all)")
    assert "row 5" not in message


@pytest.mark.parametrize("fit", [lr.fit_sbg, lr.fit_bdw], ids=["sbg", "bdw"])
@pytest.mark.parametrize(("survivors", "parts"), [
    ([], ("at least 1",)),
    ([1000], ("at least", "0 terms")),
    ([1000, 800], ("at least", "1 terms", "wait")),
    ([1000, 800, 810, 700, 600], ("never rise", "row 2 has 810")),
    ([1000, 800, NAN, 700, 600], ("finite number", "row 2 has nan")),
    ([1000, 800, -1, -1, -1], ("0 or more", "row 2 has -1")),
    ([1, 0.8, 0.7, 0.65, 0.6], ("cohort of 2 or more", "not shares")),
    ([0, 0, 0, 0, 0], ("cohort of 2 or more",)),
    ([1000] * 5, ("some who leave", "boundary")),
    ([1000, 0, 0, 0, 0], ("some who stay", "boundary")),
    (["1000", "800", "700", "600", "500"], ("must be numbers",)),
    ("1000", ("must be numbers",)),
])
def test_impossible_cohorts_are_refused(fit, survivors, parts):
    refused(lambda: fit(survivors), *parts)


@pytest.mark.parametrize(("frequency", "spend", "parts"), [
    ([], [], ("at least 1",)),
    ([0, 0], [0, 0], ("2 or more with repeat purchases", "0 have any")),
    ([1, 0], [9, 0], ("1 have any",)),
    ([1, 2], [9, 0], ("monetary_value must be above 0", "row 1 has 0")),
    ([1, 2], [9, -3], ("monetary_value must be a finite", "row 1 has -3")),
    ([1, 2], [9, NAN], ("row 1 has nan",)),
    ([1, -2], [9, 9], ("frequency must be", "row 1 has -2")),
    ([1, 2], [9], ("one length", "2, 1")),
    ([1, 2], ["9", "8"], ("monetary_value must be numbers",)),
])
def test_impossible_spend_is_refused(frequency, spend, parts):
    refused(lambda: lr.fit_gamma_gamma(frequency, spend), *parts)


def test_spend_of_customers_without_purchase_is_not_looked_at():
    drawn = SPEND.simulate(np.random.default_rng(1).geometric(0.4, 500), seed=1)
    more = pd.DataFrame({"frequency": [0.0, 0.0], "monetary_value": [NAN, 5.0]})
    given, bare = (lr.fit_gamma_gamma(*each.to_numpy().T) for each in (pd.concat([more, drawn]), drawn))
    assert given.params.equals(bare.params) and len(given.data) == 500


def test_spend_without_a_mean_is_refused():
    refused(lambda: with_params(churn.GammaGamma, p=2.0, q=0.9, gamma=5.0).predict(1, 10), "q must be above 1", "0.9")


@each_buyer_fit
def test_a_search_without_end_is_an_error(fit, customers, monkeypatch):
    """A likelihood whose slope always points down the hill."""
    def astray(kind, params, x, tx, T):
        way = np.log(params[0]) + 0 * x
        return -(way**2), np.stack([2 * way + 1, 0 * x, 0 * x, 0 * x]), x

    monkeypatch.setattr(BUYERS[fit.__name__], "_likelihood", classmethod(astray))
    refused(lambda: fit(*columns(customers)), "the search stopped at", "still to gain")


# ---------------------------------------------------------------------------------- one-time buyers in BG/NBD


def test_bg_nbd_does_not_judge_one_time_buyers(customers):
    fit = lr.fit_bg_nbd(*columns(customers))
    message = refused(fit.alive, "fit_mbg_nbd", "fit_pareto_nbd")
    assert f"{(customers['frequency'] == 0).sum():,} of these 800 customers" in message
    refused(lambda: fit.alive([0, 2], [0, 3], [9, 9]), "1 of these 2 customers")
    back = customers[customers["frequency"] > 0]
    alive = fit.alive(*columns(back))
    assert alive.between(0, 1).all() and alive.index.equals(back.index)
    assert fit.predict(10).notna().all(), "a forecast of purchases is no answer about churn"


def test_mbg_nbd_and_pareto_nbd_judge_everybody(customers):
    for fit in (lr.fit_mbg_nbd, lr.fit_pareto_nbd):
        alive = fit(*columns(customers)).alive()
        assert alive.between(0, 1, inclusive="right").all() and alive.name == "alive"
        assert (alive[customers["frequency"] == 0] < 1).all()


@pytest.mark.parametrize("model", [MBG, PARETO], ids=["mbg", "pareto"])
def test_longer_pauses_make_it_less_likely_to_be_alive(model):
    alive = model.alive([0, 0, 0, 4, 4, 4], [0, 0, 0, 30, 20, 10], [4, 20, 40, 40, 40, 40])
    assert alive[:3].is_monotonic_decreasing and alive[3:].is_monotonic_decreasing and alive.nunique() == 6


# ------------------------------------------------------------------------------------------------- boundaries


SAME = {"fit_bg_nbd": with_params(churn.BgNbd, r=1e7, alpha=3e7, a=0.8, b=2.4),
        "fit_mbg_nbd": with_params(churn.MbgNbd, r=1e7, alpha=3e7, a=1e6, b=9e6),
        "fit_pareto_nbd": with_params(churn.ParetoNbd, r=1e7, alpha=3e7, s=1e6, beta=2e7)}


@each_buyer_fit
def test_customers_who_do_not_differ_are_said_to_be_so(fit):
    """Equal rates: the likelihood rises towards infinite r and alpha, and only their ratio is known."""
    same = SAME[fit.__name__].simulate(np.full(1_000, 40.0), seed=3)
    with pytest.warns(UserWarning, match="the data hardly bound"):
        found = fit(*columns(same))
    assert found.se[["r", "alpha"]].isna().all() and "r (here" in found.note and "alpha (here" in found.note
    assert found.params["r"] / found.params["alpha"] == pytest.approx(1 / 3, rel=0.05)
    cov = found.log_cov.loc[["r", "alpha"], ["r", "alpha"]].to_numpy()
    assert np.sqrt(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]) < 0.05 and np.sqrt(cov[0, 0]) > 2
    assert np.isfinite(found.loglik) and np.isfinite(found.predict(10)).all()
    assert found.summary()["low"].isna().equals(found.se.isna())


def test_what_the_data_bound_keeps_its_standard_error():
    """Rates without spread, chances to leave with: a and b keep theirs, and it is that of a fit in which r is free."""
    with pytest.warns(UserWarning, match="r .* and alpha"):
        found = lr.fit_bg_nbd(*columns(SAME["fit_bg_nbd"].simulate(np.full(2_000, 52.0), seed=4)))
    assert found.se.notna().tolist() == [False, False, True, True]
    assert 0.03 < found.se["a"] / found.params["a"] < 0.1


def test_a_cohort_of_equal_members():
    """A tenth leaves in every term, and with more in later ones sBG has no maximum at all."""
    for survivors in (np.round(1000 * 0.9 ** np.arange(8)), [1000, 950, 880, 780, 640, 450]):
        with pytest.warns(UserWarning, match="alpha .* and beta"):
            fit = lr.fit_sbg(survivors)
        assert fit.se.isna().all() and fit.note
        assert fit.retention(1).iloc[0] == pytest.approx(fit.retention(5).iloc[0], rel=0.001)


def test_spend_of_one_size():
    with pytest.warns(UserWarning, match="the data hardly bound"):
        fit = lr.fit_gamma_gamma([1, 2, 3, 4], [10.0, 10.0, 10.0, 10.0])
    assert fit.note and np.allclose(fit.predict(), 10, rtol=0.01)


def test_a_good_fit_has_no_note(customers):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = lr.fit_bg_nbd(*columns(customers))
    assert fit.note == "" and fit.se.notna().all()


@pytest.mark.parametrize("seed", range(6))
def test_odd_customers_give_a_fit_with_a_note_or_an_error(seed):
    """Numbers that no model made: never NaN without a word, never a warning of NumPy."""
    rng = np.random.default_rng(seed)
    n, unit = int(rng.choice([2, 5, 40, 200])), 10 ** rng.uniform(-6, 6)
    x = rng.integers(0, [2, 30, 3000][seed % 3], n)
    age = rng.uniform(1, 100, n)
    rows = x, np.where(x > 0, age * rng.uniform(0.001, 1, n), 0) * unit, age * unit
    for fit in (lr.fit_bg_nbd, lr.fit_mbg_nbd, lr.fit_pareto_nbd):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            try:
                found = fit(*rows)
            except churn.EstimationError:
                continue
        assert all(issubclass(each.category, UserWarning) for each in seen)
        assert np.isfinite(found.params).all() and np.isfinite(found.loglik)
        assert found.se.isna().any() == bool(found.note) == bool(seen)
        assert (found.predict(10 * unit) >= 0).all()


# ------------------------------------------------------------------------------------------------ the shape of fits


@each_buyer_fit
def test_any_form_of_numbers_is_taken(fit, customers):
    want = fit(*columns(customers))
    forms = [columns(customers.convert_dtypes()), customers.to_numpy().T, customers.to_numpy().T.tolist(),
             columns(customers.astype("float64[pyarrow]"))]
    for form in forms:
        assert fit(*form).params.equals(want.params)
    named = customers.set_axis([f"c{number}" for number in range(len(customers))])
    assert fit(*columns(named)).predict(10).index.equals(named.index)


@each_buyer_fit
def test_days_and_weeks_are_one_model(fit, customers):
    weeks = fit(*columns(customers))
    days = fit(customers["frequency"], 7 * customers["recency"], 7 * customers["T"])
    scaled = [7 if name in ("alpha", "beta") else 1 for name in weeks.params.index]
    assert np.allclose(days.params, weeks.params * scaled, rtol=1e-5)
    assert np.allclose(days.se, weeks.se * scaled, rtol=1e-3)
    assert days.loglik == pytest.approx(weeks.loglik - customers["frequency"].sum() * np.log(7))
    assert np.allclose(days.predict(70), weeks.predict(10), rtol=1e-5)


@each_buyer_fit
def test_equal_customers_are_counted(fit, customers):
    """Three times the customers in another order: the same estimates, standard errors smaller by the root of three."""
    once = fit(*columns(customers))
    thrice = fit(*columns(pd.concat([customers] * 3).sample(frac=1, random_state=1)))
    assert np.allclose(thrice.params, once.params, rtol=1e-5) and np.allclose(thrice.se, once.se / 3**0.5, rtol=1e-3)
    assert thrice.loglik == pytest.approx(3 * once.loglik)


def differences(value, params: np.ndarray) -> np.ndarray:
    """Slopes of a function by the log-parameters, by central differences."""
    steps = np.exp(1e-5 * np.eye(len(params)))
    return np.array([(value(params * step) - value(params / step)) / 2e-5 for step in steps])


@each_model
@pytest.mark.parametrize("scale", [0.03, 1, 30])
def test_slopes_are_those_of_the_likelihood(model, scale):
    x = np.array([0, 0, 1, 3, 40, 900, 0], float)
    tx, T = np.array([0, 0, 2, 39, 38, 11, 0], float), np.array([39, 1, 39, 39, 39, 39, 0], float)
    likelihood, params = type(model)._likelihood, scale * model.params.to_numpy()
    expected = differences(lambda at: likelihood(at, x, tx, T)[0], params)
    assert np.allclose(likelihood(params, x, tx, T)[1], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("c", [(), (0.7,), (2.5,)])
def test_slopes_of_contracts_are_those_of_the_likelihood(c):
    left, params = np.array([1000, 800, 800, 500, 20, 0.0]), np.array([0.6, 3.0, *c])
    expected = differences(lambda at: churn._contract_loglik(left, at)[0], params)
    assert np.allclose(churn._contract_loglik(left, params)[1], expected, rtol=1e-6)


def test_slopes_of_spend_are_those_of_the_likelihood():
    rows = np.array([1.0, 5.0]), np.array([0.5, 2.0, 1.1]), np.array([0, 1, 1]), np.array([1, 2])
    params = np.array([3.0, 2.0, 0.7])
    expected = differences(lambda at: churn._spend_loglik(at, *rows)[0], params)
    assert np.allclose(churn._spend_loglik(params, *rows)[1], expected, rtol=1e-6)


@each_model
def test_probabilities_of_all_histories_sum_to_one(model):
    """The density of (x, t_x) over t_x, summed over x, is one."""
    from scipy.integrate import quad

    likelihood, params, T = type(model)._likelihood, model.params.to_numpy(), 3.0

    def density(tx: float, x: int) -> float:
        # t_x is the last of x times: the other x - 1 lie anywhere before it
        value = likelihood(params, *(np.array([each]) for each in (float(x), tx, T)))[0][0]
        return float(np.exp(value + (x - 1) * np.log(tx) - sum(np.log(np.arange(1, x)))))

    total = np.exp(likelihood(params, *np.array([[0.0], [0.0], [T]]))[0][0])
    total += sum(quad(density, 0, T, args=(x,))[0] for x in range(1, 40))
    assert total == pytest.approx(1, abs=1e-6)


@each_model
def test_forecasts_agree_with_simulated_customers(model):
    """A new customer's repeat purchases in 30 weeks: expected, and the mean of 200,000 made ones."""
    drawn = model.simulate(np.full(200_000, 30.0), seed=2)
    mean, error = drawn["frequency"].mean(), drawn["frequency"].std() / 200_000**0.5
    assert abs(model.predict(30, 0, 0, 0)[0] - mean) < 4 * error
    churn._check_buyers(*columns(drawn))


@each_model
def test_forecasts_of_old_customers_agree_with_simulated_ones(model):
    """400,000 made customers watched for 20 and 50 weeks of one life: purchases between, by what was seen at 20."""
    rng, n = np.random.default_rng(8), 400_000
    if model is PARETO:
        rate, leaving = rng.gamma(0.6, 1 / 10, n), rng.gamma(0.6, 1 / 12, n)
        life = rng.exponential(size=n) / np.maximum(leaving, 1e-300)
        early = rng.poisson(rate * np.minimum(life, 20))
        late = rng.poisson(rate * np.clip(life - 20, 0, 30))
    else:
        rate, p = rng.gamma(0.5, 1 / 6, n), rng.beta(0.8, 2.4, n)
        flips = rng.geometric(np.maximum(p, 1e-15)) - model.first
        one, two = rng.poisson(rate * 20), rng.poisson(rate * 30)
        early, late = np.minimum(one, flips), np.clip(flips - one, 0, two)
    for x in (0, 1):
        made = late[early == x]
        if x == 0:
            expected = model.predict(30, 0, 0, 20)[0]
        else:           # over the recency that customers with one repeat purchase have
            drawn = model.simulate(np.full(100_000, 20.0), seed=4)
            expected = model.predict(30, *columns(drawn[drawn["frequency"] == 1])).mean()
        assert expected == pytest.approx(made.mean(), abs=5 * made.std() / len(made) ** 0.5 + 0.002)


@each_model
def test_value_is_spend_times_discounted_purchases(model):
    """By weekly steps: the sum of purchases of each week, discounted from its middle."""
    who = [0, 3], [0, 20], [0, 25]
    weekly = np.diff([model.predict(t, *who).to_numpy() for t in range(53)], axis=0)
    by_hand = 12.5 * (weekly * 1.01 ** -(np.arange(52)[:, None] + 0.5)).sum(axis=0)
    assert np.allclose(model.value(52, *who, discount=0.01, spend=12.5), by_hand, rtol=1e-4)
    assert np.allclose(model.value(52, *who), model.predict(52, *who))


@each_model
def test_forecasts_grow_with_the_horizon_and_start_at_nothing(model):
    who = [0, 0, 5], [0, 0, 10], [0, 30, 30]
    forecasts = np.array([model.predict(t, *who) for t in (0, 1, 10, 1000)])
    assert (forecasts[0] == 0).all() and (np.diff(forecasts, axis=0) > 0).all()
    refused(lambda: model.predict(-1, *who), "t must be a finite number", "-1")
    refused(lambda: model.predict(10, [1], [5], [4]), "recency must not exceed T")


def test_pareto_forecast_is_smooth_at_s_of_one():
    models = [with_params(churn.ParetoNbd, r=0.6, alpha=10.0, s=s, beta=12.0) for s in (1 - 1e-9, 1.0, 1 + 1e-9)]
    near = [model.predict(30, 2, 9, 20)[0] for model in models]
    assert np.allclose(near, near[1], rtol=1e-8)


@given(st.floats(0.05, 20), st.floats(0.05, 20), st.lists(st.floats(0, 50), min_size=2, max_size=5))
def test_contract_survival_falls_from_one(alpha, beta, terms):
    fit = with_params(churn.ContractFit, alpha=alpha, beta=beta)
    left = fit.predict(np.sort([0, *terms]))
    assert left.iloc[0] == pytest.approx(1, abs=1e-12)
    assert left.is_monotonic_decreasing and left.between(0, 1 + 1e-12).all()
    t = np.arange(1, 9)
    assert np.allclose(fit.retention(t), (beta + t - 1) / (alpha + beta + t - 1))


def test_value_of_a_member_grows_with_the_terms_served():
    fit = lr.fit_sbg([1000, 631, 468, 382, 326, 289, 262, 241])
    values = [fit.value(5, served=served, discount=0.1, margin=20) for served in (0, 1, 5)]
    assert values == sorted(values) and values[0] > 20 * 0.631 / 1.1
    refused(lambda: fit.retention(0), "terms must be 1 or more")


def test_loglik_of_sbg_by_hand():
    """One leaves at once, one in the second term, one stays: P(1) P(2) S(2) = 1/2 x 1/6 x 1/3 at alpha = beta = 1."""
    assert churn._contract_loglik(np.array([3.0, 2.0, 1.0]), np.ones(2))[0] == pytest.approx(np.log(1 / 36))


# -------------------------------------------------------------------------------------------- from a log


def test_rfm_counts_days_and_only_orders():
    orders = make_orders(("b", "2024-01-10", 1.0), ("a", "2024-01-01 23:59", 10.0), ("a", "2024-01-02 00:00", 2.0),
                         ("a", "2024-01-02 09:00", 3.5), ("a", "2024-01-15", 4.5), ("a", "2024-01-16", 99.0))
    logins = make_orders(("a", "2024-01-12", None), ("c", "2024-01-01", None)).assign(kind="login", amount=np.nan)
    log = pd.concat([orders, logins], ignore_index=True)
    table = lr.rfm(log, end="2024-01-15 08:00")
    assert table.index.tolist() == ["a", "b"] and table.index.name == "customer_id"
    assert table.loc["a"].tolist() == [2, 2.0, 2.0, 5.0]
    assert table["frequency"].dtype == "int64" and table.loc["b", "T"] == pytest.approx(5 / 7)
    assert lr.rfm(log).loc["a", "frequency"] == 3, "to the end of the log"


def test_rfm_takes_a_path_and_any_order(tmp_path):
    log = lr.make_events(40, days=300, seed=3).query("kind == 'order'")
    log.sample(frac=1, random_state=0).to_parquet(tmp_path / "log.parquet")
    table = lr.rfm(tmp_path / "log.parquet", end="2022-09-01")
    pd.testing.assert_frame_equal(table, lr.rfm(log, end="2022-09-01"))
    orders = log[log["time"] < "2022-09-02"]
    for customer, rows in orders.groupby("customer_id"):
        days = rows.groupby(rows["time"].dt.normalize())["amount"].sum()
        assert table.loc[customer, "frequency"] == len(days) - 1
        assert table.loc[customer, "recency"] == pytest.approx((days.index[-1] - days.index[0]).days / 7)
        assert len(days) == 1 or table.loc[customer, "monetary_value"] == pytest.approx(days.iloc[1:].mean())


def test_rfm_feeds_the_models():
    table = lr.rfm(lr.make_events(300, days=400, seed=1, events_per_customer=12))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        assert lr.fit_pareto_nbd(*columns(table)).alive().index.equals(table.index)
    assert lr.fit_gamma_gamma(table["frequency"], table["monetary_value"]).predict().notna().all()


def test_rfm_refuses_what_it_cannot_count():
    log = make_orders((1, "2024-01-10", 1.0))
    refused(lambda: lr.rfm(log, end="2024-01-09"), "on or before 2024-01-09")
    refused(lambda: lr.rfm(log, end="soon"), "end must be a day or time", "'soon'")
    refused(lambda: lr.rfm(log, end=pd.Timestamp("2024-01-09", tz="UTC")), "without zone")
    refused(lambda: lr.rfm(log.iloc[:0], end="2024-01-09"), "on or before")
    refused(lambda: lr.rfm(log.iloc[:0]), "end must be")
    with pytest.raises(lr.EventError):
        lr.rfm(log.drop(columns="kind"))


# ------------------------------------------------------------------------------------------------- the package


def test_plots_are_drawn_on_the_given_axes(customers, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    rows = columns(customers)
    spend = SPEND.simulate(np.tile([1, 2, 5], 200), seed=3).to_numpy().T
    results = [lr.fit_sbg([1000, 631, 468, 382, 326]), lr.fit_bg_nbd(*rows), lr.fit_mbg_nbd(*rows),
               lr.fit_pareto_nbd(*rows), lr.fit_gamma_gamma(*spend)]
    for result in results:
        _, axes = plt.subplots()
        assert result.plot(axes) is axes
        axes.figure.canvas.draw()
        assert result.plot().get_xlabel()
    counts = [bar.get_height() for bar in results[1].plot().containers[0]]
    assert counts[0] == (customers["frequency"] == 0).sum() and sum(counts) == len(customers)
    plt.close("all")


def test_results_are_frozen_and_short_to_print(customers):
    fit = lr.fit_bg_nbd(*columns(customers))
    with pytest.raises(AttributeError):
        fit.loglik = 0.0
    assert "frequency" not in repr(fit)


def test_import_is_light():
    code = (
        "import sys, loyalty_research.churn; "
        "print(sorted({'scipy.stats', 'scipy.optimize', 'matplotlib', 'numba', 'lifetimes'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_examples_run():
    found = doctest.testmod(import_module("loyalty_research.churn"))
    assert found.attempted >= 9 and not found.failed
