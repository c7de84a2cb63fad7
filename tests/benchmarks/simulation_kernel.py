"""The simulation of the benchmark without rules: a compiled loop with a running balance and a running sum.

The mechanisms and the random numbers are those of the package. Beans count at once and never end; the tier is that of all money
spent so far. This is what the rule machine is to be compared with, not a way to answer anything.
"""
from math import cos, exp, log, pi, sqrt

import numba
import numpy as np

from loyalty_research.minds import ATTEND, BASKETS, CHOICES, GAPS, LEAVING, VISITS, uniform

compiled = numba.njit(nogil=True, error_model="numpy")
PARAMETERS = ("base", "recent", "balance", "beta", "kappa", "mental", "earned", "scale", "noise", "multiple")
LIFE = np.dtype([("orders", "i8"), ("spent_fen", "i8"), ("redeemed", "i8"), ("balance", "i8"), ("tier", "i8"), ("weeks", "i8"), ("visits", "i8")])


def parameters(facts: dict) -> np.ndarray:
    """Return the numbers of the behaviour as one record."""
    record = np.zeros(1, [(name, "f8") for name in PARAMETERS] + [("edges", "i8", (2,))])
    for name in PARAMETERS:
        record[name] = facts[name]
    record["edges"] = facts["edges"]
    return record


@compiled
def utility(b, price, cny, cost):
    """Return the utility of paying a price with some of it in points."""
    paid = -max(price - cny, 0.0) ** 0.88
    if cny == 0:
        return b.earned * 0.01 * price + paid
    return b.earned * 0.01 * (price - cny) + paid - b.mental * cny**0.88 - cost


@compiled
def choose(b, key, order, price, most, cost):
    """Return the points to spend: a logit over none and eight amounts."""
    step, options = np.int64(b.multiple), min(most, 8)
    none, total = utility(b, price, 0.0, cost), 1.0
    for option in range(1, options + 1):
        total += exp(min((utility(b, price, option * most // options * step / 100, cost) - none) / b.scale, 500.0))
    mark = uniform(key, CHOICES, order) * total - 1
    for option in range(1, options + 1):
        if mark <= 0:
            return 0
        points = option * most // options * step
        mark -= exp(min((utility(b, price, points / 100, cost) - none) / b.scale, 500.0))
        if mark <= 0:
            return points
    return 0


@compiled
def pull(b, balance, stamp):
    """Return what the way to a reward adds to the log rate."""
    multiple = np.int64(b.multiple)
    done, steps = (balance % multiple) / multiple, multiple / max(stamp, 1)
    if steps > 2:
        done = min(max((done * steps - 1) / (steps - 2), 0.0), 1.0) ** b.kappa
    return b.beta * done


@compiled
def live(person, b, weeks, life, orders, redeemed, by_tier, active):
    """Let one customer live."""
    key = person.key
    to_order, visit_at, leave_at = -log(uniform(key, GAPS, 0)), -log(uniform(key, VISITS, 0)) / person.visit, -log(uniform(key, LEAVING, 0)) / person.leave
    balance, spent, stamp, n, visits, tier = 0, 0, 1, 0, 0, 0
    visited, ordered = -52.0, -52.0
    base = log(b.base / (1 - b.base))
    for week in range(weeks):
        if week < leave_at:
            odds = base + b.balance * log(1 + balance / 100) + (b.recent if week - max(visited, ordered) <= 1 else 0.0)
            attends = uniform(key, ATTEND, week) < 1 / (1 + exp(-odds))
            now, end = float(week), min(week + 1.0, leave_at)
            while True:
                rate = person.rate * exp(pull(b, balance, stamp)) if attends else person.rate
                order_at = now + to_order / rate
                at = min(order_at, visit_at, end)
                to_order -= (at - now) * rate
                if at == end:
                    break
                now = at
                if at == visit_at:
                    visits += 1
                    visited = now
                    visit_at -= log(uniform(key, VISITS, visits)) / person.visit
                    continue
                normal = sqrt(-2 * log(uniform(key, BASKETS, 2 * n))) * cos(2 * pi * uniform(key, BASKETS, 2 * n + 1))
                fen = max(np.int64(100 * exp(person.log_basket + b.noise * normal) + 0.5), 1)
                most = min(balance, fen // 2) // np.int64(b.multiple)
                points = choose(b, key, n, fen / 100, most, person.cost) if attends and most > 0 else 0
                fen -= points
                stamp = fen // 100
                balance += stamp - points
                spent += fen
                n += 1
                ordered = now
                to_order = -log(uniform(key, GAPS, n))
                orders[week] += 1
                redeemed[week] += points
                life.redeemed += points
            tier = (spent // 100 > b.edges[0]) + (spent // 100 > b.edges[1])
            life.weeks += 1
        if week + 1 - ordered <= 90 / 7:
            active[week] += 1
        by_tier[week, tier] += 1
    life.orders, life.spent_fen, life.balance, life.tier, life.visits = n, spent, balance, tier, visits


@compiled
def live_all(people, b, weeks, lives, orders, redeemed, by_tier, active):
    """Let all customers live, one after another."""
    for i in range(len(people)):
        live(people[i], b, weeks, lives[i], orders, redeemed, by_tier, active)


def run_kernel(people: np.ndarray, facts: dict) -> np.ndarray:
    """Return a row a customer."""
    lives, weeks = np.zeros(len(people), LIFE), facts["weeks"]
    counts = (np.zeros(weeks, np.int64), np.zeros(weeks, np.int64), np.zeros((weeks, 3), np.int64), np.zeros(weeks, np.int64))
    live_all(people, parameters(facts)[0], weeks, lives, *counts)
    return lives


@compiled
def draw_all(people, lives):
    """Draw what the package draws for these lives and do nothing with it: by week attention, by order gap, basket, goods, choice and follow-ups, by visit
    gap and three acts."""
    total = 0.0
    for i in range(len(people)):
        key, life = people[i].key, lives[i]
        for week in range(life.weeks):
            total += uniform(key, ATTEND, week)
        for n in range(life.orders):
            total += log(uniform(key, GAPS, n)) + sqrt(-2 * log(uniform(key, BASKETS, 2 * n))) * cos(2 * pi * uniform(key, BASKETS, 2 * n + 1))
            for k in range(10):
                total += uniform(key, CHOICES, 16 * n + k)
        for n in range(life.visits):
            total += log(uniform(key, VISITS, n))
            for k in range(3):
                total += uniform(key, LEAVING, 8 * n + k)
    return total
