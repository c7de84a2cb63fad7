"""Hoarding and redeeming: a slow twin by hand, invariants of the index and its split, known truth, and what is refused."""
from __future__ import annotations

import doctest
import warnings
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from scipy.stats import t as student

import loyalty_research as lr
from loyalty_research import hoarding, recovery, redeeming
from loyalty_research.estimation import exact_interval

JD = lr.load_scheme("jd").with_readings(X28="order")
DAY = pd.Timedelta(days=1)


def log_of(*rows: dict) -> pd.DataFrame:
    return pd.DataFrame(list(rows)).assign(time=lambda frame: pd.to_datetime(frame["time"], format="mixed")).sort_values(["customer_id", "time"], kind="stable").reset_index(drop=True)


def grant(day: str, points: int, customer: int = 1) -> dict:
    return {"customer_id": customer, "time": day, "kind": "grant", "points": points}


def buy(day: str, name: str, price: float, points: int = 0, customer: int = 1) -> list[dict]:
    row = {"customer_id": customer, "time": day, "order_id": name}
    asked = [{**row, "kind": "redeem", "amount": price, "points": points}] if points else []
    return [*asked, {**row, "kind": "order", "amount": round(price - points / 100, 2)}]


def refused(call, *parts: str) -> None:
    with pytest.raises(lr.EstimationError) as error:
        call()
    message = str(error.value)
    for part in parts:
        assert part in message, message
    assert message.endswith(".") and "\n" not in message


@pytest.fixture(scope="module")
def made() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Forty made customers, a grant each and eight orders in a year, some of which redeem by chance; the log and the requests by order."""
    rng, rows = np.random.default_rng(5), []
    for customer in range(1, 41):
        rows.append(grant("2023-01-02", int(rng.integers(500, 5000)), customer))
        balance = rows[-1]["points"]
        for n, day in enumerate(sorted(rng.choice(np.arange(20, 700), 8, replace=False))):
            price = float(np.round(rng.gamma(2, 50) + 5, 2))
            most = min(balance, int(50 * price)) // 1000 * 1000
            points = int(most) if most and rng.random() < 0.4 else 0
            rows += buy(str(pd.Timestamp("2023-01-01 10:00") + int(day) * DAY), f"o{n}", price, points, customer)
            paid = price - points / 100
            balance += (int(round(paid * 100) // 1000) if paid > 50 else 0) - points
    log = log_of(*rows)
    return log, log[log["kind"] == "redeem"]


def twin_by_hand(log: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp) -> int:
    """Redeemed by a greedy twin of one customer: floor(balance and half the price) to thousands at each order, .1 bean a CNY paid above 50, lots gone at the end of the next year."""
    lots: list[list] = []                                # [last day, points]
    spent = 0

    def take(points: int) -> None:
        for lot in sorted(lots, key=lambda each: each[0]):
            part = min(points, lot[1])
            lot[1] -= part
            points -= part

    asked = log[log["kind"] == "redeem"].set_index("order_id")
    for row in log.itertuples():
        if row.time > until or row.kind == "redeem":
            continue
        for lot in lots:
            lot[1] = 0 if lot[0] < row.time.normalize() else lot[1]
        end = pd.Timestamp(row.time.year + 1, 12, 31)
        if row.kind == "grant":
            lots.append([end, int(row.points)])
            continue
        price, redeemed = row.amount, 0
        if row.order_id in asked.index:
            price, redeemed = asked.loc[row.order_id, "amount"], int(asked.loc[row.order_id, "points"])
        if row.time > since:
            redeemed = min(sum(lot[1] for lot in lots), round(price * 100) // 2) // 1000 * 1000
            spent += redeemed
        take(redeemed)
        fen = round(price * 100) - redeemed
        lots.append([end, fen // 1000 if fen > 5000 else 0])
    return spent


def test_the_twin_is_the_one_worked_out_by_hand(made):
    log, _ = made
    until = pd.Timestamp("2024-11-30")
    found = lr.hoarding_by_customer(lr.ledger(log, JD, until=until), log, days=365).set_index("customer_id")
    by_hand = {customer: twin_by_hand(rows, until - 365 * DAY, until) for customer, rows in log.groupby("customer_id")}
    assert found["greedy"].to_dict() == by_hand and sum(by_hand.values()) > 10_000


def test_the_index_is_at_most_one_and_that_of_what_the_ledger_redeemed(made):
    log, asked = made
    ledger = lr.ledger(log, JD)
    found = lr.hoarding_by_customer(ledger, log, days=700)
    assert (found["hoarding_index"].dropna() <= 1).all()
    window = asked[asked["time"] > ledger.until - 700 * DAY]
    assert found["redeemed"].sum() == window["points"].sum()
    table = lr.hoarding_table(ledger, log, days=700)
    able = found[found["greedy"] > 0]
    assert np.isclose(table["hoarding_index"].item(), 1 - able["redeemed"].sum() / able["greedy"].sum())
    assert np.isclose(table["never_share"].item(), (able["redeemed"] == 0).mean())


def test_who_is_greedy_hoards_nothing_and_who_never_redeems_hoards_all():
    greedy = log_of(grant("2024-01-01", 2500), *buy("2024-02-01", "a", 60.0, 2000), *buy("2024-03-01", "b", 500.0))
    never = log_of(grant("2024-01-01", 2500), *buy("2024-02-01", "a", 60.0), *buy("2024-03-01", "b", 500.0))
    assert [lr.hoarding_table(lr.ledger(each, JD), each)["hoarding_index"].item() for each in (greedy, never)] == [0, 1]


def test_a_declared_policy_of_taking_all_leaves_no_hoarding(made):
    bought = made[0][made[0]["kind"] != "redeem"]
    log = lr.add_redemptions(bought, JD)
    assert lr.hoarding_table(lr.ledger(log, JD), log, days=800)["hoarding_index"].item() <= 0


def test_lines_of_an_order_share_its_price():
    row = {"customer_id": 1, "time": "2024-02-01", "order_id": "a"}
    rows = [grant("2024-01-01", 2500), {**row, "kind": "redeem", "amount": 110.0, "points": 1000}, {**row, "kind": "order", "item_id": "x", "amount": 60.0},
            {**row, "kind": "order", "item_id": "y", "amount": 40.0}]
    log = log_of(*rows)
    found = hoarding.run_twins(log, JD, 0, int(log["time"].max().value // 1000))
    assert hoarding.net_redeemed(found.twins)[0, 0] == 2000          # of 110 CNY half are 55, so two thousands; 90 are left, 54 and 36
    assert found.twins[0, 0, 0] == 2500 + 5 and found.logged[0, 0, 0] == 2500 + 6


def test_returns_give_the_twin_its_points_back():
    back = {"customer_id": 1, "time": "2024-02-10", "kind": "return", "order_id": "a"}
    log = log_of(grant("2024-01-01", 2500), *buy("2024-02-01", "a", 60.0, 1000), back, *buy("2024-03-01", "b", 40.0))
    found = lr.hoarding_by_customer(lr.ledger(log, JD), log)
    assert found[["redeemed", "greedy"]].to_numpy().tolist() == [[0, 2000]]


def test_points_are_stranded_idle_hoarded_or_untried():
    log = log_of(grant("2024-01-01", 900, 1), *buy("2024-02-01", "a", 100.0, customer=1), grant("2024-01-01", 3000, 2), *buy("2024-02-01", "a", 100.0, customer=2),
                 grant("2024-06-01", 1500, 2), *buy("2024-06-20", "b", 100.0, customer=2), grant("2024-06-25", 700, 2))
    ledger = lr.ledger(log, JD, until="2024-06-30")
    held = hoarding.held_table(ledger, log).loc["beans"]
    total = 900 + 10 + 3000 + 10 + 1500 + 10 + 700
    assert np.allclose(held * total, [910, 3010, 1500, 710]) and list(held.index) == ["stranded", "idle", "hoarded", "untried"]
    table = lr.hoarding_table(ledger, log).loc["beans"]
    assert np.isclose(table["stranded_share"], 910 / total) and np.isclose(table["idle_share"], 3010 / total) and table["outstanding"] == total


def test_stock_flow_and_ages_tie_to_the_ledger(made):
    log, asked = made
    ledger = lr.ledger(log, JD)
    flows, ages = lr.stock_flow(ledger), lr.lot_ages(ledger)
    assert ages.sum() == flows["stock"].iloc[-1] == ledger.lots(ledger.until)["points"].sum() and flows["flow"].isna().sum() == 11
    last = asked[asked["time"] >= (ledger.until - pd.DateOffset(months=11)).to_period("M").start_time]
    assert flows["flow"].iloc[-1] == last["points"].sum() and np.isclose(flows["months"].iloc[-1], 12 * flows["stock"].iloc[-1] / flows["flow"].iloc[-1])
    refused(lambda: lr.stock_flow(lr.ledger(log.head(0), JD)), "has no rows")


def test_gini_of_holders_and_of_all():
    log = log_of(grant("2024-01-01", 1000, 1), grant("2024-01-01", 3000, 2), *buy("2024-02-01", "a", 30.0, customer=3), *buy("2024-02-02", "b", 30.0, customer=2))
    log = log_of(*log.to_dict("records"), *buy("2024-02-03", "c", 30.0, customer=1), *buy("2024-02-04", "d", 30.0, customer=3))
    table = lr.hoarding_table(lr.ledger(log, JD), log)
    assert np.isclose(table["gini_holders"].item(), 0.25) and np.isclose(table["gini_all"].item(), 0.5)


def test_a_split_sums_exactly_and_rules_cost_nothing_below_zero(made):
    log, _ = made
    split = hoarding.hoarding_split(lr.ledger(log, JD), log, days=700)["beans"]
    assert split.drop("not_redeemed").sum() == split["not_redeemed"] and split["rules"] > 0 and split.dtype == np.int64


def test_a_simulation_is_split_by_attention_too_and_tells_the_same_index():
    done = lr.simulate("jd", 120, 60, warmup=52, seed=4, behaviour=lr.Behaviour().without("windfall"), twins=True, progress=False)
    split = hoarding.hoarding_split(done)["beans"]
    assert split.drop("not_redeemed").sum() == split["not_redeemed"] and list(split.index) == ["beyond", "rules", "attention", "choice", "not_redeemed"]
    log, end = done.events(), pd.Timestamp(np.datetime64(done.setting.days[2], "D")) - pd.Timedelta(microseconds=1)
    found = lr.hoarding_by_customer(lr.ledger(log, done.setting.scheme, until=end), log, days=364).set_index("customer_id")
    assert np.allclose(found["greedy"] / 100, done.lives["greedy_cny"][found.index - 1]) and np.allclose(found["redeemed"] / 100, done.lives["spent_year_cny"][found.index - 1])
    attended = done.setting.behaviour.without("attention")
    always = lr.simulate("jd", 120, 60, warmup=52, seed=4, behaviour=attended, progress=False)
    assert hoarding.hoarding_split(always).loc["attention", "beans"] == 0


def test_who_plans_waits_where_spending_now_costs_more():
    """Of 60 CNY paid 10 with beans, the rest of 50 earns nothing; paid in full, it earns the 6 beans that make a second thousand. Greed redeems 1,000, foresight 2,000 an order later."""
    log = log_of(grant("2024-01-01", 1994), *buy("2024-02-01", "a", 60.0), *buy("2024-02-02", "b", 40.0), *buy("2024-02-03", "c", 10.0))
    found = [lr.hoarding_by_customer(lr.ledger(log, JD), log, planned=each)["greedy"].item() for each in (False, True)]
    assert found == [1000, 2000]
    table = lr.hoarding_table(lr.ledger(log, JD), log, planned=True).loc["beans"]
    assert table["planned_index"] == 1 and table["planned_less_greedy"] == 0


def test_nothing_but_a_sentence_comes_of_bad_input(made):
    log, _ = made
    ledger = lr.ledger(log, JD)
    bare = log_of(grant("2024-01-01", 1000))
    refused(lambda: lr.hoarding_table(lr.ledger(log.head(0), JD), log.head(0)), "has no rows", "give the ledger")
    refused(lambda: lr.hoarding_table(lr.ledger(bare, JD), bare), "no order or visit", "order_id")
    refused(lambda: lr.hoarding_table(log, log), "must be a Ledger", "DataFrame")
    refused(lambda: lr.hoarding_table(ledger, log, days=0), "days must be", "365")
    refused(lambda: hoarding.hoarding_split(ledger), "must be the log")
    refused(lambda: lr.gini([]), "at least one")
    refused(lambda: lr.gini([2, -1]), "[-1.0]")
    small = log_of(grant("2024-01-01", 900), *buy("2024-02-01", "a", 100.0))
    with pytest.warns(UserWarning, match="no twin could redeem any"):
        table = lr.hoarding_table(lr.ledger(small, JD), small)
    assert np.isnan(table["hoarding_index"].item()) and table["stranded_share"].item() == 1


def test_a_deficit_is_no_holding():
    back = {"customer_id": 1, "time": "2024-02-20", "kind": "return", "order_id": "a"}
    log = log_of(*buy("2024-02-01", "a", 20000.0), *buy("2024-02-05", "b", 100.0, 1000), back, grant("2024-03-01", 500, 2))
    ledger = lr.ledger(log, JD)
    assert ledger.balances("2024-03-20")["balance"].min() < 0
    table = lr.hoarding_table(ledger, log, at="2024-03-20").loc["beans"]
    assert table["outstanding"] == 500 and table["gini_all"] == 0.5 and table["stranded_share"] == 1


# ---------------------------------------------------------------------------------------------- chances, hazard, bunching


def test_chances_are_what_the_ledger_redeems(made):
    log, asked = made
    chances = lr.redemption_chances(log, JD)
    assert len(chances) == (log["kind"] == "order").sum() and chances["redeemed"].sum() == asked["points"].sum()
    assert (chances["redeemed"] <= chances["most"]).all() and (chances["most"] % 1000 == 0).all()
    assert (chances["most"] <= 50 * chances["price_cny"]).all()


def test_exact_intervals_are_those_of_scipy():
    hits, n = np.array([0, 1, 7, 20]), np.array([5, 30, 20, 20])
    expected = [binomtest(int(h), int(m)).proportion_ci() for h, m in zip(hits, n, strict=True)]
    assert np.allclose(exact_interval(hits, n), np.transpose(expected))


def test_a_hazard_counts_every_chance_once(made):
    chances = lr.redemption_chances(made[0], JD)
    for by in redeeming.BY:
        table = lr.redemption_hazard(chances, by)
        assert table["exposure"].sum() == (chances["most"] > 0).sum() and table["redeemed"].sum() == (chances["redeemed"] > 0).sum()
    refused(lambda: lr.redemption_hazard(chances, "age"), "take 'balance'")
    refused(lambda: lr.redemption_hazard(chances[chances["most"] == 0]), "at no chance", "longer log")
    refused(lambda: lr.redemption_hazard(chances.assign(balance=5000)), "every chance has balance 5000")
    refused(lambda: lr.redemption_hazard(chances.assign(balance=-1)), "balance -1")


def test_chances_of_alike_customers_are_worth_fewer():
    """Against the variance of a ratio written out customer by customer, and where nothing says how alike they are."""
    rng = np.random.default_rng(5)
    chances = redeeming.make_chances(60, 12, seed=5)
    taken = rng.random(720) < np.repeat(rng.beta(0.5, 0.5, 60), 12)
    chances["redeemed"] = np.where(taken, chances["most"], 0)
    table = lr.redemption_hazard(chances, edges=[0, 300, 1e9])
    for row in table.itertuples():
        mine = chances[(chances["most"] > 0) & chances["balance"].between(row.low_edge, row.high_edge, inclusive="left")]
        n, p, of = len(mine), (mine["redeemed"] > 0).mean(), mine["customer_id"].nunique()
        off = [((each["redeemed"] > 0).sum() - p * len(each)) ** 2 for _, each in mine.groupby("customer_id")]
        worth = p * (1 - p) / (of / (of - 1) * sum(off) / n**2) * (student.ppf(0.975, n - 1) / student.ppf(0.975, of - 1)) ** 2
        low, high = exact_interval(worth * p, worth)
        assert worth < n / 1.3 and np.allclose([row.exposure, row.customers, row.rate, row.low, row.high], [n, of, p, low, high])


def test_a_class_of_one_customer_or_without_redemptions_counts_each_customer_once():
    chances = redeeming.make_chances(30, 12, seed=5)
    none = lr.redemption_hazard(chances)
    assert np.allclose(none["high"], exact_interval(0, none["customers"])[1]) and (none["low"] == 0).all()
    one = chances[chances["customer_id"] == 3].copy()
    one["redeemed"] = one["most"] * (np.arange(12) % 2)
    assert (lr.redemption_hazard(one)[["low", "high"]].diff(axis=1)["high"] > 0.9).all()


def test_independent_intervals_would_break_their_word_where_customers_differ():
    design = recovery.designs()["redemption hazard"]
    true = pd.Series(design.true)
    tables = [design.intervals(seed).loc[list(true.index)] for seed in range(100)]
    naive = [exact_interval(table["redeemed"], table["exposure"]) for table in tables]
    held = sum((low <= true) & (true <= high) for low, high in naive)
    assert held["1,000 and more"] < 88 <= 92 <= sum((table["low"] <= true) & (true <= table["high"]) for table in tables)["1,000 and more"]


def test_bunching_looks_between_the_smallest_and_the_largest_redemption():
    """A least redemption leaves bins below it empty and a heap at itself, which are no part of the curve."""
    points = np.concatenate([np.arange(2000, 9000, 5), np.repeat([2000, 3000, 5000], 60)])
    found = lr.bunching_at_multiples(points, 1000, draws=20)
    assert found.table.index[0] == 2100 and np.allclose(found.table["counterfactual"], 20, atol=0.01)
    assert np.isclose(found.excess, 120) and np.isclose(found.params["mass"], 6)


def test_bunching_finds_the_share_that_was_moved_and_nothing_where_nothing_was():
    rng = np.random.default_rng(8)
    free = 200 + rng.gamma(2.0, 1200, 8000)
    free = free[free < 8000]
    for share in (0.0, 0.3):
        seen = np.where(rng.random(len(free)) < share, np.maximum(np.round(free / 1000), 1) * 1000, free)
        found = lr.bunching_at_multiples(seen, 1000, customers=rng.integers(0, 900, len(free)), draws=100)
        assert abs(found.params["share"] - share) < 4 * found.se["share"] < 0.06
        inside = ((seen >= found.table.index[0] - 50) & (seen < found.table.index[-1] + 50)).sum()
        assert np.isclose(found.excess, found.params["share"] * inside) and found.table["count"].sum() == inside > 0.98 * len(seen)


def test_bunching_refuses_what_it_cannot_tell():
    refused(lambda: lr.bunching_at_multiples([], 1000), "at least one redemption")
    refused(lambda: lr.bunching_at_multiples([1000, -5], 1000), "all above 0")
    refused(lambda: lr.bunching_at_multiples([1000, 2000, 3000], 1000), "the rules force multiples")
    refused(lambda: lr.bunching_at_multiples(np.arange(100, 4000, 7), 1000, customers=["a"] * 558), "one customer")
    refused(lambda: lr.bunching_at_multiples([100], 5), "no more bins than points")


# ---------------------------------------------------------------------------------------------- stockpiling

TRUTH = np.array([1.0, 0.8, 0.7, 0.5, 1.5])


@pytest.fixture(scope="module")
def drawn() -> pd.DataFrame:
    return redeeming.draw_choices(*redeeming.to_choices(redeeming.make_chances(250, 10, seed=1)), TRUTH, seed=2)


@pytest.fixture(scope="module")
def fit(drawn) -> redeeming.StockpilingFit:
    return lr.fit_stockpiling(drawn, scale=1.5)


def test_the_likelihood_is_the_one_written_out_in_full(drawn):
    few = drawn[drawn["customer_id"] < 2]
    choices, able = redeeming.to_choices(few)
    log_cost, spread, mental, earned, scale = TRUTH
    total = 0.0
    for _, rows in able.groupby("customer_id"):
        weights = np.exp(redeeming.LOG_WEIGHTS)
        for z, chance in enumerate(redeeming.SCORES):
            cost = np.exp(log_cost + spread * chance)
            for row in rows.itertuples():
                options = [(getattr(row, f"option_{k}") / 100, getattr(row, f"earned_{k}") / 100) for k in range(9) if np.isfinite(getattr(row, f"option_{k}"))]
                utility = np.array([-max(row.price_cny - r, 0) ** 0.88 + earned * a - (mental * r**0.88 + cost if r > 0 else 0) for r, a in options]) / scale
                taken = [round(100 * r) for r, _ in options].index(row.redeemed)
                weights[z] *= np.exp(utility[taken] - utility.max()) / np.exp(utility - utility.max()).sum()
        total += np.log(weights.sum())
    assert np.isclose(redeeming.choice_loglik(choices, TRUTH)[0], total)


def test_slopes_are_differences(drawn):
    choices, _ = redeeming.to_choices(drawn)
    at, steps = TRUTH * 1.2, 1e-5 * np.eye(5)
    expected = [(redeeming.choice_loglik(choices, at + step)[0] - redeeming.choice_loglik(choices, at - step)[0]) / 2e-5 for step in steps]
    assert np.allclose(redeeming.choice_loglik(choices, at)[1], expected, rtol=1e-5, atol=1e-3)


def test_the_fit_finds_what_drew_the_choices(fit):
    summary = fit.summary().iloc[:4]
    assert ((summary["estimate"] - TRUTH[:4]).abs() < 2.6 * summary["se"]).all() and (summary["low"] < summary["high"]).all()
    assert fit.params["scale"] == 1.5 and np.isnan(fit.se["scale"]) and fit.loglik >= redeeming.choice_loglik(redeeming.to_choices(fit.data)[0], TRUTH)[0]


def test_a_profile_has_its_top_at_the_estimate(fit):
    profile = fit.profile("mental", [fit.params["mental"] * 0.7, fit.params["mental"], fit.params["mental"] * 1.4])
    assert abs(profile["drop"].iloc[1]) < 1e-3 and (profile["drop"].iloc[[0, 2]] > 0.1).all()
    refused(lambda: fit.profile("scale"), "fitted parameters are")


def test_predictions_add_up_and_newcomers_are_anybody(fit):
    here = fit.predict()
    assert here["chance"].between(0, 1).all() and abs(here["chance"].sum() / (fit.data["redeemed"] > 0).sum() - 1) < 0.03
    assert abs(here["points"].sum() / fit.data["redeemed"].sum() - 1) < 0.05
    strangers = fit.predict(fit.data.assign(customer_id=fit.data["customer_id"] + 1000))
    assert strangers["chance"].std() < here["chance"].std() and len(strangers) == len(here)


def test_a_forecast_beats_the_naive_rate_where_customers_differ(drawn):
    weekly = lr.forecast_redemptions(drawn, "2024-03-20", scale=1.5)
    off = weekly[["model", "naive"]].sub(weekly["redeemed"], axis=0).abs().sum()
    assert off["model"] < off["naive"] and weekly["redeemed"].sum() == drawn.loc[drawn["time"] >= "2024-03-20", "redeemed"].sum()
    refused(lambda: lr.forecast_redemptions(drawn, "2030-01-01"), "choose a day between")


def test_choices_that_teach_nothing_are_refused(drawn):
    refused(lambda: lr.fit_stockpiling(drawn[drawn["customer_id"] == 3]), "are of one", "several customers")
    refused(lambda: lr.fit_stockpiling(drawn.assign(redeemed=0)), "0%", "boundary")
    refused(lambda: lr.fit_stockpiling(drawn.assign(most=100, balance=100, price_cny=50.0, redeemed=drawn["redeemed"].clip(upper=100))), "prices and balances that vary")
    refused(lambda: lr.fit_stockpiling(drawn.assign(balance=-5)), "balance -5")
    refused(lambda: lr.fit_stockpiling(drawn.drop(columns="most")), "lacks the column 'most'")
    refused(lambda: lr.fit_stockpiling(drawn, scale=0), "above 0")
    refused(lambda: lr.fit_stockpiling(drawn.assign(currency=np.where(drawn["customer_id"] > 5, "coins", "beans"))), "choose one currency")


def test_a_search_without_an_end_says_so(drawn, monkeypatch):
    monkeypatch.setattr(redeeming, "climb", lambda loss, point, low, high, n: (point, np.eye(len(point)), 1.0))
    refused(lambda: lr.fit_stockpiling(drawn), "must have a maximum", "1 still to gain", "give a scale")


@pytest.mark.soak
def test_parameters_are_recovered_in_a_thousand_data_sets():
    choices, able = redeeming.to_choices(redeeming.make_chances(200, 12, seed=1))
    hits = np.zeros(5)
    for seed in range(1000):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            summary = lr.fit_stockpiling(redeeming.draw_choices(choices, able, TRUTH, seed)).summary()
        hits += (summary["low"] < TRUTH) & (TRUTH < summary["high"])
    assert (hits >= 920).all() and (hits <= 980).all(), hits


@pytest.mark.parametrize("name", ["hoarding", "redeeming", "hoarding_plots"])
def test_examples_in_the_docstrings_run(name):
    failed, tried = doctest.testmod(import_module(f"loyalty_research.{name}"))
    assert failed == 0 and (tried > 0 or name == "hoarding_plots")
