"""What the simulation benchmark plays: one small scheme, three mechanisms, the same people for every version.

Every version runs weekly clocks of orders, visits and leaving; attention (M1); the pull of the way to a reward; redeeming as a
choice. The package, plain Python and Mesa run the scheme `beans.toml` too: beans pending until a confirmation, by the customer
or ten days after the order; lots that end 180 days later, soonest end first; steps and a cap on what an order takes; a monthly
settled ladder over the last twelve months. The kernel has a running balance and a running sum in place of these rules.
"""
from dataclasses import replace
from pathlib import Path

import numpy as np

SCHEME = Path(__file__).with_name("beans.toml")
START = "2022-01-01"


def people_of(behaviour, n: int, seed: int) -> np.ndarray:
    """Return the people whom `simulate` draws, as far as these versions need them, a row each."""
    from loyalty_research.population import BLOCK, draw_block

    drawn = np.concatenate([draw_block(population(), seed, block) for block in range(-(-n // BLOCK))])[:n]
    cost = np.exp(behaviour.redemption.log_cost.value + behaviour.redemption.cost_spread.value * drawn["cost_score"])
    table = {name: drawn[name] for name in ("rate", "visit", "leave", "log_basket")} | {"cost": cost, "key": drawn["key"]}
    people = np.zeros(n, [(name, column.dtype) for name, column in table.items()])
    for name, column in table.items():
        people[name] = column
    return people


def population():
    """Return the population of the benchmark: every week alike; confirmations, but no returns, reviews, check-ins and games."""
    from loyalty_research import Population

    base = Population()
    off = {name: replace(getattr(base, name), value=1e-12, low=0) for name in ("return_share", "review_share", "check_in_share", "play_share", "virtual_share")}
    flat = {name: replace(getattr(base, name), value=1) for name in ("peak_618", "peak_1111", "spring_dip")}
    return replace(base, **off, **flat)


def mechanisms():
    """Return the behaviour of the benchmark."""
    from loyalty_research import Behaviour

    return Behaviour().only("attention", "pressure", "redemption")


def facts(weeks: int) -> dict:
    """Return the numbers of the scheme, of the behaviour and of the calendar that the other versions need."""
    b, settled = mechanisms(), np.datetime64(START, "D")
    months = np.arange(np.datetime64(START, "M"), np.datetime64(START, "M") + weeks // 4 + 2)
    first = np.array(months, "datetime64[D]")
    return {
        "weeks": weeks, "confirm_share": population().confirm_share.value, "noise": population().basket_noise.value,
        "base": b.attention.base.value, "recent": b.attention.recent.value, "balance": b.attention.balance.value,
        "beta": b.pressure.beta.value, "kappa": b.pressure.kappa.value,
        "mental": b.redemption.mental.value, "earned": b.redemption.earned.value, "scale": b.redemption.scale.value,
        "confirm_days": 10, "life_days": 180, "multiple": 500, "edges": [1000, 4000],
        "settled_on": (first - settled).astype(int).tolist(),
        "counts_from": ((months - 12).astype("datetime64[D]") + 1 - settled).astype(int).tolist()}


def simulate_ours(n: int, weeks: int, seed: int = 0, *, scheme=SCHEME, idle: bool = False, threads: int | None = 1):
    """Let the package simulate the same; `idle` customers hardly do anything and stay."""
    import loyalty_research as lr

    people = population()
    if idle:
        people = replace(people, **{name: replace(getattr(people, name), value=1e-12, low=0) for name in ("rate_mean", "visit_mean", "leave_mean")})
    return lr.simulate(scheme, n, weeks, warmup=0, runoff=False, start=START, seed=seed, threads=threads, population=people, behaviour=mechanisms(), progress=False)


def without_rules() -> str:
    """Return the scheme as far as the kernel has it: beans count at once and never end, the ladder is over all that was ever spent."""
    text = SCHEME.read_text(encoding="utf-8")
    never = 'expiry = {kind = "never", assumed = "made up for the benchmark"}'
    lines = [never if line.startswith("expiry") else line for line in text.splitlines() if not line.startswith("accrues")]
    return "\n".join(lines).replace('window = "trailing"', 'window = "lifetime"')


def distances(ours: dict, theirs: dict) -> dict[str, float]:
    """Return by quantity the mean difference over the same people, in its standard errors."""
    found = {}
    for name in ours:
        difference = np.asarray(ours[name], float) - np.asarray(theirs[name], float)
        found[name] = float(difference.mean() / max(difference.std(ddof=1) / np.sqrt(len(difference)), 1e-9))
    return found


def distance_of_plain(run_plain, n: int, weeks: int, seed: int = 0) -> dict[str, float]:
    """Return how far plain Python, and so Mesa, is from the package: the same people, other luck."""
    lives = simulate_ours(n, weeks, seed).lives
    _, shoppers = run_plain(people_of(mechanisms(), n, seed), facts(weeks), seed)
    ours = {"orders": lives["orders"], "spent": lives["spend_fen"], "redeemed": 100 * lives["spent_cny"], "balance": lives["points"],
            "score": lives["score"], "silver": lives["tier"] >= 1, "gold": lives["tier"] == 2}
    theirs = {"orders": [each.n_orders for each in shoppers], "spent": [each.spent for each in shoppers], "redeemed": [each.paid_points for each in shoppers],
              "balance": [each.balance for each in shoppers], "score": [each.settled_score for each in shoppers], "silver": [each.tier >= 2 for each in shoppers],
              "gold": [each.tier == 3 for each in shoppers]}
    return distances(ours, theirs)


def distance_of_kernel(run_kernel, folder: Path, n: int, weeks: int, seed: int = 0) -> dict[str, float]:
    """Return how far the kernel is from the package under the scheme without rules: the same people, the same luck."""
    scheme = folder / "without_rules.toml"
    scheme.write_text(without_rules(), encoding="utf-8")
    lives = simulate_ours(n, weeks, seed, scheme=scheme).lives
    kernel = run_kernel(people_of(mechanisms(), n, seed), facts(weeks))
    ours = {"orders": lives["orders"], "spent": lives["spend_fen"], "redeemed": 100 * lives["spent_cny"], "balance": lives["points"]}
    return distances(ours, {"orders": kernel["orders"], "spent": kernel["spent_fen"], "redeemed": kernel["redeemed"], "balance": kernel["balance"]})
