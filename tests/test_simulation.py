"""Simulated customers: the same ledger as the batch driver's, the same answer for any threads, the same luck everywhere."""
from __future__ import annotations

from bisect import bisect_left
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import loyalty_research as lr
from loyalty_research.behaviour import MECHANISMS
from loyalty_research.population import Population, draw_block
from loyalty_research.simulation import digest_ledger, run_all
from loyalty_research.tallies import COUNTS, USES

from .properties.logs import make_scheme

KEYS = list(lr.list_schemes().index)


def start_of(key: str) -> str:
    return "2010-01-01" if key == "jd_2016" else "2022-01-01"


def run(key: str = "jd", n: int = 60, weeks: int = 40, **options) -> lr.Simulation:
    options = {"warmup": 30, "start": start_of(key), "seed": 5, **options}
    return lr.simulate(key, n, weeks, **options)


@pytest.mark.parametrize("key", KEYS)
def test_the_log_gives_the_same_ledger_scores_and_tiers(key):
    """Entry by entry for every customer, up to the end of the run-off; scores and tiers at the end of the weeks."""
    done = run(key, 150, 60)
    log, scheme = done.events(), done.setting.scheme
    ended = [np.datetime64(day, "D") for day in done.setting.days]
    replayed = lr.replay(log, scheme, until=ended[3])
    found = digest_ledger(replayed.ledger)
    assert [found.get(customer, 0) for customer in range(1, 151)] == done.lives["digest"].tolist()
    assert bool(scheme.currencies) == bool(found)
    at_end = lr.replay(log, scheme, until=ended[2])
    customers = done.customers.set_index("customer_id")
    for table, column in ((at_end.scores, "score"), (at_end.tiers, "tier")):
        last = table.drop_duplicates("customer_id", keep="last").set_index("customer_id")[column].astype(str)
        assert len(last) > 100 and (last == customers[column].astype(str).reindex(last.index)).all()


@pytest.mark.parametrize("key", ["jd", "taobao", "pinduoduo_v1"])
def test_weeks_are_those_of_the_ledger(key):
    done = run(key, 150, 60)
    ledger = lr.ledger(done.events(), done.setting.scheme, until=np.datetime64(done.setting.days[3], "D"))
    first = pd.Timestamp(np.datetime64(done.setting.days[1], "D"))
    weekly = done.weekly.set_index("week")
    words = {"accrual": ("points_issued", 1), "redemption": ("points_redeemed", -1), "expiry": ("points_expired", -1),
             "clawback": ("points_clawed_back", -1), "reinstatement": ("points_reinstated", 1)}
    for number, currency in enumerate(done.setting.scheme.currencies):
        mine = ledger.entries[ledger.entries["currency"] == currency.name]
        suffix = "" if number == 0 else f"_{currency.name}"
        week = (mine["time"] - first).dt.days // 7
        for word, (column, sign) in words.items():
            theirs = mine["points"].where(mine["entry"] == word, 0).groupby(week).sum() * sign
            assert (weekly[column + suffix] == theirs.reindex(weekly.index, fill_value=0)).all(), column
        for at in (0, 30, 59):
            end = first + pd.Timedelta(days=7 * (at + 1)) - pd.Timedelta(microseconds=1)
            held = ledger.balances(end).query("currency == @currency.name")["balance"]
            assert weekly.at[at, f"points_outstanding{suffix}"] == held.clip(lower=0).sum()
            assert weekly.at[at, f"deficit_points{suffix}"] == -held.clip(upper=0).sum()
    assert weekly["points_outstanding"].iloc[-1] == 0 or any(c.expiry.kind == "never" for c in done.setting.scheme.currencies)


def test_threads_pieces_and_the_size_of_the_world_change_nothing():
    one, two = (run("taobao", 4200, 6, warmup=4, threads=threads) for threads in (1, 2))
    assert_frame_equal(one.weekly, two.weekly)
    assert (one.lives == two.lives).all()
    pieces = [lives for _, lives, *_ in run_all(one.setting, 2, size=512)]
    assert (np.concatenate(pieces) == one.lives).all()
    assert (run("taobao", 50, 6, warmup=4).lives == one.lives[:50]).all()


def test_people_drawn_again_are_not_those_that_a_caller_changed():
    people = draw_block(Population(), 0, 0)
    people["rate"] = 0
    again = draw_block(Population(), 0, 0)
    assert (again["rate"] > 0).all() and (again["key"] == people["key"]).all()
    other = draw_block(Population().with_values({"rate_mean": 0.7}), 0, 0)
    assert other["rate"].mean() > again["rate"].mean()


def test_other_seeds_are_other_people():
    assert (run(seed=1).lives != run(seed=2).lives).any()
    assert (run(seed=1).lives == run(seed=1).lives).all()


def test_no_scheme_costs_nothing_and_pays_nothing():
    done = run("none")
    paid = done.weekly.filter(like="points").sum().sum()
    assert paid == 0 and done.weekly["reward_cost_cny"].sum() == 0 and done.weekly["fees_cny"].sum() == 0


def test_without_mechanisms_every_scheme_has_the_same_orders():
    """No mechanism, no effect: who orders, when, and for how much before points, is the same under every scheme (F006)."""
    still = lr.Behaviour().only()
    logs = {key: lr.simulate(key, 40, 20, warmup=20, seed=3, behaviour=still).events() for key in ("none", "jd", "taobao")}
    orders = {key: log.loc[log["kind"] == "order", ["customer_id", "time", "amount"]].reset_index(drop=True) for key, log in logs.items()}
    assert len(orders["none"]) > 200
    for key in ("jd", "taobao"):
        assert_frame_equal(orders[key], orders["none"])


@pytest.mark.parametrize("name", [name for name in MECHANISMS if name not in ("rival", "cash", "urgency", "foresight", "learning")])
def test_each_mechanism_alone_moves_something(name):
    """Against none of them; those that only bend another one are tried with it."""
    partners = {"attention": ("redemption",), "windfall": ("redemption",), "reward": ("redemption",), "borrowing": ("pressure",),
                "plan_use": ("joining",)}.get(name, ())
    base = lr.simulate("jd", 400, 60, warmup=60, seed=2, behaviour=lr.Behaviour().only(*partners))
    more = lr.simulate("jd", 400, 60, warmup=60, seed=2, behaviour=lr.Behaviour().only(name, *partners))
    assert (base.lives != more.lives).any()


@pytest.mark.parametrize("name, partners", [("cash", ("redemption",)), ("urgency", ("redemption", "attention")), ("foresight", ("pressure",)),
                                            ("learning", ("pressure", "redemption"))])
def test_a_mechanism_bends_another(name, partners):
    base, more = (lr.simulate("jd", 400, 60, warmup=60, seed=2, behaviour=lr.Behaviour().only(*names))
                  for names in (partners, (*partners, name)))
    assert (base.lives != more.lives).any()


def test_a_rival_takes_orders_and_a_price_cut_more():
    still = lr.Behaviour().only()
    alone = lr.simulate("none", 500, 40, warmup=20, seed=2, behaviour=still).customers["orders"].sum()
    rival = still.only("rival")
    same = lr.simulate("none", 500, 40, warmup=20, seed=2, behaviour=rival).customers["orders"].sum()
    cut = lr.simulate("none", 500, 40, warmup=20, seed=2, behaviour=rival.with_values({"rival.price_cut": 0.2})).customers["orders"].sum()
    assert alone == same > cut


def test_the_log_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    done = run(n=130)
    path = tmp_path / "log.parquet"
    assert done.events(path) is None
    assert_frame_equal(lr.read_events(path), lr.read_events(done.events()), check_dtype=False)
    other = tmp_path / "other.parquet"
    from loyalty_research import simulation

    def breaks(*arguments, **options):
        yield from list(run_all(done.setting, 1, log_wanted=True, size=64))[:1]
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "run_all", breaks)
    with pytest.raises(KeyboardInterrupt):
        done.events(other)
    assert [each.name for each in tmp_path.iterdir()] == ["log.parquet"]


@pytest.mark.parametrize("options, message", [
    ({"n_customers": 0}, "n_customers must be a whole number from 1 to 10,000,000, but 0 was given"),
    ({"weeks": -1}, "weeks must be a whole number from 1 to 1,040, but -1"),
    ({"weeks": 2.5}, "weeks must be a whole number"), ({"warmup": True}, "warmup must be a whole number"),
    ({"seed": 1.5}, "seed must be a whole number from 0"), ({"seed": "luck"}, "seed must be"),
    ({"threads": 0}, "threads must be a whole number from 1"),
    ({"scheme": "jd_2016"}, "start is 2022-01-01, and jd_2016 ended on 2017-09-13; start earlier"),
    ({"start": "soon"}, "start is 'soon'"), ({"start": "2109-01-01"}, "reach beyond the calendar"),
    ({"behaviour": "keen"}, "behaviour is a str; give a Behaviour"), ({"population": 3}, "population is a int; give a Population")])
def test_what_cannot_be_simulated_is_refused(options, message):
    with pytest.raises(lr.SimulationError, match=message):
        lr.simulate(**{"scheme": "jd", "n_customers": 5, "weeks": 2, "warmup": 0, **options})


def test_an_unknown_scheme_is_refused():
    with pytest.raises(lr.SchemeError, match="jdd"):
        lr.simulate("jdd", 5, 2)


@pytest.mark.parametrize("change, message", [
    (lambda: lr.Population().with_values({"rate_mean": 5}), r"population.rate_mean must lie in 0.05 to 1 orders a week, but 5 was given"),
    (lambda: lr.Population().with_values({"rate": 1}), "there is no parameter population.rate; the parameters beside it are rate_mean"),
    (lambda: lr.Behaviour().with_values({"habit.strength": 2}), "habit.strength must lie in 0 to 0.3 log rate, but 2 was given"),
    (lambda: lr.Behaviour().with_values({"habit.strength": "much"}), "habit.strength must be a number, but 'much' was given"),
    (lambda: lr.Behaviour().without("luck"), "there is no mechanism 'luck'; the mechanisms are attention"),
    (lambda: lr.Behaviour().with_values({"rival.share": 0.6}), "the mechanism rival is off; switch it on first")])
def test_parameters_outside_their_bounds_are_named(change, message):
    with pytest.raises(lr.SimulationError, match=message):
        change()


def test_parameters_say_where_they_come_from():
    for table in (lr.Population().parameters, lr.Behaviour().only(*MECHANISMS).parameters):
        assert list(table.columns) == list(lr.load_scheme("jd").parameters.columns)
        assert table["reason"].str.len().min() > 1 and (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()
    parts = {name: getattr(lr.Behaviour(), name) for name in lr.Behaviour().mechanisms}
    to_fit = [f"{name}.{each}" for name, part in parts.items() for each, number in vars(part).items() if number.to_fit]
    assert len([path for path in to_fit if not path.startswith("joining.")]) <= 6 and len(to_fit) <= 8


def test_a_comparison_of_simulated_customers():
    found = lr.compare(["jd", "none", "taobao"], n_customers=200, weeks=20, warmup=20, replications=3, seed=1)
    table = found.table
    assert list(table.index) == ["jd", "none", "taobao"] and list(found.paired.index) == ["jd", "taobao"]
    assert (table.loc["none", ["points_issued", "points_redeemed", "fees_cny", "reward_cost_cny", "net_value_cny"]] == 0).all()
    assert table["churn_12m"].isna().all() and (table["orders_per_customer_lo"] < table["orders_per_customer"]).all()
    width = lambda frame: frame["orders_per_customer_hi"] - frame["orders_per_customer_lo"]
    assert (width(found.paired) < width(table.drop("none"))).all(), "the same luck makes differences sharper than levels"
    assert set(found.segments.index.get_level_values("segment")) == {"light", "moderate", "heavy", "all"}
    again = lr.compare(["jd", "none", "taobao"], n_customers=200, weeks=20, warmup=20, replications=3, seed=1, threads=1)
    assert_frame_equal(again.table, table)
    with pytest.raises(lr.LoyaltyError, match="there is no quantity 'luck'"):
        found.plot("luck")
    with pytest.raises(lr.SimulationError, match="replications must be a whole number from 1"):
        lr.compare(["jd"], n_customers=5, replications=0)


COINS = """
[[currency]]
name = "coins"
value_cny = {value = 0.01, N}
expiry = {kind = "rolling_days", source = "test", days = {value = 150, N}}
[[currency.earn]]
name = "purchase"
on = ["order"]
rate = {value = 5, N}
accrues = "confirm"
[currency.redeem]
source = "test"
multiple = {value = 10, N}
cap_order = {value = 0.5, N}
"""


def greedy_by_hand(log: pd.DataFrame, scheme: lr.Scheme, begins: pd.Timestamp, end: pd.Timestamp) -> int:
    """Points redeemed, net, from an instant on by who redeems at every order: order by order, on the batch driver."""
    full = log[log["kind"] == "redeem"].set_index("order_id")["amount"]
    rows = [log[log["time"] < begins]]
    for number, act in log[(log["time"] >= begins) & (log["kind"] != "redeem")].iterrows():
        act = log.loc[[number]]
        if act["kind"].item() == "order":
            price = full.get(act["order_id"].item(), act["amount"].item())
            held = lr.ledger(pd.concat([*rows, act]), scheme).balances(act["time"].item() - pd.Timedelta(microseconds=1))
            points = min(int(held["balance"].clip(lower=0).sum()), round(price * 100) // 2) // 10 * 10
            if points:
                rows.append(act.assign(kind="redeem", amount=price, points=points, event_id=-number - 1))
            act = act.assign(amount=round(price - points / 100, 2))
        rows.append(act)
    entries = lr.ledger(pd.concat(rows), scheme, until=end).entries
    spent = entries[entries["entry"].isin(["redemption", "reinstatement"]) & (entries["time"] >= begins)]
    return -int(spent["points"].sum())


def test_the_greedy_twin_is_the_same_customer_who_redeems_at_every_chance():
    scheme = make_scheme(COINS)
    done = lr.simulate(scheme, 9, 30, warmup=20, seed=4, behaviour=lr.Behaviour().without("windfall"), twins=True)
    log = done.events()
    begins, end = (pd.Timestamp(np.datetime64(done.setting.days[place], "D")) for place in (1, 2))
    twins = {customer: round(100 * worth) for customer, worth in enumerate(done.lives["greedy_cny"], 1)}
    found = {customer: greedy_by_hand(log[log["customer_id"] == customer], scheme, begins, end - pd.Timedelta(microseconds=1))
             for customer in log["customer_id"].unique()}
    assert sum(found.values()) > 1000 and found == {customer: twins[customer] for customer in found}
    assert (done.lives["greedy_cny"] >= done.lives["spent_year_cny"] - 1e-9).mean() > 0.7


def test_who_never_redeems_hoards_all():
    done = lr.simulate("taobao", 100, 60, warmup=20, seed=4, behaviour=lr.Behaviour().without("redemption"), twins=True)
    assert done.lives["greedy_cny"].sum() > 0 and done.lives["spent_year_cny"].sum() == 0


def seated(tmp_path) -> lr.Scheme:
    """Taobao with so low an edge and so many seats that a few simulated customers are invited."""
    text = files("loyalty_research.data").joinpath("schemes", "taobao.toml").read_text(encoding="utf-8")
    for old, new in (("{value = 2500, source = \"B24\"}", "{value = 1001, source = \"B24\"}"), ("{value = 10000, source = \"B25\"}", "{value = 30, source = \"B25\"}")):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = tmp_path / "taobao.toml"
    path.write_text(text, encoding="utf-8")
    return lr.load_scheme(path)


def test_seats_by_invitation_are_those_of_the_batch_driver(tmp_path):
    done = run(seated(tmp_path), 300, 50, warmup=60, population=lr.Population().with_values({"rate_mean": 1, "basket_mean": 400}))
    end = pd.Timestamp(np.datetime64(done.setting.days[2], "D"))
    tiers = lr.replay(done.events(), done.setting.scheme, until=end).tiers
    last = tiers.drop_duplicates("customer_id", keep="last").set_index("customer_id")["tier"].astype(str)
    mine = done.customers.set_index("customer_id")["tier"].astype(str).reindex(last.index)
    assert (mine == last).all() and (last == "apass").sum() >= 5
    for week in (0, 20, 49):
        closes = pd.Timestamp(np.datetime64(done.setting.days[1] + 7 * (week + 1), "D"))
        then = tiers[tiers["settled_on"] < closes].drop_duplicates("customer_id", keep="last")["tier"].value_counts()
        assert {tier: done.weekly.at[week, f"tier_{tier}"] for tier in then.index} == then.to_dict()


def member_weeks(log: pd.DataFrame, scheme: lr.Scheme, week_starts: np.ndarray) -> dict:
    """For each customer and week the plan in force, by hand: from the week in which it is paid for until the first week that begins after its term."""
    months = {plan.name: int(plan.months.value) if plan.months else 12 for plan in scheme.plans}
    held: dict = {}
    for act in log[log["kind"].isin(["plan_joined", "plan_renewed"])].itertuples():
        until = act.time + pd.Timedelta(days=int(30.4 * months[act.item_id] + 0.5))
        for week, start in enumerate(week_starts):
            if act.time <= start < until:
                held[act.customer_id, week] = act.item_id
    return held


@pytest.mark.parametrize("key", ["jd", "taobao", "kaola", "amazon_prime", "yanxuan", "pinduoduo_v1"])
def test_benefits_are_counted_as_by_hand(key):
    """Order by order and week by week, from the log, the tiers of the batch driver and the weeks in which customers left."""
    keen = lr.Behaviour().with_values({"joining.base": -2})
    done = run(key, 120, 30, warmup=52, behaviour=keen, runoff=False)
    scheme, log = done.setting.scheme, done.events()
    first = done.setting.first_day
    starts = np.datetime64(first, "D") + 7 * np.arange(82)
    plans = member_weeks(log, scheme, starts.astype("datetime64[us]"))
    replayed = lr.replay(log, scheme, until=np.datetime64(done.setting.days[2], "D"))
    changes = {customer: (mine["settled_on"].tolist(), mine["tier"].cat.codes.tolist()) for customer, mine in replayed.tiers.groupby("customer_id")} if len(scheme.tiers) else {}
    names = [tier.name for tier in scheme.tiers]

    def holds(benefit, customer, day, week):
        if benefit.plan:
            return plans.get((customer, week)) == benefit.plan
        days, places = changes.get(customer, ([], []))
        before = bisect_left(days, day)
        return before > 0 and places[before - 1] >= names.index(benefit.tier)

    found = done.tally[COUNTS][:, USES:]
    orders = log[log["kind"] == "order"]
    used, total = {}, 0
    for k, benefit in enumerate(scheme.benefits):
        if not (benefit.plan or benefit.tier) or benefit.kind == "price":
            continue
        counts = np.zeros(82, int)
        if benefit.per == "order":
            limit = int(benefit.orders_month.value) if benefit.orders_month else 10**9
            for act in orders.itertuples():
                week, month = (act.time - pd.Timestamp(starts[0])).days // 7, (act.customer_id, act.time.to_period("M"))
                if holds(benefit, act.customer_id, act.time.normalize(), week) and used.get((k, month), 0) < limit:
                    used[k, month] = used.get((k, month), 0) + 1
                    counts[week] += 1
        else:
            for customer in done.customers.itertuples():
                stays = 82 if pd.isna(customer.churn_week) else customer.churn_week + 52
                for week in range(stays):
                    counts[week] += holds(benefit, customer.customer_id, pd.Timestamp(starts[week]) + pd.Timedelta(days=7), week)
        assert found[:, k].tolist() == counts.tolist(), benefit.name
        total += counts.sum()
    assert total > 20


def test_members_pay_less_where_a_plan_lowers_prices():
    keen = lr.Behaviour().only("joining").with_values({"joining.base": -2})
    done, bare = (lr.simulate(key, 200, 40, warmup=52, seed=3, behaviour=keen, runoff=False) for key in ("kaola", "none"))
    starts = np.datetime64(done.setting.first_day, "D") + 7 * np.arange(92)
    plans = member_weeks(done.events(), done.setting.scheme, starts.astype("datetime64[us]"))
    mine, theirs = (each.events().query("kind == 'order'").set_index("event_id") for each in (done, bare))
    both = mine.merge(theirs, on=["customer_id", "time"], suffixes=("", "_bare"))
    week = (both["time"] - pd.Timestamp(starts[0])).dt.days // 7
    member = np.array([(customer, number) in plans for customer, number in zip(both["customer_id"], week)])
    assert len(both) == len(mine) == len(theirs) and 50 < member.sum() < len(both) - 50
    fen, bare_fen = ((100 * both[column]).round().astype(int) for column in ("amount", "amount_bare"))
    assert (fen == np.where(member, bare_fen - np.floor(bare_fen * 0.04 + 0.5), bare_fen)).all()
    assert np.isclose(done.lives["given_cny"].sum(), (bare_fen - fen)[week >= 52].sum() / 100)


def test_fees_are_earned_day_by_day():
    keen = lr.Behaviour().with_values({"joining.base": -2, "joining.inertia": 0.1})
    done = lr.simulate("amazon_prime", 200, 200, warmup=0, seed=3, behaviour=keen, runoff=False)
    paid = done.events().query("kind in ['plan_joined', 'plan_renewed']")
    end = pd.Timestamp(np.datetime64(done.setting.days[2], "D"))
    elapsed = ((end - paid["time"]).dt.days).clip(upper=365)
    expected = np.floor((100 * paid["amount"]).round() * elapsed / 365)
    assert len(paid) > 100 and abs(done.lives["earned_fen"].sum() - expected.sum()) <= len(paid)
    assert done.lives["earned_fen"].sum() < done.lives["fees_fen"].sum()


def test_linked_accounts_pool_orders():
    """The household's purchases are those of its people alone; only the accounts on which they are placed differ."""
    crowd = lr.Population().with_values({"household_mean": 3})
    alone = lr.simulate("jd", 500, 40, warmup=20, seed=2, population=crowd, behaviour=lr.Behaviour().only("redemption"))
    linked = lr.Behaviour().only("redemption", "pooling").with_values({"pooling.share": 0.4})
    pooled = lr.simulate("jd", 500, 40, warmup=20, seed=2, population=crowd, behaviour=linked)
    both = [each.events().query("kind == 'order'") for each in (alone, pooled)]
    shape = lambda orders: orders.groupby(["category", "shop"]).size()
    assert abs(len(both[0]) - len(both[1])) <= 12 and both[0]["customer_id"].value_counts().to_dict() != both[1]["customer_id"].value_counts().to_dict()
    assert (shape(both[0]).sub(shape(both[1]), fill_value=0).abs().sum()) <= 12
    found = digest_ledger(lr.replay(pooled.events(), pooled.setting.scheme, until=np.datetime64(pooled.setting.days[3], "D")).ledger)
    assert [found.get(customer, 0) for customer in range(1, 501)] == pooled.lives["digest"].tolist()
    pieces = [lives for _, lives, *_ in run_all(pooled.setting, 2, size=64)]
    assert (np.concatenate(pieces) == pooled.lives).all()
