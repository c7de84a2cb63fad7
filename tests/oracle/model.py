"""The slow second model: what a scheme does to a log, in plain Python, written from the contract alone.

It shares no line with the package: it reads the scheme files with tomllib, counts in Fraction, keeps
every award with its date and adds a score up from its definition on each day it is asked for, and keeps
points as a list of lots. `tests/oracle/test_oracle.py` runs it beside the rule machine on random logs.
"""

from __future__ import annotations

import calendar
import copy
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache

ENTRY_COLUMNS = ["customer_id", "currency", "time", "entry", "points", "lot_id", "accrued_on", "expires_on",
                 "outlet", "funded_by", "order_id", "event_id", "balance"]
DECLINED_COLUMNS = ["customer_id", "currency", "time", "kind", "points", "reason", "order_id", "event_id"]
TIER_COLUMNS = ["customer_id", "settled_on", "tier", "change"]
FEE_COLUMNS = ["customer_id", "settled_on", "plan", "fee_cny"]
ONE_DAY = timedelta(days=1)
OUTLETS_OF_EXCHANGE = ("coupon", "lottery", "external", "exchange")
STANDING = ("state", "level", "year_since_first_order")       # valued day by day, not awarded
WHOLE_TABLES = ("X21", "X29", "limits")                       # readings that every customer of a scheme meets
ACTIVITY = ("accrual", "transfer_in", "redemption", "reinstatement")


@dataclass
class Result:
    """Rows as lists of dicts, in the contract's order, and how often each thing happened."""

    entries: list = field(default_factory=list)
    declined: list = field(default_factory=list)
    scores: list = field(default_factory=list)
    tiers: list = field(default_factory=list)
    fees: list = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)


# ------------------------------------------------------------------------------------------- the calendar


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or that month's last day."""
    month = day.year * 12 + day.month - 1 + months
    year, month = divmod(month, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def full_years(first: date, day: date) -> int:
    """Anniversaries of `first` passed by `day`; that of 29 February is 28 February in common years."""
    years = day.year - first.year
    return years - 1 if add_months(first, 12 * years) > day else years


def is_due(rhythm: str, day: date) -> bool:
    """Whether "daily" or "monthly:8" falls on this day."""
    return rhythm == "daily" or rhythm == f"monthly:{day.day}"


@cache
def last_due(rhythm: str, day: date) -> date:
    """The last such day on or before this one."""
    while not is_due(rhythm, day):
        day -= ONE_DAY
    return day


@cache
def first_due(rhythm: str, day: date) -> date:
    """The first such day on or after this one."""
    while not is_due(rhythm, day):
        day += ONE_DAY
    return day


def holds(table: dict, day: date) -> bool:
    """Whether a dated table is valid on this day, both ends included."""
    return table.get("valid_from", date.min) <= day <= table.get("valid_until", date.max)


def expiry_date(expiry: dict, accrued_on: date) -> date | None:
    """The last day of a lot accrued on this day; None for a lot without end."""
    kind = expiry["kind"]
    if kind in ("never", "inactivity_days"):
        return None
    if kind == "end_of_next_year":
        return date(accrued_on.year + 1, 12, 31)
    if kind == "rolling_days":
        return accrued_on + timedelta(days=int(exact(expiry["days"])))
    assert kind == "fixed_dates", kind
    fixed = sorted(date(year, int(text[:2]), int(text[3:]))
                   for year in range(accrued_on.year - 1, accrued_on.year + 4) for text in expiry["dates"])
    in_a_year = add_months(accrued_on, 12)
    if expiry["pick"] == "first_after":
        return min(day for day in fixed if day >= in_a_year)
    if expiry["pick"] == "last_before":
        return max(day for day in fixed if day <= in_a_year)
    assert expiry["pick"] == "next", expiry
    return min(day for day in fixed if day > accrued_on)


# ---------------------------------------------------------------------------------------- the scheme file


def exact(number: dict | int | float) -> Fraction:
    """A number of the file as an exact decimal."""
    return decimal(repr(number["value"] if isinstance(number, dict) else number))


@cache
def decimal(text: str) -> Fraction:
    return Fraction(text)


def whole(number) -> int | None:
    """A number that must be whole: points, days, levels."""
    if number is None:
        return None
    value = exact(number)
    assert value.denominator == 1, number
    return int(value)


def step_down(node: dict | list, part: str):
    """What a table holds under a key, or a list under a name or a place."""
    if isinstance(node, dict):
        return node[part]
    named = [item for item in node if item.get("name") == part]
    return named[0] if named else node[int(part)]


def parent_of(scheme: dict, path: str) -> tuple[dict | list, str]:
    """The table or list that holds what stands at a path, and the last part of the path."""
    *parents, last = path.split(".")
    node = scheme
    for part in parents:
        node = step_down(node, part)
    return node, last


def put(scheme: dict, path: str, value) -> None:
    """Set one value in place: a number keeps its provenance, anything else is replaced."""
    node, last = parent_of(scheme, path)
    old = node.get(last)
    if isinstance(old, dict) and "value" in old and not isinstance(value, dict):
        old["value"] = value
    else:
        node[last] = value


def take_out(scheme: dict, paths: list[str]) -> None:
    """Remove what stands at these paths; all are found before the first is removed."""
    found = []
    for path in paths:
        node, last = parent_of(scheme, path)
        found.append((node, last, step_down(node, last)))
    for node, last, what in found:
        if isinstance(node, dict):
            del node[last]
        else:
            node[:] = [item for item in node if item is not what]


def apply_readings(scheme: dict, choices: dict[str, str]) -> dict:
    """A copy of the parsed file with these readings in force, all others at their first choice."""
    scheme = copy.deepcopy(scheme)
    for reading in scheme.get("reading", []):
        names = [choice["name"] for choice in reading["choice"]]
        chosen = choices.get(reading["id"], names[0])
        scheme["readings"][reading["id"]] = chosen
        choice = reading["choice"][names.index(chosen)]
        for path, value in choice.get("set", {}).items():
            put(scheme, path, value)
        take_out(scheme, choice.get("unset", []))
    assert set(choices) <= set(scheme.get("readings", {})), choices
    return scheme


def reached(step: dict, score: Fraction | int) -> bool:
    """Whether a score (or an amount) is at this step or above it."""
    if "above" in step:
        return score > exact(step["above"])
    return "from" not in step or score >= exact(step["from"])


def highest_step(steps: list[dict], score) -> dict | None:
    """The last step reached, or None below the first."""
    return next((step for step in reversed(steps) if reached(step, score)), None)


class Rule:
    """An award rule of the score or of a currency."""

    CAPS = ("cap_line", "cap_order", "cap_day", "cap_month", "cap_year", "cap_category_year", "cap_shop_year")

    def __init__(self, table: dict, key: str, rounding: str):
        self.table, self.key, self.rounding = table, key, rounding
        self.on, self.off = table["on"], table.get("off", [])
        self.items = table.get("items", [])
        self.per = table.get("per", "amount_rate" if "rate" in table else "act")
        self.points = whole(table.get("points"))
        self.rate = exact(table["rate"]) if "rate" in table else None
        self.above_cny = exact(table["above_cny"]) if "above_cny" in table else None
        self.caps = {cap: whole(table[cap]) for cap in self.CAPS if cap in table}
        self.component, self.window = table.get("component"), table.get("window")
        self.at_confirmation = table.get("accrues", "order") == "confirm"
        self.funder = table.get("funded_by", "platform")

    def period_of(self, cap: str, event: Event):
        """What the counter of a cap is kept by; None where the event is exempt."""
        year = event.day.year
        if cap == "cap_order":
            return event.order_id
        if cap == "cap_category_year":
            return None if event.category is None else (event.category, year)
        if cap == "cap_shop_year":
            return None if event.shop is None else (event.shop, year)
        return {"cap_day": event.day, "cap_month": (year, event.day.month), "cap_year": year}[cap]


def in_order_of_caps(components: list[dict]) -> list[dict]:
    """A component that caps another one comes before it."""
    done: list[dict] = []
    while len(done) < len(components):
        known = [None, *(component["name"] for component in done)]
        ready = [component for component in components
                 if component not in done and component.get("cap_by", {}).get("component") in known]
        assert ready, components
        done += ready
    return done


class Book:
    """A scheme file taken apart: the rules of the score and of each currency, in file order."""

    def __init__(self, scheme: dict):
        self.scheme = scheme
        self.readings = scheme.get("readings", {})
        self.scored, self.settled = scheme["scheme"]["scored"], scheme["scheme"]["settled"]
        self.begins = scheme["scheme"].get("valid_from", date.min)
        self.ends = scheme["scheme"].get("valid_until", date.max)
        self.window_days = whole(scheme["returns"]["window_days"])
        goods_exchange = scheme["returns"].get("goods_exchange", "return_and_order")
        self.exchange_is_return = goods_exchange == "return_and_order"
        self.confirmed_after = timedelta(days=whole(scheme["confirm"]["days"]))
        score = scheme.get("score", {})
        self.channels = score.get("channels")
        self.new_category = score.get("new_category", "window")
        self.components = score.get("component", [])
        self.component = {table["name"]: table for table in self.components}
        self.capped_in_order = in_order_of_caps(self.components)
        self.score_rules = [Rule(table, f"score.{table['name']}", "floor") for table in score.get("rule", [])]
        self.awarding = [rule for rule in self.score_rules if rule.per not in STANDING]
        self.standing = [rule for rule in self.score_rules if rule.per in STANDING]
        self.currencies = scheme.get("currency", [])
        self.earn_rules = {}
        for currency in self.currencies:
            name, rounding = currency["name"], currency.get("rounding", "floor")
            self.earn_rules[name] = [Rule(table, f"{name}.{table.get('name', place)}", rounding)
                                     for place, table in enumerate(currency.get("earn", []))]
        self.tiers, self.plans = scheme.get("tier", []), scheme.get("plan", [])
        self.ladder = [tier for tier in self.tiers if not tier.get("invited")]

        fees = [fee for plan in self.plans for fee in plan.get("fee", [])]
        self.fee_dates = {fee["valid_from"] for fee in fees if "valid_from" in fee}
        self.fee_dates |= {fee["valid_until"] + ONE_DAY for fee in fees if "valid_until" in fee}

    def is_open(self, day: date) -> bool:
        """Whether the scheme itself holds on this day."""
        return holds(self.scheme["scheme"], day)

    def rules_of(self, currency: str, kind: str) -> list[Rule]:
        """The rules by which acts of a kind earn points of a currency."""
        return [rule for rule in self.earn_rules[currency] if kind in rule.on]

    def main_item(self, kind: str) -> str | None:
        """The item that an account act without one names: the first item of the first rule that names any."""
        for rule in self.score_rules:
            if rule.items and kind in rule.on + rule.off:
                return rule.items[0]
        return None


# ------------------------------------------------------------------------------------------------ a log


@dataclass
class Event:
    customer_id: object
    time: datetime
    kind: str
    fen: int
    order_id: object
    item_id: object
    category: str | None
    shop: str | None
    channel: str | None
    virtual: bool
    currency: str | None
    points: int
    event_id: object

    def __post_init__(self):
        self.day = self.time.date()
        self.cny = Fraction(self.fen, 100)


def read_row(row: dict) -> Event:
    """A row of the event table; absent columns are null."""
    amount = row.get("amount")
    fen = 0 if amount is None else Decimal(str(amount)) * 100
    assert fen == int(fen), row
    names = ("order_id", "item_id", "category", "shop", "channel", "currency", "event_id")
    others = {name: row.get(name) for name in names}
    return Event(customer_id=row["customer_id"], time=row["time"], kind=row["kind"], fen=int(fen),
                 virtual=bool(row.get("virtual")), points=int(row.get("points") or 0), **others)


def read_log(rows: list[dict]) -> list[Event]:
    """All rows in input order; of rows with the same event_id the first one counts."""
    seen, log = set(), []
    for row in rows:
        event = read_row(row)
        if event.event_id is None or event.event_id not in seen:
            log.append(event)
        seen.add(event.event_id)
    return log


# ----------------------------------------------------------------------------- what is kept of a customer


@dataclass
class Award:
    """Score points given on a day by a rule; they count until they run out or a return takes them away."""

    rule: Rule
    day: date
    points: int

    def __post_init__(self):
        self.ends_on = date.max if self.rule.window == "lifetime" else add_months(self.day, 12)


@dataclass
class Earned:
    """Points of a currency that a line earned by one rule."""

    purse: Purse
    rule: Rule
    points: int
    state: str = "pending"           # pending, accrued, gone
    lot: Lot | None = None


@dataclass
class Line:
    """An order line; the event is the row that placed it."""

    event: Event
    awards: list[Award] = field(default_factory=list)
    earned: list[Earned] = field(default_factory=list)
    confirmed: bool = False
    returned: bool = False


@dataclass
class Lot:
    lot_id: int
    accrued_on: date
    expires_on: date | None
    funder: str
    points: int


@dataclass
class Redemption:
    """Points granted on a redeem row, lot by lot in the order taken, and how much went back."""

    granted: int
    base_fen: int
    parts: list[tuple[Lot, int]]
    given_back: int = 0


class Purse:
    """One currency of one customer."""

    def __init__(self, currency: dict):
        self.currency, self.name = currency, currency["name"]
        self.lots: list[Lot] = []
        self.deficit = 0
        self.last_active: date | None = None
        self.days_idle = None
        if currency["expiry"]["kind"] == "inactivity_days":
            self.days_idle = whole(currency["expiry"]["days"])
        self.redemptions: dict[object, list[Redemption]] = defaultdict(list)
        self.automatic = next((outlet for outlet in currency.get("outlet", [])       # points are spent there by themselves
                               if outlet.get("automatic") and outlet.get("offered", True)), None)

    @property
    def balance(self) -> int:
        return sum(lot.points for lot in self.lots) - self.deficit

    def queue(self) -> list[Lot]:
        """Lots with points, soonest expiry first, then oldest."""
        return sorted((lot for lot in self.lots if lot.points > 0),
                      key=lambda lot: (lot.expires_on or date.max, lot.lot_id))

    def expired_on(self, day: date) -> list[Lot]:
        """Lots whose last day is over at 00:00 of this day, or all lots of an account idle for too long."""
        if self.days_idle is not None:
            idle = self.last_active is not None and (day - self.last_active).days > self.days_idle
            return self.queue() if idle else []
        return [lot for lot in self.queue() if lot.expires_on is not None and lot.expires_on < day]

    def expiry_of(self, day: date) -> date | None:
        """The last day of a lot accrued on this day, by the rule valid then."""
        for table in [self.currency, *self.currency.get("period", [])]:
            if holds(table, day):
                return expiry_date(table["expiry"], day)
        raise AssertionError(f"no expiry rule of {self.name} holds on {day}")


class Customer:
    """One customer's life under a scheme, event by event."""

    def __init__(self, book: Book, customer_id, events: list[Event], counts: Counter):
        self.book, self.customer_id, self.events, self.counts = book, customer_id, events, counts
        self.purses = [Purse(currency) for currency in book.currencies]
        self.lines: list[Line] = []
        self.awards: list[Award] = []
        self.levels: list[int] = []                              # of reputation
        self.acts: dict[str, list[Event]] = defaultdict(list)    # by standing rule: the acts that it values
        self.seen: dict[str, list[Event]] = defaultdict(list)    # by rule: what it has seen
        self.used: Counter = Counter()                           # by rule, cap and period: points awarded
        self.entries: list[dict] = []
        self.declined: list[dict] = []
        self.due: set[date] = set()                              # midnights at which time alone may act
        self.struck: dict[date, int] = {}                        # by settlement day: the score
        self.today = self.first_day = events[0].day
        self.first_valued = max(self.first_day, book.begins)     # no day of valuation or settlement before it

    # --- time

    def live(self, until: datetime) -> None:
        """From the first event to `until`."""
        for event in self.events:
            self.pass_time(event.day)
            self.act(event)
            self.spend_by_itself(event.time, event.event_id, "by event")
        self.pass_time(until.date())

    def pass_time(self, day: date) -> None:
        """All midnights up to 00:00 of this day."""
        while upcoming := [due for due in self.due if due <= day]:
            self.today = min(upcoming)
            self.due.discard(self.today)
            self.midnight()
        self.today = day

    def midnight(self) -> None:
        """What time alone brings at 00:00: expiries, automatic confirmations, points spent by themselves."""
        now = datetime.combine(self.today, time())
        for purse in self.purses:
            for lot in purse.expired_on(self.today):
                points, lot.points = lot.points, 0
                self.post(purse, now, "expiry", -points, lot=lot)
                self.counts["inactivity", purse.name] += lot.expires_on is None
        for line in self.lines:
            if line.event.day + self.book.confirmed_after == self.today:
                self.confirm(line, now, event_id=None, how="automatic")
        self.spend_by_itself(now, None, "at midnight")

    def act(self, event: Event) -> None:
        """One event."""
        doors = {"order": self.place, "confirm": self.confirm_row, "return": self.give_back,
                 "goods_exchange": self.exchange_goods, "redeem": self.redeem,
                 "exchange": self.spend_at_outlet, "courier_gift": self.spend_at_outlet,
                 "penalty": self.punish, "steal": self.steal, "stolen": self.steal}
        if event.kind in doors:
            doors[event.kind](event)
        if event.kind != "order":
            self.score_act(event)
            self.earn_by_act(event)

    # --- awards, for the score and for currencies alike

    def award(self, rule: Rule, event: Event, boost: Fraction | int = 0) -> int:
        """Points of one rule for one event of its kinds, under its caps."""
        if not self.sees(rule, event):
            return 0
        points = self.before_caps(rule, event)
        self.seen[rule.key].append(event)
        boosted = self.rounded(rule, points * (1 + boost)) if boost else points
        if boosted != points:
            self.decided("X30", rule.component is not None)
            self.counts["boost", rule.key] += 1
        granted = self.under_caps(rule, boosted, event)
        if granted:
            self.counts["rule", rule.key] += 1
        return granted

    def sees(self, rule: Rule, event: Event) -> bool:
        """Whether the rule looks at a row of its kinds at all: what it does not see, it does not remember."""
        if not self.book.is_open(event.day):
            self.counts["scheme dates", "outside", rule.key] += 1
            return False
        if not holds(rule.table, event.day):
            return False
        channel = event.channel or (self.book.channels or [None])[0]
        if "channels" in rule.table and channel not in rule.table["channels"]:
            return False
        if "virtual" in rule.table and event.virtual != rule.table["virtual"]:
            return False
        return rule.above_cny is None or event.cny > rule.above_cny

    def before_caps(self, rule: Rule, event: Event) -> int:
        """What the rule pays for this event, given all that it saw before."""
        if rule.per == "act":
            return rule.points
        if rule.per == "given":
            return event.points
        if rule.per == "amount_rate":
            return self.rounded(rule, rule.rate * event.cny)
        if rule.per == "amount":
            return self.by_line_amount(rule, event)
        if rule.per == "new_category":
            return rule.points if self.is_new_category(event, self.seen[rule.key]) else 0
        days = {earlier.day for earlier in self.seen[rule.key]}
        if rule.per == "shopping_day":
            return 0 if event.day in days else rule.points
        if rule.per == "streak":
            return self.streak(rule, event, days)
        this_month = {day for day in days if (day.year, day.month) == (event.day.year, event.day.month)}
        if rule.per == "nth_shopping_day":
            nth = event.day not in days and len(this_month) + 1 == whole(rule.table["days"])
            return rule.points if nth else 0
        assert rule.per == "consecutive_month", rule.per
        month_before = add_months(event.day.replace(day=1), -1)
        run = any((day.year, day.month) == (month_before.year, month_before.month) for day in days)
        return rule.points if run and not this_month else 0

    def tier_boost(self, rule: Rule, day: date) -> Fraction | int:
        """What the tier in force adds to an award, as a share of it."""
        if "boost_by_tier" not in rule.table:
            return 0
        return exact(rule.table["boost_by_tier"]) * self.tier_number(day)

    def tier_number(self, day: date) -> int:
        """The place of the tier in force on the ladder without invitation; 0 before any settlement."""
        settled_on = self.settled_before(day)
        if settled_on is None:
            return 0
        return self.book.ladder.index(highest_step(self.book.ladder, self.score_settled_on(settled_on)))

    def rounded(self, rule: Rule, points: Fraction) -> int:
        floor, half_even = points // 1, round(points)
        if floor != half_even and rule.key.split(".")[0] != "score":
            self.decided("X23")
            self.decided("half_shells")
        return int(floor if rule.rounding == "floor" else half_even)

    def is_new_category(self, event: Event, before: list[Event]) -> bool:
        same = [earlier.day for earlier in before if earlier.category == event.category]
        if event.category is None:
            return False
        ever = bool(same)
        in_window = any(event.day < add_months(day, 12) for day in same)
        if ever != in_window:
            self.decided("X31")
        return not (in_window if self.book.new_category == "window" else ever)

    def streak(self, rule: Rule, event: Event, days: set[date]) -> int:
        if event.day in days:
            return 0
        run = 1
        while event.day - run * ONE_DAY in days:
            run += 1
        step = highest_step(rule.table["steps"], run)
        self.counts["step", rule.key, rule.table["steps"].index(step) if step else None] += 1
        return whole(step["points"]) if step else 0

    def by_line_amount(self, rule: Rule, event: Event) -> int:
        """The step of the order line that the event names; the lowest where it names none placed so far."""
        named = [line for line in self.lines_of(event.order_id)
                 if event.item_id is None or line.event.item_id == event.item_id]
        step = highest_step(rule.table["steps"], named[0].event.cny) if named else rule.table["steps"][0]
        where = rule.table["steps"].index(step) if step else None
        self.counts["step", rule.key, where if named else "no line"] += 1
        return whole(step["points"]) if step else 0

    def under_caps(self, rule: Rule, points: int, event: Event) -> int:
        """The least of the award and the room under each cap; what is awarded counts against all."""
        rooms = {}
        for cap, limit in rule.caps.items():
            if cap == "cap_line":
                rooms[cap] = limit
            elif (period := rule.period_of(cap, event)) is not None:
                rooms[cap] = max(limit - self.used[rule.key, cap, period], 0)
        granted = min([points, *rooms.values()])
        for cap, room in rooms.items():
            if granted < points and room == granted:
                self.counts["cap", rule.key, cap] += 1
            if cap != "cap_line":
                self.used[rule.key, cap, rule.period_of(cap, event)] += granted
        return granted

    # --- order lines

    def lines_of(self, order_id) -> list[Line]:
        """All lines of an order placed so far, in event order; none where no order is named."""
        return [line for line in self.lines if order_id is not None and line.event.order_id == order_id]

    def place(self, event: Event) -> None:
        """A new order line: its score, then its points, currency by currency."""
        line = Line(event)
        self.lines.append(line)
        self.due.add(event.day + self.book.confirmed_after)
        self.score_line(line)
        for purse in self.purses:
            for rule in self.book.rules_of(purse.name, event.kind):
                points = self.award(rule, event, self.tier_boost(rule, event.day))
                if points:
                    self.earn_by_line(line, purse, rule, points)

    def earn_by_line(self, line: Line, purse: Purse, rule: Rule, points: int) -> None:
        earned = Earned(purse, rule, points)
        line.earned.append(earned)
        self.decided("X15", rule.key == "beans.purchase")
        self.decided("X28")
        event = line.event
        if rule.at_confirmation:
            self.post(purse, event.time, "pending", points, funder=rule.funder, order_id=event.order_id,
                      event_id=event.event_id)
        else:
            earned.state = "accrued"
            earned.lot = self.accrue(purse, event.time, "accrual", points, rule.funder, event.order_id,
                                     event.event_id)

    def confirm_row(self, event: Event) -> None:
        """A confirmation by the customer of one line, or of every line of an order."""
        for line in self.lines_of(event.order_id):
            if event.item_id is None or line.event.item_id == event.item_id:
                self.confirm(line, event.time, event.event_id, how="by the customer")

    def confirm(self, line: Line, now: datetime, event_id, how: str) -> None:
        if line.confirmed or line.returned:
            return
        line.confirmed = True
        for earned in line.earned:
            if earned.state == "pending":
                self.counts["confirmed", how] += 1
                order_id = line.event.order_id
                self.post(earned.purse, now, "release", -earned.points, funder=earned.rule.funder,
                          order_id=order_id, event_id=event_id)
                earned.state = "accrued"
                earned.lot = self.accrue(earned.purse, now, "accrual", earned.points, earned.rule.funder,
                                         order_id, event_id)

    # --- returns

    def lines_to_give_back(self, event: Event) -> list[Line]:
        """The unreturned lines that the row names, without the late ones, which are refused."""
        named = [line for line in self.lines_of(event.order_id) if not line.returned
                 and (event.item_id is None or line.event.item_id == event.item_id)]
        late = [line for line in named
                if event.day > line.event.day + timedelta(days=self.book.window_days)]
        if late:
            self.counts["late", event.kind, "in part" if len(late) < len(named) else "whole"] += 1
            if self.purses:
                self.decline(self.purses[0], event, 0, "late")
        return [line for line in named if line not in late]

    def give_back(self, event: Event) -> None:
        for line in self.lines_to_give_back(event):
            self.return_line(line, event)

    def return_line(self, line: Line, event: Event) -> None:
        """Points spent on the line go back, points earned by it are taken, its score by amount ends."""
        for purse in self.purses:
            for redemption in purse.redemptions[event.order_id]:
                self.reinstate(purse, redemption, self.share(redemption, line), event)
        self.take_back(line, event)
        line.returned = True
        for award in line.awards:
            award.ends_on = min(award.ends_on, event.day)
            self.counts["score award returned", award.rule.key] += 1

    def share(self, redemption: Redemption, line: Line) -> int:
        """The part of a redemption that goes back with this line."""
        def by_amount(other: Line) -> int:
            return redemption.granted * other.event.fen // redemption.base_fen if redemption.base_fen else 0

        lines = self.lines_of(line.event.order_id)
        if line is lines[-1]:
            share = redemption.granted - sum(by_amount(other) for other in lines[:-1])
            self.counts["share", "the rest"] += 1
        else:
            share = by_amount(line)
            self.counts["share", "by amount"] += 1
        return min(max(share, 0), redemption.granted - redemption.given_back)

    def reinstate(self, purse: Purse, redemption: Redemption, points: int, event: Event) -> None:
        """Parts go back to their lots in the order taken, going on where the last return stopped."""
        skip = redemption.given_back
        redemption.given_back += points
        for lot, part in redemption.parts:
            skipped = min(skip, part)
            skip -= skipped
            back = min(part - skipped, points)
            points -= back
            if back and lot.expires_on is not None and lot.expires_on < event.day:
                self.decline(purse, event, back, "expired")
            elif back:
                self.fill(purse, lot, back, "reinstatement")
                self.post(purse, event.time, "reinstatement", back, lot=lot, outlet="order",
                          order_id=event.order_id, event_id=event.event_id)

    def take_back(self, line: Line, event: Event) -> None:
        """Claw-back of all that the line earned; what is pending is released and gone."""
        for earned in line.earned:
            purse, state, earned.state = earned.purse, earned.state, "gone"
            if state == "pending":
                self.counts["cancelled while pending", purse.name] += 1
                self.post(purse, event.time, "release", -earned.points, funder=earned.rule.funder,
                          order_id=line.event.order_id, event_id=event.event_id)
            elif state == "accrued":
                self.claw_back(purse, earned, event)

    def claw_back(self, purse: Purse, earned: Earned, event: Event) -> None:
        """From the line's own lot, then soonest expiry first, then a deficit or nothing."""
        wanted = earned.points
        own = [earned.lot] if earned.lot.points > 0 else []
        self.counts["clawback", "own lot" if own else "own lot empty"] += 1
        others = [lot for lot in purse.queue() if lot is not earned.lot]
        for lot in own + others:
            taken = min(lot.points, wanted)
            if taken:
                lot.points -= taken
                wanted -= taken
                self.post(purse, event.time, "clawback", -taken, lot=lot, order_id=event.order_id,
                          event_id=event.event_id)
        if not wanted:
            return
        self.decided("X16")
        if purse.currency.get("on_shortfall", "deficit") == "deficit":
            self.owe(purse, event, "clawback", wanted, earned.rule.funder)
        else:
            self.counts["clamped", purse.name] += 1

    def exchange_goods(self, event: Event) -> None:
        """An exchange of goods: a return and a new line of the same kind, or only the claw-back."""
        lines = self.lines_to_give_back(event)
        for line in lines:
            self.decided("X32")
            if self.book.exchange_is_return:
                self.return_line(line, event)
            else:
                self.take_back(line, event)
        if self.book.exchange_is_return:
            for line in lines:
                self.place(replace(line.event, time=event.time, event_id=event.event_id))

    # --- points

    def purse_of(self, event: Event) -> Purse | None:
        """The currency that the row names, or the scheme's first; None in a scheme without currencies."""
        named = [purse for purse in self.purses if event.currency in (None, purse.name)]
        return named[0] if named else None

    def post(self, purse: Purse, now: datetime, entry: str, points: int, *, lot: Lot | None = None,
             funder=None, outlet=None, order_id=None, event_id=None) -> None:
        """One row of the ledger, after the lots and the deficit have moved."""
        on_lot = lot if entry not in ("pending", "release") else None
        self.entries.append({
            "customer_id": self.customer_id, "currency": purse.name, "time": now, "entry": entry,
            "points": points, "lot_id": on_lot.lot_id if on_lot else None,
            "accrued_on": on_lot.accrued_on if on_lot else None,
            "expires_on": on_lot.expires_on if on_lot else None, "outlet": outlet,
            "funded_by": funder or lot.funder, "order_id": order_id, "event_id": event_id,
            "balance": purse.balance})
        self.counts["entry", purse.name, entry] += 1
        if entry in ACTIVITY:
            purse.last_active = now.date()
            if purse.days_idle is not None:
                self.due.add(now.date() + timedelta(days=purse.days_idle) + ONE_DAY)
        if outlet is not None:
            self.counts["outlet", purse.name, outlet] += 1

    def decline(self, purse: Purse, event: Event, points: int, reason: str) -> None:
        self.declined.append({
            "customer_id": self.customer_id, "currency": purse.name, "time": event.time, "kind": event.kind,
            "points": points, "reason": reason, "order_id": event.order_id, "event_id": event.event_id})
        self.counts["declined", event.kind, reason] += 1

    def fill(self, purse: Purse, lot: Lot, points: int, entry: str) -> None:
        """Points come in: a deficit is repaid first, the lot holds the rest."""
        repaid = min(purse.deficit, points)
        purse.deficit -= repaid
        lot.points += points - repaid
        if repaid:
            self.counts["deficit repaid by", entry] += 1

    def owe(self, purse: Purse, event: Event, entry: str, points: int, funder: str) -> None:
        """One row without a lot: what no lot covers."""
        purse.deficit += points
        self.counts["deficit", purse.name, entry] += 1
        self.post(purse, event.time, entry, -points, funder=funder, order_id=event.order_id,
                  event_id=event.event_id)

    def accrue(self, purse: Purse, now: datetime, entry: str, points: int, funder: str, order_id,
               event_id) -> Lot:
        """A new lot."""
        day = now.date()
        lot = Lot(len(purse.lots) + 1, day, purse.expiry_of(day), funder, 0)
        purse.lots.append(lot)
        if lot.expires_on is not None:
            self.due.add(lot.expires_on + ONE_DAY)
        self.decided("X4", purse.name in ("coins", "third"))
        self.decided("expiry", day.year < 2026)
        self.fill(purse, lot, points, entry)
        self.post(purse, now, entry, points, lot=lot, order_id=order_id, event_id=event_id)
        return lot

    def take(self, purse: Purse, event: Event, entry: str, points: int, funder=None, outlet=None):
        """Points go out for an event."""
        return self.take_at(purse, event.time, entry, points, funder=funder, outlet=outlet,
                            order_id=event.order_id, event_id=event.event_id)

    def take_at(self, purse: Purse, now: datetime, entry: str, points: int, **cells):
        """Points go out, soonest expiry first, one row a lot; what each lot gave."""
        parts = []
        for lot in purse.queue():
            taken = min(lot.points, points)
            if taken:
                lot.points -= taken
                points -= taken
                parts.append((lot, taken))
                self.post(purse, now, entry, -taken, lot=lot, **cells)
        return parts

    def earn_by_act(self, event: Event) -> None:
        """Points for an act that is no order line; points given are of the currency that the row names."""
        for purse in self.purses:
            for rule in self.book.rules_of(purse.name, event.kind):
                if rule.per == "given" and purse is not self.purse_of(event):
                    continue
                points = self.award(rule, event, self.tier_boost(rule, event.day))
                if points:
                    self.accrue(purse, event.time, "accrual", points, rule.funder, event.order_id,
                                event.event_id)

    def redeem(self, event: Event) -> None:
        """Points off an order: as many as request, balance, cap and multiple allow."""
        purse = self.purse_of(event)
        if purse is None:
            return
        rules = purse.currency.get("redeem")
        shops = {shop["name"]: shop for shop in (rules or {}).get("shop", [])}
        cap = shops.get(event.shop, rules or {}).get("cap_order")
        if rules is None or (cap is not None and exact(cap) == 0):
            if event.points:
                self.decline(purse, event, event.points, "not_offered")
            return
        if event.shop in shops:
            self.counts["redeem at shop", event.shop] += 1
        earlier = purse.redemptions[event.order_id]
        balance, limits = max(purse.balance, 0), {}
        limits["balance"] = balance
        if cap is not None:
            most = exact(cap) * event.cny / exact(purse.currency["value_cny"]) // 1
            limits["cap"] = max(int(most) - sum(redemption.granted for redemption in earlier), 0)
            self.counts["redeem", "again on an order"] += bool(earlier)
        multiple = whole(rules.get("multiple", 1))
        granted = min([event.points, *limits.values()]) // multiple * multiple
        if granted:
            parts = self.take(purse, event, "redemption", granted, outlet="order")
            earlier.append(Redemption(granted, event.fen, parts))
        if granted < event.points:
            binding = min(limits, key=limits.get)
            self.decline(purse, event, event.points - granted,
                         binding if limits[binding] < event.points else "multiple")

    def spend_at_outlet(self, event: Event) -> None:
        """An exchange or a courier's gift, granted whole or declined."""
        purse = self.purse_of(event)
        if purse is None or not event.points:
            return
        name = "gift" if event.kind == "courier_gift" else "exchange"
        if event.kind == "exchange" and event.item_id in OUTLETS_OF_EXCHANGE:
            name = event.item_id
        outlet = next((outlet for outlet in purse.currency.get("outlet", []) if outlet["name"] == name), None)
        self.decided("X14", purse.name == "beans" and name == "external")
        self.decided("X12", purse.name == "coins" and name in ("lottery", "exchange"))
        if outlet is None or not outlet.get("offered", True):
            self.decline(purse, event, event.points, "not_offered")
        elif not self.gate_is_open(outlet, event.day):
            self.decline(purse, event, event.points, "gate")
        elif "price" in outlet and event.points % whole(outlet["price"]):
            self.decline(purse, event, event.points, "multiple")
        elif event.points > purse.balance:
            self.decline(purse, event, event.points, "balance")
        else:
            self.counts["gate passed", name] += "gate" in outlet
            self.take(purse, event, "redemption", event.points, outlet=name)

    def gate_is_open(self, outlet: dict, day: date) -> bool:
        return "gate" not in outlet or reached(outlet["gate"], self.settled_score(day))

    def spend_by_itself(self, now: datetime, event_id, how: str) -> None:
        """Automatic outlets: as many pieces as the balance pays for, where the gate is open."""
        for purse in self.purses:
            outlet = purse.automatic
            if outlet is None:
                continue
            price = whole(outlet["price"])
            pieces = max(purse.balance, 0) // price
            if not pieces:
                continue
            if self.gate_is_open(outlet, now.date()):
                self.take_at(purse, now, "redemption", pieces * price, outlet=outlet["name"],
                             event_id=event_id)
                self.counts["automatic", purse.name, how] += 1
            else:
                self.counts["automatic", purse.name, "gate shut"] += 1
                self.look_again()

    def look_again(self) -> None:
        """A gate is shut: it may open at the midnight after the next settlement of another score."""
        settled_on = last_due(self.book.settled, self.today - ONE_DAY)
        coming = [day for day in self.days_of_change(self.today.year + 1) if day > settled_on]
        if coming:
            self.due.add(first_due(self.book.settled, max(min(coming), self.today)) + ONE_DAY)

    def punish(self, event: Event) -> None:
        """A penalty: at most the balance."""
        purse = self.purse_of(event)
        if purse is not None:
            parts = self.take(purse, event, "penalty", event.points, funder="customer")
            short = event.points - sum(points for _, points in parts)
            if short:
                self.decline(purse, event, short, "shortfall")

    def steal(self, event: Event) -> None:
        """A transfer between customers, in every currency that allows it."""
        for purse in self.purses:
            if not purse.currency.get("steals", False) or not event.points:
                continue
            if event.kind == "steal":
                self.accrue(purse, event.time, "transfer_in", event.points, "platform", event.order_id,
                            event.event_id)
            else:
                parts = self.take(purse, event, "transfer_out", event.points)
                short = event.points - sum(points for _, points in parts)
                if short:
                    self.owe(purse, event, "transfer_out", short, "platform")

    # --- the score

    def in_scope(self, event: Event) -> bool:
        """Whether the score sees the row: no channel, or one of the score's channels."""
        channels = self.book.channels
        inside = channels is None or event.channel is None or event.channel in channels
        self.counts["score scope", "outside"] += not inside
        return inside

    def score_line(self, line: Line) -> None:
        if not self.in_scope(line.event):
            return
        self.remember(line.event)
        line.awards = [award for award in self.score_awards(line.event) if award.rule.per == "amount_rate"]

    def score_act(self, event: Event) -> None:
        if self.in_scope(event):
            self.remember(event)
            self.score_awards(event)

    def remember(self, event: Event) -> None:
        """What sets or clears a state, says a level or starts tenure."""
        if event.kind == "reputation":
            self.levels.append(event.points)
        for rule in self.book.standing:
            if event.kind in rule.on + rule.off and self.sees(rule, event):
                self.acts[rule.key].append(event)

    def score_awards(self, event: Event) -> list[Award]:
        """Awards of all rules for one event; states, levels and tenure are no awards."""
        awards = []
        for rule in self.book.awarding:
            if event.kind in rule.on:
                a_level = self.book.component[rule.component].get("boost_by_level")
                points = self.award(rule, event, exact(a_level) * self.levels[-1] if a_level and self.levels else 0)
                if points:
                    awards.append(Award(rule, event.day, points))
        self.awards.extend(awards)
        return awards

    def standing(self, rule: Rule, day: date) -> int:
        """Points of a state, a level or tenure at the end of a day."""
        acts = [act for act in self.acts[rule.key] if act.day <= day]
        if rule.per == "year_since_first_order":
            return rule.points * full_years(acts[0].day, day) if acts else 0
        if rule.per == "level":
            return rule.points * acts[-1].points if acts else 0
        items = set()
        for act in acts:
            item = act.item_id if act.item_id is not None else self.book.main_item(act.kind)
            name = item if rule.items else "the one unnamed state"
            if rule.items and item not in rule.items:
                continue
            if act.kind in rule.on:
                items.add(name)
            else:
                items.discard(name)
        return rule.points if items else 0

    def components_on(self, day: date) -> dict[str, int]:
        """The score's components at the end of a day, from their definition."""
        total = {component["name"]: 0 for component in self.book.components}
        for award in self.awards:
            if award.day <= day < award.ends_on:
                total[award.rule.component] += award.points
        for rule in self.book.standing:
            points = self.standing(rule, day)
            total[rule.component] += points
            self.counts["rule", rule.key] += points > 0
        value: dict[str, int] = {}
        for component in self.book.capped_in_order:
            value[component["name"]] = self.capped(component, total[component["name"]], value)
        return {name: value[name] for name in total}

    def capped(self, component: dict, points: int, value: dict[str, int]) -> int:
        name = component["name"]
        if "cap" in component and points > whole(component["cap"]):
            points = whole(component["cap"])
            self.counts["cap", name, "component"] += 1
        if "cap_by" in component:
            by = component["cap_by"]
            cap = int((exact(by["start"]) + exact(by["slope"]) * value[by["component"]]) // 1)
            if points > cap:
                points = cap
                self.counts["cap", name, "cap_by"] += 1
                self.decided("X30", name == "shopping" and exact(by["slope"]) != 0)
        return points

    def score_on(self, day: date) -> int:
        return sum(self.components_on(day).values())

    def settled_before(self, day: date) -> date | None:
        """The last settlement struck before 00:00 of this day."""
        settled_on = last_due(self.book.settled, min(day - ONE_DAY, self.book.ends))
        return settled_on if settled_on >= self.first_valued else None

    def settled_score(self, day: date) -> int:
        """The settled score in force on this day; 0 before any settlement."""
        settled_on = self.settled_before(day)
        return 0 if settled_on is None else self.score_settled_on(settled_on)

    def score_settled_on(self, day: date) -> int:
        """The score of a settlement already struck: it never changes, so it is added up once."""
        if day not in self.struck:
            self.struck[day] = self.score_on(day)
        return self.struck[day]

    def days_of_change(self, last_year: int) -> set[date]:
        """Days, until the end of a year, on which the value of the score can differ from the day before."""
        days = {self.first_day} | {act.day for acts in self.acts.values() for act in acts}
        for award in self.awards:
            days |= {award.day, award.ends_on} - {date.max}
        for rule in self.book.standing:
            if rule.per == "year_since_first_order" and self.acts[rule.key]:
                first = self.acts[rule.key][0].day
                days |= {add_months(first, 12 * years) for years in range(1, last_year - first.year + 1)}
        return days

    def valuations(self, until: datetime) -> dict[date, dict[str, int]]:
        """Components on the days due, over by `until`, that are the first of their kind after a change.

        On every other day of valuation or settlement the rows would say what they said before.
        """
        end = min(until.date() - ONE_DAY, self.book.ends)
        changes = {max(day, self.first_valued) for day in self.days_of_change(end.year) | self.book.fee_dates}
        days = {first_due(rhythm, day) for rhythm in (self.book.scored, self.book.settled) for day in changes}
        return {day: self.components_on(day) for day in sorted(days) if day <= end}

    def decided(self, reading: str, matters: bool = True) -> None:
        """Count that the choice of a reading made a difference here."""
        if matters and reading in self.book.readings:
            self.counts["reading", reading, self.book.readings[reading]] += 1


# ------------------------------------------------------------------------------------------- all customers


def live_through(rows: list[dict], book: Book, until: datetime, counts: Counter) -> list[Customer]:
    """Every customer with an event by `until`, in order of customer_id, lived up to `until`."""
    logs = defaultdict(list)
    for event in read_log(rows):
        if event.time <= until:
            logs[event.customer_id].append(event)
    customers = []
    for customer_id in sorted(logs):
        events = sorted(logs[customer_id], key=lambda event: event.time)        # stable: ties in input order
        customers.append(Customer(book, customer_id, events, counts))
        customers[-1].live(until)
    return customers


def score_row(customer: Customer, day: date, components: dict[str, int]) -> dict:
    score = sum(components.values())
    return {"customer_id": customer.customer_id, "settled_on": day, **components, "score": score}


def score_rows(customer: Customer, values: dict[date, dict]) -> list[dict]:
    """The first valuation, then those with another component than the row before."""
    rows, last = [], None
    for day, components in values.items():
        if is_due(customer.book.scored, day) and components != last:
            rows.append(score_row(customer, day, components))
            last = components
    return rows


def fees_of(plan: dict) -> list[dict]:
    """The fees of the plan's own country."""
    return [fee for fee in plan.get("fee", []) if fee.get("country") == plan.get("country")]


def fee_rows(customer: Customer, values: dict[date, dict]) -> list[dict]:
    """The fee of each plan at the first settlement and wherever the quote changed."""
    rows, quoted = [], {}
    for day, components in values.items():
        if not is_due(customer.book.settled, day):
            continue
        for plan in customer.book.plans:
            steps = [step for step in fees_of(plan) if holds(step, day)]
            step = highest_step(steps, sum(components.values()))
            fee = float(exact(step["cny"])) if step else None
            if fee != quoted.get(plan["name"]):
                customer.counts["fee", plan["name"], fee] += 1
                customer.counts["fee of another country", plan["name"]] += any(
                    holds(other, day) and reached(other, sum(components.values()))
                    for other in plan["fee"] if other.get("country") != plan.get("country"))
                if step is not None:
                    rows.append({"customer_id": customer.customer_id, "settled_on": day, "plan": plan["name"],
                                 "fee_cny": fee})
                    customer.decided("X1", steps.index(step) in (1, 2))
            quoted[plan["name"]] = fee
    return rows


def seats_by_day(customers: list[Customer], values: list[dict], book: Book, counts: Counter) -> dict:
    """Who holds a seat in the invited tier, by each settlement day at which anybody's score is another."""
    invited = [tier for tier in book.tiers if tier.get("invited")]
    if not invited:
        return {}
    (tier,) = invited
    held, seats, score, able = set(), {}, {}, set()
    for day in sorted({day for value in values for day in value if is_due(book.settled, day)}):
        for customer, value in zip(customers, values, strict=True):
            if day in value:
                score[customer.customer_id] = sum(value[day].values())
                able.discard(customer.customer_id)
                able |= {customer.customer_id} if reached(tier, score[customer.customer_id]) else set()
        free = len(score) // whole(tier["members_a_seat"])
        holders = sorted(customer_id for customer_id in able if customer_id in held)
        others = sorted((-score[customer_id], customer_id) for customer_id in able if customer_id not in held)
        now = set((holders + [customer_id for _, customer_id in others])[:free])
        counts["seat", "given"] += len(now - held)
        counts["seat", "kept"] += len(now & held)
        counts["seat", "lost"] += len(held - now)
        counts["seat", "wanted in vain"] += len(able - now)
        held = seats[day] = now
    return seats


def tier_rows(customer: Customer, values: dict[date, dict], seats: dict) -> list[dict]:
    """The tier at the first settlement and wherever it changed."""
    book, rows, last = customer.book, [], None
    names = [tier["name"] for tier in book.tiers]
    invited = [tier["name"] for tier in book.tiers if tier.get("invited")]
    ranked = None                                                # the tier of the score settled last
    for day in sorted({*values, *seats}) if book.tiers else ():
        if day in values:
            tier = highest_step(book.ladder, sum(values[day].values()))["name"]
            if not is_due(book.settled, day):
                customer.decided("X3", last is not None and tier != last)
                continue
            ranked = tier
        if ranked is None:
            continue
        tier = invited[0] if customer.customer_id in seats.get(day, ()) else ranked
        if tier != last:
            change = "up" if last and names.index(tier) > names.index(last) else "down" if last else "joined"
            rows.append({"customer_id": customer.customer_id, "settled_on": day, "tier": tier,
                         "change": change})
            customer.counts["tier", tier, change] += 1
            customer.decided("X3", book.settled == "daily" and change != "joined")
            last = tier
    return rows


def run(rows: list[dict], scheme: dict, until: datetime | None = None) -> Result:
    """Ledger, scores, tiers and fees of a log under a scheme (parsed file, readings applied)."""
    result = Result()
    if not rows:
        return result
    book = Book(scheme)
    until = until or max(row["time"] for row in rows)
    customers = live_through(rows, book, until, result.counts)
    values = [customer.valuations(until) for customer in customers]
    seats = seats_by_day(customers, values, book, result.counts)
    for customer, value in zip(customers, values, strict=True):
        for reading in WHOLE_TABLES:
            customer.decided(reading)
        result.entries += customer.entries
        result.declined += customer.declined
        result.scores += score_rows(customer, value)
        result.fees += fee_rows(customer, value)
        result.tiers += tier_rows(customer, value, seats)
    return result


def valued_on(scheme: dict, day: date) -> date | None:
    """The last valuation on or before a day; None before the first one of the scheme."""
    book = Book(scheme)
    last = last_due(book.scored, min(day, book.ends))
    return last if last >= book.begins else None


def values(rows: list[dict], scheme: dict, days: list[date]) -> list[dict]:
    """The score as it stands at the end of given days: one row a customer with an event by then, and day."""
    if not rows:
        return []
    book = Book(scheme)
    answer, scored = [], {day: valued_on(scheme, day) for day in sorted(set(days))}
    for customer in live_through(rows, book, max(row["time"] for row in rows), Counter()):
        for day, scored_on in scored.items():
            if customer.first_day <= day and scored_on:
                answer.append(score_row(customer, scored_on, customer.components_on(scored_on)))
    return answer
