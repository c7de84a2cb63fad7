"""Small event logs: written by hand, or drawn by hypothesis so that a failing one shrinks to a few rows.

Drawn logs keep every rule of the event table: a redeem stands at the instant of its order or later, a return names
a line not returned before, a steal has its stolen. Every event has an event_id, its row number.
"""
from __future__ import annotations

import tempfile
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path

import pandas as pd
from hypothesis import note
from hypothesis import strategies as st

import loyalty_research as lr

DTYPES = {
    "customer_id": "int64", "time": "datetime64[us]", "kind": "str", "amount": "float64", "order_id": "Int64",
    "item_id": "str", "category": "str", "shop": "str", "channel": "str", "virtual": "bool", "currency": "str",
    "points": "Int64", "event_id": "Int64"}
AMOUNTS = (0, 30, 50, 50.01, 100, 600, 1999.99, 9000, 12_000)
POINTS = (1, 90, 700, 1000, 2500, 30_000)
GAPS = (0, 0, 0, 1, 1, 3, 9, 10, 11, 40, 180, 181, 365)
STARTS = ("2023-12-31", "2024-02-29", "2024-06-30", "2025-12-25")
TIMES = (time(0), time(0), time(9), time(23, 59, 59))
ACTS = ("login", "check_in", "review", "photo_post", "photo_review", "share", "harvest", "water", "family_bound",
        "plan_joined")
STATES = ("profile_completed", "profile_cleared", "identity_verified", "identity_revoked", "account_bound",
          "account_unbound")


def make_log(rows: list[dict]) -> pd.DataFrame:
    """An event table of rows that name only what they hold; customer 1 unless a row says otherwise."""
    blank = dict.fromkeys(DTYPES) | {"customer_id": 1, "virtual": False}
    columns = {name: [{**blank, **row}[name] for row in rows] for name in DTYPES}
    columns["time"] = [pd.Timestamp(value) for value in columns["time"]]
    names = any(isinstance(value, str) for value in columns["customer_id"])
    return pd.DataFrame({name: pd.Series(columns[name], dtype="str" if names and name == "customer_id" else dtype)
                         for name, dtype in DTYPES.items()})


def make_scheme(text: str, scored: str = "daily", settled: str = "daily") -> lr.Scheme:
    """The control with more tables: `text` is TOML in which N stands for "source = 'test'"."""
    base = lr.load_scheme("none").to_toml().replace("monthly:1", "daily")
    for key, rhythm in (("scored", scored), ("settled", settled)):
        base = base.replace(f'{key} = "daily"', f'{key} = "{rhythm}"')
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "test.toml")
        path.write_text(base + "\n" + text.replace(", N}", ', source = "test"}'), encoding="utf-8")
        return lr.load_scheme(path)


class Life:
    """One customer's events, made from drawn numbers; what is impossible at its turn is left out."""

    def __init__(self, customer_id: int, start: str):
        self.customer_id, self.now = customer_id, datetime.fromisoformat(start)
        self.rows: list[dict] = []
        self.orders: dict[int, dict[str, float]] = {}    # order -> items not yet returned -> amount
        self.items: dict[int, int] = {}                  # order -> number of items so far

    def add(self, kind: str, **values) -> None:
        self.rows.append({"customer_id": self.customer_id, "time": self.now, "kind": kind, **values})

    def order(self, act: dict) -> None:
        number = len(self.items) + 1
        items = {f"i{place}": amount for place, amount in enumerate(act["amounts"])}
        if act["pick"] % 2:
            self.redeem(number, round(sum(items.values()), 2), act)
        for item, amount in items.items():
            self.add("order", order_id=number, item_id=item, amount=amount, virtual=act["pick"] % 5 == 0,
                     category=("toys", "food", None)[act["pick"] % 3], shop=("s1", None)[act["pick"] % 2],
                     channel=("tmall", "taobao", None)[act["pick"] % 3])
        self.orders[number], self.items[number] = items, len(items)

    def redeem(self, number: int, amount: float, act: dict) -> None:
        self.add("redeem", order_id=number, amount=amount, points=act["points"])

    def redeem_later(self, act: dict) -> None:
        if self.items:
            self.redeem(1 + act["pick"] % len(self.items), act["amounts"][0], act)

    def confirm(self, act: dict) -> None:
        if self.items:
            self.add("confirm", order_id=1 + act["pick"] % len(self.items), item_id=("i0", None)[act["pick"] % 2])

    def give_back(self, kind: str, act: dict) -> None:
        able = [number for number, items in self.orders.items() if items]
        if not able:
            return
        number = able[act["pick"] % len(able)]
        items = list(self.orders[number])
        named = None if act["pick"] % 2 else items[act["pick"] % len(items)]
        self.add(kind, order_id=number, item_id=named)
        if kind == "return":
            for item in items if named is None else [named]:
                del self.orders[number][item]

    def act(self, act: dict) -> None:
        kind = ACTS[act["pick"] % len(ACTS)]
        known = {"order_id": 1 + act["pick"] % len(self.items), "item_id": "i0"} if self.items else {}
        self.add(kind, **known if "review" in kind else {})

    def state(self, act: dict) -> None:
        kind = STATES[act["pick"] % len(STATES)]
        items = {"identity": ("real_name", "phone", "sesame"), "account_": ("wechat", None)}.get(kind[:8], (None,))
        self.add(kind, item_id=items[act["pick"] % len(items)])

    def level(self, act: dict) -> None:
        if act["pick"] % 2:
            self.add("credit", points=act["points"])
        else:
            self.add("reputation", points=act["pick"] % 7)

    def spend(self, kind: str, act: dict) -> None:
        outlet = ("coupon", "lottery", None)[act["pick"] % 3] if kind == "exchange" else None
        self.add(kind, points=act["points"], item_id=outlet)

    def live(self, acts: list[dict]) -> list[dict]:
        doers = {"order": self.order, "redeem": self.redeem_later, "confirm": self.confirm, "act": self.act,
                 "state": self.state, "level": self.level,
                 **{kind: partial(self.give_back, kind) for kind in ("return", "goods_exchange")},
                 **{kind: partial(self.spend, kind) for kind in SPENDING}}
        for act in acts:
            day = (self.now + timedelta(days=act["gap"])).date()
            self.now = max(self.now, datetime.combine(day, act["time"]))
            doers[act["do"]](act)
        if not self.rows:
            self.add("login")
        return self.rows


SPENDING = ("grant", "penalty", "exchange", "courier_gift")
SHOPPING = ("order", "order", "order", "redeem", "confirm", "grant")
EVERYTHING = (*SHOPPING, "return", "goods_exchange", *SPENDING, "act", "act", "state", "level")


@st.composite
def logs(draw, doing=EVERYTHING, transfers=True, most_customers=4) -> pd.DataFrame:
    """An event table of some customers, by customer and time; `doing` names what they may do."""
    acts = st.lists(st.fixed_dictionaries({
        "do": st.sampled_from(doing), "gap": st.sampled_from(GAPS), "time": st.sampled_from(TIMES),
        "amounts": st.lists(st.sampled_from(AMOUNTS), min_size=1, max_size=3), "points": st.sampled_from(POINTS),
        "pick": st.integers(0, 59)}), max_size=12)
    customers = draw(st.integers(1, most_customers))
    lives = [Life(number, draw(st.sampled_from(STARTS))).live(draw(acts)) for number in range(1, customers + 1)]
    if transfers and customers > 1:
        for number, (taker, points) in enumerate(draw(st.lists(st.tuples(
                st.integers(0, customers - 1), st.sampled_from(POINTS)), max_size=3))):
            when = lives[taker][-1]["time"]
            for kind, life in (("steal", lives[taker]), ("stolen", lives[taker - 1])):
                place = sum(row["time"] <= when for row in life)
                life.insert(place, {"customer_id": life[0]["customer_id"], "time": when, "kind": kind,
                                    "order_id": 10_000 + number, "points": points})
    rows = [row for life in lives for row in life]
    log = make_log([{**row, "event_id": number} for number, row in enumerate(rows)])
    note(log.dropna(axis=1, how="all").to_string())
    return log
