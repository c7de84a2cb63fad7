"""Effects: what is refused and in which words, answers worked out by hand, intervals that hold known truths, stored results that can be had again."""
from __future__ import annotations

import doctest
import warnings

import numpy as np
import pandas as pd
import pytest

import loyalty_research as lr
from loyalty_research import adoption, effect_plots, effects, known_effects

NAN = float("nan")
TAOBAO, JD = lr.load_scheme("taobao"), lr.load_scheme("jd")


def refused(call, *parts: str) -> str:
    with pytest.raises(effects.EstimationError) as error:
        call()
    message = str(error.value)
    for part in parts:
        assert part in message, message
    assert message.endswith(".") and "; " in message and "\n" not in message, message
    return message


@pytest.fixture(scope="module")
def made() -> pd.DataFrame:
    """5,000 made customers: a score, orders that rise with it, members of whom the edge of 1000 brings more."""
    rng = np.random.default_rng(1)
    score = rng.integers(500, 1500, 5000)
    member = rng.random(5000) < 0.2 + 0.6 * (score >= 1000)
    return pd.DataFrame({"score": score, "member": member, "orders": 5 + score / 250 + 2 * member + rng.normal(0, 1, 5000)})


# ---------------------------------------------------------------------------------------------- edges of a scheme


def test_edges_are_read_off_the_file():
    edges = lr.list_edges(TAOBAO)
    assert edges.loc["88vip 1000"].tolist() == ["fee", 1000, "888", "88"] and edges.at["super", "score"] == 1001
    assert "apass" not in edges.index                      # by invitation: passing its edge gives nothing
    moved = TAOBAO.with_values({"plan.88vip.fee.1.from": 1200})
    assert lr.list_edges(moved).at["88vip 1200", "score"] == 1200
    assert lr.list_edges(JD)["score"].tolist() == [201, 501, 10001, 20001, 201, 1001, 5001, 10001, 20001]
    assert lr.list_edges(lr.load_scheme("none")).empty


def test_an_edge_that_is_not_there_names_those_that_are():
    refused(lambda: effects.edge_of(JD, "88vip 1000"), "jd has no edge '88vip 1000'", "plus 1000", "privileged")
    refused(lambda: effects.edge_of(lr.load_scheme("none"), "super"), "none has no edge", "it has none")


def test_steps_of_the_expiry():
    beans = lr.list_expiry_edges(JD, 2023)
    assert beans["day"].tolist() == [pd.Timestamp("2023-12-31")] and beans["longer_days"].tolist() == [365]
    assert lr.list_expiry_edges(JD, 2026).empty             # 180 days from 2026 on: no step left
    assert lr.list_expiry_edges(TAOBAO, 2023)["currency"].tolist() == ["coins", "coins", "tmall_points"]


# ---------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(("score", "edge", "options", "parts"), [
    ([], 1000, {}, ("one length of at least 1",)),
    ([1000], 1000, {}, ("at least 20 customers", "0 are below")),
    ([900] * 5 + list(range(1000, 1100)), 1000, {}, ("5 are below",)),
    ([999] * 99 + list(range(1000, 1100)), 1000, {}, ("5 different scores", "1 below")),
    (["a", "b"], 1000, {}, ("score must be numbers", "'a'")),
    ([NAN, 5], 1000, {}, ("finite numbers", "row 0")),
    (list(range(500, 1500)), 1000, {"span": 120}, ("needs more bins", "wider span")),
    (list(range(500, 1500)), 1000, {"degree": 40}, ("the degree 1 to 12", "10, 40, 100 and 100")),
    ([*range(500, 700)] * 9 + [*range(1000, 1500, 20)], 1000, {}, ("falls to nothing", "wider bins")),
])
def test_scores_that_show_no_bunching_are_refused(score, edge, options, parts):
    refused(lambda: lr.fit_bunching(score, edge, **options), *parts)


def test_jumps_that_cannot_be_seen_are_refused(made):
    orders, score = made["orders"], made["score"]
    refused(lambda: lr.fit_jump(orders, score, 3000), "0 are above", "smaller donut")
    refused(lambda: lr.fit_jump(orders, score, 1000, donut=495), "at least 20 customers", "smaller donut")
    refused(lambda: lr.fit_jump(orders * 0, score, 1000), "outcome must vary", "another edge")
    refused(lambda: lr.fit_jump(orders, score, 1000, treatment=score * 0), "treatment must vary")
    refused(lambda: lr.fit_jump(orders[:-1], score, 1000), "one length", "4999, 5000")
    refused(lambda: lr.fit_density(score, 99), "0 are below")


def test_a_weak_first_stage_is_warned_of_and_noted(made):
    coin = np.random.default_rng(3).random(5000) < 0.5
    with pytest.warns(effects.WeakInstrumentWarning, match="F of 10 or more") as caught:
        fit = lr.fit_jump(made["orders"], made["score"], 1000, treatment=coin)
    assert fit.note and str(caught[0].message).startswith(fit.note) and fit.first_stage_f < 10
    with pytest.warns(effects.WeakInstrumentWarning, match="more days around the date"):
        lr.fit_iv(made["orders"], made["score"], pd.Series(coin.astype(float)))


def test_instruments_that_move_nothing_are_refused(made):
    y, x, z = made["orders"], made["score"], made["member"].astype(float)
    refused(lambda: lr.fit_iv(y, x, z * 0), "must vary on its own", "both sides of the date")
    refused(lambda: lr.fit_iv(y, x, z, pd.DataFrame({"twice": 2 * z})), "sum of the other columns")
    refused(lambda: lr.fit_iv(y, x, z, cluster=np.zeros(5000)), "two or more groups")
    refused(lambda: lr.fit_iv(y, x, z[:9]), "row for each of the 5,000", "it has 9")
    refused(lambda: lr.fit_iv([1, 2, 3], [1, 2, 4], pd.Series([0, 1, 1])), "more rows than 3")


def test_joining_that_cannot_be_told_is_refused(made):
    y, joined, x = made["orders"], made["member"], made[["score"]]
    for call in (lambda who: lr.naive_gap(y, who), lambda who: lr.fit_did(y, y + 1, who), lambda who: lr.fit_weighting(y, who, x)):
        refused(lambda call=call: call(joined & False), "0 of 5,000 joined", "choose a plan")
        refused(lambda call=call: call(joined | True), "0 of 5,000 did not join")
        refused(lambda call=call: call(joined + 1.0), "true or false")
    refused(lambda: lr.fit_did(y * 0, y, joined), "period before must hold outcomes")
    refused(lambda: lr.fit_weighting(y, joined, pd.DataFrame({"decides": joined.astype(float)})), "separation", "leave out the covariate")
    refused(lambda: lr.fit_weighting(y, joined, pd.DataFrame({"same": np.ones(5000)})), "same must vary")
    refused(lambda: lr.fit_weighting(y, joined, pd.DataFrame(index=range(5000))), "a column or more")


def test_thin_overlap_is_warned_of():
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(0, 1, 300), rng.normal(3.5, 1, 300)]
    with pytest.warns(adoption.OverlapWarning, match="count as many"):
        fit = lr.fit_weighting(x + rng.normal(0, 1, 600), np.arange(600) >= 300, pd.DataFrame({"x": x}))
    assert fit.effective < 20 and fit.note


def test_event_studies_without_events_periods_or_controls_are_refused():
    panel = pd.DataFrame(np.random.default_rng(0).poisson(3, (60, 12)))
    event = pd.Series(np.where(np.arange(60) < 20, 5.0, NAN))
    refused(lambda: lr.fit_event_study(panel, event * NAN), "none of 60 has", "longer log")
    refused(lambda: lr.fit_event_study(panel, event - 4), "leave no such event", "1.0", "fewer leads")
    refused(lambda: lr.fit_event_study(panel, event, lags=9), "9 after")
    refused(lambda: lr.fit_event_study(panel, event.fillna(5.0)), "two or more customers to compare with", "coarser groups")
    refused(lambda: lr.fit_event_study(panel, event + 0.5), "periods of the panel", "5.5 (20 such rows)", "came before")
    refused(lambda: lr.fit_event_study(panel, event[:9]), "indices differ", "reindex")
    refused(lambda: lr.fit_event_study(panel, event, leads=0), "a period before")
    refused(lambda: lr.fit_event_study(panel, event, base=9), "a period before")
    refused(lambda: lr.fit_event_study(panel, event).average(9), "9 to 6", "choose others")


def test_the_extra_is_named_where_it_is_missing(monkeypatch, made):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(effects, "import_module", missing)
    for call in (lambda: lr.fit_jump(made["orders"], made["score"], 1000), lambda: lr.fit_density(made["score"], 1000)):
        with pytest.raises(lr.LoyaltyError, match=r"loyalty_research\[causal\]"):
            call()


def test_a_mishap_in_the_extra_is_an_estimation_error(monkeypatch, made):
    class Broken:
        @staticmethod
        def rdrobust(*args, **kwargs):
            raise ZeroDivisionError("no bandwidth")

    monkeypatch.setattr(effects, "import_module", lambda name: Broken)
    refused(lambda: lr.fit_jump(made["orders"], made["score"], 1000), "rdrobust found no answer", "no bandwidth")


# ---------------------------------------------------------------------------------------------- worked out


def test_counts_without_movers_are_expected_as_they_are():
    z = np.linspace(-1, 1, 100)
    counts = (500 + 80 * z - 60 * z**3)[None]
    expected, _ = effects.expect_counts(counts, 40, 50, 60, 7)
    assert np.allclose(expected, counts)


def test_excess_equals_missing_where_customers_only_move_up():
    score = np.repeat(np.arange(0, 2000), 20)
    movers = (score >= 950) & (score < 1000) & (np.arange(len(score)) % 4 == 0)
    fit = lr.fit_bunching(np.where(movers, 1000 + score % 10, score), 1000, degree=1, dominated=50)
    assert np.allclose(fit.params, [250 / 200, 250, 250, 0.75], atol=1e-6) and fit.region == (900, 1010)
    assert fit.predict().round(6).eq(200).all()


def test_the_draws_hang_on_the_seed_alone(made):
    one, two, other = (lr.fit_bunching(made["score"], 1000, seed=seed).se["b"] for seed in (1, 1, 2))
    assert one == two != other


def test_a_jump_moves_with_scale_and_place(made):
    fit = lr.fit_jump(made["orders"], made["score"], 1000)
    moved = lr.fit_jump(-3 * made["orders"] + 7, made["score"] - 400, 600)
    assert np.isclose(moved.params["effect"], -3 * fit.params["effect"], rtol=1e-4) and np.isclose(moved.se["effect"], 3 * fit.se["effect"], rtol=1e-4)
    assert fit.interval[0] < 1.2 < fit.interval[1]           # 0.6 of them join, 2 orders each


def test_fuzzy_is_the_ratio_of_two_jumps(made):
    fit = lr.fit_jump(made["orders"], made["score"], 1000, treatment=made["member"], bandwidth=200)
    outcome, first = (lr.fit_jump(made[name], made["score"], 1000, bandwidth=200).params["conventional"] for name in ("orders", "member"))
    assert np.isclose(fit.params["conventional"], outcome / first, rtol=1e-6) and fit.interval[0] < 2 < fit.interval[1]


def test_lines_and_bins_of_a_jump(made):
    fit = lr.fit_jump(made["orders"], made["score"], 1000)
    ends = fit.predict([999, 1000])
    assert np.isnan(ends["above"].iloc[0]) and np.isclose(ends["above"].iloc[1] - ends["below"].iloc[0], fit.params["conventional"], atol=0.05)
    bins = fit.bins(5)
    assert len(bins) == 10 and (bins["low"] < bins["mean"]).all() and bins["customers"].sum() == fit.n


def test_one_instrument_is_a_ratio_of_covariances(made):
    y, x, z = made["orders"].to_numpy(), made["member"].to_numpy(float), (made["score"] >= 1000).to_numpy(float)
    fit = lr.fit_iv(y, x, pd.Series(z, name="above"))
    assert np.isclose(fit.params["effect"], np.cov(y, z)[0, 1] / np.cov(x, z)[0, 1])
    assert fit.first_stage.index.tolist() == ["above"] and fit.summary().index.tolist() == ["effect", "constant"]


def test_copies_of_a_customer_in_one_cluster_tell_nothing_new(made):
    few = made.iloc[:1000]
    one = lr.fit_iv(few["orders"], few["member"], (few["score"] >= 1000).astype(float))
    twice = pd.concat([few, few])
    both = lr.fit_iv(twice["orders"], twice["member"], (twice["score"] >= 1000).astype(float), cluster=twice.index)
    assert np.allclose(one.params, both.params) and np.allclose(one.se, both.se)


def test_difference_in_differences_by_hand():
    fit = lr.fit_did([3, 5, 1, 3], [7, 7, 2, 4], [True, True, False, False])
    assert fit.params.tolist() == [2, 3, 1] and np.allclose(fit.se, [1, 1, 0])
    assert lr.fit_did([13, 15, 1, 3], [17, 17, 2, 4], [1, 1, 0, 0]).params["att"] == 2      # what always differs is out


def test_naive_ratio_and_its_error():
    rng = np.random.default_rng(5)
    draws = [lr.naive_gap(np.r_[rng.gamma(4, 2, 300), rng.gamma(4, 1, 500)], np.arange(800) < 300) for _ in range(300)]
    ratios = np.array([draw.params["ratio"] for draw in draws])
    assert abs(ratios.mean() - 2) < 0.02 and abs(draws[0].se["ratio"] / ratios.std() - 1) < 0.15
    assert np.isnan(lr.naive_gap([1, 2, 0, 0], [1, 1, 0, 0]).params["ratio"])


def test_weighting_is_the_mean_over_cells_and_balances_them():
    rng = np.random.default_rng(6)
    cell = rng.integers(0, 3, 3000)
    joined = rng.random(3000) < np.array([0.2, 0.5, 0.7])[cell]
    y = 4 * cell + joined * cell + rng.normal(0, 1, 3000)
    fit = lr.fit_weighting(y, joined, pd.get_dummies(cell, prefix="cell", dtype=float).iloc[:, 1:])
    by_cell = sum((y[(cell == k) & joined].mean() - y[(cell == k) & ~joined].mean()) * (joined & (cell == k)).sum() for k in range(3)) / joined.sum()
    assert np.isclose(fit.params["att"], by_cell) and np.isclose(fit.params["ipw"], by_cell)
    assert fit.balance["after"].abs().max() < 1e-6 < fit.balance["before"].abs().max()


def test_doubly_robust_is_right_where_one_model_is_wrong():
    rng = np.random.default_rng(7)
    x = rng.normal(0, 1, 40_000)
    linear, curved = 1 + 2 * x, np.exp(x)
    for score, outcome in ((-1 + x, curved), (-1 + 0.5 * x + 0.3 * x**2 * (np.abs(x) < 2), linear)):
        joined = rng.random(40_000) < 1 / (1 + np.exp(-score))
        fit = lr.fit_weighting(outcome + 1.5 * joined + rng.normal(0, 1, 40_000), joined, pd.DataFrame({"x": x}))
        assert fit.interval[0] < 1.5 < fit.interval[1]


def test_event_study_errors_are_those_of_drawing_customers_anew():
    rng = np.random.default_rng(8)
    rate = rng.gamma(3, 1, 400)
    panel = pd.DataFrame(rng.poisson(rate[:, None], (400, 10)))
    event = pd.Series(np.where(rng.random(400) < 0.4, rng.integers(3, 8, 400), NAN))
    fit, draws = lr.fit_event_study(panel, event, leads=3, lags=2), []
    for _ in range(150):
        who = rng.integers(0, 400, 400)
        draws.append(lr.fit_event_study(panel.iloc[who].reset_index(drop=True), event.iloc[who].reset_index(drop=True), leads=3, lags=2).params)
    assert np.allclose(fit.se, pd.DataFrame(draws).std(), rtol=0.25)
    assert fit.average().se["mean"] < fit.se.mean() and fit.average(-3, -2).n == fit.n


def test_no_control_has_fallen_and_groups_are_kept_apart():
    panel = pd.DataFrame([[5.0, 5, 3, 3], [4, 4, 5, 5], [4, 4, 5, 5], [9, 9, 0, 0], [2, 2, 2, 2], [2, 2, 2, 2]])
    event = pd.Series([2, NAN, NAN, 3, NAN, NAN])
    group = pd.DataFrame(np.repeat([[0], [0], [0], [1], [1], [1]], 4, axis=1))
    fit = lr.fit_event_study(panel, event, leads=1, lags=0, group=group)
    assert fit.params.tolist() == [(-3 + 0) / 2] and fit.events == 2
    alone = lr.fit_event_study(panel, event, leads=1, lags=0, group=group.replace({1: NAN}))
    assert alone.events == 1 and alone.params.tolist() == [-3] and alone.pretrend_p != alone.pretrend_p


def test_a_mean_of_periods_as_reference():
    panel = pd.DataFrame([[6.0, 4, 2, 2], [3, 3, 3, 3], [3, 3, 3, 3]])
    fit = lr.fit_event_study(panel, pd.Series([2, NAN, NAN]), leads=2, lags=0, base=2)
    assert fit.params.to_dict() == {-2: 1, -1: -1, 0: -3}


# ---------------------------------------------------------------------------------------------- known truth


@pytest.mark.parametrize("name", known_effects.MADE)
def test_intervals_hold_the_known_truth(name):
    found = known_effects.cover(name, range(9000, 9030))
    assert found["covered"] >= 0.8                           # 24 of 30: a chance of one in 5,000 at 95 %
    assert abs(found["error"]) < 4 * found["sd"] / 30**0.5 + 0.06 * abs(found["truth"])
    assert 0.6 < found["se"] / found["sd"] < 1.6


@pytest.mark.soak
@pytest.mark.parametrize("name", known_effects.MADE)
def test_intervals_hold_the_known_truth_in_a_thousand_sets(name):
    found = known_effects.cover(name, range(100_000, 101_000))
    assert 0.92 <= found["covered"] <= 0.98


def test_stored_coverage_is_as_it_should_be_and_can_be_had_again():
    table = known_effects.coverage_table()
    assert table.index.tolist() == list(known_effects.MADE) and (table["sets"] == 1000).all()
    assert table["covered"].between(0.92, 0.98).all()
    run = known_effects.run_coverage()
    place = run.rows["estimator"].tolist().index("difference in differences")
    anew, stored = run.again(place)
    assert np.allclose(anew, stored, rtol=1e-6)


def test_worlds_differ_only_after_the_plan_opens():
    world = known_effects.edge_world(TAOBAO, "88vip", 1000, (88, 888), known_effects.SHOPPERS, known_effects.QUIET, known_effects.OPENS, 60, 1)
    assert world.member["cheap"][:, 0].sum() > world.member["dear"][:, 0].sum() and (world.orders["cheap"] >= 0).all()
    same = ~world.member["cheap"].any(axis=1)
    assert (world.orders["cheap"][same] == world.orders["dear"][same]).all()
    assert known_effects.opened(TAOBAO, "88vip", known_effects.OPENS).plans[0].fees[0].valid_from == known_effects.OPENS.date()


def test_stored_worlds_say_what_the_page_says():
    table = known_effects.effects_table()
    quiet, moving = list(known_effects.WORLDS)[:2]
    assert table.loc[(moving, "jump, plain"), "high"] < 0 < table.loc[(moving, "jump, plain"), "truth"]
    assert table.loc[(quiet, "jump, plain"), "low"] < table.loc[(quiet, "jump, plain"), "truth"] < table.loc[(quiet, "jump, plain"), "high"]
    ratio = table.loc[("joining 88VIP", "ratio of members to others")]
    assert ratio["low"] > 1.8 * ratio["truth"]
    joining = table.loc["joining 88VIP"]
    assert abs(joining.loc["difference in differences", "error"]) < 0.2 * abs(joining.loc["members less others", "error"])


# ---------------------------------------------------------------------------------------------- charts and examples


def test_charts_refuse_tables_that_lack_something():
    good = pd.DataFrame({"estimate": [1.0], "low": [0.5], "high": [1.5], "truth": [1.0]}, index=[0])
    for draw, table in ((effect_plots.plot_estimates, good.drop(columns="truth")), (effect_plots.plot_event_study, good.drop(columns="low"))):
        with pytest.raises(ValueError, match="lacks the column"):
            draw(table, x_label="x", **({"y_label": "y"} if draw is effect_plots.plot_event_study else {}))
    with pytest.raises(ValueError, match="lacks the column 'expected'"):
        effect_plots.plot_bunching(pd.DataFrame({"seen": [1.0]}), edge=0, region=(0, 1))
    with pytest.raises(ValueError, match="finite"):
        effect_plots.plot_estimates(good.assign(high=np.inf), x_label="x")


def test_every_fit_draws_itself(made):
    panel = pd.DataFrame(np.random.default_rng(0).poisson(3, (60, 12)))
    study = lr.fit_event_study(panel, pd.Series(np.where(np.arange(60) < 20, 5.0, NAN)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ax in (lr.fit_bunching(made["score"], 1000).plot(), lr.fit_jump(made["orders"], made["score"], 1000).plot(y_label="orders"), study.plot()):
            assert ax.get_title(loc="left") and ax.get_xlabel()
            ax.figure.canvas.draw()


@pytest.mark.parametrize("module", [effects, adoption, effect_plots, known_effects], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module):
    assert doctest.testmod(module).failed == 0
