"""Events grouped by customer: parts against a plain sort, codes, bounds, and work on threads."""

import subprocess
import sys
import threading
import time

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import loyalty_research.customers as module
from loyalty_research.customers import CODED_COLUMNS, NULL_CODE, Part, map_parts, open_parts
from loyalty_research.events import EVENT_KINDS, EventError, read_events

SHOPS = ["s1", "s2", "Z", "é", None]
KINDS = ["login", "check_in", "water", "review", "order"]


def random_log(rows: int, seed: int = 0, text: bool = False) -> pd.DataFrame:
    """Acts and order lines of a few customers, many at the same instant."""
    draw = np.random.default_rng(seed)
    customer = draw.integers(-5, 20, rows)
    kind = draw.choice(KINDS, rows)
    order = np.where(kind == "order", np.arange(rows) // 2, -1)
    frame = pd.DataFrame(
        {
            "customer_id": customer,
            "time": np.datetime64("2023-12-31T23:00", "us")
            + draw.integers(0, 9, rows) * np.timedelta64(1_800_000_001, "us"),
            "kind": kind,
            "amount": np.where(kind == "order", draw.integers(0, 9999, rows) / 100, np.nan),
            "order_id": pd.array(np.where(order < 0, None, order), "Int64"),
            "item_id": [f"i{i}" for i in range(rows)],
            "category": draw.choice(["c1", "c2"], rows),
            "shop": draw.choice(np.array(SHOPS, object), rows),
            "virtual": draw.random(rows) < 0.3,
            "points": pd.array(draw.integers(0, 9, rows), "Int64"),
            "event_id": draw.permutation(rows),
        }
    )
    if text:
        names = ["Z", "a", "é", "中", "😀", "", "B", "ab", "￿", "\U00010000"]
        frame["customer_id"] = [names[i % 10] for i in customer]
        frame["order_id"] = ["order " + str(i) if i >= 0 else None for i in order]
        frame["event_id"] = ["event " + str(i) for i in frame["event_id"]]
    return frame


def flatten(parts) -> pd.DataFrame:
    """The parts as one frame again, with names in the place of codes."""
    frames = []
    for part in parts:
        columns = {
            "customer_id": np.repeat(part.customers.to_numpy(zero_copy_only=False), np.diff(part.starts)),
            "time": part.time,
            "day": part.day,
            "kind": [EVENT_KINDS[k] for k in part.kind],
            "fen": part.amount_fen,
            "points": part.points,
            "virtual": part.virtual,
        }
        for name in CODED_COLUMNS:
            codes, names = part.codes[name].tolist(), part.names[name] and part.names[name].to_pylist()
            columns[name] = pd.Series(
                [None if c == NULL_CODE else c if names is None else names[c] for c in codes], dtype=object
            )
        columns["event_id"] = [None] * part.rows if part.event_id is None else part.event_id.to_pylist()
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def expected(frame: pd.DataFrame) -> pd.DataFrame:
    """The same by a plain sort: Python compares integers by value and strings by code point."""
    rows = sorted(range(len(frame)), key=lambda i: (frame["customer_id"].iat[i], frame["time"].iat[i], i))
    frame = frame.iloc[rows].reset_index(drop=True)
    micros = frame["time"].astype("datetime64[us]").astype("int64")
    columns = {
        "customer_id": frame["customer_id"],
        "time": micros,
        "day": (frame["time"].dt.normalize() - pd.Timestamp(0)).dt.days,
        "kind": frame["kind"],
        "fen": (frame["amount"].fillna(0) * 100).round().astype("int64"),
        "points": frame["points"].fillna(0).astype("int64"),
        "virtual": frame["virtual"].astype("uint8"),
    }
    for name in CODED_COLUMNS:
        given = frame[name] if name in frame else pd.Series([None] * len(frame))
        columns[name] = given.astype(object).where(given.notna(), None)
    return pd.DataFrame(columns | {"event_id": frame["event_id"]})


def assert_same(parts: list[Part], frame: pd.DataFrame) -> None:
    found, hoped = flatten(parts), expected(frame)
    for name in hoped:
        assert found[name].tolist() == hoped[name].tolist(), name


# Parts


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("rows", [1, 7, 100, 1_000_000])
@pytest.mark.parametrize("source", ["frame", "arrow", "path", "glob"])
def test_parts_are_a_sort_by_customer_time_and_input(text, rows, source, tmp_path):
    frame = random_log(500, seed=rows, text=text)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table.slice(0, 200), tmp_path / "a.parquet", row_group_size=64)
    pq.write_table(table.slice(200), tmp_path / "b.parquet")
    pq.write_table(table, tmp_path / "whole.pq", row_group_size=64)
    given = {"frame": frame, "arrow": table, "path": tmp_path / "whole.pq", "glob": str(tmp_path / "*.parquet")}[source]
    with open_parts(given, rows=rows) as parts:
        found = list(parts)
        again = list(parts)
        assert parts.rows == 500 and parts.count_customers() == frame["customer_id"].nunique()
    assert_same(found, frame)
    assert_same(again, frame)
    sizes = frame["customer_id"].value_counts()
    for part in found:
        assert part.rows <= rows or len(part.customers) == 1
        assert np.diff(part.starts).tolist() == [sizes[c] for c in part.customers.to_pylist()]
    if rows == 100:
        assert 5 <= len(found) <= 12


@pytest.mark.parametrize("text", [False, True])
def test_an_ordered_log_is_not_sorted_again_and_gives_the_same(text, monkeypatch):
    frame = random_log(300, text=text)
    order = sorted(range(300), key=lambda i: (frame["customer_id"].iat[i], frame["time"].iat[i]))
    frame = frame.iloc[order]
    asked = []
    real = module._is_ordered
    monkeypatch.setattr(module, "_is_ordered", lambda log: asked.append(real(log)) or asked[-1])
    for given, ready in ((read_events(frame), True), (frame.astype({"amount": "float32"}), False), (frame.iloc[::-1], False)):
        with open_parts(given, rows=50) as parts:
            assert_same(list(parts), frame if ready else given)
            assert (parts.ready is not None) == ready
    assert asked == [True, True, False]


def test_disorder_behind_the_first_rows_is_seen():
    frame = pd.DataFrame({"customer_id": [*range(30_000), 5], "time": pd.Timestamp("2024-01-01"), "kind": "login"})
    with open_parts(frame) as parts:
        (part,) = parts
    assert part.customers.to_pylist() == list(range(30_000)) and np.diff(part.starts).max() == 2


@pytest.mark.parametrize("most", [0, 1, 2, 1_000])
def test_codes_shared_or_by_part_mean_the_same(most, monkeypatch):
    monkeypatch.setattr(module, "MAX_SHARED_NAMES", most)
    frame = random_log(400, text=True)
    with open_parts(frame, rows=60) as parts:
        found = list(parts)
        assert (
            set(parts.names)
            == {0: set(), 1: set(), 2: {"category"}, 1_000: {"order_id", "item_id", "category", "shop"}}[most]
        )
    assert_same(found, frame)
    if most == 1_000:
        assert all(part.names["shop"] is found[0].names["shop"] for part in found)
        assert found[0].names["shop"].to_pylist() == ["Z", "s1", "s2", "é"]


def test_a_small_log_that_is_one_part_asks_for_no_names_before_it_is_read(monkeypatch):
    frame = random_log(400, text=True)
    few = {"order_id", "category", "shop"}
    for rows, most, shared in ((400, 400, set()), (399, 400, few | {"item_id"}), (400, 399, few)):
        monkeypatch.setattr(module, "MAX_SHARED_NAMES", most)
        with open_parts(frame, rows=rows) as parts:
            assert set(parts.names) == shared
            assert_same(list(parts), frame)


def test_repeats_come_once():
    frame = random_log(200)
    with open_parts(pd.concat([frame, frame.iloc[50:90]])) as parts:
        assert (parts.rows, parts.log.repeats) == (200, 40)
        assert_same(list(parts), frame)


def test_arrays_are_writable_and_of_one_type():
    for frame in (
        random_log(50),
        random_log(50, text=True),
        random_log(50)[["customer_id", "time", "kind"]].assign(kind="login"),
    ):
        with open_parts(frame, rows=20) as parts:
            for part in parts:
                arrays = {
                    "starts": "int64",
                    "time": "int64",
                    "day": "int32",
                    "kind": "uint8",
                    "amount_fen": "int64",
                    "points": "int64",
                    "virtual": "uint8",
                }
                for name, dtype in arrays.items():
                    array = getattr(part, name)
                    assert array.dtype == dtype and array.flags.writeable and array.flags.c_contiguous, name
                for name, array in part.codes.items():
                    assert array.dtype == np.int64 and array.flags.writeable and array.flags.c_contiguous, name
                    assert len(array) == part.rows


def test_days_before_1970_round_down():
    frame = pd.DataFrame({"customer_id": [1], "time": [pd.Timestamp("1990-01-01 00:00")], "kind": ["login"]})
    with open_parts(frame) as parts:
        (part,) = parts
    assert part.day.tolist() == [7305]


def test_columns_that_are_absent():
    frame = pd.DataFrame({"customer_id": [3, 1], "time": pd.Timestamp("2024-01-01"), "kind": "login"})
    with open_parts(frame) as parts:
        (part,) = parts
        assert {str(parts.log.types[name]) for name in ("order_id", "item_id", "event_id")} == {"int64"}
    assert part.event_id is None
    assert all(part.codes[name].tolist() == [NULL_CODE] * 2 for name in CODED_COLUMNS)
    assert (part.names["order_id"], part.names["item_id"], part.names["shop"].to_pylist()) == (None, None, [])


def test_columns_without_values():
    frame = pd.DataFrame(
        {
            "customer_id": [3, 1],
            "time": pd.Timestamp("2024-01-01"),
            "kind": "login",
            "order_id": [None, None],
            "item_id": pd.Series([None, None], dtype="str"),
            "shop": [np.nan, np.nan],
            "event_id": [None, None],
        }
    )
    with open_parts(frame) as parts:
        (part,) = parts
    assert all(part.codes[name].tolist() == [NULL_CODE] * 2 for name in CODED_COLUMNS)
    assert part.event_id.to_pylist() == [None, None]


def test_types_of_ids():
    with open_parts(random_log(9, text=True)) as parts:
        assert {
            name: str(parts.log.types[name]) for name in ("customer_id", "order_id", "item_id", "event_id")
        } == dict.fromkeys(("customer_id", "order_id", "item_id", "event_id"), "string")
        (part,) = parts
        assert (part.customers.type, part.event_id.type) == (pa.string(), pa.string())
    with open_parts(random_log(9)) as parts:
        (part,) = parts
        assert (part.customers.type, part.event_id.type, part.names["order_id"]) == (pa.int64(), pa.int64(), None)


@pytest.mark.parametrize("text", [False, True])
def test_empty_log_has_no_part(text):
    with open_parts(random_log(9, text=text).iloc[:0]) as parts:
        assert list(parts) == [] and parts.rows == 0 and parts.log.last_time is None


def test_last_time():
    frame = random_log(99)
    with open_parts(frame) as parts:
        assert parts.log.last_time == frame["time"].max().to_datetime64()


def test_bad_log_is_refused():
    with (
        pytest.raises(EventError, match="kind must be one of EVENT_KINDS"),
        open_parts(random_log(9).assign(kind="bad")),
    ):
        pass


@pytest.mark.parametrize("rows", [0, -1, 1.5, "many"])
def test_bad_size_is_refused(rows):
    with pytest.raises(
        EventError, match="rows must be a whole number of at least 1, but .* was given; give the size of a part."
    ):
        with open_parts(random_log(9), rows=rows):
            pass


@pytest.mark.parametrize("rows", [1, 3, 10, 100])
@pytest.mark.parametrize("batch", [1, 4, 1_000])
def test_cutting_keeps_rows_and_whole_customers(rows, batch):
    draw = np.random.default_rng(rows * batch)
    ids = np.repeat(np.arange(60), draw.choice([1, 2, 3, 4, 25], 60))
    table = pa.table({"customer_id": ids, "n": np.arange(len(ids))})
    cut = list(module._cut((table.slice(i, batch) for i in range(0, len(ids), batch)), rows))
    assert pa.concat_tables(cut)["n"].to_pylist() == list(range(len(ids)))
    owners = [set(part["customer_id"].to_pylist()) for part in cut]
    assert all(a.isdisjoint(b) for a, b in zip(owners, owners[1:], strict=False))
    assert all(len(part) <= rows or len(owner) == 1 for part, owner in zip(cut, owners, strict=True))
    full = [len(part) for part in cut[:-1]]  # as full as whole customers allow
    assert all(size + np.sum(ids == min(owner)) > rows for size, owner in zip(full, owners[1:], strict=True))


# Work on threads


def some_parts(count: int, track: list | None = None):
    with open_parts(
        pd.DataFrame({"customer_id": range(count), "time": pd.Timestamp("2024-01-01"), "kind": "login"}), rows=1
    ) as parts:
        for part in parts:
            if track is not None:
                track.append(part.customers[0].as_py())
            yield part


@pytest.mark.parametrize("threads", [1, 2, 5, None])
def test_results_come_in_order_of_the_parts(threads):
    def work(part):
        number = part.customers[0].as_py()
        time.sleep(0.01 * (number % 3))
        return number

    assert list(map_parts(work, some_parts(20), threads)) == list(range(20))


def test_work_runs_side_by_side_on_threads():
    meet = threading.Barrier(3, timeout=20)
    assert len(list(map_parts(lambda part: meet.wait(), some_parts(6), threads=3))) == 6


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_parts_in_flight_are_bounded(threads):
    made, done, most = [], [], [0]

    def work(part):
        most[0] = max(most[0], len(made) - len(done))
        time.sleep(0.002)
        done.append(part)

    for _ in map_parts(work, some_parts(30, made), threads):
        assert len(made) - len(done) <= threads + 1
    assert most[0] <= threads + 1


def test_failure_stops_everything_at_once():
    begun = []

    def work(part):
        number = part.customers[0].as_py()
        begun.append(number)
        if number == 1:
            raise RuntimeError("part 1 failed")
        time.sleep(0.05 if number else 0.3)  # the first is still at work when the second fails

    with pytest.raises(RuntimeError, match="part 1 failed"):
        list(map_parts(work, some_parts(500), threads=2))
    assert len(begun) <= 4 and threading.active_count() < 10


def test_a_loop_left_early_stops_the_threads():
    made = []
    results = map_parts(lambda part: part.rows, some_parts(500, made), threads=2)
    assert next(results) == 1
    results.close()
    assert len(made) <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")]


def test_progress_bar_counts_events(capsys):
    with open_parts(random_log(90), rows=10) as parts:
        assert sum(map_parts(lambda part: part.rows, parts, progress="Replay")) == 90
    shown = capsys.readouterr().err
    assert "Replay" in shown and "90.0/90.0" in shown
    assert list(map_parts(lambda part: part.rows, some_parts(2))) == [1, 1]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("threads", [0, -1, 2.0])
def test_bad_number_of_threads_is_refused(threads):
    with pytest.raises(
        EventError, match="threads must be a whole number of at least 1, but .* was given; leave it out"
    ):
        list(map_parts(len, [], threads))


def test_memory_stays_bounded(tmp_path):
    """Five million events in no order: 1.3 GB as a frame, half a GB to run through. VmHWM is the peak of this process alone; ru_maxrss would hold its parent's, too."""
    path = tmp_path / "log.parquet"
    duckdb.sql(
        "SELECT (hash(i) % 50000)::BIGINT AS customer_id, TIMESTAMP '2024-01-01' + to_seconds(i) AS time, "
        "'order' AS kind, "
        "(i % 9999) / 100 AS amount, i AS order_id, 's' || (i % 300) AS shop, i AS event_id FROM range(5_000_000) t(i)"
    ).write_parquet(str(path))
    code = (
        "import re, sys; from pathlib import Path; from loyalty_research.customers import map_parts, open_parts\n"
        "with open_parts(sys.argv[1], rows=250_000) as parts:\n"
        "    rows = sum(map_parts(lambda part: part.rows, parts, threads=2))\n"
        "print(rows, int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024)"
    )
    out = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True).stdout.split()
    assert int(out[0]) == 5_000_000
    assert int(out[1]) < 700, f"{out[1]} MB"
