"""The simulation of the benchmark in plain Python: one object a customer. `simulation_mesa.py` makes agents of it."""
from collections import deque
from math import cos, exp, log, log1p, pi, sqrt
from random import Random


class World:
    """What all customers share: the numbers of the scheme and the behaviour, the luck, the counts by week."""

    def __init__(self, facts: dict, seed: int):
        self.__dict__.update(facts)
        self.base_odds = log(self.base / (1 - self.base))
        self.random = Random(seed).random
        self.settled_on.append(10**9)
        zeros = [0] * self.weeks
        self.orders, self.issued, self.redeemed, self.expired, self.active = (list(zeros) for _ in range(5))
        self.by_tier = [list(zeros) for _ in range(len(self.edges) + 2)]      # the first is those before any settlement


class Shopper:
    """A customer: what drives the clocks, and the account."""

    def enter(self, world: World, rate: float, visit: float, leave: float, log_basket: float, cost: float) -> None:
        """Begin, at the start of week 0. Times are days since then."""
        self.world, self.rate, self.log_basket, self.cost = world, rate, log_basket, cost
        random = world.random
        self.visit_gap = 7 / visit
        self.to_order = -log(1 - random())
        self.visit_at = -log(1 - random()) * self.visit_gap
        self.leave_at = -log(1 - random()) * 7 / leave
        self.alive, self.attends, self.visited_on, self.ordered_on = True, False, -365, -365
        self.balance, self.stamp, self.n_orders, self.spent, self.paid_points = 0, 1, 0, 0, 0
        self.pending = {}          # order -> (day of confirmation without the customer, beans); in order of days
        self.lots = deque()        # [last day, beans]; in order of days
        self.confirms = []         # (time, order), soonest last
        self.awards = deque()      # (day, points)
        self.score, self.settled_score, self.tier, self.settlement = 0, 0, 0, 0

    def live_week(self, week: int) -> None:
        """Let a week pass."""
        world, now, end = self.world, 7.0 * week, 7.0 * week + 7
        self.catch_up(7 * week, week)
        if self.alive:
            self.attend(7 * week)
        confirms = self.confirms
        while True:
            confirm_at = confirms[-1][0] if confirms else end
            if self.alive:
                rate = self.rate * exp(self.pull()) if self.attends else self.rate
                order_at = now + 7 * self.to_order / rate
                at = min(order_at, self.visit_at, self.leave_at, confirm_at, end)
                self.to_order -= (at - now) * rate / 7
            else:
                order_at, at = end, confirm_at if confirm_at < end else end
            if at >= end:
                break
            now = at
            if at == confirm_at:
                self.confirm(int(at), confirms.pop()[1], week)
            elif at == order_at:
                self.buy(at, week)
            elif at == self.visit_at:
                self.visited_on = int(at)
                self.visit_at = at - log(1 - world.random()) * self.visit_gap
            else:
                self.alive = False
        self.catch_up(7 * week + 7, week)
        if 7 * week + 7 - self.ordered_on <= 90:
            world.active[week] += 1
        world.by_tier[self.tier][week] += 1

    def attend(self, day: int) -> None:
        """Draw whether the customer attends to the scheme this week."""
        world = self.world
        odds = world.base_odds + world.balance * log1p(self.balance / 100)
        if day - max(self.visited_on, self.ordered_on) <= 7:
            odds += world.recent
        self.attends = world.random() * (1 + exp(-odds)) < 1

    def pull(self) -> float:
        """Return what the way to a reward adds to the log rate."""
        world = self.world
        done, steps = self.balance % world.multiple / world.multiple, world.multiple / max(self.stamp, 1)
        if steps > 2:
            done = max((done * steps - 1) / (steps - 2), 0) ** world.kappa if done * steps > 1 else 0.0
        return world.beta * min(done, 1)

    def buy(self, now: float, week: int) -> None:
        """Place an order."""
        world, random, day = self.world, self.world.random, int(now)
        self.catch_up(day, week)
        normal = sqrt(-2 * log(1 - random())) * cos(2 * pi * random())
        fen = max(int(100 * exp(self.log_basket + world.noise * normal) + 0.5), 1)
        most = min(self.balance, fen // 2) // world.multiple
        if most and self.attends:
            points = self.choose(fen / 100, most)
            if points:
                self.redeem(points, week)
                fen -= points
        points, self.n_orders = fen // 100, self.n_orders + 1
        if points:
            self.pending[self.n_orders] = (day + world.confirm_days, points)
            self.awards.append((day, points))
            self.score += points
        self.stamp, self.ordered_on, self.spent = points, day, self.spent + fen
        if random() < world.confirm_share:
            at = now + 2 + 7 * random()
            place = len(self.confirms)
            while place and self.confirms[place - 1][0] < at:
                place -= 1
            self.confirms.insert(place, (at, self.n_orders))
        self.to_order = -log(1 - random())
        world.orders[week] += 1

    def choose(self, price: float, most: int) -> int:
        """Return how many beans to spend, out of none and eight amounts of at most `most` steps: a logit."""
        world, options = self.world, min(most, 8)
        none = -(price**0.88) + world.earned * 0.01 * price
        weights, total = [], 1.0
        for option in range(1, options + 1):
            cny = option * most // options * world.multiple / 100
            left = max(price - cny, 0.0)
            utility = world.earned * 0.01 * (price - cny) - left**0.88 - world.mental * cny**0.88 - self.cost
            weights.append(exp(min((utility - none) / world.scale, 500.0)))
            total += weights[-1]
        mark = world.random() * total - 1
        for option, weight in enumerate(weights, 1):
            if mark <= 0:
                return 0
            mark -= weight
            if mark <= 0:
                return option * most // options * world.multiple
        return 0

    def redeem(self, points: int, week: int) -> None:
        """Take beans from the lots that end soonest."""
        self.balance -= points
        self.paid_points += points
        self.world.redeemed[week] += points
        lots = self.lots
        while points:
            lot = lots[0]
            taken = min(points, lot[1])
            points -= taken
            if taken == lot[1]:
                lots.popleft()
            else:
                lot[1] -= taken

    def confirm(self, day: int, order: int, week: int) -> None:
        """Turn what an order holds pending into a lot; a later confirmation does nothing."""
        self.catch_up(day, week)
        if order in self.pending:
            self.release(day, self.pending.pop(order)[1], week)

    def release(self, day: int, points: int, week: int) -> None:
        """Begin a lot."""
        self.balance += points
        self.lots.append([day + self.world.life_days, points])
        self.world.issued[week] += points

    def catch_up(self, day: int, week: int) -> None:
        """Let happen what time brings up to the start of a day: ends of lots, confirmations without the customer, settlements."""
        world, pending = self.world, self.pending
        while pending:
            order = next(iter(pending))
            due, points = pending[order]
            if due > day:
                break
            del pending[order]
            self.release(due, points, week)
        lots = self.lots
        while lots and lots[0][0] < day:
            points = lots.popleft()[1]
            self.balance -= points
            world.expired[week] += points
        while world.settled_on[self.settlement] < day:
            self.settle()

    def settle(self) -> None:
        """Set the tier by the awards of twelve months."""
        world, awards = self.world, self.awards
        oldest = world.counts_from[self.settlement]
        while awards and awards[0][0] < oldest:
            self.score -= awards.popleft()[1]
        self.settlement += 1
        self.settled_score = self.score
        self.tier = 1 + sum(self.score > edge for edge in world.edges)


def run_plain(people, facts: dict, seed: int) -> tuple[World, list[Shopper]]:
    """Let everybody live, week by week."""
    world, shoppers = World(facts, seed), []
    for rate, visit, leave, log_basket, cost in zip(*(people[name].tolist() for name in ("rate", "visit", "leave", "log_basket", "cost")), strict=True):
        shopper = Shopper()
        shopper.enter(world, rate, visit, leave, log_basket, cost)
        shoppers.append(shopper)
    for week in range(world.weeks):
        for shopper in shoppers:
            shopper.live_week(week)
    return world, shoppers
