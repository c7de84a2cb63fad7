"""Seeded random logs that are rich in collisions, and random variants of a scheme file.

Few orders, items, categories and shops; amounts, points and dates at the edges of the rules; acts at the
same instant and at midnight; leap days, year ends, fixed expiry dates; spans of a day to six years. Every
log keeps the rules of the event table: a redeem row has its order, a return its line, a steal its stolen.
"""

from __future__ import annotations

import copy
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random

from .model import Rule, add_months, exact, put

KINDS = (
    "order confirm return goods_exchange login check_in review photo_review video_review follow_up_review "
    "photo_post answer ask share share_click group_buy_start group_buy_join charity_yuan charity_purchase "
    "charity_goods online_payment plant harvest water profile_completed profile_cleared identity_verified "
    "identity_revoked account_bound account_unbound family_bound pay_for_other reputation credit redeem "
    "exchange courier_gift grant penalty plan_joined plan_renewed plan_cancelled"
).split()
ON_ORDERS = ("order", "confirm", "return", "goods_exchange", "redeem")
COLUMNS = ("customer_id time kind amount order_id item_id category shop channel virtual currency points "
           "event_id").split()
AMOUNTS = (0, 1, 999, 1999, 2000, 3000, 4000, 4999, 5000, 5001, 6500, 7500, 9999, 10000, 10050, 30001, 49999,
           50000, 99999, 100000, 200000, 250000, 999999, 1000000, 3000000)          # fen
REQUESTS = (0, 1, 90, 400, 500, 999, 1000, 1001, 1500, 2000, 2500, 5000, 100_000)
GIVEN = (0, 1, 5, 30, 100, 500, 700, 1000, 1500, 3000, 5000, 25_000)
CREDITS = (0, 100, 180, 199, 200, 201, 300, 490, 500, 501, 800, 1000, 1001, 2000, 5000, 5001, 9900, 10_000,
           10_001, 20_000, 20_001, 30_000)
CATEGORIES = ("food", "toys", "books", "home", None)
SHOPS = ("no_coins", "half_coins", "s1", "s2", None)
CHANNELS = (None, None, "taobao", "tmall", "tmall", "fliggy", "taopiaopiao", "jd")
ITEMS = {"identity_verified": ("real_name", "phone", "voiceprint", "alipay", "sesame", None),
         "identity_revoked": ("real_name", "phone", "voiceprint", "alipay", "sesame", None),
         "account_bound": ("wechat", "wechat", "qq", None), "account_unbound": ("wechat", "qq", None),
         "exchange": (None, "coupon", "lottery", "external", "exchange", "a bicycle"),
         "plan_joined": ("plus", "88vip")}
STARTS = [date.fromisoformat(day) for day in (
    "2023-02-28", "2023-12-30", "2024-01-01", "2024-02-28", "2024-02-29", "2024-06-29", "2025-02-28",
    "2025-06-20", "2025-09-01", "2025-12-20")]
ANCHORS = ((1, 1), (1, 2), (1, 8), (2, 28), (2, 29), (3, 1), (6, 30), (7, 1), (12, 8), (12, 31))
# what a customer mostly does: (action, weight)
HABITS = {
    "shopper": {"order": 12, "line": 4, "confirm": 4, "redeem": 3, "return": 2, "acts": 3, "points": 1},
    "returner": {"order": 8, "line": 3, "confirm": 3, "redeem": 5, "return": 7, "exchange_goods": 4,
                 "points": 4, "squeeze": 6, "too late": 5, "acts": 1},
    "visitor": {"streak": 3, "acts": 8, "burst": 8, "order": 2, "points": 3},
    "collector": {"points": 12, "order": 4, "redeem": 6, "return": 2, "account": 1, "streak": 1,
                  "privileges": 2},
    "member": {"account": 8, "order": 4, "acts": 3, "points": 2, "burst": 1},
    "spender": {"big order": 8, "order": 4, "account": 2, "acts": 2, "return": 1},
}


def random_log(seed: int, scheme: dict, customers: int = 100) -> list[dict]:
    """The events of some customers, in an input order that keeps only each customer's ties."""
    rng = Random(f"log {seed}")
    setting = setting_of(scheme)
    names = rng.choice((range(1, 10 ** 6), range(-50, 10 ** 3), [f"c{n}" for n in range(10 ** 4)],
                        [chr(n) + "x" for n in (*range(48, 123), *range(0x4e00, 0x5000))]))
    lives = [Life(rng, customer_id, setting).live() for customer_id in rng.sample(names, customers)]
    add_steals(rng, lives)
    groups = {}
    for life in lives:
        for row in life:
            groups.setdefault((row["customer_id"], row["time"]), []).append(row)
    groups = list(groups.values())
    rng.shuffle(groups)
    return name_rows(rng, [row for group in groups for row in group])


def all_rules(scheme: dict) -> list[dict]:
    """The award rules of the score and of every currency."""
    earn = [rule for currency in scheme.get("currency", []) for rule in currency.get("earn", [])]
    return scheme.get("score", {}).get("rule", []) + earn


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a scheme makes worth trying: its acts and currencies, and values at the edges of its rules."""

    kinds: list[str]
    daily: list[str]                 # of rules that pay for days in a row
    currencies: list
    spendable: list                  # currencies that take money off an order
    days: list[date]                 # at which rules begin and end
    span: tuple[date, date] | None   # the scheme's own dates, at least one of which is in the file
    gaps: list[int]                  # days after which points expire
    ends: list[tuple[int, int]]      # months and days on which they expire
    amounts: list[int]               # fen
    big_amounts: list[int]           # that make a tier where a CNY is a point
    points: list[int]
    levels: list[int]

    def new_amounts(self) -> tuple[int, ...]:
        return AMOUNTS + tuple(self.amounts)


def setting_of(scheme: dict) -> Setting:
    rules, currencies = all_rules(scheme), scheme.get("currency", [])
    heading = scheme["scheme"]
    first, last = heading.get("valid_from"), heading.get("valid_until")
    span = None
    if first or last:
        span = first or add_months(last, -60), last or add_months(first, 48)
    expiries = [table["expiry"] for currency in currencies for table in [currency, *currency.get("period", [])]]
    outlets = [outlet for currency in currencies for outlet in currency.get("outlet", [])]
    spent = [outlet["price"] for outlet in outlets if "price" in outlet]
    spent += [currency["redeem"]["multiple"] for currency in currencies if "multiple" in currency.get("redeem", {})]
    cny = [rule["above_cny"] for rule in rules if "above_cny" in rule]
    cny += [edge_of(step) for rule in rules if rule.get("per") == "amount" for step in rule["steps"]]
    edges = [edge_of(step) for step in scheme["tier"] + [outlet["gate"] for outlet in outlets if "gate" in outlet]]
    edges += [edge_of(fee) for plan in scheme.get("plan", []) for fee in plan.get("fee", [])]
    units = {int(exact(rule["points"])) for rule in rules if rule.get("per") == "level"} - {0}
    points = {int(exact(price)) for price in spent}
    daily = {kind for rule in rules if rule.get("per") == "streak" for kind in rule["on"]} & set(KINDS)
    return Setting(
        daily=sorted(daily - set(ON_ORDERS)) or ["check_in"],
        kinds=sorted({kind for rule in rules for kind in rule["on"] + rule.get("off", [])} & set(KINDS) - {"order"}),
        currencies=[None] + [currency["name"] for currency in currencies],
        spendable=[currency["name"] for currency in currencies if "redeem" in currency] or [None],
        days=sorted(dates_in(scheme)), span=span,
        gaps=sorted({int(exact(expiry["days"])) for expiry in expiries if "days" in expiry}),
        ends=sorted({(int(text[:2]), int(text[3:])) for expiry in expiries for text in expiry.get("dates", ["12-31"])}),
        big_amounts=sorted({int(exact(edge_of(step)) * 100) for step in scheme["tier"] if "invited" not in step}),
        amounts=sorted({max(int(exact(edge) * 100) + more, 0) for edge in cny for more in (-1, 0, 1)}),
        points=sorted({abs(price * times + more) for price in points for times in (1, 2, 3) for more in (-1, 0, 0, 1)}),
        levels=sorted({int(exact(edge)) // unit + more for edge in edges for unit in units for more in (0, 1)}))


def edge_of(step: dict) -> dict | int:
    return step.get("above") or step.get("from") or 0


def dates_in(table) -> set[date]:
    """The days around which something in a file begins or ends."""
    if isinstance(table, list):
        return set().union(*map(dates_in, table))
    if not isinstance(table, dict):
        return set()
    own = {value for value in table.values() if isinstance(value, date)}
    return own.union(*map(dates_in, table.values()))


class Life:
    """The events of one customer, in time order."""

    def __init__(self, rng: Random, customer_id, setting: Setting):
        self.rng, self.customer_id, self.setting = rng, customer_id, setting
        self.kinds, self.currencies, self.daily = setting.kinds, setting.currencies, setting.daily
        self.rows: list[dict] = []
        self.orders: dict[int, list[dict]] = {}      # lines that can still be returned
        self.items: dict[int, set] = {}              # items that an order has had
        self.next_order = rng.randrange(1, 4)
        start = self.first_day()
        self.last_year = start.year + 5
        self.now = datetime.combine(start, time(rng.choice((0, 0, 9, 12, 23)), rng.choice((0, 30, 59))))

    def first_day(self) -> date:
        """Any day, mostly while the scheme holds, often near a day at which a rule begins or ends."""
        rng, setting = self.rng, self.setting
        any_day = date(2022, 1, 1) + timedelta(days=rng.randrange(1500))
        start = rng.choice(STARTS) if rng.random() < 0.6 else any_day
        if setting.days and rng.random() < 0.3:
            start = rng.choice(setting.days) + timedelta(days=rng.choice((-400, -200, -30, -1, 0, 1)))
        elif setting.span and not setting.span[0] <= start <= setting.span[1] and rng.random() < 0.9:
            days = (setting.span[1] - setting.span[0]).days
            start = setting.span[0] + timedelta(days=rng.randrange(-30, days + 1))
        return start

    def live(self) -> list[dict]:
        rng = self.rng
        habit = HABITS[rng.choice(list(HABITS))]
        acts = {"order": self.order, "big order": self.big_order, "line": self.more_lines,
                "confirm": self.confirm, "redeem": self.redeem_later, "return": self.give_back,
                "exchange_goods": self.exchange_goods, "acts": self.random_act, "points": self.points,
                "streak": self.streak, "burst": self.burst, "account": self.account,
                "squeeze": self.squeeze, "too late": self.too_late, "privileges": self.privileges}
        patience = rng.choice((1, 1, 1, 3))          # short gaps: several acts a day and month
        for _ in range(rng.choice((1, 2, 5, 15, 30, 45, 60))):
            acts[rng.choices(list(habit), habit.values())[0]]()
            for _ in range(rng.choice((1, patience))):
                self.wait(patience)
        if not self.rows:
            self.add("login")
        return self.rows

    def wait(self, patience: int) -> None:
        """Some time passes, or none."""
        rng, now = self.rng, self.now
        midnight = datetime.combine(now.date(), time())
        step = rng.choices(range(12), (24, 10, 6, 12, 10, 3, 12 / patience, 6 / patience, 4, 2, 3, 2))[0]
        if step == 1:
            soon = now + timedelta(minutes=rng.choice((1, 30, 300)))
            self.now = soon if soon.date() == now.date() else now
        elif step == 2:
            self.now = midnight + timedelta(days=1)
        elif step == 3:
            self.now = now + timedelta(days=1)
        elif step == 4:
            self.now = now + timedelta(days=rng.randrange(2, 10))
        elif step == 5:
            self.now = midnight + timedelta(days=rng.choice((7, 10, 10, 11)))
        elif step == 6:
            self.now = now + timedelta(days=rng.randrange(10, 40))
        elif step == 7:
            coming = [date(now.year + years, *anchor) for years in (0, 1) for anchor in ANCHORS
                      if anchor != (2, 29) or (now.year + years) % 4 == 0]
            coming = sorted(day for day in coming if day > now.date())[:4]
            self.now = datetime.combine(rng.choice(coming), rng.choice((time(), time(12), time(23, 59))))
        elif step == 8:
            gaps = [days + more for days in self.setting.gaps for more in (0, 1)]
            self.now = now + timedelta(days=rng.choice((30, 90, 179, 180, 181, *gaps)))
        elif step == 9:
            day = add_months(now.date(), 12) + timedelta(days=rng.choice((-1, 0, 1)))
            self.now = datetime.combine(day, rng.choice((time(), time(12))))
        elif step == 10 and self.orders:             # just in time for a return, or a day too late
            last = [row for row in self.rows if row["kind"] == "order"][-1]
            due = last["time"].date() + timedelta(days=180 + rng.choice((0, 1)))
            self.now = max(now, datetime.combine(due, time(9)))
            if last["order_id"] is not None and last["item_id"] is not None and rng.random() < 0.7:
                self.lines(last["order_id"], 1, AMOUNTS, single=False)
            self.send_back(rng.choice(("return", "goods_exchange")), last["order_id"])
        elif step == 11:
            coming = [day for day in self.setting.days if now.date() <= day][:2]
            if coming:
                day = rng.choice(coming) + timedelta(days=rng.choice((-1, 0, 0, 1)))
                self.now = max(now, datetime.combine(day, rng.choice((time(), time(12)))))
        if step != 10 and self.now.year > self.last_year:
            self.now = now

    def add(self, kind: str, **values) -> dict:
        row = dict.fromkeys(COLUMNS) | {"customer_id": self.customer_id, "time": self.now, "kind": kind,
                                        "virtual": False} | values
        self.rows.append(row)
        return row

    # --- orders

    def order(self, lines: int | None = None, amounts=None) -> None:
        """A new order of some lines, perhaps with points spent on it before or after."""
        rng = self.rng
        order_id = None if rng.random() < 0.02 else self.next_order
        self.next_order += 1
        lines = lines or rng.choice((1, 1, 1, 2, 3))
        before = order_id is not None and rng.random() < 0.15
        if before:
            self.redeem(order_id)
        if rng.random() < 0.03:
            self.add("confirm", order_id=order_id)
        self.lines(order_id, lines, amounts or self.setting.new_amounts(), single=lines == 1)
        while order_id is not None and rng.random() < 0.25:
            self.redeem(order_id)
        if order_id is not None and rng.random() < 0.3:
            self.wait(patience=3)
            self.add("confirm", order_id=order_id, item_id=rng.choice((None, None, "i1", "i2", "i9")))
        if order_id is not None and rng.random() < 0.05:
            self.give_back(order_id)

    def big_order(self) -> None:
        self.order(self.rng.choice((1, 2)), (250000, 500000, 999999, 1000000, 3000000, *self.setting.big_amounts))

    def more_lines(self) -> None:
        """Lines added to an order placed earlier."""
        able = [order_id for order_id, items in self.items.items() if None not in items and len(items) < 8]
        if able:
            self.lines(self.rng.choice(able[-5:]), self.rng.choice((1, 2)), self.setting.new_amounts(), single=False)

    def lines(self, order_id, count: int, amounts, single: bool) -> None:
        rng = self.rng
        shop, channel = rng.choice(SHOPS), rng.choice(CHANNELS)
        for _ in range(count):
            had = self.items.setdefault(order_id, set()) if order_id is not None else set()
            item_id = None if single and rng.random() < 0.15 else f"i{len(had) + 1}"
            had.add(item_id)
            row = self.add("order", order_id=order_id, item_id=item_id, amount=rng.choice(amounts) / 100,
                           category=rng.choice(CATEGORIES), virtual=rng.random() < 0.25, channel=channel,
                           shop=shop if rng.random() < 0.8 else rng.choice(SHOPS))
            if order_id is not None:
                self.orders.setdefault(order_id, []).append(row)

    def known_order(self):
        """An order, mostly a late one."""
        known = list(self.items)
        return self.rng.choice(known[-4:] if self.rng.random() < 0.7 else known) if known else None

    def confirm(self) -> None:
        order_id = self.known_order()
        if self.rng.random() < 0.05:
            order_id = 10 ** 6
        if order_id is not None:
            item_id = self.rng.choice((None, None, "i1", "i2", "i9"))
            self.add("confirm", order_id=order_id, item_id=item_id)

    def redeem(self, order_id) -> None:
        rng = self.rng
        total = sum(row["amount"] for row in self.orders.get(order_id, ()))
        amount = round(total, 2) if rng.random() < 0.5 else rng.choice(AMOUNTS) / 100
        self.add("redeem", order_id=order_id, amount=amount, points=self.some_points(REQUESTS),
                 shop=rng.choice(SHOPS), currency=rng.choice(self.currencies))

    def some_points(self, usual: tuple) -> int:
        """One of the usual numbers, or one at the edge of a price or a multiple."""
        edges = self.setting.points
        return self.rng.choice(edges if edges and self.rng.random() < 0.3 else usual)

    def redeem_later(self) -> None:
        order_id = self.known_order()
        if order_id is not None:
            self.redeem(order_id)

    def unreturned(self, order_id) -> tuple[list[dict], object]:
        """Lines of an order to send back, and the item that the row names."""
        lines = self.orders.get(order_id, [])
        if not lines or self.rng.random() < 0.4:
            return lines, None
        line = self.rng.choice(lines)
        if line["item_id"] is None:
            return lines, None
        return [line], line["item_id"]

    def send_back(self, kind: str, order_id) -> None:
        rng = self.rng
        if order_id is None:
            able = [order_id for order_id, lines in self.orders.items() if lines]
            order_id = rng.choice(able[-4:] if rng.random() < 0.7 else able) if able else None
        lines, item_id = self.unreturned(order_id)
        if lines:
            amount = rng.choice((None, 0, round(sum(line["amount"] for line in lines), 2)))
            self.add(kind, order_id=order_id, item_id=item_id, amount=amount)
            if kind == "return":
                self.orders[order_id] = [line for line in self.orders[order_id] if line not in lines]

    def give_back(self, order_id=None) -> None:
        self.send_back("return", order_id)

    def exchange_goods(self) -> None:
        self.send_back("goods_exchange", None)

    # --- acts

    def simple(self, kind: str, **given) -> None:
        """An act with the values that it needs, some of them given."""
        rng = self.rng
        values = {"item_id": rng.choice(ITEMS[kind])} if kind in ITEMS else {}
        if kind in ("grant", "penalty", "exchange", "courier_gift"):
            values |= {"currency": rng.choice(self.currencies), "points": self.some_points(GIVEN)}
            if kind == "penalty" and rng.random() < 0.3:
                values["points"] = 100_000
        if kind == "reputation":
            values["points"] = rng.choice((0, 1, 2, 3, 4, 5, 6, 30, *self.setting.levels))
        if kind == "credit":
            values["points"] = rng.choice((*CREDITS, *self.setting.levels))
        if kind.startswith("plan"):
            values["amount"] = 198
        if kind in ("review", "photo_review", "answer", "follow_up_review") and rng.random() < 0.8:
            values |= {"order_id": self.known_order(), "item_id": rng.choice((None, "i1", "i2", "i9"))}
        if kind not in ITEMS and rng.random() < 0.3:
            values |= {"category": rng.choice(CATEGORIES), "shop": rng.choice(SHOPS)}
        self.add(kind, channel=rng.choice(CHANNELS) if rng.random() < 0.2 else None, **values | given)

    def random_act(self) -> None:
        kinds = self.kinds if self.kinds and self.rng.random() < 0.9 else KINDS
        kind = self.rng.choice(kinds)
        if kind not in ON_ORDERS:
            self.simple(kind)

    def points(self) -> None:
        """Points given, spent or taken; what is spent is sometimes given just before."""
        kind = self.rng.choice(("grant", "grant", "exchange", "exchange", "courier_gift", "penalty"))
        currency = self.rng.choice(self.currencies)
        if kind in ("exchange", "courier_gift") and self.rng.random() < 0.4:
            self.simple("grant", currency=currency, points=self.rng.choice((100, 5000)))
        self.simple(kind, currency=currency)

    def squeeze(self) -> None:
        """Points spent on an order, everything taken by a penalty, then goods sent back."""
        currency = self.rng.choice(self.currencies)
        self.add("grant", points=self.rng.choice((700, 1000, 3000)), currency=currency)
        self.order(2, (50001, 99999, 200000))
        if self.next_order - 1 in self.orders:
            self.add("redeem", order_id=self.next_order - 1, amount=2000, currency=currency,
                     points=self.rng.choice((20, 100, 1000, 1000)))
        if self.rng.random() < 0.6:
            self.now += timedelta(days=self.rng.choice((11, 30)))
        self.add("penalty", points=100_000, currency=currency)
        for kind in ("goods_exchange", "return", "return")[self.rng.randrange(3):]:
            self.send_back(kind, self.next_order - 1)

    def too_late(self) -> None:
        """Points spent shortly before they may end, on goods sent back after."""
        rng, today = self.rng, self.now.date()
        ends = [today + timedelta(days=days) for days in self.setting.gaps]
        ends += [date(today.year + years, *end) for years in (0, 1, 2) for end in self.setting.ends]
        ends = [end for end in ends if today < end and end.year <= self.last_year]
        if not ends:
            return
        end, currency = rng.choice(ends), rng.choice(self.setting.spendable)
        self.add("grant", points=rng.choice((700, 1000, 3000)), currency=currency)
        self.now = datetime.combine(end - timedelta(days=rng.choice((0, 0, 1))), time(12))
        self.order(rng.choice((1, 2)), (50001, 99999, 200000))
        if self.next_order - 1 in self.orders:
            self.add("redeem", order_id=self.next_order - 1, amount=2000, currency=currency,
                     points=rng.choice((100, 700, 1000)))
        self.now = max(self.now, datetime.combine(end + timedelta(days=rng.choice((0, 1, 1, 3))), time(9)))
        self.send_back("return", self.next_order - 1)

    def privileges(self) -> None:
        """A high score, and exchanges before and after it is settled."""
        self.add("credit", points=self.rng.choice((19_999, 20_000, 30_000)))
        currency = self.rng.choice(self.currencies)
        for _ in range(3):
            self.add("grant", points=1000, currency=currency)
            self.order(1, (20000, 50001))
            self.add("exchange", points=self.rng.choice((1, 10, 50)), currency=currency,
                     item_id=self.rng.choice((None, "external", "external", "coupon", "lottery")))
            self.now += timedelta(days=self.rng.choice((1, 20, 31)))

    def account(self) -> None:
        self.simple(self.rng.choice((
            "profile_completed", "profile_cleared", "identity_verified", "identity_verified",
            "identity_revoked", "account_bound", "account_unbound", "credit", "credit", "reputation",
            "reputation", "reputation", "reputation", "family_bound")))

    def streak(self) -> None:
        """The act of a daily rule on consecutive days, now and then twice a day."""
        kind = self.rng.choice(self.daily)
        for _ in range(self.rng.choice((2, 3, 4, 8, 9, 9, 9, 40))):
            for _ in range(self.rng.choice((1, 1, 1, 2))):
                self.simple(kind)
            self.now += timedelta(days=1)

    def burst(self) -> None:
        """The same act again and again."""
        able = [kind for kind in self.kinds if kind not in ("grant", "check_in", *ON_ORDERS)] or ["login"]
        kind = self.rng.choice(able)
        for _ in range(self.rng.choice((3, 6, 12))):
            self.simple(kind)
            self.now += timedelta(days=self.rng.choice((0, 0, 0, 0, 0, 1, 9)))


def add_steals(rng: Random, lives: list[list[dict]]) -> None:
    """Pairs of a thief and an owner, put in at an instant of either."""
    for number in range(len(lives)):
        thief, owner = rng.sample(range(len(lives)), 2)
        when = rng.choice(lives[thief] + lives[owner])["time"]
        points = rng.choice((0, 1, 8, 30, 100, 700))
        for kind, life in (("steal", lives[thief]), ("stolen", lives[owner])):
            times = [row["time"] for row in life]
            place = rng.choice((bisect_left, bisect_right))(times, when)
            life.insert(place, dict.fromkeys(COLUMNS) | {
                "customer_id": life[0]["customer_id"], "time": when, "kind": kind, "virtual": False,
                "points": points, "order_id": 2 * 10 ** 6 + number})


def name_rows(rng: Random, rows: list[dict]) -> list[dict]:
    """Give event ids of one of several shapes, and order ids as integers or strings; repeat some rows."""
    ids = rng.choice(("none", "integers", "strings", "some"))
    strings = rng.random() < 0.5
    named = []
    for number, row in enumerate(rows):
        row = dict(row)
        if ids == "integers":
            row["event_id"] = 7 * number
        elif ids == "strings" or (ids == "some" and rng.random() < 0.5):
            row["event_id"] = f"e{number}"
        if strings and row["order_id"] is not None:
            row["order_id"] = f"o{row['order_id']}"
        named.append(row)
        if row["event_id"] is not None and rng.random() < 0.01:
            named.append(dict(row))
    return named


# ---------------------------------------------------------------------------------------------- variants


def random_readings(rng: Random, scheme: dict) -> dict[str, str]:
    """A choice for most readings of the file; the others are left at the first one."""
    return {reading["id"]: rng.choice(reading["choice"])["name"] for reading in scheme.get("reading", [])
            if rng.random() < 0.9}


def number(value) -> dict:
    return {"value": value, "fitted": "drawn for a random test"}


def random_variant(rng: Random, scheme: dict) -> dict:
    """A copy of the file with tight caps, higher scores, other expiries, prices, multiples, windows and days."""
    scheme = copy.deepcopy(scheme)
    put(scheme, "confirm.days", number(rng.choice((1, 7, 10, 15))))
    put(scheme, "returns.window_days", number(rng.choice((7, 30, 180, 365))))
    if rng.random() < 0.3 and scheme["scheme"]["scored"] == "daily":
        scheme["scheme"]["settled"] = rng.choice(("monthly:1", "monthly:15", "monthly:28"))
    choices = [choice for reading in scheme.get("reading", []) for choice in reading["choice"]]
    for tables in [scheme, *(choice["set"] for choice in choices if "set" in choice)]:
        vary_tables(rng, tables)
    return scheme


def vary_tables(rng: Random, tables: dict) -> None:
    """The tables of a file, or those that a reading puts in their place."""
    for rule in all_rules(tables):
        vary_caps(rng, rule)
    for currency in tables.get("currency", []):
        vary_currency(rng, currency)
    for tier in tables.get("tier", []):
        if "members_a_seat" in tier:
            tier["members_a_seat"] = number(rng.choice((5, 10, 30)))
    for component in tables.get("score", {}).get("component", []):
        if "cap" in component and rng.random() < 0.6:
            component["cap"] = number(3000)
    vary_awards(rng, tables.get("score", {}).get("rule", []))


def vary_awards(rng: Random, rules: list[dict]) -> None:
    """Sometimes all awards are many times higher; often the first rule has no caps: high tiers, tight parts."""
    times = rng.choice((1, 10, 100))
    for award in [*rules, *(step for rule in rules for step in rule.get("steps", []))]:
        if "points" in award and award.get("per") != "level":
            award["points"] = number(award["points"]["value"] * times)
    if rules and "rate" in rules[0] and rng.random() < 0.4:
        rules[0]["rate"] = number(max(rules[0]["rate"]["value"], 0.5))
        for cap in Rule.CAPS:
            rules[0].pop(cap, None)


def vary_caps(rng: Random, rule: dict) -> None:
    """One cap of a rule made tight and most others wide, or several tight ones."""
    unit = rule["points"]["value"] if "points" in rule else 20
    sizes = (unit // 2, unit // 2, unit, unit + 1, 2 * unit + 1, 5 * unit)
    if rule.get("per") in ("shopping_day", "consecutive_month"):        # pays once in the period
        sizes = (unit // 2,)
    caps = [cap for cap in Rule.CAPS if cap in rule]
    tight = [rng.choice(caps)] if caps and rng.random() < 0.7 else caps
    for cap in caps:
        if cap in tight and rng.random() < 0.8:
            rule[cap] = number(rng.choice(sizes))
        elif cap not in tight and rng.random() < 0.8:
            rule[cap] = number(1000)


def vary_currency(rng: Random, currency: dict) -> None:
    expiries = [{"kind": "never"}, {"kind": "end_of_next_year"}]
    expiries += [{"kind": "rolling_days", "days": number(days)} for days in (1, 20, 60, 180)]
    if "period" not in currency:
        expiries += [{"kind": "inactivity_days", "days": number(days)} for days in (10, 60, 180)]
    for pick in ("first_after", "last_before", "next"):
        # a reading that sets `pick` needs a currency with fixed dates to go on having them
        expiries.append({"kind": "fixed_dates", "dates": ["02-28", "06-30", "12-31"], "pick": pick})
    for table in [currency, *currency.get("period", [])]:
        able = expiries[-3:] if table is currency and "pick" in table["expiry"] else expiries
        if rng.random() < 0.5:
            table["expiry"] = rng.choice(able) | {"assumed": "drawn for a random test"}
    if "redeem" in currency:
        if "multiple" in currency["redeem"] or rng.random() < 0.3:
            currency["redeem"]["multiple"] = number(rng.choice((1, 7, 7, 100, 1000)))
        currency["redeem"]["cap_order"] = number(rng.choice((0.1, 0.333, 0.5, 1)))
        if rng.random() < 0.2:
            del currency["redeem"]["cap_order"]
    for outlet in currency.get("outlet", []):
        if "price" in outlet:
            outlet["price"] = number(rng.choice((1, 7, 10, 30, 100)))
    if rng.random() < (0.3 if currency.get("steals") else 0.6) and "valid_from" not in currency:
        currency["steals"] = not currency.get("steals", False)
    if rng.random() < 0.3:
        currency["earn"][0]["funded_by"] = rng.choice(("platform", "merchant"))
