"""The jd scheme in pandas: groupby, shift, merge and sort, as much of it as they can express.

Written for speed: customers as codes, one whole-number key a group in place of several columns, no apply, no
strings after the first lines. Dates become day numbers once, and months, years and the end of each day's twelve
months are looked up. README.md says what is left out of the rules, and which other forms were tried.
"""
import numpy as np
import pandas as pd

DAY_US = 86_400_000_000
EXPRESSIBLE = tuple("""
    order confirm login check_in review photo_review video_review follow_up_review photo_post answer ask share
    share_click group_buy_start group_buy_join charity_yuan charity_purchase charity_goods online_payment plant
    harvest water profile_completed profile_cleared identity_verified identity_revoked account_bound
    account_unbound family_bound pay_for_other reputation credit grant plan_joined plan_renewed plan_cancelled
""".split())
COMPONENTS = ["consumption", "activity", "account", "credit", "reputation"]
ENTRIES = ("accrual", "pending", "release", "redemption", "expiry", "clawback", "penalty", "reinstatement",
           "transfer_in", "transfer_out")
OUTLETS = ("order", "exchange", "coupon", "lottery", "external", "gift")
FUNDERS = ("platform", "merchant", "customer")
CHANGES = ("joined", "up", "down", "kept")
ACCRUAL, PENDING, RELEASE, EXPIRY = 0, 1, 2, 4
EXPIRIES_FIRST, CONFIRMATIONS_NEXT, EVENTS_LAST = 0, 1, 2   # the order of what happens at 00:00


def replay_pandas(events: pd.DataFrame, scheme) -> dict[str, pd.DataFrame]:
    """Return entries, scores, tiers and fees of a log as `read_events` returns it."""
    log, ids = open_log(events)
    calendar = make_calendar(log["time"])
    of_kind = dict(iter(log.groupby("kind", sort=False, observed=True)))
    of_kind |= {kind: log.iloc[:0] for kind in EXPRESSIBLE if kind not in of_kind}
    items = names_of(events["item_id"])
    scores = value_scores(log, of_kind, items, calendar, scheme)
    entries = post_entries(log, of_kind, calendar, scheme)
    tables = {"entries": entries, "scores": scores, **settle_scores(scores, calendar, scheme)}
    return {name: with_ids(table, ids) for name, table in tables.items()}


# The log

def open_log(events: pd.DataFrame) -> tuple[pd.DataFrame, pd.Index]:
    """Return the log by customer and time with whole numbers for all but the kind, and the customers by number."""
    same, step = events["customer_id"].diff(), events["time"].diff()
    if ((same < 0) | ((same == 0) & (step < pd.Timedelta(0)))).any():
        events = events.sort_values(["customer_id", "time"], kind="stable", ignore_index=True)
    who, ids = pd.factorize(events["customer_id"])
    time = events["time"].to_numpy().view(np.int64)
    return pd.DataFrame({
        "who": who, "time": time, "day": time // DAY_US - (time.min() // DAY_US - 1), "kind": events["kind"].array,
        "fen": (events["amount"].fillna(0) * 100).round().astype("int64"),
        "points": events["points"].fillna(0).astype("int64"), "order": events["order_id"].fillna(-1).astype("int64"),
        "item": codes_of(events["item_id"]), "category": codes_of(events["category"]),
        "event_id": events["event_id"]}), ids


def codes_of(column: pd.Series) -> np.ndarray:
    """Return the codes of a column of strings or categories; -1 is null."""
    return column.astype("category").cat.codes.to_numpy(np.int64)


def names_of(column: pd.Series) -> pd.Index:
    """Return the values of a column of strings or categories by code."""
    return column.astype("category").cat.categories


def make_calendar(time: pd.Series) -> pd.DataFrame:
    """Return by day number: date, month, year, and the day on which an award of the day no longer counts."""
    first = pd.Timestamp(int(time.min() // DAY_US - 1) * DAY_US, unit="us")
    until = int(time.max() // DAY_US - (time.min() // DAY_US - 1))
    date = pd.Series(pd.date_range(first, periods=until + 800, unit="us"))
    calendar = pd.DataFrame({"date": date, "month": 12 * date.dt.year + date.dt.month, "year": date.dt.year,
                             "drop": (date + pd.DateOffset(years=1) - first).dt.days})
    calendar.attrs["until"] = until
    return calendar


def with_ids(table: pd.DataFrame, ids: pd.Index) -> pd.DataFrame:
    """Return a table with the ids of the customers instead of their numbers."""
    table.insert(0, "customer_id", ids.take(table.pop("who")))
    return table.reset_index(drop=True)


# Scores

def value_scores(log: pd.DataFrame, of_kind: dict, items: pd.Index, calendar: pd.DataFrame, scheme) -> pd.DataFrame:
    """Return the scores: a row on the day of a customer's first event, and wherever a component changed."""
    rules = {rule.name: rule for rule in scheme.score.rules}
    span = len(calendar)
    columns = {name: np.zeros(len(log), np.int64) for name in COMPONENTS}
    orders = of_kind["order"]
    for component, points in (*shopping_awards(orders, calendar, rules), *activity_awards(of_kind, calendar, rules),
                              *state_changes(of_kind, items, rules)):
        columns[component][points.index] += points.to_numpy()
    daily = pd.DataFrame(columns).groupby(log["who"].to_numpy() * span + log["day"].to_numpy()).sum()
    trailing = daily[(daily["consumption"] != 0) | (daily["activity"] != 0)]
    day = trailing.index % span
    drops = (-trailing).assign(account=0, credit=0, reputation=0)
    drops.index += calendar["drop"].to_numpy()[day] - day
    changes = pd.concat([daily, drops, tenure_awards(orders, calendar, rules)]).sort_index(kind="stable")
    changes = changes.groupby(level=0, sort=False).sum()          # sorted keys are summed run by run
    changes = changes[changes.index % span < calendar.attrs["until"]]
    who = (changes.index // span).to_numpy()
    changes = changes[(changes != 0).any(axis=1) | ~pd.Series(who).duplicated().to_numpy()]
    who = (changes.index // span).to_numpy()
    values = changes.groupby(who, sort=False).cumsum()
    values["score"] = values.sum(axis=1)
    values.insert(0, "who", who)
    values.insert(1, "settled_on", calendar["date"].to_numpy()[values.index % span])
    return values


def shopping_awards(orders: pd.DataFrame, calendar: pd.DataFrame, rules: dict) -> list[tuple[str, pd.Series]]:
    """Return points by row of spending, of new categories and of the third shopping day of a month."""
    rate, span = rules["spend"].rate.exact / 100, len(calendar)
    month = calendar["month"].to_numpy()
    days = orders[~(orders["who"] * span + orders["day"]).duplicated()]
    place = days.groupby(days["who"] * 30_000 + month[days["day"]], sort=False).cumcount()
    third = place[place == int(rules["three_days"].days.value) - 1]
    return [("consumption", orders["fen"] * rate.numerator // rate.denominator),
            ("consumption", pd.Series(int(rules["three_days"].points.value), third.index)),
            ("consumption", new_categories(orders, calendar, rules["new_category"]))]


def new_categories(orders: pd.DataFrame, calendar: pd.DataFrame, rule) -> pd.Series:
    """Return points by row for a category not bought in the preceding twelve months."""
    named = orders[orders["category"] >= 0]
    by_category = named.groupby(named["who"] * 100_000 + named["category"], sort=False)
    before = by_category["day"].shift(fill_value=-1).to_numpy()
    drop = np.where(before < 0, -1, calendar["drop"].to_numpy()[before])
    new = named[drop <= named["day"]]
    return cap_awards(new, int(rule.points.value), [(calendar["year"].to_numpy()[new["day"]], rule.cap_year)])


def cap_awards(acts: pd.DataFrame, points: int, caps: list) -> pd.Series:
    """Return points by row of equal awards but those beyond a cap; the periods of the caps lie within each other."""
    who = acts["who"].to_numpy()
    for period, cap in caps:
        room, rest = divmod(int(cap.value), points)
        assert rest == 0, "a cap that cuts an award in two needs a clipped running sum"
        kept = acts.groupby(who * 30_000 + period, sort=False).cumcount().to_numpy() < room
        acts, who = acts[kept], who[kept]
        caps[:] = [(other[kept], limit) for other, limit in caps]
    return pd.Series(points, acts.index)


def activity_awards(of_kind: dict, calendar: pd.DataFrame, rules: dict) -> list[tuple[str, pd.Series]]:
    """Return points by row of the acts, under their caps by day, month and year."""
    awards = []
    for rule in (rule for rule in rules.values() if rule.component == "activity"):
        acts = of_kind[rule.on[0]]
        day = acts["day"].to_numpy()
        month, year = calendar["month"].to_numpy()[day], calendar["year"].to_numpy()[day]
        caps = [(day, rule.cap_day), (month, rule.cap_month), (year, rule.cap_year)]
        awards.append(("activity", cap_awards(acts, int(rule.points.value), caps)))
    return awards


def state_changes(of_kind: dict, items: pd.Index, rules: dict) -> list[tuple[str, pd.Series]]:
    """Return the change, by row, of what stands while a state of the account or a level stands."""
    changes = []
    for name in ("profile", "identity", "wechat"):
        rule = rules[name]
        acts = pd.concat([of_kind[rule.on[0]].assign(stands=1.0), of_kind[rule.off[0]].assign(stands=0.0)]).sort_index()
        stands = pd.Series(0.0, acts.index)
        for number, item in enumerate(rule.items or (None,)):
            named = acts["item"] == items.get_indexer([item])[0] if item else pd.Series(True, acts.index)
            named |= (acts["item"] < 0) & (number == 0)
            last = acts["stands"].where(named).groupby(acts["who"], sort=False).ffill().fillna(0)
            stands = np.maximum(stands, last)
        changes.append(("account", int(rule.points.value) * change_of(stands, acts["who"])))
    for name in ("credit", "reputation"):
        acts = of_kind[name]
        changes.append((name, int(rules[name].points.value) * change_of(acts["points"], acts["who"])))
    return changes


def change_of(values: pd.Series, who: pd.Series) -> pd.Series:
    """Return each value less the customer's value before; before the first it is 0."""
    return (values - values.groupby(who, sort=False).shift(fill_value=0)).astype("int64")


def tenure_awards(orders: pd.DataFrame, calendar: pd.DataFrame, rules: dict) -> pd.DataFrame:
    """Return, by key of customer and day, the points of every anniversary of a first order."""
    first = orders[["who", "day"]].drop_duplicates("who")
    date, keys = calendar["date"].to_numpy()[first["day"]], []
    for years in range(1, 2 + len(calendar) // 365):
        due = (pd.DatetimeIndex(date) + pd.DateOffset(years=years) - calendar["date"].iloc[0]).days.to_numpy()
        keys.append((first["who"].to_numpy() * len(calendar) + due)[due < calendar.attrs["until"]])
    return pd.DataFrame(0, np.concatenate(keys), COMPONENTS).assign(consumption=int(rules["tenure"].points.value))


# Tiers and fees

def settle_scores(scores: pd.DataFrame, calendar: pd.DataFrame, scheme) -> dict[str, pd.DataFrame]:
    """Return tiers and fees: the last score before each settlement, where the step changed."""
    number = int(scheme.settled.split(":")[1])
    start = calendar["date"].dt.to_period("M")
    this = start.dt.start_time.dt.as_unit("us") + pd.Timedelta(number - 1, "D")
    later = (start + 1).dt.start_time.dt.as_unit("us") + pd.Timedelta(number - 1, "D")
    settle = this.where(calendar["date"] <= this, later).to_numpy()
    day = ((scores["settled_on"] - calendar["date"].iloc[0]).dt.days).to_numpy()
    settled = scores[["who", "score"]].assign(settled_on=settle[day])
    settled = settled[settled["settled_on"] < calendar["date"][calendar.attrs["until"]]]
    after = settled.shift(-1)
    settled = settled[(settled["who"] != after["who"]) | (settled["settled_on"] != after["settled_on"])]
    new = settled["who"] != settled["who"].shift()
    edges = [int(tier.above.value) for tier in scheme.tiers[1:]]
    tier = pd.Series(np.searchsorted(edges, settled["score"]), settled.index)
    change = np.where(new, 0, np.where(tier > tier.shift(), 1, 2))
    moved = (new | (tier != tier.shift())).to_numpy()
    tiers = settled.loc[moved, ["who", "settled_on"]].assign(
        tier=pd.Categorical.from_codes(tier[moved], [tier.name for tier in scheme.tiers]),
        change=pd.Categorical.from_codes(change[moved], CHANGES))
    plan = scheme.plans[0]
    fee = pd.Series(np.searchsorted([int(fee.above.value) for fee in plan.fees], settled["score"]), settled.index)
    quoted = ((new | (fee != fee.shift())) & (fee > 0)).to_numpy()
    prices = np.array([float(fee.cny.value) for fee in plan.fees])
    fees = settled.loc[quoted, ["who", "settled_on"]].assign(
        plan=pd.Categorical.from_codes(np.zeros(quoted.sum(), np.int8), [plan.name]), fee_cny=prices[fee[quoted] - 1])
    return {"tiers": tiers, "fees": fees}


# The ledger

COLUMNS = ["who", "day", "rank", "row", "part", "entry", "points", "order", "event"]


def post_entries(log: pd.DataFrame, of_kind: dict, calendar: pd.DataFrame, scheme) -> pd.DataFrame:
    """Return the ledger: pending, release and accrual of purchases, accruals of acts, expiries."""
    beans, wait = scheme.currencies[0], int(scheme.confirm.days.value)
    lines = bean_lines(of_kind["order"], beans)
    confirmed = confirm_lines(lines, of_kind["confirm"], wait)
    waiting = lines[~lines.index.isin(confirmed["line"]) & (lines["day"] + wait <= calendar.attrs["until"])]
    waiting = waiting.assign(day=waiting["day"] + wait, event=-1)
    acts = pd.concat([check_ins(of_kind["check_in"], beans), reviews(of_kind["review"], of_kind["order"], beans),
                      photo_posts(of_kind["photo_post"], beans), of_kind["grant"].query("points > 0")])
    acts = acts.assign(row=acts.index, event=acts.index)
    parts = [each.assign(entry=entry, part=0, rank=EVENTS_LAST) for each, entry in ((lines, PENDING), (acts, ACCRUAL))]
    for paid, rank in ((waiting, CONFIRMATIONS_NEXT), (confirmed, EVENTS_LAST)):
        parts.append(paid.assign(entry=RELEASE, points=-paid["points"], part=0, rank=rank))
        parts.append(paid.assign(entry=ACCRUAL, part=1, rank=rank))
    posted = sort_entries(pd.concat([part[COLUMNS] for part in parts], ignore_index=True), calendar)
    accruals = posted[posted["entry"] == ACCRUAL]
    posted["lot"] = (accruals.groupby("who", sort=False).cumcount() + 1).reindex(posted.index, fill_value=0)
    posted["accrued"] = posted["day"].where(posted["lot"] > 0, 0)
    posted["expires"] = expiry_days(calendar, beans)[posted["accrued"]]
    posted = sort_entries(pd.concat([expiries(posted, calendar), posted], ignore_index=True), calendar)
    return finish_entries(posted, log, calendar, scheme)


def earn_rule(beans, name: str):
    """Return an earn rule by its name."""
    return next(rule for rule in beans.earn if rule.name == name)


def bean_lines(orders: pd.DataFrame, beans) -> pd.DataFrame:
    """Return the order lines that earn, with their beans."""
    rule = earn_rule(beans, "purchase")
    rate = rule.rate.exact / 100
    points = (orders["fen"] * rate.numerator // rate.denominator).clip(upper=int(rule.cap_line.value))
    earns = (orders["fen"] > int(rule.above_cny.value) * 100) & (points > 0)
    return orders[earns].assign(points=points[earns], row=orders.index[earns], event=orders.index[earns])


def confirm_lines(lines: pd.DataFrame, confirms: pd.DataFrame, wait: int) -> pd.DataFrame:
    """Return the lines that their customers confirm before time does, at the first confirmation."""
    keys = ["who", "order", "item"]
    named = lines[[*keys, "points"]].assign(line=lines.index, last=lines["day"] + wait)
    found = confirms[[*keys, "day"]].assign(row=confirms.index, event=confirms.index).merge(named, on=keys)
    return found[(found["day"] < found["last"]) & (found["row"] > found["line"])].drop_duplicates("line")


def sort_entries(posted: pd.DataFrame, calendar: pd.DataFrame) -> pd.DataFrame:
    """Return entries by customer, day, rank, event and part."""
    key = (posted["who"] * len(calendar) + posted["day"]) * 3 + posted["rank"]
    key = key * (2 * (posted["row"].max() + 1)) + 2 * posted["row"] + posted["part"]
    return posted.iloc[np.argsort(key.to_numpy(), kind="stable")].reset_index(drop=True)


def expiry_days(calendar: pd.DataFrame, beans) -> np.ndarray:
    """Return the day on which beans of each day expire: the end of the next year, and by days in later periods."""
    end = pd.to_datetime(pd.DataFrame({"year": calendar["year"] + 1, "month": 12, "day": 31}))
    for period in beans.later:
        rolled = calendar["date"] + pd.Timedelta(int(period.expiry.days.value), "D")
        end = end.where(calendar["date"] < pd.Timestamp(period.valid_from), rolled)
    return (end - calendar["date"].iloc[0]).dt.days.to_numpy()


def expiries(posted: pd.DataFrame, calendar: pd.DataFrame) -> pd.DataFrame:
    """Return the end of every lot that time has reached; the soonest first, then the oldest."""
    ended = posted[(posted["lot"] > 0) & (posted["expires"] < calendar.attrs["until"])]
    return ended.assign(day=ended["expires"] + 1, rank=EXPIRIES_FIRST, row=ended["lot"], part=0, entry=EXPIRY,
                        points=-ended["points"], order=-1, event=-1)


def finish_entries(posted: pd.DataFrame, log: pd.DataFrame, calendar: pd.DataFrame, scheme) -> pd.DataFrame:
    """Return entries as the contract's ledger."""
    none, by_event, dates = np.full(len(posted), -1, np.int8), posted["event"] >= 0, calendar["date"].to_numpy()
    time = log["time"].to_numpy()[posted["event"]].view("datetime64[us]")
    change = posted["points"].where(posted["entry"].isin([ACCRUAL, EXPIRY]), 0)
    has_lot = posted["lot"] > 0
    event_id = log["event_id"].to_numpy()[posted["event"]]
    return pd.DataFrame({
        "who": posted["who"], "currency": pd.Categorical.from_codes(none + 1, [scheme.currencies[0].name]),
        "time": np.where(by_event, time, dates[posted["day"]]),
        "entry": pd.Categorical.from_codes(posted["entry"], ENTRIES), "points": posted["points"],
        "lot_id": posted["lot"].astype("Int64").where(has_lot),
        "accrued_on": pd.Series(dates[posted["accrued"]]).where(has_lot),
        "expires_on": pd.Series(dates[0] + posted["expires"].to_numpy().astype("m8[D]")).where(has_lot),
        "outlet": pd.Categorical.from_codes(none, OUTLETS), "funded_by": pd.Categorical.from_codes(none + 1, FUNDERS),
        "order_id": posted["order"].astype("Int64").where(posted["order"] >= 0),
        "event_id": pd.Series(event_id).astype("Int64").where(by_event),
        "balance": change.groupby(posted["who"], sort=False).cumsum()})


# Beans for acts

def check_ins(acts: pd.DataFrame, beans) -> pd.DataFrame:
    """Return the first check-in of each day, with the step of its place in a run of days."""
    acts = acts[~(acts["who"] * 100_000 + acts["day"]).duplicated()]
    new = (acts["day"] != acts["day"].shift() + 1) | (acts["who"] != acts["who"].shift())
    place = acts.groupby(new.cumsum(), sort=False).cumcount() + 1
    steps = earn_rule(beans, "check_in").steps
    points = np.array([0] + [int(step.points.value) for step in steps])
    return acts.assign(points=points[np.searchsorted([int(step.from_.value) for step in steps], place, side="right")])


def reviews(acts: pd.DataFrame, orders: pd.DataFrame, beans) -> pd.DataFrame:
    """Return reviews with the step of the amount of the line that each names, under the cap of the day."""
    rule = earn_rule(beans, "review")
    lines = orders[["who", "order", "item", "fen"]].assign(line=orders.index)
    named = acts[acts["order"] >= 0][["who", "order", "item"]].assign(row=lambda frame: frame.index)
    by_line = named[named["item"] >= 0].merge(lines, on=["who", "order", "item"])
    lines = lines[lines["order"].isin(named["order"])].drop(columns="item")
    by_order = named[named["item"] < 0].merge(lines, on=["who", "order"])
    found = pd.concat([by_line, by_order]).drop_duplicates("row")
    found = found[found["line"] < found["row"]].set_index("row")["fen"]
    fen = found.reindex(acts.index, fill_value=0)
    steps = [int(step.from_.value) * 100 for step in rule.steps]
    points = np.array([int(step.points.value) for step in rule.steps])[np.searchsorted(steps, fen, side="right") - 1]
    return clip_day(acts.assign(points=points), int(rule.cap_day.value))


def photo_posts(acts: pd.DataFrame, beans) -> pd.DataFrame:
    """Return photo posts under the cap of the day."""
    rule = earn_rule(beans, "photo_post")
    return clip_day(acts.assign(points=int(rule.points.value)), int(rule.cap_day.value))


def clip_day(acts: pd.DataFrame, cap: int) -> pd.DataFrame:
    """Return acts with what a cap by day leaves of their points."""
    by_day = acts.groupby(acts["who"] * 100_000 + acts["day"], sort=False)["points"]
    room = (cap - by_day.cumsum() + acts["points"]).clip(lower=0)
    acts["points"] = np.minimum(acts["points"], room)
    return acts[acts["points"] > 0]
