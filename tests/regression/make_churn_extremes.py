"""Reference values of churn.py at extreme parameters, with mpmath: run by hand, not a test.

    python tests/regression/make_churn_extremes.py

writes pareto_nbd_extremes.csv and bg_nbd_extremes.csv beside this file (mpmath 1.3.0; nothing else is needed, and
nothing of loyalty_research is used). Each value is worked out with twice as many digits until 25 agree.

Pareto/NBD: the two 2F1 of Fader & Hardie (2005), here cancelling in up to 960 digits. BG/NBD: purchases expected of a
customer who is alive, (a + b - 1) / (a - 1) (1 - 2F1(k, a - 1; a + b - 1; -c)), with k = r + x, c = t / (alpha + T) and
b standing for b + x.
"""
import csv
import random
from pathlib import Path

import mpmath as mp

HERE = Path(__file__).parent


def until_digits_agree(formula, *given: float):
    """The values of a formula, with digits doubled until 25 agree."""
    before = None
    for digits in (60, 120, 240, 480, 960, 1920):
        mp.mp.dps = digits
        now = formula(*map(mp.mpf, given))
        if before and all(abs(a - b) <= mp.mpf(10) ** -25 * abs(a) for a, b in zip(now, before, strict=True)):
            return now
        before = now
    raise ArithmeticError(f"no 25 digits at {given}")


def pareto(r, alpha, s, beta, x, tx, T):
    """Log-likelihood and P(alive)."""
    def anti(t):
        high, low, second = (alpha, beta, s + 1) if alpha >= beta else (beta, alpha, r + x)
        return mp.hyp2f1(r + s + x, second, r + s + x + 1, (high - low) / (high + t)) / (high + t) ** (r + s + x)

    stayed = (alpha + T) ** -(r + x) * (beta + T) ** -s
    both = stayed + s / (r + s + x) * (anti(tx) - anti(T))
    log = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha) + s * mp.log(beta) + mp.log(both)
    return log, stayed / both


def future(k, c, a, b):
    """Purchases of a customer who is alive."""
    return ((a + b - 1) / (a - 1) * (1 - mp.hyp2f1(k, a - 1, a + b - 1, -c)),)


def draw_pareto(rng: random.Random, number: int) -> tuple:
    r, s = (10 ** rng.uniform(-3, 3) for _ in "rs")
    alpha, beta = (10 ** rng.uniform(-4, 5) for _ in "ab")
    if number % 5 == 0:
        beta = alpha * (1 + 10 ** rng.uniform(-12, -1))
    T, x = 10 ** rng.uniform(-1, 4), int(10 ** rng.uniform(0, 3.3)) - 1
    last = rng.choice([rng.random(), 1 - 10 ** rng.uniform(-8, -1), 10 ** rng.uniform(-6, 0)])
    return r, alpha, s, beta, x, T * last if x else 0.0, T


def draw_future(rng: random.Random, number: int) -> tuple:
    a, b = (10 ** rng.uniform(-3, 4) for _ in "ab")
    if number % 5 == 0:
        a = 1 + 10 ** rng.uniform(-9, -3)
    return 10 ** rng.uniform(-3, 3.3), 10 ** rng.uniform(-4, 3), a, b


def write(name: str, columns: str, draw, formula, n: int) -> None:
    rng, rows = random.Random(20260), []
    while len(rows) < n:
        given = draw(rng, len(rows))
        try:
            values = until_digits_agree(formula, *given)
        except (ArithmeticError, mp.NoConvergence, ValueError) as error:
            print(f"left out: {given} ({str(error).splitlines()[0] if str(error) else type(error).__name__})")
            continue
        mp.mp.dps = 25
        rows.append([*map(repr, given), *(mp.nstr(value, 20) for value in values)])
    with open(HERE / name, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns.split(), *rows])


if __name__ == "__main__":
    write("pareto_nbd_extremes.csv", "r alpha s beta x tx T loglik alive", draw_pareto, pareto, 120)
    write("bg_nbd_extremes.csv", "k c a b purchases", draw_future, future, 60)
