"""Which assumptions a result hangs on: designs and indices against functions whose answers are known, points against the comparison."""
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import loyalty_research as lr
from loyalty_research import sensitivity as sens
from loyalty_research.behaviour import Behaviour
from loyalty_research.population import Parameter, Population

CUBE = pd.DataFrame({"value": 0.0, "low": -np.pi, "high": np.pi}, index=["a", "b", "c"])
FEW = Behaviour().only("attention", "redemption")


def ishigami(points):
    return pd.DataFrame({"y": np.sin(points["a"]) + 7 * np.sin(points["b"]) ** 2 + 0.1 * points["c"] ** 4 * np.sin(points["a"])})


@pytest.fixture(scope="module")
def small():
    return lr.compare(["jd", "none"], n_customers=40, weeks=26, warmup=26, replications=1, seed=1, behaviour=FEW)


@pytest.fixture(scope="module")
def problem():
    return sens.pose(["none", "jd"], n_customers=40, weeks=26, warmup=26, behaviour=FEW)


# ---------------------------------------------------------------------------------- designs and indices


@pytest.mark.parametrize("seed", [0, 1])
def test_indices_of_the_ishigami_function(seed):
    points = sens.sobol_points(CUBE, list("abc"), 2048, seed)
    table = sens.sobol_table(CUBE, list("abc"), ishigami(points), seed).loc["y"]
    assert table.index.tolist() == ["a", "b", "c"]
    assert np.allclose(table["S1"], [0.3139, 0.4424, 0], atol=0.02) and np.allclose(table["ST"], [0.5576, 0.4424, 0.2437], atol=0.02)
    assert ((table["ST_lo"] < [0.5576, 0.4424, 0.2437]) & (table["ST_hi"] > [0.5576, 0.4424, 0.2437])).all()


def test_others_vary_together_as_one_group():
    """b adds to the rest: it has 0.4424 alone and in all, and a with c the remainder."""
    points = sens.sobol_points(CUBE, ["b"], 2048)
    assert len(points) == 2048 * 4 and (points.nunique() > 2000).all()
    table = sens.sobol_table(CUBE, ["b"], ishigami(points)).loc["y"]
    assert set(table.index) == {"b", "all others"}
    for name, index in {"b": 0.4424, "all others": 0.5576}.items():
        assert np.allclose(table.loc[name, ["S1", "ST"]].astype(float), index, atol=0.02)


def test_a_constant_outcome_has_no_indices():
    points = sens.sobol_points(CUBE, ["b"], 8)
    assert sens.sobol_table(CUBE, ["b"], pd.DataFrame({"y": 1.0}, index=points.index))[["S1", "ST", "ST_lo"]].isna().all(axis=None)


def test_blocks_with_a_gap_are_left_out_and_counted():
    points = sens.sobol_points(CUBE, list("abc"), 512)
    values = ishigami(points)
    whole = sens.sobol_table(CUBE, list("abc"), values).loc["y"]
    values.iloc[[3, 5, 6, 14]] = np.nan                 # blocks of five: the first, second and third
    table = sens.sobol_table(CUBE, list("abc"), values).loc["y"]
    assert (table["left_out"] == 3).all() and np.allclose(table["ST"], whole["ST"], atol=0.005) and not table["ST"].equals(whole["ST"])
    values.iloc[:-5] = np.nan                           # a single block says nothing
    table = sens.sobol_table(CUBE, list("abc"), values).loc["y"]
    assert (table["left_out"] == 512).all() and table["ST"].isna().all()


def test_elementary_effects_of_a_plane_and_of_a_gap():
    ranges = pd.DataFrame({"low": [0.0, 5.0], "high": [2.0, 9.0]}, index=["a", "b"])
    points = sens.morris_points(ranges, 6, seed=3)
    values = pd.DataFrame({"y": 10 * points["a"] - points["b"], "gap": points["a"].where(points.index != 4)})
    table = sens.elementary_effects(ranges, points, values)
    assert np.allclose(table.loc["y", "mu"], [20, -4]) and np.allclose(table.loc["y", "mu_star"], [20, 4]) and np.allclose(table["sigma"], 0, atol=1e-9)
    assert table["left_out"].tolist() == [0, 0, 1, 1] and np.allclose(table.loc["gap", "mu_star"], [2, 0])
    assert sens.most_moving(table, 2) == ["a", "b"] and sens.most_moving(table, 1) == ["a"]


def test_designs_stay_within_the_ranges_and_repeat_by_seed(problem):
    parameters = problem.parameters
    for make in (lambda seed: sens.morris_points(parameters, 2, seed), lambda seed: sens.sobol_points(parameters, ["finance.margin"], 8, seed)):
        points = make(0)
        assert list(points) == list(parameters.index) and ((points >= parameters["low"]) & (points <= parameters["high"])).all(axis=None)
        assert_frame_equal(points, make(0), check_exact=True)
        assert not points.equals(make(1))


# ------------------------------------------------------------------------------------------ the problem


def test_parameters_are_all_with_a_range_and_say_which_are_to_be_fitted():
    every = sens.pose(["none"]).every_parameter
    ranged = sens.pose(["none"]).parameters
    assert set(every.index) - set(ranged.index) == {"push.holdout"} and (ranged["low"] < ranged["high"]).all()
    for part in ("population.", "finance.", "pressure."):
        assert ranged.index.str.startswith(part).any()
    assert ranged.loc["pressure.beta", "to_fit"] and not ranged.loc["population.rate_mean", "to_fit"]
    assert not any(sens.pose(["none"], behaviour=FEW).parameters.index.str.startswith("pressure."))


@pytest.mark.parametrize(("values", "message"), [
    ({"population.rate": 1}, "there is no parameter population.rate"), ({"finance.margin": 2}, "finance.margin must lie in 0.03 to 0.3"),
    ({"pressure.beta": 0.1}, "the mechanism pressure is off"), ({"joy.beta": 1}, "there is no mechanism 'joy'")])
def test_unknown_paths_and_values_out_of_range_are_refused(problem, values, message):
    with pytest.raises(lr.SimulationError, match=message):
        problem.with_values(values)


def test_the_declared_point_is_the_world_of_the_comparison(small):
    problem = sens.as_problem(small, 40, "net_value_cny")
    row = sens.run_point(problem, {})
    assert np.isclose(row["jd net_value_cny"] - row["none net_value_cny"], small.table.loc["jd", "net_value_cny"])
    assert np.isclose(row["jd points_issued"], small.table.loc["jd", "points_issued"]) and row["failed"] == 0


def test_a_point_does_not_depend_on_threads_or_neighbours(problem):
    points = sens.sobol_points(problem.parameters, ["finance.margin"], 4).iloc[:5]
    both = sens.run_points(problem, points, threads=2)
    assert_frame_equal(both.iloc[::-1], sens.run_points(problem, points.iloc[::-1], threads=1), check_exact=True)


def test_finance_alone_moves_nobody(problem):
    """Common random numbers: customers are the same at every point, so what does not reach them leaves them as they are."""
    found = sens.run_points(problem, pd.DataFrame({"finance.margin": [0.05, 0.2], "finance.programme": [0.0, 5.0]}))
    same = [column for column in found if column.split(" ")[-1] in ("orders_per_customer", "points_issued", "churn_12m", "spend_cny")]
    assert (found.loc[0, same].fillna(-1) == found.loc[1, same].fillna(-1)).all()
    assert (found.loc[0, "jd margin_cny"], found.loc[0, "jd net_value_cny"]) != (found.loc[1, "jd margin_cny"], found.loc[1, "jd net_value_cny"])


def test_outcomes_are_told_against_none_where_it_has_them(problem):
    found = sens.run_points(problem, pd.DataFrame({"habit": []}).reindex([0]).drop(columns="habit"))
    told = sens.differences(problem, found).loc[0]
    assert told["jd spend_cny"] == found.loc[0, "jd spend_cny"] - found.loc[0, "none spend_cny"]
    assert told["jd redemption_rate"] == found.loc[0, "jd redemption_rate"] and not any(name.startswith("none ") for name in told.index)
    alone = replace(problem, settings={"jd": problem.settings["jd"]})
    assert sens.differences(alone, found).loc[0, "jd spend_cny"] == found.loc[0, "jd spend_cny"]


def test_a_point_beyond_the_machine_is_counted_and_other_errors_pass():
    wild = Population(rate_mean=Parameter(value=0.35, low=0.05, high=900, unit="orders a week", reason="a test"))
    crowd = sens.pose(["none"], n_customers=3, weeks=20, warmup=0, population=wild)
    found = sens.run_points(crowd, pd.DataFrame({"population.rate_mean": [900.0, 0.35]}))
    assert found["failed"].tolist() == [1, 0] and found.loc[0].drop("failed").isna().all()
    with pytest.raises(lr.SimulationError, match="weeks must be a whole number"):
        sens.run_point(sens.pose(["none"], weeks=0), {})


def test_screen_indices_and_tornado_tell_every_outcome(problem, monkeypatch):
    def run_points(problem, points, threads):
        """In place of simulations: each quantity of jd is ten times the margin above that of none."""
        columns = {f"{name} {quantity}": points["habit.strength"] + 10 * points["finance.margin"] * (name == "jd") for name in problem.settings for quantity in sens.OUTCOMES}
        return pd.DataFrame({"failed": 0, **columns}, index=points.index)
    monkeypatch.setattr(sens, "run_points", run_points)
    problem, every = sens.pose(["none", "jd"]), [f"jd {quantity}" for quantity in sens.OUTCOMES]
    swings, effects, indices = sens.tornado(problem), sens.screen(problem, 2), sens.sobol_indices(problem, ["finance.margin", "habit.strength"], 64)
    for table in (swings, effects, indices):
        assert table.index.unique("outcome").tolist() == every
    assert swings.loc[("jd spend_cny", "finance.margin")].tolist() == pytest.approx([0.3, 3, 1])
    assert effects["mu_star"].groupby("parameter").mean().pipe(lambda mu: mu[mu > 1e-9]).to_dict() == pytest.approx({"finance.margin": 2.7})
    assert np.allclose(indices.loc["jd spend_cny", "ST"].reindex(["finance.margin", "habit.strength", "all others"]), [1, 0, 0], atol=0.05)


# ----------------------------------------------------------------------------------- share of the volume


def test_the_share_has_bounds_that_allow_for_what_is_not_defined():
    assert sens.share_of_volume(pd.Series([1.0, -1.0, 0.0, np.nan])) == pytest.approx(
        {"share": 1 / 3, "low": 0.0456, "high": 0.85, "draws": 4, "undefined": 1}, abs=1e-3)
    assert np.isnan(sens.share_of_volume(pd.Series([np.nan]))["share"])


@pytest.mark.parametrize(("share", "verdict"), [(0.95, "robust"), (0.94, "depends on a and b"), (0.05, "depends on a and b"), (0.04, "fails"), (np.nan, "undefined")])
def test_verdicts(share, verdict):
    assert sens.judge(share, ["a", "b"]) == verdict


def test_the_whole_ordering_holds_where_every_pair_does_and_names_the_weakest():
    """p = a + 2, q = a, r = b on the cube: p > q everywhere, q > r in half of it, where a and b count alike."""
    points = sens.sobol_points(CUBE, ["a", "b"], 256)
    gaps = pd.DataFrame({"p > q": 2 + 0.001 * points["c"], "q > r": points["a"] - 2 * points["b"]})
    table, indices = sens.volume_table(CUBE, ["a", "b"], gaps)
    assert table.index.tolist() == ["whole ordering", "p > q", "q > r"] and (table["draws"] == 512).all()
    assert table.loc["p > q", "verdict"] == "robust" and table.loc["whole ordering", "share"] == table.loc["q > r", "share"] == pytest.approx(0.5, abs=0.02)
    assert table.loc["whole ordering", "verdict"] == "depends on b and a" and np.allclose(indices.loc["q > r", "ST"].loc[["a", "b"]], [0.2, 0.8], atol=0.02)


@pytest.fixture(scope="module")
def answer(small):
    return lr.robust(small, n_customers=20, draws=4, trajectories=2, keep=2)


def test_robust_says_what_its_design_says(small, answer):
    assert answer.order == tuple(small.table["net_value_cny"].sort_values(ascending=False).index)
    assert answer.table.index.tolist() == ["whole ordering", " > ".join(answer.order)] and answer.table["draws"].tolist() == [8, 8]
    problem = sens.as_problem(small, 20, "net_value_cny")
    over = [name for name in answer.indices.loc[" > ".join(answer.order)].index if name != "all others"]
    points = sens.sobol_points(problem.parameters, over, 4)
    gaps = sens.gaps_between(sens.run_points(problem, points.iloc[[0, 4, 5, 9, 10, 14, 15, 19]]), answer.order, "net_value_cny")
    assert answer.share == (gaps.iloc[:, 0] > 0).mean()
    assert set(answer.parameters) <= set(over) and answer.verdict == answer.table["verdict"].iloc[0]


def test_robust_finds_a_known_share_and_what_it_hangs_on(small, monkeypatch):
    """In place of simulations: jd lies above none where the margin, 0.03 to 0.3, is above 0.2 less a hundredth of the mental loss, which is 0.2 to 1.5."""
    def run_points(problem, points, threads):
        return pd.DataFrame({"failed": 0, "jd net_value_cny": points["finance.margin"] + points["redemption.mental"] / 100, "none net_value_cny": 0.2}, index=points.index)
    monkeypatch.setattr(sens, "run_points", run_points)
    found = lr.robust(small, order=["jd", "none"], draws=256, keep=3)
    assert found.share == pytest.approx((0.3 - 0.2 + 0.0085) / 0.27, abs=0.01) and found.parameters == ("finance.margin", "redemption.mental")
    assert found.verdict == "depends on finance.margin and redemption.mental"
    turned = lr.robust(small, order=["none", "jd"], draws=256, keep=3)
    assert turned.share == pytest.approx(1 - found.share) and turned.parameters == found.parameters


def test_the_chart_shows_every_share(answer, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    ax = answer.plot()
    ax.figure.canvas.draw()
    assert f"{answer.share:.0%}" in [text.get_text() for text in ax.texts] and answer.verdict in " ".join(ax.get_title(loc="left").split())
    plt.close("all")


@pytest.mark.parametrize(("options", "message"), [
    ({"quantity": "joy"}, "there is no quantity 'joy'"), ({"order": ["jd"]}, "order must name two or more of jd, none"), ({"order": ["jd", "jd"]}, "each once"),
    ({"order": ["jd", "qq"]}, "order must name"), ({"quantity": "redemption_rate"}, "redemption_rate has no value under none"),
    ({"draws": 20}, "draws must be a power of two, but 20 was given; take 16 or 32"), ({"trajectories": 1}, "trajectories must be a whole number from 2"),
    ({"keep": 1}, "keep must be a whole number from 2"), ({"draws": 2.5}, "draws must be a whole number")])
def test_wrong_questions_are_refused_before_anything_runs(small, options, message, monkeypatch):
    monkeypatch.setattr(sens, "run_points", lambda *_: pytest.fail("ran"))
    with pytest.raises(lr.LoyaltyError, match=message):
        lr.robust(small, **options)


def test_a_log_a_name_and_no_scheme_are_refused(small):
    with pytest.raises(lr.LoyaltyError, match="but one of a log was given"):
        lr.robust(replace(small, settings={}, finance=None))
    with pytest.raises(lr.LoyaltyError, match="but str was given"):
        lr.robust("jd")
    for nothing in ([], "jd"):
        with pytest.raises(lr.LoyaltyError, match="schemes must be a list"):
            sens.pose(nothing)
    with pytest.raises(lr.LoyaltyError, match="over names 'joy'"):
        sens.sobol_points(CUBE, ["joy"], 8)
    with pytest.raises(lr.LoyaltyError, match="over names no parameter"):
        sens.sobol_points(CUBE, [], 8)


def test_without_salib_the_extra_is_named(monkeypatch):
    def missing(name):
        raise ImportError(name)
    monkeypatch.setattr(sens, "import_module", missing)
    with pytest.raises(lr.LoyaltyError, match=r"loyalty_research\[sensitivity\]"):
        sens.morris_points(CUBE, 2)


# ----------------------------------------------------------------------------------------- stored runs


@pytest.mark.parametrize("change", [
    {"n_customers": 41}, {"weeks": 27}, {"warmup": 27}, {"seed": 5}, {"start": "2022-01-03"}, {"behaviour": FEW.with_values({"redemption.mental": 0.6})},
    {"population": Population().with_values({"rate_mean": 0.3})}, {"finance": lr.Finance(margin=Parameter(value=0.1, low=0.03, high=0.4, unit="", reason=""))}],
    ids=lambda change: next(iter(change)))
def test_a_stored_run_is_of_its_inputs(problem, change):
    points = pd.DataFrame({"finance.margin": [0.1]})
    options = {"n_customers": 40, "weeks": 26, "warmup": 26, "behaviour": FEW}
    run = sens.long_run("x", problem, points)
    assert sens.long_run("x", sens.pose(["none", "jd"], **options), points).path == run.path
    assert sens.long_run("x", sens.pose(["none", "jd"], **{**options, **change}), points).path != run.path
    assert sens.long_run("x", problem, points * 2).path != run.path
    assert sens.long_run("x", sens.pose(["none", "taobao"], **options), points).path != run.path
