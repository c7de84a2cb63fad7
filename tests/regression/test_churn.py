"""Published tables of the churn models, and values at extreme parameters; known parameters stand in tests/test_recovery.py."""
from __future__ import annotations

import math
import warnings
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import hyp2f1, hyperu

import loyalty_research as lr
from loyalty_research import churn

HERE = Path(__file__).parent
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]
WEEKS = 39


def read_lifetimes(name: str, **options) -> pd.DataFrame:
    return pd.read_csv(distribution("lifetimes").locate_file(f"lifetimes/datasets/{name}"), **options)


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    """The CDNOW sample of every tenth customer (Fader & Hardie 2001), 1997-01-01 to 1998-06-30."""
    names = ["master", "customer_id", "day", "cds", "amount"]
    raw = read_lifetimes("CDNOW_sample.txt", sep=r"\s+", names=names, dtype={"day": str})
    return raw[["customer_id", "amount"]].assign(time=pd.to_datetime(raw["day"], format="%Y%m%d"), kind="order")


@pytest.fixture(scope="module")
def cdnow(log) -> pd.DataFrame:
    return lr.rfm(log, end="1997-09-30")


@pytest.fixture(scope="module")
def fits(cdnow) -> dict[str, churn.BuyerFit]:
    rows = cdnow["frequency"], cdnow["recency"], cdnow["T"]
    return {"bg": lr.fit_bg_nbd(*rows), "mbg": lr.fit_mbg_nbd(*rows), "pareto": lr.fit_pareto_nbd(*rows)}


# ----------------------------------------------------------------------------------------- published tables


def test_summary_of_cdnow_comes_out_of_its_log(cdnow):
    """lifetimes/datasets/cdnow_customers_summary*.csv: 2,357 customers, two decimals."""
    published = read_lifetimes("cdnow_customers_summary_with_transactions.csv").set_index("ID")
    assert len(cdnow) == 2357 and (cdnow["frequency"] == 0).sum() == 1411
    assert cdnow["frequency"].tolist() == published["x"].tolist()
    for ours, theirs in (("recency", "t_x"), ("T", "T"), ("monetary_value", "zbar")):
        assert np.abs(cdnow[ours].fillna(0) - published[theirs]).max() < 0.0051, ours


@pytest.mark.parametrize(("name", "params", "loglik"), [
    ("bg", [0.243, 4.414, 0.793, 2.426], -9582.4),          # Fader, Hardie & Lee 2005, table 2
    ("pareto", [0.553, 10.578, 0.606, 11.669], -9595.0),    # the same table
    ("mbg", [0.525, 6.183, 0.891, 1.614], None),            # BTYDplus 0.x, as quoted in the tests of lifetimes
])
def test_parameters_on_cdnow(fits, name, params, loglik):
    assert fits[name].params.round(3).tolist() == params
    assert loglik is None or round(fits[name].loglik, 1) == loglik
    assert not fits[name].note and (fits[name].se > 0).all()


def test_parameters_on_the_summary_file():
    """Two decimals of a week move the third decimal of beta at most."""
    file = read_lifetimes("cdnow_customers_summary.csv")
    rows = file["frequency"], file["recency"], file["T"]
    assert np.allclose(lr.fit_bg_nbd(*rows).params, [0.243, 4.414, 0.793, 2.426], atol=0.0006)
    assert np.allclose(lr.fit_pareto_nbd(*rows).params, [0.553, 10.578, 0.606, 11.669], atol=0.0015)
    assert round(lr.fit_bg_nbd(*rows).loglik, 1) == -9582.4 and round(lr.fit_pareto_nbd(*rows).loglik, 1) == -9595.0


def test_answers_for_one_customer():
    """Fader, Hardie & Lee's spreadsheet: 1.226 purchases in 39 weeks of the customer (2, 30.43, 38.86); BTYD's
    vignette: the customer (26, 30.86, 31) makes 25.46 in 52 weeks and is alive with .9979, a new one makes 1.473."""
    bg = with_params(churn.BgNbd, r=0.243, alpha=4.414, a=0.793, b=2.426)
    assert round(bg.predict(39, 2, 30.43, 38.86)[0], 3) == 1.226
    pareto = with_params(churn.ParetoNbd, r=0.5533971, alpha=10.5801985, s=0.6060625, beta=11.6562237)
    assert round(pareto.predict(52, 26, 30.86, 31)[0], 2) == 25.46
    assert round(pareto.alive(26, 30.86, 31)[0], 4) == 0.9979
    assert round(pareto.predict(52, 0, 0, 0)[0], 3) == 1.473


def test_gamma_gamma_on_cdnow(cdnow):
    """Fader & Hardie 2013, note 025: p 6.25, q 3.74, gamma 15.44; the tests of CLVTools (R) have -4055.92 besides."""
    file = read_lifetimes("cdnow_customers_summary_with_transactions.csv")
    fit = lr.fit_gamma_gamma(file["x"], file["zbar"])
    assert np.allclose(fit.params, [6.25, 3.74, 15.44], atol=0.01) and fit.loglik == pytest.approx(-4055.92, abs=0.01)
    assert len(fit.data) == 946
    exact = lr.fit_gamma_gamma(cdnow["frequency"], cdnow["monetary_value"] / 1)
    assert np.allclose(exact.params, fit.params, rtol=0.002)


@pytest.mark.parametrize(("survivors", "params", "year_12"), [
    (HIGH_END, [0.668, 3.806], 0.378), (REGULAR, [0.704, 1.182], 0.170)])
def test_sbg_of_the_paper(survivors, params, year_12):
    """Fader & Hardie 2007, years 0 to 7, and the forecast of year 12."""
    fit = lr.fit_sbg(survivors)
    assert fit.params.round(3).tolist() == params
    assert round(fit.predict([12]).iloc[0], 3) == year_12
    bdw = lr.fit_bdw(survivors)
    assert bdw.loglik >= fit.loglik - 1e-9


def test_cirp_prime_in_sbg_terms():
    """equations.md section 6: renewal .93, then .98 is alpha .028, beta .372; .91 and .96 are .072 and .728."""
    for rates, params in (((0.93, 0.98), (0.028, 0.372)), ((0.91, 0.96), (0.072, 0.728))):
        fit = lr.fit_sbg(1e6 * np.cumprod([1, *rates]))
        assert np.allclose(fit.params, params, atol=0.0006) and np.allclose(fit.retention([1, 2]), rates)


WEEKS_6MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
ENDED_6MP = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
WEEKS_PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def test_leukaemia_trial():
    """Freireich et al. 1963 as in Kleinbaum & Klein, Survival Analysis, ch. 2: curve, median 23, log-rank 16.79."""
    curve = lr.kaplan_meier(WEEKS_6MP, ENDED_6MP)
    steps = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    assert curve.table.loc[list(steps), "survival"].round(3).to_dict() == steps
    assert curve.summary().loc["all", "median"] == 23
    test = lr.logrank({"6-MP": (WEEKS_6MP, ENDED_6MP), "placebo": (WEEKS_PLACEBO, np.ones(21))})
    assert round(test.statistic, 2) == 16.79 and test.degrees == 1 and test.p_value < 1e-4
    assert test.table["expected"].round(2).tolist() == [19.25, 10.75] and test.table["ended"].tolist() == [9, 21]


# -------------------------------------------------------------------------------------- against lifetimes


@pytest.mark.parametrize(("name", "theirs"), [
    ("bg", "BetaGeoFitter"), ("mbg", "ModifiedBetaGeoFitter"), ("pareto", "ParetoNBDFitter")])
def test_holdout_errors_are_no_worse_than_those_of_lifetimes(log, cdnow, fits, name, theirs):
    """Purchases of the 39 weeks after those of the fit: mean absolute and root mean square error, and the total."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lifetimes

        np.random.seed(1)  # lifetimes starts its search for Pareto/NBD at a random place, and stops early
        other = getattr(lifetimes, theirs)().fit(cdnow["frequency"], cdnow["recency"], cdnow["T"])
        expected = other.conditional_expected_number_of_purchases_up_to_time(
            WEEKS, cdnow["frequency"], cdnow["recency"], cdnow["T"])
    made = lr.rfm(log)["frequency"] - cdnow["frequency"]
    assert made.sum() == 1882

    def errors(forecast) -> np.ndarray:
        miss = np.asarray(forecast) - made.to_numpy()
        return np.array([np.abs(miss).mean(), math.sqrt((miss**2).mean()), abs(miss.sum())])

    ours = errors(fits[name].predict(WEEKS))
    assert (ours <= 1.001 * errors(expected)).all()
    assert ours[2] / made.sum() < 0.17
    assert np.allclose(fits[name].params, [other.params_[key] for key in fits[name].params.index], rtol=5e-3)


# ----------------------------------------------------------------------------------------- the extremes


def papers_pareto(r, alpha, s, beta, x, tx, T) -> np.ndarray:
    """The formula of Fader & Hardie (2005) in double precision."""
    high, low = np.maximum(alpha, beta), np.minimum(alpha, beta)
    second = np.where(alpha >= beta, s + 1, r + x)

    def anti(t):
        return hyp2f1(r + s + x, second, r + s + x + 1, (high - low) / (high + t)) / (high + t) ** (r + s + x)

    rising = np.array([math.lgamma(a + b) - math.lgamma(a) for a, b in zip(r, x, strict=True)])
    first = (alpha + T) ** -(r + x) * (beta + T) ** -s
    return rising + r * np.log(alpha) + s * np.log(beta) + np.log(first + s / (r + s + x) * (anti(tx) - anti(T)))


@pytest.fixture(scope="module")
def extremes() -> pd.DataFrame:
    """120 rows with r, s .001 to 1,000, alpha, beta .0001 to 100,000, x to 2,000: make_churn_extremes.py."""
    return pd.read_csv(HERE / "pareto_nbd_extremes.csv")


def test_pareto_nbd_at_the_extremes(extremes):
    for row in extremes.itertuples(index=False):
        params, given = np.array(row[:4]), [np.array([float(value)]) for value in row[4:7]]
        loglik, slopes, alive = churn._pareto_likelihood(params, *given)
        assert loglik[0] == pytest.approx(row.loglik, rel=1e-9, abs=1e-15), row
        assert alive[0] == pytest.approx(row.alive, rel=1e-9, abs=1e-300), row
        assert np.isfinite(slopes).all()


def test_rows_of_different_scale_walk_together(extremes):
    """The same parameters with the times of all rows at once give the values of one row at a time."""
    params = extremes.iloc[5, :4].to_numpy()
    x, tx, T = extremes[["x", "tx", "T"]].to_numpy(float).T
    together = churn._pareto_likelihood(params, x, tx, T)
    for number in range(len(x)):
        alone = churn._pareto_likelihood(params, x[[number]], tx[[number]], T[[number]])
        assert all(np.array_equal(a[..., number], b[..., 0]) for a, b in zip(together, alone, strict=True))


def test_the_extremes_are_hard_for_the_formula_of_the_paper(extremes):
    with np.errstate(all="ignore"):
        found = papers_pareto(*extremes.drop(columns=["loglik", "alive"]).to_numpy(float).T)
    lost = ~(np.abs(found / extremes["loglik"] - 1) < 1e-9)
    assert lost.sum() > 40 and np.isnan(found).sum() + np.isinf(found).sum() > 20


def test_bg_nbd_forecast_at_the_extremes():
    """60 rows with r + x .001 to 2,000, t / (alpha + T) .0001 to 1,000, a, b .001 to 10,000, and a next to 1."""
    for row in pd.read_csv(HERE / "bg_nbd_extremes.csv").itertuples(index=False):
        found = churn._until_dropout(np.array([row.k]), np.array([row.c]), row.a, np.array([row.b]))[0]
        assert found == pytest.approx(row.purchases, rel=1e-9), row


def with_params(kind: type[churn.Fit], **params: float) -> churn.Fit:
    """A model as if it had been fitted."""
    return kind(params=pd.Series(params), se=pd.Series(dtype=float), loglik=0.0, data=pd.DataFrame())


def test_value_of_a_customer_is_that_of_the_closed_form():
    """Fader, Hardie & Lee 2005, "RFM and CLV", equation 2: discounted expected residual transactions over all time."""
    r, alpha, s, beta, delta = 0.553, 10.578, 0.606, 11.669, 0.0027
    model = with_params(churn.ParetoNbd, r=r, alpha=alpha, s=s, beta=beta)
    x, tx, T = 7.0, 35.0, 39.0
    loglik = churn._pareto_likelihood(model.params.to_numpy(), *(np.array([value]) for value in (x, tx, T)))[0][0]
    log = r * math.log(alpha) + s * math.log(beta) + (s - 1) * math.log(delta) - (r + x + 1) * math.log(alpha + T)
    log += math.lgamma(r + x + 1) - math.lgamma(r) - loglik
    found = model.value(5_000, x, tx, T, discount=math.expm1(delta))[0]
    assert found == pytest.approx(math.exp(log) * hyperu(s, s, delta * (beta + T)), rel=1e-4)
