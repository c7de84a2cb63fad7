"""Data sets: the CDNOW loader, the policy of confirmations, made logs."""

import importlib.metadata
import subprocess
import sys
from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loyalty_research import datasets
from loyalty_research.datasets import DatasetError, add_confirms, load_cdnow, make_events
from loyalty_research.events import EVENT_COLUMNS, EVENT_KINDS, EventError, LoyaltyError, read_events

# CDNOW


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    return load_cdnow()


def test_cdnow_agrees_with_its_file_row_by_row(cdnow):
    path = importlib.metadata.distribution("lifetimes").locate_file(datasets._CDNOW_FILE)
    with open(path) as file:
        rows = [line.split() for line in file][1:]
    assert len(rows) == len(cdnow) == 69_659
    fen = [int((Decimal(row[3]) * 828).quantize(Decimal(1), ROUND_HALF_EVEN)) for row in rows]
    assert cdnow["amount"].tolist() == [value / 100 for value in fen]
    assert cdnow["customer_id"].tolist() == [int(row[0]) for row in rows]
    assert cdnow["time"].dt.strftime("%Y%m%d").tolist() == [row[1] for row in rows]
    assert cdnow["cds"].tolist() == [int(row[2]) for row in rows]
    assert cdnow["order_id"].tolist() == list(range(1, len(rows) + 1))


def test_cdnow_is_what_its_data_card_says(cdnow):
    assert cdnow["customer_id"].nunique() == 23_570 and cdnow["customer_id"].max() == 23_570
    assert (cdnow["time"].min(), cdnow["time"].max()) == (
        pd.Timestamp("1997-01-01"),
        pd.Timestamp("1998-06-30"),
    )
    assert cdnow.groupby("customer_id")["time"].min().max() == pd.Timestamp("1997-03-25")
    assert (cdnow["amount"].min(), cdnow["amount"].max()) == (0, 10_648.16)
    assert ((cdnow["amount"] == 0).sum(), (cdnow["cds"].min(), cdnow["cds"].max())) == (80, (1, 99))
    assert cdnow.duplicated(["customer_id", "time"]).sum() == 2_068
    assert cdnow.duplicated(["customer_id", "time", "amount", "cds"]).sum() == 255
    assert len(read_events(cdnow)) == len(cdnow)


def test_cdnow_without_its_wheel_says_what_to_install(monkeypatch):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    with pytest.raises(
        DatasetError, match=r"'lifetimes', which is not installed: run `pip install loyalty_research\[data\]`"
    ):
        load_cdnow()
    assert issubclass(DatasetError, LoyaltyError)


def test_cdnow_of_other_content_is_refused(monkeypatch, tmp_path):
    class Distribution:
        def locate_file(self, name):
            return tmp_path / "CDNOW_master.txt"

    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Distribution())
    with pytest.raises(DatasetError, match="which is not installed"):
        load_cdnow()
    (tmp_path / "CDNOW_master.txt").write_text("customer_id date\n")
    with pytest.raises(
        DatasetError, match=r"must have the SHA-256 eff6889ed364..., received [0-9a-f]{12}...: reinstall"
    ):
        load_cdnow()


def test_cdnow_never_imports_lifetimes():
    code = (
        "import sys; from loyalty_research.datasets import load_cdnow; load_cdnow(); "
        "assert 'lifetimes' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


# Confirmations


def expected_confirms(log: pd.DataFrame, days: int) -> list[tuple]:
    """The policy again, one row at a time."""
    rows = [
        row._asdict()
        for row in log[["customer_id", "time", "kind", "order_id", "item_id"]].itertuples(index=False)
    ]
    for row in rows:
        row["item_id"] = None if pd.isna(row["item_id"]) else row["item_id"]
    expected = []
    for line in [row for row in rows if row["kind"] == "order"]:
        due = line["time"] + pd.Timedelta(days, "D")
        same = [
            row
            for row in rows
            if row["customer_id"] == line["customer_id"]
            and not pd.isna(row["order_id"])
            and row["order_id"] == line["order_id"]
            and row["item_id"] in (None, line["item_id"])
        ]
        done = any(
            row["kind"] == "confirm" or (row["kind"] == "return" and row["time"] <= due) for row in same
        )
        if not done:
            expected.append((line["customer_id"], due, "confirm", line["order_id"], line["item_id"]))
    return expected


def added_confirms(result: pd.DataFrame, before: int) -> list[tuple]:
    rows = result.iloc[before:][["customer_id", "time", "kind", "order_id", "item_id"]].itertuples(
        index=False
    )
    return [
        (row.customer_id, row.time, row.kind, row.order_id, None if pd.isna(row.item_id) else row.item_id)
        for row in rows
    ]


@pytest.mark.parametrize(("seed", "days"), [(0, 7), (1, 0), (2, 30), (3, np.int64(400))])
def test_confirms_follow_the_policy_on_made_logs(seed, days):
    log = make_events(6, days=200, seed=seed, events_per_customer=60)
    result = add_confirms(log, days)
    expected = expected_confirms(log, int(days))
    assert added_confirms(result, len(log)) == expected and len(expected) > 5
    assert result.attrs["added"] == len(expected)
    pd.testing.assert_frame_equal(result.iloc[: len(log)], read_events(log), check_dtype=False)
    assert result["event_id"].iloc[len(log) :].isna().all() and not result["virtual"].iloc[len(log) :].any()
    pd.testing.assert_frame_equal(add_confirms(result, days), result)


def log_of(*rows: tuple) -> pd.DataFrame:
    log = pd.DataFrame(rows, columns=["customer_id", "time", "kind", "amount", "order_id", "item_id"])
    return log.assign(time=pd.to_datetime(log["time"], format="ISO8601"))


def test_a_confirm_without_item_speaks_for_the_whole_order():
    log = log_of(
        (1, "2024-01-01", "order", 5.0, 1, "a"),
        (1, "2024-01-01", "order", 5.0, 1, "b"),
        (1, "2024-02-01", "confirm", None, 1, None),
        (2, "2024-01-01", "order", 5.0, 1, "a"),
    )
    assert added_confirms(add_confirms(log, 7), 4) == [(2, pd.Timestamp("2024-01-08"), "confirm", 1, "a")]


def test_a_return_at_the_moment_of_confirmation_prevents_it_and_a_later_one_does_not():
    log = log_of(
        (1, "2024-01-01 08:00", "order", 5.0, 1, "a"),
        (1, "2024-01-08 08:00", "return", None, 1, "a"),
        (1, "2024-01-01 08:00", "order", 5.0, 2, "a"),
        (1, "2024-01-08 08:00:01", "return", None, 2, None),
        (1, "2024-01-01 08:00", "order", 5.0, 3, "a"),
        (1, "2024-01-01 08:00", "order", 6.0, 3, "b"),
        (1, "2024-01-02", "return", 5.0, 3, "a"),
        (1, "2024-01-03", "return", None, 3, None),
    )
    assert [(row[3], row[4]) for row in added_confirms(add_confirms(log, 7), len(log))] == [(2, "a")]


def test_confirms_keep_other_columns_and_whole_numbers(cdnow, tmp_path):
    some = cdnow.head(100).assign(gift=True, order_id=lambda frame: frame["order_id"] + 2**60)
    result = add_confirms(some)
    assert result["cds"].tolist()[:100] == some["cds"].tolist() and result["cds"].iloc[100:].isna().all()
    assert str(result["cds"].dtype) == "Int64" and str(result["gift"].dtype) == "boolean"
    assert result["order_id"].tolist() == some["order_id"].tolist() * 2
    some.to_parquet(tmp_path / "some.parquet")
    from_file = add_confirms(tmp_path / "some.parquet")
    pd.testing.assert_frame_equal(from_file, result)
    assert len(add_confirms(pa.Table.from_pandas(some))) == 200


def test_confirms_of_logs_without_orders():
    log = pd.DataFrame({"customer_id": [1], "time": pd.to_datetime(["2024-01-01"]), "kind": ["login"]})
    assert len(add_confirms(log)) == 1
    assert len(add_confirms(log.iloc[:0])) == 0


@pytest.mark.parametrize("days", [-1, 3_651, 7.0, "7", None, True])
def test_days_of_confirmation_are_whole_and_in_range(days, cdnow):
    with pytest.raises(
        EventError, match="days must be a whole number from 0 to 3,650, received .*: give one, such as 7"
    ):
        add_confirms(cdnow.head(), days)


def test_lines_that_cannot_be_named_are_refused(cdnow):
    with pytest.raises(
        EventError, match=r"received 7 without one \(rows 0, 1, 2, 3, 4\): number the orders first"
    ):
        add_confirms(cdnow.head(7).drop(columns="order_id"))
    log = log_of((1, "2024-01-01", "login", None, None, None), (1, "2024-01-01", "order", 5.0, None, None))
    with pytest.raises(EventError, match=r"received 1 without one \(rows 1\)"):
        add_confirms(log)
    with pytest.raises(EventError):
        add_confirms(cdnow.head().assign(amount=-1.0))


# Made logs


@pytest.fixture(scope="module")
def made() -> pd.DataFrame:
    return make_events(300, days=730, seed=7)


def test_every_kind_occurs_and_every_customer(made):
    assert set(made["kind"]) == set(EVENT_KINDS)
    assert set(make_events(50)["kind"]) == set(EVENT_KINDS)
    assert made["customer_id"].unique().tolist() == list(range(1, 301))
    assert list(made.columns) == list(EVENT_COLUMNS)


@pytest.mark.parametrize(
    "arguments",
    [
        {"n_customers": 300, "seed": 7},
        {"n_customers": 1, "seed": 1},
        {"n_customers": 2, "events_per_customer": 5_000},
        {"n_customers": 500, "days": 1},
        {"n_customers": 4_097, "days": 90, "events_per_customer": 4},
        {"n_customers": 0},
        {"n_customers": 100, "start": "2100-12-01", "days": 31},
        {"n_customers": 100, "start": "1990-01-01", "days": 900},
    ],
)
def test_made_logs_pass_every_check(arguments):
    log = make_events(**arguments)
    checked = read_events(log)
    assert len(checked) == len(log) and checked.attrs["repeats"] == 0
    assert log["customer_id"].nunique() == arguments["n_customers"]


def test_made_times_lie_in_the_days_asked_for(made):
    assert made["time"].min() >= pd.Timestamp("2022-01-01") and made["time"].max() < pd.Timestamp(
        "2024-01-01"
    )
    assert made.sort_values(["customer_id", "time"], kind="stable").index.equals(made.index)
    short = make_events(100, start="2024-02-29", days=1)
    assert (short["time"].dt.normalize() == pd.Timestamp("2024-02-29")).all()


def test_made_ids_and_amounts_are_exact(made):
    assert made["event_id"].tolist() == list(range(1, len(made) + 1))
    fen = made["amount"].dropna() * 100
    assert (np.abs(fen - fen.round()) < 1e-6).all() and (fen >= 0).all()
    orders = made[made["kind"] == "order"]
    assert orders.groupby("order_id")["customer_id"].nunique().max() == 1
    assert orders[["amount", "order_id"]].notna().all().all()
    assert orders.groupby("order_id")["time"].nunique().max() == 1
    assert not orders.duplicated(["order_id", "item_id"]).any()


def test_made_returns_and_exchanges_name_lines_that_are_still_held(made):
    held = defaultdict(dict)
    returns = exchanges = 0
    for row in made.itertuples(index=False):
        if row.kind not in ("order", "return", "goods_exchange", "confirm"):
            continue
        lines = held[row.order_id]
        item = None if pd.isna(row.item_id) else row.item_id
        if row.kind == "order":
            lines[item] = (row.customer_id, row.amount)
            continue
        named = list(lines) if item is None else [item]
        assert named and all(name in lines and lines[name][0] == row.customer_id for name in named)
        exchanges += row.kind == "goods_exchange"
        if row.kind == "return":
            returns += 1
            total = sum(lines.pop(name)[1] for name in named)
            assert pd.isna(row.amount) or row.amount == 0 or abs(row.amount - total) < 1e-6
    assert returns > 300 and exchanges > 100


def test_made_returns_are_early_late_whole_and_single(made):
    orders = made[made["kind"] == "order"].groupby("order_id").agg(at=("time", "min"), lines=("time", "size"))
    back = made[made["kind"] == "return"].join(orders, on="order_id")
    waited = (back["time"] - back["at"]) / pd.Timedelta(1, "D")
    assert (waited == 0).any() and (waited == 180).any() and (waited >= 181).any() and waited.max() < 400
    assert ((waited > 0) & (waited < 30)).mean() > 0.5
    several = back[back["lines"] > 1]
    assert several["item_id"].isna().any() and several["item_id"].notna().any()
    assert back["amount"].isna().any() and (back["amount"] == 0).any() and (back["amount"] > 0).any()
    assert (
        several["item_id"].isna() & several["order_id"].duplicated()
    ).any()  # one line first, then the rest


def test_made_redemptions_carry_the_total_before_points(made):
    paid = made[made["kind"] == "order"].groupby("order_id")["amount"].sum()
    redeem = made[made["kind"] == "redeem"]
    asked = redeem.groupby("order_id")["points"].sum()
    before = redeem.groupby("order_id")["amount"].first()
    assert np.allclose(before, paid[before.index] + asked.astype("int64") / 100, atol=1e-6)
    assert redeem["points"].between(100, 5_000).all() and redeem["order_id"].duplicated().any()
    assert (redeem["points"] % 1_000 == 0).mean() > 0.4 and (redeem["points"] % 100 != 0).any()
    assert made["currency"].isna().all()


def test_made_thefts_are_pairs(made):
    steal, stolen = (made[made["kind"] == kind].set_index("order_id") for kind in ("steal", "stolen"))
    assert steal.index.is_unique and stolen.index.is_unique and set(steal.index) == set(stolen.index)
    both = steal.join(stolen.add_suffix("_from"))
    assert (both["points"] == both["points_from"]).all() and (both["time"] == both["time_from"]).all()
    assert (both["customer_id"] != both["customer_id_from"]).all()
    assert not set(steal.index) & set(made.loc[made["kind"] == "order", "order_id"])


def test_made_account_acts_name_what_they_concern(made):
    def items(kind: str) -> set:
        return {None if pd.isna(item) else item for item in made.loc[made["kind"] == kind, "item_id"]}

    assert items("identity_verified") == {None, "real_name", "phone", "voiceprint", "alipay", "sesame"}
    assert items("account_bound") == {None, "wechat"}
    assert items("exchange") == {None, "coupon", "lottery", "external"}
    assert items("plan_joined") == {"plus", "88vip", "prime", "black_card", "monthly_card"}
    assert made.loc[made["kind"].isin(["plan_joined", "plan_renewed"]), "amount"].gt(0).all()
    for kind, low, high in [("reputation", 0, 20), ("credit", 0, 120), ("grant", 1, 2_000)]:
        assert made.loc[made["kind"] == kind, "points"].between(low, high).all()
    state = made[made["kind"].isin(["profile_completed", "profile_cleared"])]
    for _, acts in state.groupby("customer_id"):
        assert (
            acts["kind"].tolist()
            == ["profile_completed", "profile_cleared", "profile_completed"][: len(acts)]
        )


def test_made_orders_stand_on_the_edges_of_rules():
    orders = make_events(1_000, seed=2).query("kind == 'order'")
    assert {0, 19.99, 20, 40, 50, 50.01, 10_000.01} <= set(orders["amount"])
    assert set(orders["channel"].dropna()) == set(datasets._CHANNELS)
    assert orders[["channel", "shop", "category", "item_id"]].isna().any().all()
    assert (orders["time"] == orders["time"].dt.normalize()).any() and orders["virtual"].any()
    assert orders.groupby("order_id").size().max() == 6


def test_customers_differ_and_frequent_ones_spend_more_a_line():
    orders = make_events(3_000, seed=3).query("kind == 'order' and amount > 0")
    orders = orders.assign(log_amount=np.log(orders["amount"]))
    each = orders.groupby("customer_id").agg(orders=("order_id", "nunique"), basket=("log_amount", "mean"))
    assert each["orders"].var() > 3 * each["orders"].mean()  # far from Poisson
    assert 0.2 < each["orders"].corr(each["basket"], method="pearson") < 0.7


@pytest.mark.parametrize("mean", [5, 40, 100, 400])
def test_the_mean_number_of_events_is_near_what_was_asked(mean):
    assert len(make_events(4_096, seed=5, events_per_customer=mean)) / 4_096 == pytest.approx(mean, rel=0.1)


def test_the_same_arguments_make_the_same_rows(made):
    pd.testing.assert_frame_equal(make_events(300, days=730, seed=7), made)
    pd.testing.assert_frame_equal(make_events(300, pd.Timestamp("2022-01-01").date(), np.int64(730), 7), made)
    assert not make_events(300, seed=8)["time"].equals(made["time"])


def test_rows_of_a_seed_do_not_change_unnoticed():
    log = make_events(20, days=60, seed=11, events_per_customer=20)
    head = log.loc[log["kind"] == "order", ["customer_id", "time", "amount"]].head(2)
    assert head.astype(str).values.tolist() == [
        ["1", "2022-02-10 06:44:28", "8.59"],
        ["4", "2022-01-10 00:36:26", "30.53"],
    ]
    assert len(log) == 281


def test_a_file_holds_what_the_frame_holds(tmp_path):
    size = {"n_customers": 4_100, "days": 100, "seed": 5, "events_per_customer": 12}
    path = make_events(**size, path=tmp_path / "log.parquet")
    assert path == tmp_path / "log.parquet" and [file.name for file in tmp_path.iterdir()] == ["log.parquet"]
    assert pq.ParquetFile(path).num_row_groups == 2
    frame = make_events(**size)
    pd.testing.assert_frame_equal(pd.read_parquet(path), frame)
    pd.testing.assert_frame_equal(read_events(path), read_events(frame))
    assert make_events(**size, path=str(path)).read_bytes() == path.read_bytes()
    empty = make_events(0, path=tmp_path / "empty.parquet")
    assert len(pd.read_parquet(empty)) == 0


def test_an_interrupted_file_leaves_nothing(tmp_path, monkeypatch):
    def fail(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "_to_table", fail)
    with pytest.raises(KeyboardInterrupt):
        make_events(10, path=tmp_path / "log.parquet")
    assert not list(tmp_path.iterdir())


def test_memory_does_not_grow_with_the_number_of_customers(tmp_path):
    code = (
        "import re, sys; from pathlib import Path; from loyalty_research.datasets import make_events; "
        "make_events(int(sys.argv[1]) * 4096, events_per_customer=30, path=sys.argv[2]); "
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"   # of this process alone; ru_maxrss would hold its parent's, too
    )
    peak = [
        int(
            subprocess.run(
                [sys.executable, "-c", code, str(blocks), str(tmp_path / "log.parquet")],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for blocks in (3, 15)
    ]
    assert peak[1] - peak[0] < 40_000  # KB; 12 blocks are 150 MB as a table


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_customers": -1}, "n_customers must be a whole number, 0 or more, received -1"),
        ({"n_customers": 2.0}, "n_customers must be a whole number, 0 or more, received 2.0"),
        ({"days": 0}, "days must be a whole number, 1 or more, received 0"),
        ({"seed": -1}, "seed must be a whole number, 0 or more, received -1"),
        ({"seed": True}, "seed must be a whole number, 0 or more, received True"),
        ({"events_per_customer": 0.5}, "events_per_customer must be a number from 1 to 10,000, received 0.5"),
        (
            {"events_per_customer": float("nan")},
            "events_per_customer must be a number from 1 to 10,000, received nan",
        ),
        (
            {"events_per_customer": "many"},
            "events_per_customer must be a number from 1 to 10,000, received 'many'",
        ),
        ({"start": "spring"}, "start must be a day such as '2022-01-01', received 'spring'"),
        ({"start": "NaT"}, "start must be a day such as '2022-01-01', received 'NaT'"),
        (
            {"start": "2022-01-01 10:00"},
            "start must be a day such as '2022-01-01', received '2022-01-01 10:00'",
        ),
        ({"start": 20220101}, "start must be a day such as '2022-01-01', received 20220101"),
        ({"start": "1989-12-31"}, "A log must lie within 1990-2100, received start 1989-12-31 and 730 days"),
        ({"start": "2100-01-01"}, "A log must lie within 1990-2100, received start 2100-01-01 and 730 days"),
        ({"path": "log.csv"}, "path must end in .parquet, received 'log.csv'"),
        ({"path": "no/such/folder/log.parquet"}, "The folder of path must exist, received 'no/such/folder'"),
    ],
)
def test_sizes_that_cannot_be_made_are_refused(arguments, message):
    with pytest.raises(EventError) as error:
        make_events(**{"n_customers": 10} | arguments)
    assert str(error.value).startswith(message)
