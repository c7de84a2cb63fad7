"""The event table: each message, type and source, and the rules across rows against a plain model."""

import datetime as dt
import multiprocessing
import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import loyalty_research.events as module
from loyalty_research.events import (
    EVENT_COLUMNS,
    EVENT_KINDS,
    EstimationError,
    EventError,
    LoyaltyError,
    SchemeError,
    SimulationError,
    check_currencies,
    open_events,
    read_events,
)


def log(**changes) -> pd.DataFrame:
    """Nine valid events of two customers, with some columns changed."""
    frame = {
        "customer_id": [1, 1, 1, 1, 1, 2, 2, 1, 2],
        "time": pd.date_range("2024-01-01", periods=9),
        "kind": ["order", "order", "redeem", "confirm", "return", "login", "grant", "steal", "stolen"],
        "amount": [19.99, 5.00, 24.99, None, 5.00, None, None, None, None],
        "order_id": [7, 7, 7, 7, 7, None, None, 99, 99],
        "item_id": ["a", "b", None, "a", "b", None, None, None, None],
        "category": ["books", None, None, None, None, None, None, None, None],
        "shop": [None] * 9,
        "virtual": [True, None, None, None, None, None, None, None, None],
        "currency": [None, None, "beans", None, None, None, None, None, None],
        "points": [None, None, 100, None, None, None, 50, 8, 8],
        "event_id": [11, 12, 13, 14, 15, 16, 17, 18, 19],
    }
    frame.update(changes)
    return pd.DataFrame({name: column for name, column in frame.items() if column is not None})


def put(column: str, row: int, value) -> pd.DataFrame:
    """The valid log with one value changed."""
    values = log()[column].astype(object).where(log()[column].notna(), None).tolist()
    values[row] = value
    return log(**{column: values})


def refusal(source) -> str:
    with pytest.raises(EventError) as caught:
        read_events(source)
    with pytest.raises(EventError) as again, open_events(source):
        pass
    assert str(again.value) == str(caught.value)
    return str(caught.value)


def test_errors_are_value_errors():
    for error in (EventError, SchemeError, SimulationError, EstimationError):
        assert issubclass(error, LoyaltyError) and issubclass(error, ValueError)


# The messages

MESSAGES = {
    "no table": (
        5,
        "events must be a DataFrame, an object with the Arrow stream interface or a Parquet path, but int was given; "
        "make a table with one row an event.",
    ),
    "a list": (
        [1],
        "events must be a DataFrame, an object with the Arrow stream interface or a Parquet path, but list was given; "
        "make a table with one row an event.",
    ),
    "missing column": (
        log().rename(columns={"customer_id": "customer"}),
        "column customer_id is missing from the columns customer, time, kind, amount, order_id, item_id, category, "
        "shop, virtual, currency, points, event_id (did you mean 'customer'?); give every event a customer_id.",
    ),
    "no time": (log(time=None), "column time is missing from the columns customer_id, kind"),
    "no kind": (log(kind=None), "column kind is missing from"),
    "no columns": (
        pd.DataFrame(),
        "column customer_id is missing from the columns (none); give every event a customer_id.",
    ),
    "no amount": (
        log(amount=None),
        "column amount is missing, yet amount must be given on order and redeem, but row 0 has null, "
        "row 1 has null and row 2 has null; give the amount in CNY.",
    ),
    "no points": (
        log(points=None),
        "column points is missing, yet points must be given on redeem, exchange, courier_gift, grant, "
        "penalty, steal, stolen, reputation and credit, but row 2 has null, row 6 has null, row 7 has "
        "null and row 8 has null; give the points, or drop the rows.",
    ),
    "column twice": (
        pd.concat([log(), log()[["time"]]], axis=1),
        "column time must stand once in the table, but it stands 2 times; rename or drop the others.",
    ),
    "time text": (
        log(time=["2024-01-01"] * 9),
        "column time must hold timestamps without a zone, but its type is string; convert it "
        "with pd.to_datetime, and drop a zone with .dt.tz_localize(None).",
    ),
    "time zone": (
        log(time=pd.date_range("2024-01-01", periods=9, tz="Asia/Shanghai")),
        "column time must hold timestamps without a zone, but its type is zoned timestamp; convert",
    ),
    "time number": (
        log(time=range(9)),
        "column time must hold timestamps without a zone, but its type is integer; convert",
    ),
    "kind number": (
        log(kind=range(9)),
        "column kind must hold strings, but its type is integer; convert it with astype(str).",
    ),
    "category number": (log(category=range(9)), "column category must hold strings, but its type is integer; convert"),
    "amount text": (
        log(amount=["1"] * 9),
        "column amount must hold numbers (CNY), but its type is string; convert it with pd.to_numeric.",
    ),
    "points text": (
        log(points=["1"] * 9),
        "column points must hold whole numbers, but its type is string; convert it with astype('Int64').",
    ),
    "virtual number": (
        log(virtual=range(9)),
        "column virtual must hold booleans, but its type is integer; convert it with astype(bool).",
    ),
    "customer time": (
        log(customer_id=pd.date_range("2024-01-01", periods=9)),
        "column customer_id must hold integers or strings, but its type is timestamp; convert it "
        "with astype('int64') or",
    ),
    "mixed column": (
        log(customer_id=[1, "2"] + [3] * 7),
        "column customer_id must hold one type, but pandas dtype object does not convert (",
    ),
    "no customer": (
        put("customer_id", 5, None),
        "customer_id must be given, but row 5 has null; give every event its customer, or drop the rows.",
    ),
    "half customer": (
        put("customer_id", 5, 2.5),
        "customer_id must hold whole numbers that its type keeps exactly and int64 can hold, "
        "but row 5 has 2.5; give the column as int64, Int64 or strings.",
    ),
    "long float id": (
        put("order_id", 3, 1e17),
        "order_id must hold whole numbers that its type keeps exactly and int64 can hold, but row 3 has 1e+17",
    ),
    "long integer": (
        log(event_id=np.arange(9, dtype="uint64") + 2**63),
        "event_id must hold whole numbers that its type keeps exactly and "
        "int64 can hold, but row 0 has 9223372036854775808, row 1 has 9223372036854775809, row 2 has ",
    ),
    "unknown kind": (
        put("kind", 5, "log_in"),
        "kind must be one of EVENT_KINDS, but row 5 has 'log_in'; rename the kinds, or drop the rows "
        "(did you mean 'login'?).",
    ),
    "null kind": (
        put("kind", 5, None),
        "kind must be one of EVENT_KINDS, but row 5 has null; rename the kinds, or drop the rows.",
    ),
    "case of a kind": (
        put("kind", 0, "Order"),
        "row 0 has 'Order'; rename the kinds, or drop the rows (did you mean 'order'?).",
    ),
    "null time": (
        put("time", 3, None),
        "time must be given, but row 3 has null; give every event its time, or drop the rows.",
    ),
    "early time": (
        put("time", 0, pd.Timestamp("1989-12-31 23:59:59")),
        "time must lie in 1990-01-01 to 2100-12-31, but row 0 has '1989-12-31 23:59:59'; correct "
        "the times, or drop the rows.",
    ),
    "late time": (
        put("time", 8, pd.Timestamp("2101-01-01")),
        "time must lie in 1990-01-01 to 2100-12-31, but row 8 has '2101-01-01 00:00:00'",
    ),
    "missing amount": (
        put("amount", 1, None),
        "amount must be given on order and redeem, but row 1 has null; give the amount in CNY.",
    ),
    "missing base": (
        put("amount", 2, float("nan")),
        "amount must be given on order and redeem, but row 2 has null; give the amount in CNY.",
    ),
    "infinite": (
        put("amount", 5, np.inf),
        "amount must be finite, but row 5 has inf; correct the amounts, or drop the rows.",
    ),
    "minus infinite": (
        put("amount", 5, -np.inf),
        "amount must be finite, but row 5 has -inf; correct the amounts, or drop the rows.",
    ),
    "negative": (
        put("amount", 0, -0.01),
        "amount must not be negative, but row 0 has -0.01; give money paid as a positive amount, and "
        "money given back as a return row.",
    ),
    "large": (
        put("amount", 0, 1e11 + 1),
        "amount must not exceed 100,000,000,000 CNY, or sums overflow int64, but row 0 has 100000000001.0; "
        "correct the amounts, or drop the rows.",
    ),
    "three decimals": (
        put("amount", 3, 1.005),
        "amount must have at most two decimals, but row 3 has 1.005; round the amounts to the fen.",
    ),
    "three decimals, Decimal": (
        put("amount", 3, 0).assign(amount=[Decimal("19.99"), 5, 1, 1, 5, 1, 1, 1, Decimal("2.001")]),
        "amount must have at most two decimals, but row 8 has 2.001; round the amounts to the fen.",
    ),
    "sum of amounts": (
        pd.DataFrame(
            {"customer_id": 1, "time": pd.Timestamp("2024-01-01"), "kind": "order", "amount": [1e11] * 900_001}
        ),
        "column amount must add up to at most 90,000,000,000,000,000, or sums overflow int64, but it adds up to "
        "90,000,100,000,000,000; correct the values or split the log.",
    ),
    "no points on grant": (
        put("points", 6, None),
        "points must be given on redeem, exchange, courier_gift, grant, penalty, steal, stolen, "
        "reputation and credit, but row 6 has null; give the points, or drop the rows.",
    ),
    "negative points": (
        put("points", 6, -1),
        "points must not be negative, but row 6 has -1.0; give points as a positive number, and let "
        "the kind say the direction.",
    ),
    "half points": (put("points", 6, 0.5), "points must be whole numbers, but row 6 has 0.5; round the points."),
    "large points": (
        put("points", 6, 10**12 + 1),
        "points must not exceed 1,000,000,000,000, or sums overflow int64, but row 6 has 1000000000001",
    ),
    "infinite points": (
        put("points", 6, np.inf),
        "points must not exceed 1,000,000,000,000, or sums overflow int64, but row 6 has inf",
    ),
    "event_id twice": (
        put("event_id", 8, 11),
        "an event_id must not stand for two different events, but row 8 has 11 (first in row 0); "
        "give each event its own event_id.",
    ),
    "line twice": (
        put("item_id", 1, "a"),
        "an order line must be one row, but row 1 has order 7 and item 'a' as row 0; give each line of an "
        "order its own item_id, and each order of a customer its own order_id.",
    ),
    "two lines without item": (
        log(item_id=[None, None, None, None, None, None, None, None, None]),
        "an order line must be one row, but row 1 has order 7 and item null as row 0; give",
    ),
    "redeem without order": (
        put("order_id", 2, 8),
        "a redeem must name an order of its customer that stands in the table, but row 2 has "
        "order_id 8; add the order rows or drop the redeem.",
    ),
    "redeem without order_id": (
        put("order_id", 2, None),
        "a redeem must name an order of its customer that stands in the table, but row 2 has order_id null",
    ),
    "redeem of another customer": (
        put("customer_id", 2, 2),
        "a redeem must name an order of its customer that stands in the table, but row 2 has",
    ),
    "return never placed": (
        put("item_id", 4, "c"),
        "a return or goods_exchange must name an order line of its customer that stands in the table, "
        "but row 4 has order_id 7, item_id 'c'; add the order rows or drop the return.",
    ),
    "return of no order": (
        put("order_id", 4, None),
        "a return or goods_exchange must name an order line of its customer that stands in the "
        "table, but row 4 has order_id null, item_id 'b'",
    ),
    "return of another's": (
        put("customer_id", 4, 2),
        "a return or goods_exchange must name an order line of its customer that stands in the table, but row 4",
    ),
    "return before order": (
        put("time", 4, pd.Timestamp("2024-01-01 12:00")),
        "a return or goods_exchange must come after its order, but row 4 "
        "has order_id 7, item_id 'b'; correct the times or the order of the rows.",
    ),
    "return twice": (
        put("kind", 3, "return").assign(item_id=["a", "b", None, "b", "b", None, None, None, None]),
        "a return or goods_exchange must name a line not returned before, but row 4 has order_id 7, "
        "item_id 'b'; drop the second return.",
    ),
    "return of nothing left": (
        put("kind", 3, "return").assign(
            item_id=["a", "b", None, None, None, None, None, None, None], amount=[19.99, 5, 1, None, None] + [None] * 4
        ),
        "a return or goods_exchange must name a line not returned before, but row 4 has order_id 7, item_id null; drop",
    ),
    "return of another amount": (
        put("amount", 4, 4.99),
        "the amount of a return or goods_exchange must be null, 0 or the amount of what it gives back, "
        "but row 4 has 4.99 instead of 5.0; correct the amount or leave it null.",
    ),
    "return of a part of all": (
        put("item_id", 4, None),
        "the amount of a return or goods_exchange must be null, 0 or the amount of what it gives back, "
        "but row 4 has 5.0 instead of 24.99; correct",
    ),
    "exchange after return": (
        put("kind", 5, "goods_exchange").assign(
            customer_id=[1] * 8 + [2],
            order_id=[7] * 6 + [None, 99, 99],
            item_id=["a", "b", None, "a", "b", "b"] + [None] * 3,
        ),
        "a return or goods_exchange must name a line not returned before, but row 5 has order_id 7, item_id 'b'",
    ),
    "steal alone": (
        log().iloc[:8],
        "a transfer must be one steal and one stolen with the same order_id and equal points, but "
        "row 7 has order_id 99 with "
        "1 steal and 0 stolen, points [8]; pair the rows by a transfer id of their own.",
    ),
    "stolen alone": (
        log().drop(index=7),
        "a transfer must be one steal and one stolen with the same order_id and equal points, but "
        "row 7 has order_id 99 with 0 steal and 1 stolen",
    ),
    "unequal transfer": (
        put("points", 8, 9),
        "row 7 has order_id 99 with 1 steal and 1 stolen, points [8, 9]; pair the rows",
    ),
    "transfer without id": (
        log(order_id=[7, 7, 7, 7, 7, None, None, None, None]),
        "row 7 has order_id null with 1 steal and 1 stolen, points [8, 8]",
    ),
    "transfer id twice": (
        pd.concat([log(), log().iloc[7:].assign(event_id=[20, 21])]),
        "row 7 has order_id 99 with 2 steal and 2 stolen, points [8, 8, 8, 8]",
    ),
    "no such file": (
        "/nowhere/log.parquet",
        "no file matches '/nowhere/log.parquet'; give the path of a Parquet file, a folder of them, or a glob.",
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_message(case):
    source, said = MESSAGES[case]
    message = refusal(source)
    assert said in message, message
    assert message.endswith(".") and ". " not in message and "\n" not in message, message


def test_valid_log_is_taken():
    assert len(read_events(log())) == 9


def test_at_most_five_offenders_are_named():
    message = refusal(log(kind=["bad"] * 9))
    assert "row 4 has 'bad' (9 rows in all)" in message and "row 5" not in message


def test_rows_are_positions_not_labels():
    frame = put("kind", 5, "bad")
    frame.index = range(100, 109)
    assert "row 5 has 'bad'" in refusal(frame)


def test_file_that_is_no_table(tmp_path):
    path = tmp_path / "log.parquet"
    path.write_text("no parquet")
    assert refusal(path).startswith("the events cannot be read (")


def test_column_of_parquet_that_differs_in_case(tmp_path):
    pq.write_table(pa.Table.from_pandas(log().assign(Time=0)), tmp_path / "log.parquet")
    assert "columns Time and time must not differ only in case; rename Time." in refusal(tmp_path / "log.parquet")


def test_arrow_stream_that_is_no_table():
    assert "the Arrow stream of ChunkedArray must be a table, but it is not (" in refusal(pa.chunked_array([[1, 2]]))
    assert "the Arrow stream of Series must be a table" in refusal(log()["kind"])


def test_column_of_arrow_that_stands_twice():
    table = pa.Table.from_pandas(log())
    assert "column time must stand once in the table, but it stands 2 times" in refusal(
        table.append_column("time", table["time"])
    )


def test_unknown_currency():
    check_currencies(["beans"], ["beans", "coins"])
    check_currencies([], [])
    with pytest.raises(
        EventError,
        match=r"currency must be one of the scheme's \('beans'\), but the events name 'bean' "
        r"\(did you mean 'beans'\?\); rename the currency or leave it null for the scheme's first\.",
    ):
        check_currencies(["bean"], ["beans"])
    with pytest.raises(EventError, match="none, as the scheme has no currency"):
        check_currencies(["bean"], [])


def test_currencies_of_a_log():
    frame = log(currency=["CNY", "CNY", "beans", None, None, "CNY", "coins", None, None])
    with open_events(frame) as events:
        assert events.currencies == ("beans", "coins")
    with open_events(log(currency=None)) as events:
        assert events.currencies == ()


# Types


def test_canonical_types():
    types = read_events(log()).dtypes.astype(str).to_dict()
    assert types == {
        "customer_id": "int64",
        "time": "datetime64[us]",
        "kind": "category",
        "amount": "float64",
        "order_id": "Int64",
        "item_id": "str",
        "category": "str",
        "shop": "str",
        "virtual": "bool",
        "currency": "str",
        "points": "Int64",
        "event_id": "int64",
    }


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_time_of_any_unit(unit):
    assert read_events(log(time=log()["time"].astype(f"datetime64[{unit}]")))["time"].tolist() == log()["time"].tolist()


def test_time_as_dates():
    assert read_events(log(time=[stamp.date() for stamp in log()["time"]]))["time"].tolist() == log()["time"].tolist()


@pytest.mark.parametrize(
    "amount",
    [
        [20, 5, 25, None, 5, None, None, None, None],
        [Decimal("20.00"), Decimal("5"), Decimal("25.0"), None, Decimal("5.00"), None, None, None, None],
        pd.array([20, 5, 25, None, 5, None, None, None, None], "Int64"),
        pd.array([20, 5, 25, None, 5, None, None, None, None], "Float64"),
        np.array([20, 5, 25, 0, 5, 0, 0, 0, 0], "int8"),
        np.array([20, 5, 25, np.nan, 5, 0, 0, 0, 0], "float32"),
    ],
)
def test_amount_of_any_number_type(amount):
    with open_events(log(amount=amount)) as events:
        fen = events.connection.sql('SELECT amount_fen FROM events ORDER BY "row"').fetchall()
    assert [value for (value,) in fen] == [2000, 500, 2500, 0, 500, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "amount", [19.99, 0.07, 1.1 + 2.2, 0.1 + 0.2, 1e11, 99_999_999_999.99, 1e8 + 0.01, 4.35 * 100 / 100, 1e-9]
)
def test_noise_of_a_float_is_no_decimal(amount):
    frame = pd.DataFrame(
        {"customer_id": [1], "time": [pd.Timestamp("2024-01-01")], "kind": ["order"], "amount": [amount]}
    )
    with open_events(frame) as events:
        assert events.connection.sql("SELECT amount_fen FROM events").fetchall() == [(round(amount * 100),)]
    assert read_events(frame)["amount"].tolist() == [round(amount, 2)]


def test_amount_as_float32_means_its_shortest_decimal():
    amount = np.array([19.99, 5.01, 25, 0, 5.01, 0, 0, 0, 0], "float32")
    assert read_events(log(amount=amount))["amount"].tolist()[:2] == [19.99, 5.01]


@pytest.mark.parametrize("amount", [0.001, 19.999, 1.00001, 12345678.901, 1e8 + 0.005])
def test_third_decimal_is_seen(amount):
    assert "at most two decimals" in refusal(put("amount", 0, amount))


@pytest.mark.parametrize(
    "dtype", ["int8", "uint16", "uint64", "Int64", "float64", "object", "str", "category", "string"]
)
def test_ids_of_any_type(dtype):
    frame = log(customer_id=log()["customer_id"].astype(dtype), event_id=log()["event_id"].astype(dtype))
    events = read_events(frame)
    expected = "str" if dtype in ("str", "string") else "int64"
    assert (events.dtypes["customer_id"], events.dtypes["event_id"]) == (expected, expected)
    assert events["customer_id"].astype("int64").tolist() == log()["customer_id"].tolist()


def test_category_of_strings():
    frame = log(
        customer_id=pd.Categorical(list("aaaaabbab")),
        kind=log()["kind"].astype("category"),
        shop=pd.Categorical(["s"] * 9),
    )
    events = read_events(frame)
    assert events["customer_id"].tolist() == list("aaaaabbab") and events["shop"].tolist() == ["s"] * 9


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NaT, pd.NA])
@pytest.mark.parametrize("dtype", [None, "object"])
def test_a_column_without_values_is_null_whatever_its_type(nothing, dtype):
    names = ("item_id", "category", "shop", "channel", "virtual", "currency", "event_id")
    frame = log(
        points=pd.Series([np.nan] * 5, dtype=dtype),
        amount=None,
        **{name: pd.Series([nothing] * 5, dtype=dtype) for name in names},
        customer_id=range(5),
        time=log()["time"][:5],
        kind=["login"] * 5,
        order_id=[None] * 5,
    )
    events = read_events(frame)
    assert events[[*names[:4], "currency", "event_id", "points", "order_id"]].isna().all(axis=None)
    assert events["virtual"].tolist() == [False] * 5
    pd.testing.assert_frame_equal(read_events(events), events)


def test_null_and_nan_of_parquet_floats(tmp_path):
    table = pa.table(
        {
            "customer_id": [1, 1],
            "time": pa.array([dt.datetime(2024, 1, 1)] * 2, pa.timestamp("us")),
            "kind": ["login", "order"],
            "amount": [float("nan"), 1.0],
            "points": [float("nan"), None],
            "order_id": [float("nan"), 3.0],
        }
    )
    pq.write_table(table, tmp_path / "log.parquet")
    for source in (table, tmp_path / "log.parquet"):
        events = read_events(source)
        assert events["order_id"].tolist() == [pd.NA, 3] and events["order_id"].dtype == "Int64"
        assert events["points"].isna().all() and events["amount"].isna().tolist() == [True, False]
    table = table.set_column(3, "amount", pa.array([1.0, float("nan")]))
    assert "amount must be given on order and redeem, but row 1 has null" in refusal(table)


# Tables: sources, order, other columns, repeats


def sources(frame: pd.DataFrame, folder) -> dict:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, folder / "whole.parquet", row_group_size=2)
    (folder / "cut").mkdir()
    for part in range(4):
        pq.write_table(table.slice(3 * part, 3), folder / "cut" / f"part_{part}.parquet")
    return {
        "frame": frame,
        "arrow": table,
        "stream": pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=2)),
        "relation": duckdb.from_arrow(table),
        "path": folder / "whole.parquet",
        "text path": str(folder / "whole.parquet"),
        "glob": str(folder / "cut" / "part_*.parquet"),
        "folder": folder / "cut",
    }


@pytest.mark.parametrize("name", ["frame", "arrow", "stream", "relation", "path", "text path", "glob", "folder"])
def test_any_source_gives_the_same_frame(name, tmp_path):
    frame = log(remark=list("abcdefghi"), order_id=pd.array(log()["order_id"], "Int64"))
    frame.insert(0, "number", np.arange(9) / 2)
    events = read_events(sources(frame, tmp_path)[name])
    pd.testing.assert_frame_equal(events, read_events(frame))
    assert events.columns.tolist() == frame.columns.tolist() and isinstance(events.index, pd.RangeIndex)
    assert events["remark"].tolist() == list("abcdefghi") and events["number"].tolist() == frame["number"].tolist()


@pytest.mark.parametrize("name", ["frame", "arrow", "stream", "relation", "path", "text path", "glob", "folder"])
def test_rows_of_any_source_are_input_positions(name, tmp_path):
    frame = put("kind", 7, "bad").assign(order_id=pd.array(log()["order_id"], "Int64"))
    assert "row 7 has 'bad'" in refusal_once(sources(frame, tmp_path)[name])


def refusal_once(source) -> str:
    with pytest.raises(EventError) as caught:
        read_events(source)
    return str(caught.value)


@pytest.mark.parametrize("name", ["frame", "arrow", "stream", "path", "glob"])
def test_repeats_are_counted_once_and_the_first_stays(name, tmp_path):
    frame = log(order_id=pd.array(log()["order_id"], "Int64"))
    twice = pd.concat([frame, frame.iloc[[8, 0, 8]]]).assign(remark=list("abcdefghijkl"))
    events = read_events(sources(twice, tmp_path)[name])
    assert events.attrs["repeats"] == 3 and events["remark"].tolist() == list("abcdefghi")
    pd.testing.assert_frame_equal(events.drop(columns="remark"), read_events(frame))
    again = read_events(events)
    pd.testing.assert_frame_equal(again, events)
    assert again.attrs["repeats"] == 0


@pytest.mark.parametrize("column", [name for name in EVENT_COLUMNS if name not in ("event_id", "channel")])
def test_every_column_is_content(column):
    twice = pd.concat([log(), log().iloc[[6]]], ignore_index=True)
    assert read_events(twice).attrs["repeats"] == 1
    other = {
        "customer_id": 1,
        "time": pd.Timestamp("2025-01-01"),
        "kind": "penalty",
        "amount": 1.0,
        "order_id": 5.0,
        "item_id": "x",
        "category": "x",
        "shop": "x",
        "virtual": True,
        "currency": "x",
        "points": 51,
    }[column]
    twice = twice.astype({column: object})
    twice.loc[9, column] = other
    assert "an event_id must not stand for two different events, but row 9 has 17 (first in row 6)" in refusal(twice)


def test_a_repeated_order_line_counts_once_before_the_other_rules():
    twice = pd.concat([log(), log()], ignore_index=True)
    events = read_events(twice)
    assert len(events) == 9 and events.attrs["repeats"] == 9


def test_null_event_ids_are_no_repeats():
    frame = pd.DataFrame(
        {"customer_id": [1, 1], "time": pd.Timestamp("2024-01-01"), "kind": "login", "event_id": [None, None]}
    )
    assert len(read_events(frame)) == 2


def test_input_order_is_kept():
    frame = log().sort_values("kind")
    assert read_events(frame)["event_id"].tolist() == frame["event_id"].tolist()


@pytest.mark.parametrize(
    "empty",
    [
        log().iloc[:0],
        pd.DataFrame(columns=["customer_id", "time", "kind"]),
        pa.table(
            {
                "customer_id": pa.array([], pa.string()),
                "time": pa.array([], pa.timestamp("us")),
                "kind": pa.array([], pa.string()),
            }
        ),
    ],
)
def test_empty_table_is_valid(empty, tmp_path):
    events = read_events(empty)
    assert len(events) == 0 and events.attrs["repeats"] == 0 and events.dtypes["time"] == "datetime64[us]"
    pd.testing.assert_frame_equal(read_events(events), events)
    with open_events(empty) as opened:
        assert (opened.rows, opened.last_time) == (0, None)


@pytest.mark.parametrize("name", ["frame", "arrow", "path", "glob"])
def test_other_columns_may_have_any_name(name, tmp_path):
    frame = log(order_id=pd.array(log()["order_id"], "Int64"))
    for other in ("row", "code", "given_time", 'say "x"', "h", "select"):
        frame.insert(1, other, np.arange(9) * 10)
    twice = pd.concat([frame, frame.iloc[[8]]])
    events = read_events(sources(twice, tmp_path)[name])
    assert events.columns.tolist() == frame.columns.tolist() and len(events) == 9
    assert all(
        events[other].tolist() == frame[other].tolist()
        for other in ("row", "code", "given_time", 'say "x"', "h", "select")
    )


def test_other_columns_of_a_frame_may_share_a_name_or_have_none():
    frame = pd.concat([log().assign(note=range(9)), pd.DataFrame({"note": list("abcdefghi"), 7: 1.5})], axis=1)
    events = read_events(frame)
    assert events.columns.tolist() == frame.columns.tolist()
    assert events.iloc[:, -3:].equals(frame.iloc[:, -3:])
    pd.testing.assert_frame_equal(read_events(events), events)


def test_source_is_not_changed():
    frame = log()
    copy = frame.copy(deep=True)
    events = read_events(frame)
    events["amount"] = 0.0
    events.loc[0, "order_id"] = 1
    pd.testing.assert_frame_equal(frame, copy)


def test_spill_folder_is_removed(tmp_path):
    code = ("import os, sys; import pandas as pd; from loyalty_research.events import read_events\n"
            "read_events(pd.DataFrame({'customer_id': [1], 'time': pd.to_datetime(['2024-01-01']), 'kind': ['login']}))\n"
            "print(len(os.listdir(sys.argv[1])))")
    done = subprocess.run([sys.executable, "-c", code, tmp_path], env={**os.environ, "TMPDIR": str(tmp_path)},
                          capture_output=True, text=True, check=True)
    assert done.stdout == "1\n" and os.listdir(tmp_path) == []


def test_logs_open_together_do_not_see_one_another():
    with open_events(log()) as first, open_events(log(customer_id=[8] * 9)) as second:
        for opened, customers in ((first, 2), (second, 1)):
            assert opened.connection.sql("SELECT count(DISTINCT customer_id) FROM events").fetchall() == [(customers,)]
    with open_events(log().iloc[:1]) as third:
        assert third.connection.sql("SELECT count(*) FROM events").fetchall() == [(1,)]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of 3.12 and later, in a process with threads
def test_a_log_is_read_in_a_fork_of_a_process_that_has_read_one():
    read_events(log())
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert len(pool.apply_async(read_events, (log(),)).get(timeout=60)) == 9


def test_file_name_with_the_marks_of_a_glob(tmp_path):
    log().to_parquet(tmp_path / "log[1].parquet")
    log(customer_id=[8] * 9).to_parquet(tmp_path / "log1.parquet")
    assert read_events(tmp_path / "log[1].parquet")["customer_id"].max() == 2
    log(event_id=range(20, 29), order_id=[5] * 7 + [98, 98]).to_parquet(tmp_path / "log[2].parquet")
    assert len(read_events(tmp_path / "*[[]*.parquet")) == 18


def test_many_files_and_names_with_quotes(tmp_path):
    for i in range(9):
        pq.write_table(
            pa.Table.from_pandas(log().iloc[[i]].astype({"order_id": "Int64"}), preserve_index=False),
            tmp_path / f"it's {i}.parquet",
        )
    assert read_events(tmp_path / "it's *.parquet")["event_id"].tolist() == log()["event_id"].tolist()


def test_files_of_different_columns(tmp_path):
    log(shop=None, category=None).to_parquet(tmp_path / "a.parquet")
    log(customer_id=[5] * 9, event_id=range(20, 29), order_id=[7] * 7 + [98, 98]).to_parquet(tmp_path / "b.parquet")
    assert read_events(tmp_path / "*.parquet")["category"].count() == 1


def test_hashes_in_several_passes(monkeypatch):
    monkeypatch.setattr(module, "_HASHES_AT_ONCE", 4)
    assert "row 8 has 11 (first in row 0)" in refusal(put("event_id", 8, 11))
    assert read_events(pd.concat([log(), log()])).attrs["repeats"] == 9


# The rules across rows, against a plain model


def random_log(seed: int) -> pd.DataFrame:
    """A small log in which returns, exchanges, redemptions and transfers are often right and often wrong."""
    draw = random.Random(seed)
    start = pd.Timestamp("2024-01-01")
    chance = draw.choice([0.0, 0.1, 0.4])  # of something wild
    rows = [
        {
            "customer_id": customer,
            "time": start + pd.Timedelta(days=draw.randint(0, 2)),
            "kind": "order",
            "amount": draw.choice([1.0, 1.0, 2.5]),
            "order_id": order,
            "item_id": item,
        }
        for customer in (1, 2)
        for order in (1, 2)
        for item in (10, 11, None)
        if draw.random() < 0.5
    ]
    if rows and draw.random() < chance / 2:
        rows.append(dict(draw.choice(rows)))
    for _ in range(draw.randint(0, 5)):
        line = draw.choice(rows) if rows else {"customer_id": 1, "order_id": 1, "item_id": 10, "amount": 1.0}
        line = {name: line[name] for name in ("customer_id", "order_id", "item_id", "amount")}
        kind = draw.choices(["return", "goods_exchange", "redeem"], [5, 4, 2])[0]
        row = line | {
            "kind": kind,
            "time": start + pd.Timedelta(days=draw.randint(0 if draw.random() < chance else 2, 5)),
            "points": 5,
        }
        if kind == "redeem":
            row["amount"] = 3.0
        else:
            row["amount"] = draw.choice(
                [None, 0.0, line["amount"], line["amount"], 1.0 if draw.random() < chance else None]
            )
            row["item_id"] = None if draw.random() < 0.3 else row["item_id"]
        if draw.random() < chance / 4:
            row[draw.choice(["customer_id", "order_id", "item_id"])] = draw.choice([1, 2, 10])
        if draw.random() < chance / 4:
            row["order_id"] = None
        rows.append(row)
    for number in range(100, 100 + draw.choice([0, 0, 1, 2])):
        for kind in ("steal", "stolen"):
            if draw.random() > chance / 8:
                points = 5 if draw.random() > chance / 8 else 6
                order = number if draw.random() > chance / 8 else draw.choice([100, None])
                rows.append(
                    {
                        "customer_id": draw.choice([1, 2]),
                        "time": start,
                        "kind": kind,
                        "order_id": order,
                        "points": points,
                    }
                )
    draw.shuffle(rows)
    return pd.DataFrame(rows, columns=["customer_id", "time", "kind", "amount", "order_id", "item_id", "points"])


def key(row: dict) -> tuple:
    return row["customer_id"], row["order_id"], row["item_id"]


def model(frame: pd.DataFrame) -> tuple[str, set[int]] | None:
    """What is wrong with a log, and in which rows: the rules one row at a time, in plain Python."""
    rows = [
        {name: None if pd.isna(value) else value for name, value in row.items()} | {"row": i}
        for i, row in enumerate(frame.to_dict("records"))
    ]
    orders = [row for row in rows if row["kind"] == "order"]
    count = Counter()
    bad = set()
    for row in orders:
        count[key(row)] += 1
        if count[key(row)] > 1 and row["order_id"] is not None:
            bad.add(row["row"])
    if bad:
        return "an order line must be one row", bad
    placed = {(row["customer_id"], row["order_id"]) for row in orders if row["order_id"] is not None}
    bad = {
        row["row"] for row in rows if row["kind"] == "redeem" and (row["customer_id"], row["order_id"]) not in placed
    }
    if bad:
        return "a redeem must name", bad
    wrong = defaultdict(set)
    lines: dict[tuple, dict] = {}
    for row in sorted(rows, key=lambda row: (row["time"], row["row"])):
        if row["kind"] == "order":
            lines[key(row)] = {"amount": row["amount"], "returned": False}
        elif row["kind"] in ("return", "goods_exchange"):
            named = lambda line: line[:2] == key(row)[:2] and row["item_id"] in (None, line[2]) and line[1] is not None  # noqa: B023, E731
            if not any(named(key(order)) for order in orders):
                wrong["stands in the table"].add(row["row"])
                continue
            before = [line for name, line in lines.items() if named(name)]
            unreturned = [line for line in before if not line["returned"]]
            if not before:
                wrong["must come after its order"].add(row["row"])
            elif not unreturned:
                wrong["not returned before"].add(row["row"])
            elif row["amount"] and row["amount"] != sum(line["amount"] for line in unreturned):
                wrong["must be null, 0 or the amount"].add(row["row"])
            for line in unreturned:
                line["returned"] |= row["kind"] == "return"
    for rule in (
        "stands in the table",
        "must come after its order",
        "not returned before",
        "must be null, 0 or the amount",
    ):
        if wrong[rule]:
            return rule, wrong[rule]
    transfers = defaultdict(list)
    for row in rows:
        if row["kind"] in ("steal", "stolen"):
            transfers[row["order_id"]].append(row)
    bad = {
        pair[0]["row"]
        for name, pair in transfers.items()
        if name is None
        or sorted(row["kind"] for row in pair) != ["steal", "stolen"]
        or pair[0]["points"] != pair[1]["points"]
    }
    return ("a transfer must be", bad) if bad else None


def compare(seeds) -> Counter:
    verdicts = Counter()
    for seed in seeds:
        frame = random_log(seed)
        expected = model(frame)
        verdicts[expected and expected[0]] += 1
        if expected is None:
            assert len(read_events(frame)) == len(frame), seed
        else:
            message = refusal_once(frame)
            assert expected[0] in message, (seed, message, expected)
            assert all(f"row {row} has" in message for row in sorted(expected[1])[:5]), (seed, message, expected)
    return verdicts


def test_rules_across_rows_agree_with_the_model():
    seeds = defaultdict(list)
    for seed in range(2_000):
        verdict = model(random_log(seed))
        seeds[verdict and verdict[0]].append(seed)
    assert len(seeds) == 8
    compare(seed for chosen in seeds.values() for seed in chosen[:15])


@pytest.mark.soak
def test_rules_across_rows_agree_with_the_model_long():
    compare(range(1_000, 60_000))


def test_kinds_are_the_contract():
    assert len(EVENT_KINDS) == 44 and EVENT_KINDS[:4] == ("order", "confirm", "return", "goods_exchange")
