"""The jd scheme in vectorised pandas and NumPy: as much of it as they can express.

The yardstick of the benchmark, and one more independent answer. Left out, because no vectorised operation says
them: returns and exchanges of goods, redemptions and outlets, penalties and transfers, and with them lots that are
partly used, deficits and refusals. The caps of a rule lie within each other (day, month, year), so that each is a
running sum clipped period by period. What was tried to make it fast stands in README.md.
"""
from dataclasses import dataclass

import numpy as np
import pandas as pd

DAY_US = 86_400_000_000
EXPRESSIBLE = tuple("""
    order confirm login check_in review photo_review video_review follow_up_review photo_post answer ask share share_click
    group_buy_start group_buy_join charity_yuan charity_purchase charity_goods online_payment plant harvest water
    profile_completed profile_cleared identity_verified identity_revoked account_bound account_unbound family_bound
    pay_for_other reputation credit grant plan_joined plan_renewed plan_cancelled
""".split())
COMPONENTS = ("consumption", "activity", "account", "credit", "reputation")
ENTRIES = ("accrual", "pending", "release", "redemption", "expiry", "clawback", "penalty", "reinstatement",
           "transfer_in", "transfer_out")
OUTLETS = ("order", "exchange", "coupon", "lottery", "external", "gift")
FUNDERS = ("platform", "merchant", "customer")
CHANGES = ("joined", "up", "down", "kept")
ACCRUAL, PENDING, RELEASE, EXPIRY = 0, 1, 2, 4
EXPIRIES_FIRST, CONFIRMATIONS_NEXT, EVENTS_LAST = 0, 1, 2   # the order of what happens at 00:00


def replay_pandas(frame: pd.DataFrame, scheme) -> dict[str, pd.DataFrame]:
    """Return entries, scores, tiers and fees of a log as `read_events` returns it."""
    log = open_log(frame)
    scores, customers = value_scores(log, scheme)
    return {"entries": post_entries(log, scheme), "scores": scores, **settle_scores(log, scheme, scores, customers)}


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
        ids=ids[np.concatenate([[True], step != 0])], who=np.cumsum(np.concatenate([[0], step != 0])), time=time, day=day,
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
