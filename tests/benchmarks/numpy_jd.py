"""The jd scheme in NumPy by hand: sorted columns, runs of equal keys, running sums; pandas only holds the tables.

It says the same rules as pandas_jd.py, for the kinds of acts listed there. A cap by day, month or year is a running
sum clipped period by period, which is exact because the periods lie within each other. Acts of one kind, and lines of
one category, are brought together by a radix sort of one-byte codes, which leaves customers and times in order.
"""
from dataclasses import dataclass

import numpy as np
import pandas as pd

DAY_US = 86_400_000_000
COMPONENTS = ("consumption", "activity", "account", "credit", "reputation")
ENTRIES = ("accrual", "pending", "release", "redemption", "expiry", "clawback", "penalty", "reinstatement",
           "transfer_in", "transfer_out")
OUTLETS = ("order", "exchange", "coupon", "lottery", "external", "gift")
FUNDERS = ("platform", "merchant", "customer")
CHANGES = ("joined", "up", "down", "kept")
ACCRUAL, PENDING, RELEASE, EXPIRY = 0, 1, 2, 4
EXPIRIES_FIRST, CONFIRMATIONS_NEXT, EVENTS_LAST = 0, 1, 2   # the order of what happens at 00:00


def replay_numpy(frame: pd.DataFrame, scheme) -> dict[str, pd.DataFrame]:
    """Return entries, scores, tiers and fees of a log as `read_events` returns it."""
    log = open_log(frame)
    scores, customers = value_scores(log, scheme)
    return {"entries": post_entries(log, scheme), "scores": scores,
            **settle_scores(log, scheme, scores, customers)}


# The log

@dataclass(frozen=True)
class Log:
    """A log by customer and time, in columns; days count from the day before the first."""

    ids: np.ndarray         # customers, ascending
    who: np.ndarray         # each row's customer, a position in ids
    time: np.ndarray
    day: np.ndarray
    fen: np.ndarray
    points: np.ndarray
    order: np.ndarray       # order_id, -1 for null
    item: np.ndarray        # code of item_id, -1 for null
    category: np.ndarray
    event_id: np.ndarray
    items: pd.Index         # item_id by code
    rows: dict              # rows of each kind, ascending
    dates: np.ndarray       # the date of each day that can matter
    until: int              # the day of the last event


def open_log(frame: pd.DataFrame) -> Log:
    """Take a frame apart, sorting it first if it needs that."""
    ids, time = frame["customer_id"].to_numpy(), frame["time"].to_numpy().view(np.int64)
    step = np.diff(ids)
    if not ((step > 0) | ((step == 0) & (np.diff(time) >= 0))).all():
        return open_log(frame.sort_values(["customer_id", "time"], kind="stable", ignore_index=True))
    kinds, categories = frame["kind"].cat.codes.to_numpy(), frame["kind"].cat.categories
    by_kind = np.argsort(kinds, kind="stable")
    cuts = np.searchsorted(kinds[by_kind], np.arange(len(categories) + 1))
    begin = int(time.min() // DAY_US) - 1
    day = time // DAY_US - begin
    until = int(day.max())
    item, items = codes_of(frame["item_id"])
    return Log(
        ids=ids[np.concatenate([[True], step != 0])], who=np.cumsum(np.concatenate([[0], step != 0])),
        time=time, day=day,
        fen=np.rint(frame["amount"].to_numpy() * 100), points=frame["points"].to_numpy(np.int64, na_value=0),
        order=frame["order_id"].to_numpy(np.int64, na_value=-1), item=item, items=items,
        category=codes_of(frame["category"])[0], event_id=frame["event_id"].to_numpy(np.int64),
        rows={kind: by_kind[cuts[code]:cuts[code + 1]] for code, kind in enumerate(categories)},
        dates=np.arange(begin, begin + until + 800).astype("datetime64[D]"), until=until)


def codes_of(column: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Return codes (-1 for null) and values of a column of strings or categories."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(), column.cat.categories
    return pd.factorize(column)


# Runs of rows that belong together

def is_first(*keys: np.ndarray) -> np.ndarray:
    """Return where a run of equal keys begins."""
    first = np.zeros(len(keys[0]), bool)
    first[:1] = True
    for key in keys:
        first[1:] |= key[1:] != key[:-1]
    return first


def sum_within(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return running sums that start anew with each run."""
    total = np.cumsum(values)
    starts = np.flatnonzero(first)
    return total - np.repeat(total[starts] - values[starts], np.diff(starts, append=len(values)))


def clip_within(values: np.ndarray, first: np.ndarray, cap: int) -> np.ndarray:
    """Return what a cap leaves of the values of each run."""
    filled = np.minimum(sum_within(values, first), cap)
    return np.where(first, filled, np.diff(filled, prepend=0))


def differences(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return the change from the value before; before the first of a run it is 0."""
    return np.where(first, values, np.diff(values, prepend=0))


# Scores

def value_scores(log: Log, scheme) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of the scores, and each row's customer as a position."""
    rules = {rule.name: rule for rule in scheme.score.rules}
    span = len(log.dates)
    key = log.who * span + log.day
    first = is_first(key)
    active = key[first]                                       # the days on which a customer did anything
    place = np.cumsum(first) - 1
    trailing = np.zeros((2, len(active)), np.int64)
    for component, awards in ((0, shopping_awards(log, rules)), (1, activity_awards(log, rules))):
        for rows, points in awards:
            trailing[component] += np.bincount(place[rows], points, len(active)).astype(np.int64)
    drops_on = np.searchsorted(log.dates, add_year(log.dates))
    awarded = np.flatnonzero(trailing.any(axis=0))
    drop = active[awarded] - active[awarded] % span + drops_on[active[awarded] % span]
    born = anniversaries(log)
    keys = np.concatenate([active, drop, born])
    by_day = np.argsort(keys, kind="stable")                  # three sorted runs, which a merge sort joins
    keys = keys[by_day]
    position = np.empty(len(keys), np.int64)
    new_day = is_first(keys)
    position[by_day] = np.cumsum(new_day) - 1
    keys = keys[new_day]
    at_active, at_drop, at_born = np.split(position, np.cumsum([len(active), len(drop)]))
    change = np.zeros((len(COMPONENTS), len(keys)), np.int64)
    for component in (0, 1):
        change[component, at_active] = trailing[component]
        change[component] -= np.bincount(at_drop, trailing[component, awarded], len(keys)).astype(np.int64)
    change[0, at_born] += int(rules["tenure"].points.value)
    for component, rows, points in state_changes(log, rules):
        change[component] += np.bincount(at_active[place[rows]], points, len(keys)).astype(np.int64)
    who, day = keys // span, keys % span
    joined = is_first(who)
    kept = (joined | change.any(axis=0)) & (day < log.until)
    values = [sum_within(each, joined)[kept] for each in change]
    return pd.DataFrame({
        "customer_id": log.ids[who[kept]], "settled_on": log.dates[day[kept]].astype("datetime64[us]"),
        **dict(zip(COMPONENTS, values, strict=True)), "score": sum(values)}), who[kept]


def add_year(dates: np.ndarray) -> np.ndarray:
    """Return dates twelve months later, 29 February as the 28th."""
    month = dates.astype("datetime64[M]")
    last = (month + 13).astype("datetime64[D]") - 1
    return np.minimum((month + 12).astype("datetime64[D]") + (dates - month.astype("datetime64[D]")), last)


def shopping_awards(log: Log, rules: dict) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return rows and points of spending, new categories and the third shopping day of a month."""
    rows = log.rows["order"]
    who, day = log.who[rows], log.day[rows]
    month = log.dates.astype("datetime64[M]").astype(np.int64)[day]
    rate = rules["spend"].rate.exact / 100
    shopping_day = is_first(who, day)
    days = sum_within(shopping_day.astype(np.int64), is_first(who, month))
    third = shopping_day & (days == int(rules["three_days"].days.value))
    return [(rows, log.fen[rows].astype(np.int64) * rate.numerator // rate.denominator),
            (rows[third], np.full(third.sum(), int(rules["three_days"].points.value))),
            new_categories(log, rules["new_category"], rows)]


def new_categories(log: Log, rule, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that buy a category not bought in the preceding twelve months, and their points."""
    rows = rows[log.category[rows] >= 0]
    rows = rows[np.argsort(log.category[rows], kind="stable")]     # by category, customer and time
    first = is_first(log.category[rows], log.who[rows])
    forgotten_on = np.searchsorted(log.dates, add_year(log.dates))[log.day[rows]]
    again = np.zeros(len(rows), bool)
    again[1:] = forgotten_on[:-1] <= log.day[rows[1:]]
    rows = np.sort(rows[first | again])
    year = log.dates.astype("datetime64[Y]").astype(np.int64)[log.day[rows]]
    wanted = np.full(len(rows), int(rule.points.value))
    return rows, clip_within(wanted, is_first(log.who[rows], year), int(rule.cap_year.value))


def activity_awards(log: Log, rules: dict) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return rows and points of the acts, under their caps by day, month and year."""
    month = log.dates.astype("datetime64[M]").astype(np.int64)
    year = log.dates.astype("datetime64[Y]").astype(np.int64)
    awards = []
    for rule in (rule for rule in rules.values() if rule.component == "activity"):
        rows = log.rows[rule.on[0]]
        who, day = log.who[rows], log.day[rows]
        points = np.full(len(rows), int(rule.points.value))
        for period, cap in ((day, rule.cap_day), (month[day], rule.cap_month), (year[day], rule.cap_year)):
            points = clip_within(points, is_first(who, period), int(cap.value))
        awards.append((rows, points))
    return awards


def state_changes(log: Log, rules: dict) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Return component, rows and change of what stands while a state of the account or a level stands."""
    changes = []
    for name in ("profile", "identity", "wechat"):
        rule = rules[name]
        rows = np.sort(np.concatenate([log.rows[rule.on[0]], log.rows[rule.off[0]]]))
        begins = np.isin(rows, log.rows[rule.on[0]], assume_unique=True)
        first = is_first(log.who[rows])
        stands = np.zeros(len(rows), bool)
        for number, item in enumerate(rule.items or (None,)):
            named = np.ones(len(rows), bool) if item is None else log.item[rows] == log.items.get_indexer([item])[0]
            stands |= last_within(begins, named | (log.item[rows] < 0) if number == 0 else named, first)
        changes.append((2, rows, differences(int(rule.points.value) * stands, first)))
    for component, name in ((3, "credit"), (4, "reputation")):
        rows = log.rows[name]
        levels = int(rules[name].points.value) * log.points[rows]
        changes.append((component, rows, differences(levels, is_first(log.who[rows]))))
    return changes


def last_within(values: np.ndarray, known: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return the last known value of each run so far; False before there is one."""
    place = np.arange(len(values))
    last = np.maximum.accumulate(np.where(known, place, -1))
    return np.where(last >= np.maximum.accumulate(np.where(first, place, 0)), values[last], False)


def anniversaries(log: Log) -> np.ndarray:
    """Return customer and day, as a key, of every anniversary of a first order."""
    rows = log.rows["order"]
    rows = rows[is_first(log.who[rows])]
    who, dates, keys = log.who[rows], log.dates[log.day[rows]], []
    begins = log.dates[0]
    for years in range(1, 2 + log.until // 365):
        month = dates.astype("datetime64[M]") + 12 * years
        day = dates - dates.astype("datetime64[M]").astype("datetime64[D]")
        due = np.minimum(month.astype("datetime64[D]") + day, (month + 1).astype("datetime64[D]") - 1)
        due = (due - begins).astype(np.int64)
        keys.append((who * len(log.dates) + due)[due < log.until])
    return np.sort(np.concatenate(keys))


# Tiers and fees

def settle_scores(log: Log, scheme, scores: pd.DataFrame, who: np.ndarray) -> dict[str, pd.DataFrame]:
    """Return tiers and fees: the score of each settlement, where it changed."""
    number = int(scheme.settled.split(":")[1]) - 1
    month = log.dates.astype("datetime64[M]")
    this = month.astype("datetime64[D]") + number
    settle_on = np.where(log.dates <= this, this, (month + 1).astype("datetime64[D]") + number)
    day = settle_on[(scores["settled_on"].to_numpy("datetime64[D]") - log.dates[0]).astype(np.int64)]
    last = np.append(is_first(who, day)[1:], True) & (day < log.dates[log.until])
    who, day, score = who[last], day[last].astype("datetime64[us]"), scores["score"].to_numpy()[last]
    first = is_first(who)
    tier = np.searchsorted([int(tier.above.value) for tier in scheme.tiers[1:]], score)
    moved = is_first(who, tier)
    before = np.concatenate([[0], tier[:-1]])
    change = np.where(first, 0, np.where(tier > before, 1, 2))
    tiers = pd.DataFrame({
        "customer_id": log.ids[who[moved]], "settled_on": day[moved],
        "tier": pd.Categorical.from_codes(tier[moved], [tier.name for tier in scheme.tiers]),
        "change": pd.Categorical.from_codes(change[moved], CHANGES)})
    plan = scheme.plans[0]
    fee = np.searchsorted([int(fee.above.value) for fee in plan.fees], score)
    quoted = is_first(who, fee) & (fee > 0)
    prices = np.array([float(fee.cny.value) for fee in plan.fees])
    fees = pd.DataFrame({
        "customer_id": log.ids[who[quoted]], "settled_on": day[quoted],
        "plan": pd.Categorical.from_codes(np.zeros(quoted.sum(), np.int8), [plan.name]),
        "fee_cny": prices[fee[quoted] - 1]})
    return {"tiers": tiers, "fees": fees}


# The ledger

@dataclass(frozen=True)
class Postings:
    """Ledger rows in columns."""

    who: np.ndarray
    day: np.ndarray
    rank: np.ndarray        # the order of what happens on one day at 00:00
    row: np.ndarray         # the event, -1 where time alone acts
    entry: np.ndarray
    points: np.ndarray
    order: np.ndarray
    lot: np.ndarray         # 0 for none
    accrued: np.ndarray     # days, 0 for none
    expires: np.ndarray

    def key(self, log: Log) -> np.ndarray:
        """Return a number that stands for customer, day and rank."""
        return (self.who * len(log.dates) + self.day) * 3 + self.rank


def post_entries(log: Log, scheme) -> pd.DataFrame:
    """Return the ledger: pending, release and accrual of purchases, accruals of acts, expiries."""
    beans, wait = scheme.currencies[0], int(scheme.confirm.days.value)
    lines, wanted = bean_lines(log, beans)
    confirmed = confirmations(log, lines, wait)
    posted = join(post_automatic(log, lines, wanted, confirmed, wait),
                  post_events(log, beans, lines, wanted, confirmed))
    number_lots(log, beans, posted)
    return to_frame(log, scheme, in_order(log, join(post_expiries(log, posted), posted)))


def earn_rule(beans, name: str):
    """Return an earn rule by its name."""
    return next(rule for rule in beans.earn if rule.name == name)


def bean_lines(log: Log, beans) -> tuple[np.ndarray, np.ndarray]:
    """Return the order lines that earn, and the beans of each."""
    rule, rows = earn_rule(beans, "purchase"), log.rows["order"]
    fen = log.fen[rows].astype(np.int64)
    rate = rule.rate.exact / 100
    points = np.minimum(fen * rate.numerator // rate.denominator, int(rule.cap_line.value))
    earns = (fen > int(rule.above_cny.value) * 100) & (points > 0)
    return rows[earns], points[earns]


def line_keys(log: Log, rows: np.ndarray, with_item: bool = True) -> np.ndarray:
    """Return a number that stands for customer, order and, if asked for, item."""
    n_items = len(log.items) + 1
    key = log.who[rows] * (log.order.max() + 2) + log.order[rows] + 1
    return key * n_items + log.item[rows] + 1 if with_item else key


def find_first(wanted: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return the place of the first of each wanted key, or -1."""
    by_key = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[by_key], wanted), max(len(keys) - 1, 0))
    found = by_key[place] if len(keys) else np.zeros(len(wanted), np.int64)
    return np.where(keys[found] == wanted, found, -1) if len(keys) else np.full(len(wanted), -1)


def confirmations(log: Log, lines: np.ndarray, wait: int) -> np.ndarray:
    """Return the row that confirms each line before time does, or -1."""
    rows = log.rows["confirm"]
    line = find_first(line_keys(log, rows), line_keys(log, lines))
    counts = (line >= 0) & (log.day[rows] < log.day[lines[line]] + wait) & (rows > lines[line])
    confirmed = np.full(len(lines), -1)
    confirmed[line[counts][::-1]] = rows[counts][::-1]          # the first one counts
    return confirmed


def post_events(log: Log, beans, lines: np.ndarray, wanted: np.ndarray, confirmed: np.ndarray) -> Postings:
    """Return what events post, in the order of the rows."""
    early = confirmed >= 0
    acts = [check_in_points(log, beans), review_points(log, beans), photo_points(log, beans), grant_points(log)]
    acts = [(rows[points > 0], points[points > 0]) for rows, points in acts]
    size = np.zeros(len(log.who), np.int8)
    for rows in (lines, *(rows for rows, _ in acts)):
        size[rows] = 1
    size[confirmed[early]] = 2
    row = np.repeat(np.arange(len(size)), size)
    begin = np.cumsum(size) - size
    entry, points, order = np.zeros(len(row), np.int8), np.zeros(len(row), np.int64), log.order[row]
    entry[begin[lines]], points[begin[lines]] = PENDING, wanted
    release = begin[confirmed[early]]
    entry[release], points[release], points[release + 1] = RELEASE, -wanted[early], wanted[early]
    for rows, given in acts:
        points[begin[rows]] = given
    return postings(log.who[row], log.day[row], EVENTS_LAST, row, entry, points, order)


def post_automatic(log: Log, lines: np.ndarray, wanted: np.ndarray, confirmed: np.ndarray, wait: int) -> Postings:
    """Return what the confirmations by time post."""
    due = (confirmed < 0) & (log.day[lines] + wait <= log.until)
    rows = np.repeat(lines[due], 2)
    sign = np.tile([-1, 1], due.sum())
    entry = np.where(sign < 0, RELEASE, ACCRUAL).astype(np.int8)
    return postings(log.who[rows], log.day[rows] + wait, CONFIRMATIONS_NEXT, np.full(len(rows), -1), entry,
                    sign * np.repeat(wanted[due], 2), log.order[rows])


def postings(who, day, rank: int, row, entry, points, order) -> Postings:
    """Return postings that touch no lot yet."""
    none = np.zeros((3, len(who)), np.int64)
    return Postings(who, day, np.full(len(who), rank), row, entry, points, order, *none)


def join(*parts: Postings) -> Postings:
    """Return several postings as one."""
    columns = Postings.__dataclass_fields__
    return Postings(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


def number_lots(log: Log, beans, posted: Postings) -> None:
    """Give each accrual its lot."""
    places = np.flatnonzero(posted.entry == ACCRUAL)
    places = places[np.argsort(posted.key(log)[places], kind="stable")]
    posted.lot[places] = sum_within(np.ones(len(places), np.int64), is_first(posted.who[places]))
    posted.accrued[places] = posted.day[places]
    posted.expires[places] = expiry_days(log, beans)[posted.day[places]]


def expiry_days(log: Log, beans) -> np.ndarray:
    """Return the day on which beans of each day expire: the end of the next year, and by days in later periods."""
    end = (log.dates.astype("datetime64[Y]") + 2).astype("datetime64[D]") - 1
    for period in beans.later:
        end = np.where(log.dates >= np.datetime64(period.valid_from), log.dates + int(period.expiry.days.value), end)
    return (end - log.dates[0]).astype(np.int64)


def post_expiries(log: Log, posted: Postings) -> Postings:
    """Return the end of every lot that time has reached, soonest first, then oldest."""
    places = np.flatnonzero((posted.lot > 0) & (posted.expires < log.until))
    places = places[np.lexsort((posted.lot[places], posted.expires[places]))]
    n = len(places)
    return Postings(posted.who[places], posted.expires[places] + 1, np.full(n, EXPIRIES_FIRST), np.full(n, -1),
                    np.full(n, EXPIRY, np.int8), -posted.points[places], np.full(n, -1), posted.lot[places],
                    posted.accrued[places], posted.expires[places])


def in_order(log: Log, posted: Postings) -> Postings:
    """Return postings by customer, day and rank."""
    order = np.argsort(posted.key(log), kind="stable")
    return Postings(*(getattr(posted, name)[order] for name in Postings.__dataclass_fields__))


def to_frame(log: Log, scheme, posted: Postings) -> pd.DataFrame:
    """Return postings as the contract's ledger."""
    n, by_event = len(posted.who), posted.row >= 0
    starts = (log.dates.astype("datetime64[us]"))[posted.day].view(np.int64)
    change = np.where((posted.entry == ACCRUAL) | (posted.entry == EXPIRY), posted.points, 0)
    none = np.full(n, -1, np.int8)
    lots = posted.lot == 0
    dates = log.dates.astype("datetime64[us]")
    return pd.DataFrame({
        "customer_id": log.ids[posted.who],
        "currency": pd.Categorical.from_codes(np.zeros(n, np.int8), [scheme.currencies[0].name]),
        "time": np.where(by_event, log.time[posted.row], starts).view("datetime64[us]"),
        "entry": pd.Categorical.from_codes(posted.entry, ENTRIES), "points": posted.points,
        "lot_id": pd.arrays.IntegerArray(posted.lot, lots),
        "accrued_on": pd.Series(dates[posted.accrued]).mask(lots),
        "expires_on": pd.Series(dates[0] + posted.expires.astype("m8[D]")).mask(lots),
        "outlet": pd.Categorical.from_codes(none, OUTLETS), "funded_by": pd.Categorical.from_codes(none + 1, FUNDERS),
        "order_id": pd.arrays.IntegerArray(posted.order, posted.order < 0),
        "event_id": pd.arrays.IntegerArray(log.event_id[posted.row], ~by_event),
        "balance": sum_within(change, is_first(posted.who))})


# Beans for acts

def check_in_points(log: Log, beans) -> tuple[np.ndarray, np.ndarray]:
    """Return check-ins and the step of each day of a run of days."""
    rows = log.rows["check_in"]
    rows = rows[is_first(log.who[rows], log.day[rows])]
    goes_on = ~is_first(log.who[rows], log.day[rows] - np.arange(len(rows)))
    run = sum_within(np.ones(len(rows), np.int64), ~goes_on)
    steps = earn_rule(beans, "check_in").steps
    points = np.array([0] + [int(step.points.value) for step in steps])
    return rows, points[np.searchsorted([int(step.from_.value) for step in steps], run, side="right")]


def review_points(log: Log, beans) -> tuple[np.ndarray, np.ndarray]:
    """Return reviews and the step of the amount of the line that each names."""
    rule, rows, lines = earn_rule(beans, "review"), log.rows["review"], log.rows["order"]
    steps = np.array([int(step.from_.value) * 100 for step in rule.steps])
    points = np.array([int(step.points.value) for step in rule.steps])
    fen = np.zeros(len(rows), np.int64)
    names_order = log.order[rows] >= 0
    for naming, with_item in ((names_order & (log.item[rows] >= 0), True), (names_order & (log.item[rows] < 0), False)):
        named = rows[naming]
        line = find_first(line_keys(log, named, with_item), line_keys(log, lines, with_item))
        fen[naming] = np.where((line >= 0) & (lines[line] < named), log.fen[lines[line]], 0)
    wanted = points[np.searchsorted(steps, fen, side="right") - 1]
    return rows, clip_within(wanted, is_first(log.who[rows], log.day[rows]), int(rule.cap_day.value))


def photo_points(log: Log, beans) -> tuple[np.ndarray, np.ndarray]:
    """Return photo posts and what the day's cap leaves of each."""
    rule, rows = earn_rule(beans, "photo_post"), log.rows["photo_post"]
    wanted = np.full(len(rows), int(rule.points.value))
    return rows, clip_within(wanted, is_first(log.who[rows], log.day[rows]), int(rule.cap_day.value))


def grant_points(log: Log) -> tuple[np.ndarray, np.ndarray]:
    """Return grants and their points."""
    return log.rows["grant"], log.points[log.rows["grant"]]
