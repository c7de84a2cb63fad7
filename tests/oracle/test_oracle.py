"""The rule machine against the second model on seeded random logs, row by row and column by column.

Each scheme file of the package meets at least 2,000 random customers in batches of 100; two batches in
three run a random variant of the file (tight caps, other expiries, windows and multiples), each under
random readings. What the model met is counted: every rule, cap, step, fee, reading, tier, refusal and kind
of entry at least 50 times. Then come schemes that are random themselves. A failure says how to shrink it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random

import pandas as pd
import pytest

import loyalty_research as lr

from .model import (
    DECLINED_COLUMNS,
    ENTRY_COLUMNS,
    FEE_COLUMNS,
    TIER_COLUMNS,
    Result,
    apply_readings,
    fees_of,
    run,
    valued_on,
    values,
)
from .randomlog import COLUMNS, number, random_log, random_readings, random_variant
from .randomscheme import random_scheme

HERE, DATA = Path(__file__).parent, Path(__file__).parents[2] / "data"
SHIPPED = sorted(path.stem for path in DATA.glob("schemes/*.toml"))
EXAMPLES = sorted(path.stem for path in DATA.glob("examples/*.toml"))
FILES = {path.stem: path for path in [*DATA.glob("*s/*.toml"), HERE / "features.toml"]}
BATCHES = dict.fromkeys([*SHIPPED, "features"], 20) | {"jd": 27, "taobao": 30, "xiaohongshu": 30, "features": 36}
EXAMPLE_BATCHES = dict.fromkeys(EXAMPLES, 3)                 # until each has met what it can bring
EXAMPLE_BATCHES |= {"golf_card": 15, "online_grocer": 9, "harbour": 6, "car_wash_8": 6, "multi_vendor": 5, "supermarket_card": 5, "turkey_8_weeks": 4}
CUSTOMERS, AT_LEAST = 100, 50


# --------------------------------------------------------------------------------------------- one batch


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A scheme file or a variant of it, readings, a log, where it is cut, and days to ask for."""

    key: str
    seed: int
    customers: int
    file: dict
    readings: dict[str, str]
    rows: list[dict]
    until: datetime | None
    days: list[date]
    varied: bool = True

    @property
    def scheme(self) -> dict:
        return apply_readings(self.file, self.readings)


def file_of(key: str) -> dict:
    """A scheme file of the package, of its examples or of this folder, parsed."""
    return tomllib.loads(FILES[key].read_text(encoding="utf-8"))


def make_batch(key: str, seed: int, customers: int = CUSTOMERS) -> Batch:
    """Everything about a batch follows from its key, its seed and the number of its customers."""
    rng = Random(f"{key} {seed}")
    if key == "random":
        file = random_scheme(seed)
    else:
        file = file_of(key)
        if seed % 3:
            file = random_variant(rng, file)
    if key == "features":
        thin_out(rng, file)
    readings = random_readings(rng, file)
    scheme = apply_readings(file, readings)
    rows = random_log(seed, scheme, customers)
    times = sorted(row["time"] for row in rows)
    midnight = datetime.combine(rng.choice(times).date() + timedelta(days=1), time())
    later = times[-1] + timedelta(days=rng.randrange(1, 500))
    until = rng.choice((None, None, later, rng.choice(times[len(times) // 2:]), midnight))
    span = (times[-1] - times[0]).days + 400
    days = [times[0].date() + timedelta(days=rng.randrange(-5, span)) for _ in range(4)] if seed % 4 == 0 else []
    days = [day for day in days if valued_on(scheme, day)]       # the package refuses to value before the first time
    return Batch(key=key, seed=seed, customers=customers, file=file, readings=readings, rows=rows, until=until,
                 days=days, varied=bool(seed % 3))


def thin_out(rng: Random, file: dict) -> None:
    """Leave four of the rules that pay for order lines, as many as the machine holds: the two of X28 and two others."""
    earn = [(currency["earn"], rule) for currency in file["currency"] for rule in currency["earn"]
            if rule["on"] == ["order"] and rule["name"] != "purchase"]
    for rules, rule in rng.sample(earn, len(earn) - 2):
        rules.remove(rule)
    for currency in file["currency"]:
        if not currency["earn"]:
            del currency["earn"]


def to_toml(table: dict) -> str:
    """A parsed scheme file as text, every table inline."""
    return "\n".join(f"{json.dumps(key)} = {inline(value)}" for key, value in table.items()) + "\n"


def to_text(node: dict, path: str = "") -> str:
    """The same for the eye: each table of a list on a line of its own, numbers without their provenance."""
    inner = {key: value for key, value in node.items()
             if isinstance(value, list) and value and isinstance(value[0], dict) and key != "steps"}
    own = inline({key: value for key, value in node.items() if key not in inner})
    own = re.sub(r'\{"value" = ([^,]+), "fitted" = "[^"]*"\}', r"\1", own)
    lines = [f"{path} {own}".strip()]
    for key, tables in inner.items():
        lines += [to_text(table, f"{path}.{key}".strip(".")) for table in tables]
    return "\n".join(lines)


def inline(value) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False)


def to_frame(rows: list[dict]) -> pd.DataFrame:
    """The event table as a DataFrame with nullable columns."""
    frame = pd.DataFrame(rows)
    for column in ("order_id", "points", "event_id"):
        cells = [row[column] for row in rows]
        words = any(isinstance(cell, str) for cell in cells)
        frame[column] = pd.array(cells, dtype="string" if words else "Int64")
    return frame.astype({"amount": "float64", "virtual": "bool"})


# -------------------------------------------------------------------------------------------- comparison


def plain(column: pd.Series) -> list:
    """The cells of a column of a result as Python values, nulls as None."""
    timed = pd.api.types.is_datetime64_dtype(column.dtype)
    cells = pd.DatetimeIndex(column).to_pydatetime() if timed else column.astype(object)
    return [None if null else cell for null, cell in zip(column.isna(), cells, strict=True)]


def to_rows(frame: pd.DataFrame) -> list[dict]:
    columns = {name: plain(frame[name]) for name in frame.columns}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def as_timed(rows: list[dict]) -> list[dict]:
    """Dates of the model as the midnights that frames hold."""
    return [{name: datetime.combine(value, time()) if type(value) is date else value
             for name, value in row.items()} for row in rows]


def assert_same(table: str, batch: Batch, expected: list[dict], columns: list[str], frame) -> None:
    """The frame equals the model's rows; else both histories of the first customer that differs."""
    assert list(frame.columns) == columns, f"{table}: columns {list(frame.columns)}"
    assert isinstance(frame.index, pd.RangeIndex), f"{table}: {type(frame.index)}"
    expected, found = as_timed(expected), to_rows(frame)
    if expected == found:
        return
    number = next((n for n, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]),
                  min(len(expected), len(found)))
    customer = (expected + [None] * len(found))[number] or found[number]
    if number < len(found) and number < len(expected):
        ours, theirs = expected[number]["customer_id"], found[number]["customer_id"]
        first = [row["customer_id"] for row in expected + found if row["customer_id"] in (ours, theirs)]
        customer = {"customer_id": first[0] if ours == theirs else min(ours, theirs)}
    pytest.fail(history(table, batch, customer["customer_id"], expected, found), pytrace=False)


def history(table: str, batch: Batch, customer_id, expected: list[dict], found: list[dict]) -> str:
    """What happened to a customer, and what model and machine make of it."""
    mine = {row["customer_id"]: None for row in batch.rows}
    assert customer_id in mine, customer_id
    events = sorted((row for row in batch.rows if row["customer_id"] == customer_id), key=lambda r: r["time"])
    model = [row for row in expected if row["customer_id"] == customer_id]
    machine = [row for row in found if row["customer_id"] == customer_id]
    same = 0
    while same < min(len(model), len(machine)) and model[same] == machine[same]:
        same += 1
    text = [f"{table} of customer {customer_id!r} differ at row {same}: "
            f"{batch.key} batch {batch.seed}, readings {batch.readings}, until {batch.until}",
            f"for a small case: python -m tests.oracle.shrink {batch.key} {batch.seed} {batch.customers}", "events:"]
    text += [line_of(row) for row in events]
    for name, rows in (("model:", model), ("machine:", machine)):
        text += [name] + [("=> " if n == same else "   ") + line_of(row)
                          for n, row in enumerate(rows[:same + 8]) if n > same - 30]
    return "\n".join(text)


def line_of(row: dict) -> str:
    """A row on one line, without nulls and what every row has."""
    return "  ".join(f"{name}={value}" for name, value in row.items()
                     if value is not None and value is not False and name != "customer_id")


def replayed(batch: Batch, folder: Path) -> tuple[Result, dict[str, pd.DataFrame]]:
    """What the model makes of a batch, and the machine's tables."""
    answer = lr.replay(to_frame(batch.rows), load(batch, folder), until=batch.until)
    found = {"scores": answer.scores, "entries": answer.ledger.entries, "declined": answer.ledger.declined,
             "tiers": answer.tiers, "fees": answer.fees}
    expected = run(batch.rows, batch.scheme, batch.until)
    return expected, found


def load(batch: Batch, folder: Path) -> lr.Scheme:
    """The file of a batch as the package reads it: a shipped one by its key."""
    if batch.key in SHIPPED and not batch.varied:
        return lr.load_scheme(batch.key).with_readings(**batch.readings)
    path = folder / f"{batch.key}_{batch.seed}.toml"
    path.write_text(to_toml(batch.file), encoding="utf-8")
    return lr.load_scheme(path).with_readings(**batch.readings)


def compare(batch: Batch, folder: Path) -> Counter:
    """Run model and machine on a batch; what the model met."""
    try:
        return compare_tables(batch, folder)
    except Exception as error:
        error.add_note(f"{batch.key} batch {batch.seed} of {batch.customers} customers, from {__name__}.make_batch")
        raise


def compare_tables(batch: Batch, folder: Path) -> Counter:
    components = [component["name"] for component in batch.scheme.get("score", {}).get("component", [])]
    score_columns = ["customer_id", "settled_on", *components, "score"]
    columns = {"scores": score_columns, "entries": ENTRY_COLUMNS, "declined": DECLINED_COLUMNS, "tiers": TIER_COLUMNS,
               "fees": FEE_COLUMNS}
    expected, found = replayed(batch, folder)
    for table, frame in found.items():
        assert_same(table, batch, getattr(expected, table), columns[table], frame)
    if batch.days:
        at = lr.score(to_frame(batch.rows), load(batch, folder), at=batch.days)
        assert_same("score at days", batch, values(batch.rows, batch.scheme, batch.days), score_columns, at)
    return expected.counts


# ------------------------------------------------------------------------------------- what must be met


def expected_counts(file: dict) -> set[tuple]:
    """What the batches of a scheme file have to meet, whichever of its readings brings it."""
    wanted = expected_of(apply_readings(file, {}))
    for reading in file.get("reading", []):
        for choice in reading["choice"]:
            wanted |= {("reading", reading["id"], choice["name"])}
            wanted |= expected_of(apply_readings(file, {reading["id"]: choice["name"]}))
    return wanted | ONLY.get(file["scheme"]["key"], set())


def expected_of(scheme: dict) -> set[tuple]:
    """What follows from the tables of a scheme."""
    wanted = {("late", kind, how) for kind in ("return", "goods_exchange") for how in ("whole", "in part")}
    score, currencies = scheme.get("score", {}), scheme.get("currency", [])
    for rule in score.get("rule", []):
        wanted |= expected_of_rule(f"score.{rule['name']}", rule)
        wanted |= {("score award returned", f"score.{rule['name']}")} if "rate" in rule else set()
    for component in score.get("component", []):
        wanted |= {("cap", component["name"], "component")} if "cap" in component else set()
        wanted |= {("cap", component["name"], "cap_by")} if "cap_by" in component else set()
    wanted |= {("score scope", "outside")} if "channels" in score else set()
    for currency in currencies:
        wanted |= expected_of_currency(currency)
    wanted |= {("declined", kind, "late") for kind in ("return", "goods_exchange")} if currencies else set()
    for plan in scheme.get("plan", []):
        wanted |= {("fee", plan["name"], float(fee["cny"]["value"])) for fee in fees_of(plan)}
    falls = any(rule["window"] != "lifetime" for rule in score.get("rule", []))
    return wanted | expected_of_tiers(scheme["tier"], falls)


def expected_of_rule(key: str, rule: dict) -> set[tuple]:
    wanted = {("rule", key)} | {("cap", key, cap) for cap in rule if cap.startswith("cap_")}
    wanted |= {("step", key, number) for number in range(len(rule.get("steps", [])))}
    wanted |= {("step", key, "no line")} if rule.get("per") == "amount" else set()
    return wanted | ({("boost", key)} if "boost_by_tier" in rule else set())


def expected_of_currency(currency: dict) -> set[tuple]:
    """Its rules, and the entries and refusals that they and its outlets make possible."""
    name, redeem, earn = currency["name"], currency.get("redeem", {}), currency.get("earn", [])
    wanted = {("declined", "penalty", "shortfall"), ("deficit repaid by", "accrual")}
    wanted |= entries_of(name, "accrual penalty" if currency["expiry"]["kind"] == "never" else "accrual expiry penalty")
    if "valid_from" not in currency:                             # else no variant lets it be stolen
        wanted |= entries_of(name, "transfer_in transfer_out") | {("deficit", name, "transfer_out")}
    wanted |= {("deficit repaid by", "transfer_in")} if currency.get("steals") else set()
    for rule in earn:
        wanted |= expected_of_rule(f"{name}.{rule['name']}", rule)
    if any(rule.get("accrues") == "confirm" for rule in earn):
        wanted |= entries_of(name, "pending release") | {("cancelled while pending", name)}
        wanted |= {("confirmed", "automatic"), ("confirmed", "by the customer")}
    if any("order" in rule["on"] for rule in earn):
        wanted |= entries_of(name, "clawback") | {("clawback", "own lot"), ("clawback", "own lot empty")}
        wanted |= {("deficit", name, "clawback")} if owes(currency) else {("clamped", name)}
        wanted |= {("deficit repaid by", "reinstatement")} if owes(currency) and redeem else set()
    if redeem:
        wanted |= entries_of(name, "reinstatement") | {("share", "the rest"), ("share", "by amount")}
        wanted |= {("outlet", name, "order"), ("declined", "redeem", "balance")}
        wanted |= {("declined", "return", "expired")} if currency["expiry"]["kind"] != "never" else set()
        wanted |= {("declined", "redeem", "cap"), ("redeem", "again on an order")} if "cap_order" in redeem else set()
        wanted |= {("declined", "redeem", "multiple")} if "multiple" in redeem else set()
        wanted |= {("redeem at shop", shop["name"]) for shop in redeem.get("shop", []) if shop["cap_order"]["value"]}
    for outlet in currency.get("outlet", []):
        wanted |= expected_of_outlet(name, outlet)
    return wanted


def owes(currency: dict) -> bool:
    return currency.get("on_shortfall", "deficit") == "deficit"


def expected_of_outlet(currency: str, outlet: dict) -> set[tuple]:
    kind = "courier_gift" if outlet["name"] == "gift" else "exchange"
    if not outlet.get("offered", True):
        return {("declined", kind, "not_offered")}
    wanted = {("outlet", currency, outlet["name"]), ("declined", kind, "balance")}
    wanted |= {("declined", kind, "gate")} if "gate" in outlet else set()
    wanted |= {("declined", kind, "multiple")} if "price" in outlet else set()
    if outlet.get("automatic"):
        wanted |= {("automatic", currency, "by event")}
        return wanted | ({("automatic", currency, "gate shut")} if "gate" in outlet else set())
    return wanted | ({("gate passed", outlet["name"])} if "gate" in outlet else set())


def expected_of_tiers(tiers: list[dict], falls: bool) -> set[tuple]:
    """Up to every tier and, where a score can fall, down from it, and who got, kept and lost a seat."""
    names = [tier["name"] for tier in tiers]
    wanted = {("tier", names[0], "joined")} | {("tier", name, "up") for name in names[1:]}
    wanted |= {("tier", name, "down") for name in names[:-1]} if falls else set()
    invited = any(tier.get("invited") for tier in tiers)
    return wanted | ({("seat", what) for what in ("given", "kept", "lost", "wanted in vain")} if invited else set())


def entries_of(currency: str, kinds: str) -> set[tuple]:
    return {("entry", currency, kind) for kind in kinds.split()}


ONLY = {"jd": {("declined", "exchange", "not_offered"), ("declined", "goods_exchange", "expired")}}
AT_RANDOM = ("automatic", "boost", "cap", "clamped", "deficit", "fee of another country", "inactivity",
             "redeem at shop", "scheme dates", "score scope", "seat", "share", "step")


# ------------------------------------------------------------------------------------------------- tests


def compare_all(batches: Iterable[Batch], folder: Path) -> Counter:
    counts = Counter()
    for batch in batches:
        counts += compare(batch, folder)
    return counts


def assert_met(key: str, counts: Counter, at_least: int) -> None:
    """All that a scheme file can bring was met often enough; else the failure shows what was met."""
    print(f"\n{key}: what the model met")
    for what in sorted(counts, key=str):
        print(f"{counts[what]:>9}  {'  '.join(str(part) for part in what)}")
    seldom = {what: counts[what] for what in expected_counts(file_of(key)) if counts[what] < at_least}
    assert not seldom, f"met less than {at_least} times: {seldom}"


@pytest.mark.parametrize("key", BATCHES)
def test_machine_and_model_agree(key, tmp_path):
    assert_met(key, compare_all((make_batch(key, seed) for seed in range(BATCHES[key])), tmp_path), AT_LEAST)


@pytest.mark.parametrize("key", EXAMPLES)
def test_machine_and_model_agree_on_examples(key, tmp_path):
    assert_met(key, compare_all((make_batch(key, seed) for seed in range(EXAMPLE_BATCHES[key])), tmp_path), AT_LEAST // 10)


def test_machine_and_model_agree_on_random_schemes(tmp_path):
    counts = Counter()
    for what, times in compare_all((make_batch("random", seed, 50) for seed in range(20)), tmp_path).items():
        counts[what[0]] += times
    seldom = {what: counts[what] for what in AT_RANDOM if counts[what] < AT_LEAST}
    assert not seldom, f"met less than {AT_LEAST} times: {seldom}"


@pytest.mark.soak
@pytest.mark.parametrize("key", [*BATCHES, *EXAMPLES])
@pytest.mark.parametrize("start", (1000, 2000, 3000))
def test_machine_and_model_agree_on_more(key, start, tmp_path):
    compare_all((make_batch(key, seed) for seed in range(start, start + 10)), tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("start", range(1000, 1500, 20))
def test_machine_and_model_agree_on_more_random_schemes(start, tmp_path):
    compare_all((make_batch("random", seed, 200) for seed in range(start, start + 20)), tmp_path)


@pytest.mark.parametrize("table", ("scores", "tiers", "fees"))
def test_nothing_is_settled_before_a_scheme_begins(table, tmp_path):
    batch = batch_of({"valid_from": date(2024, 3, 1)}, [login(2024, 2, 20)], until=datetime(2024, 3, 5))
    expected, found = replayed(batch, tmp_path)
    assert [row["settled_on"] for row in getattr(expected, table)] == [date(2024, 3, 1)]
    assert_same(table, batch, getattr(expected, table), list(found[table].columns), found[table])


def test_a_reading_counts_what_it_takes_out_as_it_stands_in_the_file(tmp_path):
    batch = batch_of({}, [login(2024, 2, 20)], until=datetime(2024, 3, 5))
    fees = [{"from": number(edge), "cny": number(10 - edge)} for edge in (0, 1, 2)]
    rest = {"name": "rest", "about": "the last fee alone", "unset": ["plan.card.fee.0", "plan.card.fee.1"]}
    reading = {"id": "R", "about": "Which fees?", "choice": [{"name": "all", "about": "all of them"}, rest]}
    file = batch.file | {"readings": {"R": "all"}, "reading": [reading], "plan": [{"name": "card", "fee": fees}]}
    assert apply_readings(file, {"R": "rest"})["plan"][0]["fee"] == fees[2:]
    compare(replace(batch, file=file, readings={"R": "rest"}), tmp_path)


def batch_of(dates: dict, rows: list[dict], until: datetime) -> Batch:
    """A scheme of one score, one tier and one fee, with dates, and a log."""
    heading = {"key": "small", "title": "Small", "operator": "nobody", "timezone": "Asia/Shanghai"}
    rule = {"name": "login", "component": "visits", "on": ["login"], "points": number(1), "window": "trailing"}
    file = {"scheme": heading | {"scored": "daily", "settled": "daily"} | dates,
            "returns": {"window_days": number(30)}, "confirm": {"days": number(7)},
            "score": {"component": [{"name": "visits"}], "rule": [rule]}, "tier": [{"name": "all"}],
            "plan": [{"name": "card", "fee": [{"cny": number(10)}]}]}
    return Batch(key="small", seed=0, customers=1, file=file, readings={}, rows=rows, until=until, days=[])


def login(*day: int) -> dict:
    return dict.fromkeys(COLUMNS) | {"customer_id": 1, "time": datetime(*day), "kind": "login", "virtual": False}


def test_the_comparison_shows_both_histories():
    batch = make_batch("jd", 0, customers=3)
    tiers = run(batch.rows, batch.scheme).tiers
    frame = pd.DataFrame(as_timed(tiers))
    assert_same("tiers", batch, tiers, TIER_COLUMNS, frame)
    wrong = frame.assign(tier=["gift", *frame["tier"][1:]])
    with pytest.raises(pytest.fail.Exception, match="(?s)tiers of .*shrink jd 0 3\nevents:.*model:.*machine:.*=> "):
        assert_same("tiers", batch, tiers, TIER_COLUMNS, wrong)
    with pytest.raises(pytest.fail.Exception, match="differ at row"):
        assert_same("tiers", batch, tiers, TIER_COLUMNS, frame[:-1])


def test_an_error_names_its_batch(tmp_path):
    batch = replace(make_batch("random", 5, customers=3), rows=[{}])
    with pytest.raises(KeyError) as error:
        compare(batch, tmp_path)
    assert error.value.__notes__ == ["random batch 5 of 3 customers, from tests.oracle.test_oracle.make_batch"]


def test_random_logs_repeat():
    first, second = make_batch("taobao", 3), make_batch("taobao", 3)
    assert (first.rows, first.readings, first.until) == (second.rows, second.readings, second.until)
    assert tomllib.loads(to_toml(first.file)) == first.file


def test_features_hold_every_word_of_the_language():
    schema = lr.scheme_schema()
    tables = schema["$defs"] | {"file": schema}
    file = file_of("features")
    choices = [{}, *({reading["id"]: choice["name"]} for reading in file["reading"] for choice in reading["choice"])]
    used = {word for choice in choices for word in words_used(tables, "file", apply_readings(file, choice))}
    known = {(name, key, *word) for name, table in tables.items() if not name.startswith("Number")
             for key, node in table["properties"].items() for word in [(), *([word] for word in words_of(node))]}
    kinds_of_events = {word for word in known if word[1] in ("on", "off") and len(word) == 3}
    of_no_use = {("EarnRule", "off"), ("EarnRule", "items")}     # keys of per = "state", which only a score has
    assert known - used - kinds_of_events == of_no_use


def words_of(node: dict) -> list[str]:
    """The closed words that may stand under a key."""
    return node.get("items", node).get("enum", [])


def words_used(tables: dict, name: str, table: dict) -> Iterator[tuple]:
    """The keys of a table of a file and of all tables in it, and the closed words under them."""
    for key, value in table.items():
        node = tables[name]["properties"][key]
        yield name, key
        inner = node.get("items", node).get("$ref", "").rpartition("/")[2]
        for item in value if isinstance(value, list) else [value]:
            if words_of(node):
                yield name, key, item
            if inner and not inner.startswith("Number"):
                yield from words_used(tables, inner, item)
