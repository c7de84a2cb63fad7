"""Seeded random scheme files from anywhere within the language, for the rule machine and the second model.

Numbers are drawn near those of the random logs, so that ties, edges and caps are met. Every file is one that
`load_scheme` takes and the machine holds: `CAPACITY` says how much that is, and now and then a file is full.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from .randomlog import AMOUNTS, CHANNELS, KINDS, SHOPS, number

CAPACITY = {"components": 8, "rules": 64, "currencies": 4, "tiers": 16, "plans": 4, "fees": 16, "rates": 4,
            "earn rules on lines": 4, "shops": 32, "steps": 96}
DAYS = [date.fromisoformat(day) for day in (
    "2022-12-31", "2023-02-28", "2023-12-30", "2024-01-01", "2024-02-28", "2024-02-29", "2024-03-01", "2024-06-30",
    "2024-07-01", "2024-12-31", "2025-02-28", "2025-06-20", "2025-12-20", "2025-12-31", "2026-01-01", "2026-06-30",
    "2027-02-28")]
EDGES = (0, 1, 2, 5, 9, 10, 20, 30, 49, 50, 60, 99, 100, 101, 150, 200, 201, 300, 500, 501, 1000, 1001, 2000, 5000,
         10_000, 20_000)
POINTS = (0, 1, 1, 2, 3, 5, 5, 7, 10, 10, 12, 20, 30, 50, 100, 500)
RATES = (0, 0.001, 0.01, 0.025, 0.05, 0.1, 0.1, 0.15, 0.25, 0.333, 0.5, 1, 1, 1.5, 10, 0.000000001, 123.456789)
SHARES = (0, 0.05, 0.1, 0.1, 0.25, 0.333, 0.5, 1, 2.5)
ORDER_CAPS = (0, 0.1, 0.333, 0.5, 0.5, 1)
VALUES = (0.001, 0.01, 0.01, 0.01, 0.03, 0.5, 1, 7)
PRICES = (1, 2, 7, 10, 30, 100, 500, 1000)
LINE_AMOUNTS = [fen / 100 for fen in AMOUNTS[1:-2]]
NAMED_CHANNELS = sorted(set(CHANNELS) - {None})
NAMED_SHOPS = sorted(set(SHOPS) - {None})
ORDER_COUNTS = ("new_category", "shopping_day", "nth_shopping_day", "consecutive_month")
STANDING = ("state", "level", "year_since_first_order")
CAPS = ("cap_order", "cap_day", "cap_month", "cap_year", "cap_category_year", "cap_shop_year")
SETTING = ("profile_completed", "identity_verified", "account_bound", "family_bound", "plan_joined", "plan_renewed")
CLEARING = ("profile_cleared", "identity_revoked", "account_unbound", "plan_cancelled")
ITEMS = ("real_name", "phone", "voiceprint", "alipay", "sesame", "wechat", "qq")
LEVELS = ("reputation", "reputation", "credit", "credit", "grant", "penalty")
ACTS = ("check_in", "login", "review", "photo_review", "share", "answer", "photo_post", "harvest", "water")
REVIEWS = ("review", "photo_review", "answer", "follow_up_review")
ALL_KINDS = (*KINDS, "steal", "stolen")


def random_scheme(seed: int) -> dict:
    """A scheme file, parsed."""
    return Writer(Random(f"scheme {seed}")).file()


class Writer:
    """Writes one file, and keeps count of what the machine has room for."""

    def __init__(self, rng: Random):
        self.rng = rng
        self.full = rng.random() < 0.06                    # as much of everything as there is room for
        self.room = dict(CAPACITY)
        self.channels = NAMED_CHANNELS                     # those that a rule may name
        self.tenures: list[dict] = []

    # --- small draws

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def number(self, values) -> dict:
        return number(self.rng.choice(values))

    def put(self, table: dict, key: str, share: float, values) -> None:
        """A number under a key, sometimes."""
        if self.chance(share):
            table[key] = self.number(values)

    def some(self, values, most: int) -> list:
        """A few different ones."""
        values = sorted(set(values))
        return self.rng.sample(values, min(self.rng.randint(1, most), len(values)))

    def count(self, what: str, weights: tuple) -> int:
        """How many of something: as many as there is room for in a full file, else few."""
        return CAPACITY[what] if self.full else self.rng.choices(range(len(weights)), weights)[0]

    def take(self, what: str, wanted: int = 1) -> int:
        """Room for so many, or for what is left."""
        taken = min(wanted, self.room[what])
        self.room[what] -= taken
        return taken

    def dates(self, table: dict, share: float) -> None:
        """Dates of validity, sometimes: from, until or both."""
        if self.chance(share):
            first, last = sorted((self.rng.choice(DAYS), self.rng.choice(DAYS)))
            ends = self.rng.choice(("from", "until", "both"))
            if ends != "until":
                table["valid_from"] = first
            if ends != "from":
                table["valid_until"] = last

    def edge(self, value) -> dict:
        return {self.rng.choice(("above", "from")): number(value)}

    def ladder(self, count: int, values, open_below: float) -> list[dict]:
        """Rising edges; the first step may hold everything below the second."""
        steps = [self.edge(value) for value in sorted(self.rng.sample(sorted(set(values)), count))]
        if steps and self.chance(open_below):
            steps[0] = {}
        return steps

    # --- the file

    def file(self) -> dict:
        rng = self.rng
        scored = rng.choice(("daily", "daily", "monthly:1", "monthly:8", f"monthly:{rng.randint(1, 28)}"))
        settled = rng.choice(("daily", "monthly:2", "monthly:28")) if scored == "daily" else scored
        heading = {"key": "random", "title": "Random", "operator": "nobody", "timezone": "Asia/Shanghai",
                   "scored": scored, "settled": settled}
        self.dates(heading, 0.3)
        file = {"scheme": heading, "readings": {}, "reading": [],
                "returns": {"window_days": self.number((0, 1, 7, 30, 90, 180, 180, 365))},
                "confirm": {"days": self.number((1, 1, 7, 7, 10, 15))}}
        if self.chance(0.5):
            file["returns"]["goods_exchange"] = rng.choice(("return_and_order", "claw_back"))
        if self.chance(0.85):
            file["score"] = self.score()
        file["currency"] = [self.currency(f"money_{n}") for n in range(self.count("currencies", (1, 6, 5, 3, 1)))]
        file["tier"] = self.tiers()
        file["plan"] = [self.plan(f"plan_{n}") for n in range(self.count("plans", (6, 4, 3, 1, 1)))]
        self.benefits(file)
        ReadingWriter(self, file).write()
        self.unname(file)
        return {key: value for key, value in file.items() if value != [] and value != {}}

    def unname(self, file: dict) -> None:
        """Leave out the names of some earn rules that no reading speaks of: their places stand for them."""
        spoken_of = str(file["reading"])
        for currency in file["currency"]:
            for rule in currency.get("earn", []):
                if f"{currency['name']}.earn.{rule['name']}" not in spoken_of and self.chance(0.15):
                    del rule["name"]

    # --- the score

    def score(self) -> dict:
        score = {"component": self.components()}
        if self.chance(0.25):
            score["channels"] = self.channels = self.some(NAMED_CHANNELS, 4)
        if self.chance(0.5):
            score["new_category"] = self.rng.choice(("window", "ever"))
        names = [component["name"] for component in score["component"]]
        count = self.rng.randint(34, 40) if self.full else self.rng.choice((1, 2, 4, 6, 8, 12))
        score["rule"] = [self.score_rule(f"rule_{n}", names) for n in range(self.take("rules", count))]
        self.channels = NAMED_CHANNELS
        return score

    def components(self) -> list[dict]:
        components = [{"name": f"part_{n}"} for n in range(self.count("components", (0, 4, 3, 3, 2, 1)))]
        ranks = [component["name"] for component in components]
        self.rng.shuffle(ranks)                            # a part is capped by one of a lower rank
        for component in components:
            self.put(component, "cap", 0.3, EDGES)
            self.put(component, "boost_by_level", 0.25, SHARES)
            below = ranks[:ranks.index(component["name"])]
            if below and self.chance(0.35):
                component["cap_by"] = {"component": self.rng.choice(below), "start": self.number(EDGES),
                                       "slope": self.number(RATES)}
        return components

    def score_rule(self, name: str, components: list[str]) -> dict:
        rate = self.chance(0.35) and self.take("rates")
        others = ("act", "act", "act", *ORDER_COUNTS, "year_since_first_order", "state", "state", "level", "level",
                  "streak", "amount", "given")
        rule = self.rule(name, "amount_rate" if rate else self.rng.choice(others))
        if rule.get("per") == "year_since_first_order":
            self.only_tenure(rule)
        rule["component"] = self.rng.choice(components)
        rule["window"] = self.rng.choice(("trailing", "trailing", "lifetime"))
        if rule.get("per") in ("state", "level"):
            rule["window"] = "state"
        elif rule.get("per") == "year_since_first_order":
            rule["window"] = "lifetime"
        return rule

    def only_tenure(self, rule: dict) -> None:
        """Rules on years since the first order see the same orders: the machine holds one first order."""
        filters = ("above_cny", "virtual", "channels", "valid_from", "valid_until")
        for key in filters if self.tenures else ():
            rule.pop(key, None)
        for key in filters:
            if self.tenures and key in self.tenures[0]:
                rule[key] = self.tenures[0][key]
        self.tenures.append(rule)

    # --- award rules

    def rule(self, name: str, per: str) -> dict:
        """What both kinds of rules say: when, how much, under which caps."""
        rule = {"name": name, "on": self.kinds(per)}
        if per not in ("act", "amount_rate"):
            rule["per"] = per
        if per == "amount_rate":
            rule["rate"] = self.number(RATES)
        elif per in ("streak", "amount"):
            rule["steps"] = self.steps(per)
            if not rule["steps"]:
                del rule["steps"]
                rule["per"] = "given"
        elif per != "given":
            rule["points"] = self.number(POINTS)
        if per == "nth_shopping_day":
            rule["days"] = self.number((1, 2, 3, 31))
        if per == "state":
            self.state(rule)
        if rule["on"] == ["order"]:
            self.put(rule, "above_cny", 0.3, LINE_AMOUNTS)
            if self.chance(0.2):
                rule["virtual"] = self.chance(0.5)
        if self.chance(0.15):
            rule["channels"] = self.some(self.channels, 3)
        self.dates(rule, 0.2)
        self.caps(rule)
        return rule

    def kinds(self, per: str) -> list[str]:
        """The acts that a rule is on."""
        if per in ("amount_rate", "year_since_first_order", *ORDER_COUNTS):
            return ["order"]
        usual = {"state": SETTING, "level": LEVELS, "streak": ("check_in", "check_in", "login", "review", "order"),
                 "amount": REVIEWS, "given": ("grant", "grant", "penalty", "steal", "redeem", "exchange"),
                 "act": (*ACTS, "order", "order")}[per]
        return self.some(usual if self.chance(0.85) else ALL_KINDS, 1 if per in ("level", "given") else 3)

    def state(self, rule: dict) -> None:
        """What clears a state, and the items it is for."""
        off = set(self.some(CLEARING if self.chance(0.9) else ALL_KINDS, 2)) - set(rule["on"])
        if off and self.chance(0.8):
            rule["off"] = sorted(off)
        if self.chance(0.6):
            rule["items"] = self.some(ITEMS, 3)

    def steps(self, per: str) -> list[dict]:
        count = self.take("steps", self.rng.choice((1, 2, 3, 3, 48 if self.full and per == "streak" else 4)))
        edges = (1, 2, 3, 4, 6, 7, *range(8, 60)) if per == "streak" else (0, *LINE_AMOUNTS)
        return [step | {"points": self.number(POINTS)} for step in self.ladder(count, edges, open_below=0)]

    def caps(self, rule: dict) -> None:
        """None, one or many caps, near what the rule pays at once."""
        if rule.get("per") in STANDING:
            return
        unit = rule["points"]["value"] if "points" in rule else self.rng.choice((10, 50, 500))
        sizes = (0, unit // 2, max(unit - 1, 0), unit, unit + 1, 2 * unit, 2 * unit + 1, 5 * unit, 1000)
        caps = (*CAPS, "cap_line") if rule["on"] == ["order"] else CAPS
        for cap in self.some(caps, 4) if self.chance(0.5) else ():
            rule[cap] = self.number(sizes)

    # --- currencies

    def currency(self, name: str) -> dict:
        rng = self.rng
        currency = {"name": name, "value_cny": self.number(VALUES), "earn": self.earn_rules(),
                    "on_shortfall": rng.choice(("deficit", "clamp")), "rounding": rng.choice(("floor", "half_even"))}
        if self.chance(0.5):
            currency["kind"] = rng.choice(("points", "cash", "goods"))
        self.put(currency, "cost_cny", 0.3, VALUES)
        if self.chance(0.4):
            currency["steals"] = True
        if not currency["earn"] or self.chance(0.05):
            del currency["earn"]
        self.expiries(currency)
        if self.chance(0.8):
            currency["redeem"] = self.redeem()
        if self.chance(0.75):
            currency["outlet"] = self.outlets()
        return currency

    def expiry(self, idle: bool) -> dict:
        kinds = ("rolling_days", "rolling_days", "end_of_next_year", "fixed_dates", "fixed_dates", "never")
        kind = "inactivity_days" if idle else self.rng.choice(kinds)
        expiry = {"kind": kind, self.rng.choice(("assumed", "source")): "drawn for a random test"}
        if kind in ("rolling_days", "inactivity_days"):
            expiry["days"] = self.number((0, 1, 7, 10, 20, 45, 60, 180, 365))
        if kind == "fixed_dates":
            expiry["dates"] = sorted(self.some(("01-01", "02-28", "03-31", "06-30", "07-01", "12-31"), 3))
            expiry["pick"] = self.rng.choice(("first_after", "last_before", "next"))
        return expiry

    def expiries(self, currency: dict) -> None:
        """The rule of expiry, or several that follow each other."""
        currency["expiry"] = self.expiry(idle=self.chance(0.3))
        if currency["expiry"]["kind"] == "inactivity_days" or self.chance(0.6):
            return
        ends = sorted(self.some(DAYS, 3))
        currency["valid_until"] = ends[0]
        currency["period"] = []
        for first, last in zip(ends, [*ends[1:], None], strict=True):
            period = {"valid_from": first + timedelta(days=1), "expiry": self.expiry(idle=False)}
            currency["period"].append(period | ({"valid_until": last} if last else {}))

    def earn_rules(self) -> list[dict]:
        count = self.take("rules", self.rng.choice((1, 2, 3, 5)) if not self.full else 10)
        rules = [self.earn_rule(f"earn_{n}") for n in range(count)]
        if rules and self.chance(0.8):
            rules[-1] = {"name": "grant_0", "on": ["grant"], "per": "given"}
        return rules

    def earn_rule(self, name: str) -> dict:
        pers = ("amount_rate", "amount_rate", "amount_rate", *ORDER_COUNTS, "act", "act", "act", "streak", "amount",
                "given")
        rule = self.rule(name, self.rng.choice(pers))
        if "order" in rule["on"] and not self.take("earn rules on lines"):
            rule = self.rule(name, "given") | {"on": ["grant"]}
            for key in ("above_cny", "virtual", "cap_line"):
                rule.pop(key, None)
        if rule["on"] == ["order"] and self.chance(0.6):
            rule["accrues"] = "confirm"
        if self.chance(0.5):
            rule["funded_by"] = self.rng.choice(("platform", "merchant", "customer"))
        if rule.get("per") != "given":
            self.put(rule, "boost_by_tier", 0.35, SHARES)
        return rule

    def redeem(self) -> dict:
        redeem = {"source": "drawn for a random test"}
        self.put(redeem, "multiple", 0.5, (1, 7, 10, 100, 1000))
        self.put(redeem, "cap_order", 0.7, ORDER_CAPS)
        if self.chance(0.5):
            count = self.take("shops", 15 if self.full else self.rng.choice((1, 2, 3)))
            names = NAMED_SHOPS + [f"shop_{n}" for n in range(15)]
            shops = [{"name": name, "cap_order": self.number(ORDER_CAPS)} for name in names[:count]]
            redeem |= {"shop": shops} if shops else {}
        return redeem

    def outlets(self) -> list[dict]:
        outlets = []
        for name in self.some(("exchange", "coupon", "lottery", "external", "gift"), 5):
            outlet = {"name": name, "assumed": "drawn for a random test"}
            if self.chance(0.4):
                outlet["gate"] = self.edge(self.rng.choice(EDGES))
            if self.chance(0.15):
                outlet["offered"] = False
            self.put(outlet, "price", 0.5, PRICES)
            outlets.append(outlet)
        priced = [outlet for outlet in outlets if "price" in outlet]
        if priced and self.chance(0.5):
            self.rng.choice(priced)["automatic"] = True
        return outlets

    # --- tiers and plans

    def tiers(self) -> list[dict]:
        steps = self.ladder(self.count("tiers", (0, 1, 3, 4, 3, 2, 1)), EDGES, open_below=1)
        if self.chance(0.2) and (len(steps) < 2 or steps[1] != {"from": number(0)}):
            if len(steps) < 2 or next(iter(steps[1].values()))["value"] > 0:
                steps[0] = {"from": number(0)}
        if self.chance(0.2):
            self.close(steps)
        tiers = [{"name": f"tier_{n}"} | step for n, step in enumerate(steps)]
        if len(tiers) > 1 and self.chance(0.4):
            tiers[-1] |= {"invited": True, "members_a_seat": self.number((1, 2, 5, 12))}
        return tiers

    def close(self, steps: list[dict]) -> None:
        """Say where each step ends: where the next begins."""
        for step, following in zip(steps, steps[1:], strict=False):
            step["to"] = dict(following.get("above") or following["from"])

    def plan(self, name: str) -> dict:
        plan = {"name": name}
        if self.chance(0.5):
            plan["country"] = "CN"
        self.put(plan, "months", 0.3, (1, 3, 12))
        if self.chance(0.9):
            own = self.fees(CAPACITY["fees"] if self.full else 3, plan.get("country"))
            foreign = [fee for country in self.some(("JP", "US"), 2) for fee in self.fees(3, country)]
            if plan.get("country") and self.chance(0.3):
                foreign += self.fees(2, None)
            plan["fee"] = own + foreign if self.chance(0.6) else own
            if self.chance(0.3):
                plan["fee"] = plan["fee"][len(own):] + own
        return plan

    def fees(self, most: int, country: str | None) -> list[dict]:
        """A ladder of fees, or one for each of some spans of time, with or without days between them."""
        spans = [{}]
        if self.chance(0.4):
            first, last = sorted(self.rng.sample(DAYS, 2))
            spans = [{"valid_until": first}, {"valid_from": first + timedelta(days=1)}]
            if self.chance(0.5):
                spans[1] = {"valid_from": last}
            if self.chance(0.4):
                spans[1]["valid_until"] = last + timedelta(days=self.rng.choice((0, 300)))
        fees = []
        for span in spans:
            steps = self.ladder(self.rng.randint(1, most // len(spans)) if most > 1 else 1, EDGES, open_below=0.5)
            if self.chance(0.15):
                self.close(steps)
            fees += [step | span | {"cny": self.number((0, 10, 88, 99.5, 148, 198, 888.88))} for step in steps]
        return [fee | ({"country": country} if country else {}) for fee in fees]

    def benefits(self, file: dict) -> None:
        """Benefits of a tier, a plan or a score: they change no row."""
        starts = [{"tier": tier["name"]} for tier in file["tier"]] + [{"plan": plan["name"]} for plan in file["plan"]]
        starts.append(self.edge(self.rng.choice(EDGES)))
        worths = ({"kind": "price", "rate": number(0.05)},
                  {"kind": "service", "value_cny": number(20), "cost_cny": number(5)})
        file["benefit"] = [{"name": f"benefit_{n}", "title": "A benefit", "assumed": "drawn for a random test"}
                           | self.rng.choice(starts) | self.rng.choice(worths)
                           for n in range(self.rng.choice((0, 0, 1, 2)))]


class ReadingWriter:
    """Readings of a file: each touches tables of its own, so that any choices go together."""

    def __init__(self, writer: Writer, file: dict):
        self.writer, self.rng, self.file = writer, writer.rng, file

    def write(self) -> None:
        targets = list(self.targets())
        self.rng.shuffle(targets)
        for name in [f"R{n}" for n in range(self.rng.choice((0, 1, 2, 3)))]:
            choices = [{"name": "as_written", "about": "the file"}]
            for n in range(self.rng.choice((1, 1, 2))):
                mine = [targets.pop() for _ in range(self.rng.choice((1, 1, 2))) if targets]
                sets = {path: value for change in mine for path, value in change.get("set", {}).items()}
                takes_out = [path for change in mine for path in change.get("unset", ())]
                choice = {"name": f"other_{n}", "about": "another"}
                choices.append(choice | ({"set": sets} if sets else {}) | ({"unset": takes_out} if takes_out else {}))
            self.file["readings"][name] = "as_written"
            self.file["reading"].append({"id": name, "about": "A question", "choice": choices})

    def targets(self):
        """Changes that a choice may make, each of tables that no other names."""
        yield from self.of_the_scheme()
        for rule in self.file.get("score", {}).get("rule", []):
            yield from self.of_a_rule(f"score.rule.{rule['name']}", rule)
        for currency in self.file["currency"]:
            path = f"currency.{currency['name']}"
            yield {"set": {f"{path}.on_shortfall": self.rng.choice(("deficit", "clamp"))}}
            yield {"set": {f"{path}.value_cny": self.rng.choice(VALUES)}}
            for rule in currency.get("earn", []):
                yield from self.of_a_rule(f"{path}.earn.{rule['name']}", rule)
            yield from self.of_spending(path, currency)
        for plan in self.file["plan"]:
            yield from self.of_a_plan(f"plan.{plan['name']}", plan)

    def of_the_scheme(self):
        if self.file["scheme"]["scored"] == "daily":
            yield {"set": {"scheme.settled": self.rng.choice(("daily", "monthly:15"))}}
        yield {"set": {"returns.goods_exchange": self.rng.choice(("return_and_order", "claw_back"))}}
        if "score" in self.file:
            yield {"set": {"score.new_category": self.rng.choice(("window", "ever"))}}
        dates = [key for key in ("valid_from", "valid_until") if key in self.file["scheme"]]
        if dates:
            yield {"unset": [f"scheme.{key}" for key in dates]}

    def of_a_rule(self, path: str, rule: dict):
        caps = [cap for cap in rule if cap.startswith("cap_")]
        if self.rng.random() < 0.2 and not rule["name"].endswith("_0"):     # one rule must remain
            yield {"unset": [path]}
        elif caps:
            yield {"unset": [f"{path}.{cap}" for cap in caps]}
        elif "points" in rule:
            yield {"set": {f"{path}.points": self.rng.choice(POINTS)}}
        elif "rate" in rule:
            yield {"set": {f"{path}.rate": self.rng.choice(RATES)}}

    def of_spending(self, path: str, currency: dict):
        if "redeem" in currency:
            if "cap_order" in currency["redeem"]:
                yield {"unset": [f"{path}.redeem.cap_order"]}
            else:
                yield {"set": {f"{path}.redeem.cap_order": number(0.5)}}
        for outlet in currency.get("outlet", []):
            place = f"{path}.outlet.{outlet['name']}"
            if "automatic" in outlet:
                yield {"unset": [f"{place}.automatic"], "set": {f"{place}.price": self.rng.choice(PRICES)}}
            elif "gate" in outlet:
                yield {"unset": [f"{place}.gate"]}
            else:
                yield {"set": {f"{place}.offered": False}}

    def of_a_plan(self, path: str, plan: dict):
        fees = plan.get("fee", [])
        own = [n for n, fee in enumerate(fees) if fee.get("country") == plan.get("country")]
        if len(own) > 2 and not any("to" in fee for fee in fees):
            out = self.rng.sample(own[1:], self.rng.choice((1, 2)))
            yield {"unset": [f"{path}.fee.{n}" for n in out],
                   "set": {f"{path}.fee.{own[0]}.cny": 77}}
