"""Makes a difference small: `python -m tests.oracle.shrink random 17 50` prints a scheme and a log of a few rows.

A failure of tests/oracle says this line with its own key, seed and number of customers.

Leaves out customers, then events, then tables and keys of the file, as long as model and machine still differ.
Logs with one part left out each stand side by side as customers of one replay, which costs what one would.
"""

from __future__ import annotations

import copy
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

import loyalty_research as lr

from .test_oracle import Batch, as_timed, compare, make_batch, replayed, to_rows, to_text

KEPT = ("name", "component", "on", "per", "kind", "value_cny", "expiry", "window", "value", "source", "assumed")
OTHERS = 10 ** 6


def differing(batch: Batch, folder: Path) -> list:
    """The customers of whom model and machine say something else; none where the package refuses the file."""
    try:
        expected, found = replayed(batch, folder)
    except (lr.SchemeError, lr.EventError, ArithmeticError, AssertionError, LookupError, TypeError, AttributeError,
            ValueError):
        return []
    names = set()
    for table, frame in found.items():
        model, machine = as_timed(getattr(expected, table)), to_rows(frame)
        for customer_id in {row["customer_id"] for row in model + machine} - names:
            mine = [[row for row in rows if row["customer_id"] == customer_id] for rows in (model, machine)]
            names |= {customer_id} if mine[0] != mine[1] else set()
    return sorted(names)


def log_of(batch: Batch, customer_id) -> list[dict]:
    rows = [row for row in batch.rows if row["customer_id"] == customer_id]
    return sorted(rows, key=lambda row: row["time"])


def valid(log: list[dict], customer_id: int) -> list[dict]:
    """The log of one customer without acts on orders left out, and with the other side of its transfers."""
    ordered = {row["order_id"] for row in log if row["kind"] == "order"}
    placed, kept = set(), []
    for row in log:
        placed |= {(row["order_id"], None), (row["order_id"], row["item_id"])} if row["kind"] == "order" else set()
        if row["kind"] == "redeem" and row["order_id"] not in ordered:
            continue
        if row["kind"] in ("return", "goods_exchange") and (row["order_id"], row["item_id"]) not in placed:
            continue
        kept.append(row | {"customer_id": customer_id, "event_id": None})
    other = {"steal": "stolen", "stolen": "steal"}
    return kept + [row | {"customer_id": OTHERS + customer_id, "kind": other[row["kind"]]}
                   for row in kept if row["kind"] in other]


def shrink_log(batch: Batch, folder: Path) -> Batch:
    """Leave out events of the one customer: halves, quarters and so on, all places of a size at once."""
    size = max(len(batch.rows) // 2, 1)
    while size:
        starts = range(0, len(batch.rows), size)
        logs = [valid(batch.rows[:start] + batch.rows[start + size:], n) for n, start in enumerate(starts)]
        found = [n for n in differing(replace(batch, rows=unshared(logs)), folder) if n < OTHERS]
        if found:
            batch = replace(batch, rows=[row for row in logs[found[-1]] if row["customer_id"] < OTHERS])
            size = min(size, max(len(batch.rows) // 2, 1))
        else:
            size //= 2
    return batch


def unshared(logs: list[list[dict]]) -> list[dict]:
    """All logs as one, with transfer ids of their own."""
    return [row | ({"order_id": f"{n} {row['order_id']}" if isinstance(row["order_id"], str)
                    else n * 10 ** 8 + row["order_id"]} if row["kind"] in ("steal", "stolen") else {})
            for n, log in enumerate(logs) for row in log]


def lists_of(node, path: tuple = ()) -> list[tuple]:
    """The paths of all lists of tables in a file."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    paths = [path] if isinstance(node, list) and node and isinstance(node[0], dict) else []
    return paths + [found for key, value in items for found in lists_of(value, (*path, key))]


def keys_of(node, path: tuple = ()) -> list[tuple]:
    """The paths of all keys that a file may do without."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    own = [(*path, key) for key, _ in items if isinstance(node, dict) and key not in KEPT]
    return own + [found for key, value in items for found in keys_of(value, (*path, key))]


def at_path(file: dict, path: tuple):
    for key in path:
        file = file[key]
    return file


def shrink_lists(batch: Batch, folder: Path) -> Batch:
    """Leave out tables of each list: halves first, then single ones."""
    for path in sorted(lists_of(batch.file), key=len):
        try:
            size = len(at_path(batch.file, path))
        except (KeyError, IndexError):
            continue
        while size:
            start = 0
            while start < len(at_path(batch.file, path)):
                file = copy.deepcopy(batch.file)
                del at_path(file, path)[start:start + size]
                if not at_path(file, path):
                    del at_path(file, path[:-1])[path[-1]]
                if differing(replace(batch, file=file), folder):
                    batch = replace(batch, file=file)
                    if not at_path(file, path[:-1]).get(path[-1]):
                        break
                else:
                    start += size
            if path[-1] not in at_path(batch.file, path[:-1]):
                break
            size //= 2
    return batch


def shrink_keys(batch: Batch, folder: Path) -> Batch:
    for path in sorted(keys_of(batch.file), key=len):
        file = copy.deepcopy(batch.file)
        try:
            del at_path(file, path[:-1])[path[-1]]
        except (KeyError, IndexError):
            continue
        if differing(replace(batch, file=file), folder):
            batch = replace(batch, file=file)
    return batch


def shrink(batch: Batch) -> Batch:
    """The smallest case found that still differs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        until = batch.until or max(row["time"] for row in batch.rows)
        batch = replace(batch, key="random", days=[], until=until)
        found = differing(batch, folder)
        assert found, "model and machine agree"
        plain = replace(batch, file=batch.scheme, readings={})
        for key in ("reading", "readings"):
            plain.file.pop(key, None)
        batch = plain if differing(plain, folder) else batch
        batch = shrink_keys(shrink_lists(alone(batch, folder), folder), folder)
        return alone(batch, folder)


def alone(batch: Batch, folder: Path) -> Batch:
    """One customer and as few events as still differ; everybody where it takes several."""
    for customer_id in differing(batch, folder)[:5]:
        one = replace(batch, rows=valid(log_of(batch, customer_id), 1))
        if differing(one, folder):
            one = shrink_log(replace(batch, rows=log_of(batch, customer_id)), folder)
            return replace(one, rows=unshared([valid(one.rows, 1)]))
    return batch


def main(key: str, seed: str, customers: str) -> None:
    batch = shrink(make_batch(key, int(seed), int(customers)))
    print(to_text(batch.file))
    with tempfile.TemporaryDirectory() as folder, pytest.raises(pytest.fail.Exception) as failure:
        compare(batch, Path(folder))
    print(failure.value)


if __name__ == "__main__":
    main(*sys.argv[1:])
