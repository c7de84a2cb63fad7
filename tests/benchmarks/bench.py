"""Speed and memory of the package, as one table: `make bench`, or `python tests/benchmarks/bench.py --events 1_000_000`.

Every figure comes from a process of its own. This process imports nothing but the standard library, because a child
inherits the peak memory of its parent. README.md says what each row is.
"""
import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
START, DAYS, EVENTS_A_CUSTOMER = "2022-07-01", 730, 100   # two years that hold a 31 December on which beans expire
COLUMNS = "customer_id time kind amount order_id item_id category shop channel virtual currency points event_id"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What one process took."""

    cpu: float
    wall: float
    rss_mb: float
    facts: dict


# Measures: each runs in a process of its own and returns what it took, and facts about it

def clock() -> tuple[float, float]:
    """Return CPU and wall seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, time.perf_counter()


def taken(begin: tuple[float, float], **facts) -> dict:
    """Return what passed since the beginning."""
    cpu, wall = clock()
    return {"cpu": cpu - begin[0], "wall": wall - begin[1], "facts": facts}


def make_logs(folder: Path, events: int) -> dict:
    """Write the log as make_events gives it, the same rows by time, and the log for the memory rows."""
    import duckdb
    import loyalty_research as lr

    customers = max(events // EVENTS_A_CUSTOMER, 50)
    lr.make_events(customers, START, DAYS, path=folder / "by_customer.parquet", events_per_customer=EVENTS_A_CUSTOMER)
    with duckdb.connect(config={"memory_limit": "2GB", "temp_directory": str(folder / "spill")}) as connection:
        connection.execute(f"COPY (SELECT * FROM '{folder}/by_customer.parquet' ORDER BY time, event_id) "
                           f"TO '{folder}/by_time.parquet' (COMPRESSION zstd, COMPRESSION_LEVEL 1)")
        rows = connection.sql(f"SELECT count(*) FROM '{folder}/by_customer.parquet'").fetchall()[0][0]
    return {"cpu": 0, "wall": 0, "facts": {"rows": rows, "customers": customers, "memory_rows": make_memory_log(folder, customers)}}


def make_memory_log(folder: Path, customers: int) -> int:
    """Write the acts that pandas can express, of half the customers, as a checked frame; return its length."""
    import duckdb
    import loyalty_research as lr
    import pandas_jd

    kinds = ", ".join(f"'{kind}'" for kind in pandas_jd.EXPRESSIBLE)
    table = duckdb.sql(f"SELECT * FROM '{folder}/by_customer.parquet' WHERE kind IN ({kinds}) AND customer_id <= {customers // 2} "
                       f"ORDER BY customer_id, time, event_id").to_arrow_table()
    frame = lr.read_events(table)
    text = ["item_id", "category", "shop", "channel", "currency"]
    frame.astype(dict.fromkeys(text, "category")).to_pickle(folder / "memory.pickle")
    return len(frame)


def check_answers(folder: Path) -> dict:
    """Stop unless the package, pandas and NumPy give the same four tables."""
    import loyalty_research as lr
    import numpy_jd
    import pandas as pd
    import pandas_jd

    frame = pd.read_pickle(folder / "memory.pickle")
    frame = frame[frame["customer_id"] <= frame["customer_id"].iloc[0] + 2_000].reset_index(drop=True)
    result = lr.replay(frame, lr.load_scheme("jd"))
    ours = {"entries": result.ledger.entries, "scores": result.scores, "tiers": result.tiers, "fees": result.fees}
    for version in (pandas_jd, numpy_jd):
        theirs = version.replay_pandas(frame, lr.load_scheme("jd"))
        for name, table in ours.items():
            pd.testing.assert_frame_equal(table, theirs[name])
    return {"cpu": 0, "wall": 0, "facts": {"compared": {name: len(table) for name, table in ours.items()}}}


def measure_replay(folder: Path, log: str, empty: bool = False) -> dict:
    """Replay a Parquet log and leave the results as parts; with `empty`, the steps do nothing."""
    import loyalty_research as lr

    if empty:
        empty_steps()
    jd = lr.load_scheme("jd")
    lr.replay(lr.make_events(50, START, DAYS), jd)                # loads or compiles the steps
    begin = clock()
    result = lr.replay(folder / log, jd)
    took = taken(begin)
    rows = {"entries": result.ledger.rows, **result.rows}
    took["facts"] = {name: sum(table.num_rows for table in parts) for name, parts in rows.items()}
    return took


def empty_steps() -> None:
    """Put compiled functions that do nothing in the place of `step` and `tick` of the replay loop."""
    from importlib import import_module
    from types import FunctionType

    import numba

    replay, state = import_module("loyalty_research.replay"), import_module("loyalty_research.state")
    compiled = numba.njit(**{**state.STEP_OPTIONS, "cache": False})

    def rebuild(function, **replaced):
        python = function.py_func
        return compiled(FunctionType(python.__code__, {**python.__globals__, **replaced}, python.__name__))

    nothing = {"step": compiled(lambda customer, rules, out, event, now, row: None),
               "tick": compiled(lambda customer, rules, out, day: None)}
    replay.replay_customers = rebuild(replay.replay_customers, replay_customer=rebuild(replay.replay_customer, **nothing))


def measure_sort(folder: Path, log: str) -> dict:
    """Let DuckDB, set up as the package does, read and sort the columns that a replay reads, and take them as Arrow batches."""
    from loyalty_research.events import _connect

    with _connect(str(folder)) as connection:
        begin = clock()
        query = f"SELECT {', '.join(COLUMNS.split())} FROM read_parquet('{folder / log}') ORDER BY customer_id, time, file_row_number"
        with connection.sql(query).to_arrow_reader(2**17) as batches:
            rows = sum(batch.num_rows for batch in batches)
        return taken(begin, rows=rows)


def one_thread() -> None:
    """Keep this process to one processor, and let libraries know of one only."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.cpu_count = lambda: 1
    import pyarrow

    pyarrow.set_cpu_count(1)


def measure_memory(folder: Path, how: str) -> dict:
    """Replay a frame on one thread: by the package, by pandas or by NumPy; the frames of all four results are made."""
    one_thread()
    import loyalty_research as lr
    import pandas as pd

    jd, frame = lr.load_scheme("jd"), pd.read_pickle(folder / "memory.pickle")
    run = replay_frames if how == "package" else __import__(f"{how}_jd").replay_pandas
    run(frame.iloc[:2_000], jd)
    spent = watch_rules() if how == "package" else []
    begin = clock()
    tables = run(frame, jd)
    return taken(begin, rows=len(frame), rules_cpu=sum(spent), **{name: len(table) for name, table in tables.items()})


def replay_frames(frame, scheme) -> dict:
    """Return the four tables of a replay as frames."""
    import loyalty_research as lr

    result = lr.replay(frame, scheme)
    return {"entries": result.ledger.entries, "scores": result.scores, "tiers": result.tiers, "fees": result.fees}


def watch_rules() -> list[float]:
    """Return a list that gets the CPU seconds of each call of the compiled loop and of the tables of its rows."""
    from importlib import import_module

    replay, spent = import_module("loyalty_research.replay"), []
    for name in ("replay_customers", "tables_of"):
        def timed(*arguments, function=getattr(replay, name)):
            begin = time.thread_time()
            result = function(*arguments)
            spent.append(time.thread_time() - begin)
            return result

        setattr(replay, name, timed)
    return spent


def measure_import() -> dict:
    """Import the package, then the modules behind loading a scheme and replaying."""
    begin = clock()
    import loyalty_research as lr

    took = taken(begin)
    lr.load_scheme, lr.replay, lr.read_events  # noqa: B018 (each imports its module)
    took["facts"] = {"with_modules": clock()[0] - begin[0],
                     "heavy": [name for name in ("scipy.stats", "matplotlib", "statsmodels") if name in sys.modules]}
    return took


def measure_start() -> dict:
    """Import, load a scheme and replay a log of one order."""
    import loyalty_research as lr
    import pandas as pd

    order = pd.DataFrame({"customer_id": [1], "time": [pd.Timestamp("2024-05-01 10:00")], "kind": ["order"], "amount": [600.0]})
    points = lr.replay(order, lr.load_scheme("jd"), until="2024-05-11").ledger.entries["points"].tolist()
    assert points == [60, -60, 60], points
    return {"cpu": None, "wall": None, "facts": {}}


MEASURES = {
    "make_logs": make_logs, "check_answers": check_answers, "replay": measure_replay, "sort": measure_sort,
    "memory": measure_memory, "import": lambda folder: measure_import(), "start": lambda folder: measure_start(),
}


# The driver

def run(folder: Path, measure: str, *, repeat: int = 1, environment: dict | None = None, **options) -> Figure:
    """Run a measure in fresh processes and keep the least CPU and wall time and the greatest memory."""
    figures = [run_once(folder, measure, environment or {}, options) for _ in range(repeat)]
    return Figure(cpu=min(f.cpu for f in figures), wall=min(f.wall for f in figures), rss_mb=max(f.rss_mb for f in figures),
                  facts=figures[0].facts)


def run_once(folder: Path, measure: str, environment: dict, options: dict) -> Figure:
    """Run a measure in one fresh process."""
    command = [sys.executable, __file__, "--measure", measure, "--folder", str(folder), "--options", json.dumps(options)]
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    said = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"The measure {measure} {options or ''} failed with exit code {child.returncode}; its message stands above.")
    took = json.loads(said.splitlines()[-1])
    whole = used.ru_utime + used.ru_stime, time.perf_counter() - begin
    cpu, wall = (whole if took["cpu"] is None else (took["cpu"], took["wall"]))
    return Figure(cpu=cpu, wall=wall, rss_mb=used.ru_maxrss / 1024, facts=took["facts"])


class Table:
    """Rows, printed one by one as they come in."""

    def __init__(self):
        print(f"{'measure':<58} {'CPU s':>7} {'wall s':>7} {'peak MB':>8} {'ratio':>6}  target")

    def heading(self, text: str) -> None:
        """Print a heading."""
        print(f"\n{text}", flush=True)

    def row(self, measure: str, figure: Figure, *, ratio: float | None = None, target: str = "", met: bool | None = None) -> None:
        """Print a row; the target says whether it was met in this run."""
        verdict = "" if met is None else (" met" if met else " MISSED")
        shown = "" if ratio is None else f"{ratio:.2f}"
        print(f"{measure:<58} {figure.cpu:>7.2f} {figure.wall:>7.2f} {figure.rss_mb:>8.0f} {shown:>6}  {target}{verdict}", flush=True)


def bench_log(table: Table, folder: Path, log: str, repeat: int) -> None:
    """Rows of one Parquet log: the replay, the replay with empty steps, the sort."""
    replay = run(folder, "replay", repeat=repeat, log=log)
    empty = run(folder, "replay", repeat=repeat, log=log, empty=True)
    sort = run(folder, "sort", repeat=repeat, log=log)
    table.row("replay jd from the path, results left as parts", replay, target="peak < 1500 MB", met=replay.rss_mb < 1500)
    for name, figure in (("the same with an empty step function", empty), ("DuckDB reads and sorts the same columns", sort)):
        ratio = replay.cpu / figure.cpu
        table.row(name, figure, ratio=ratio, target="replay takes <= 3 x", met=ratio <= 3)


def bench_memory(table: Table, folder: Path, repeat: int) -> None:
    """Rows of one thread in memory."""
    package = run(folder, "memory", repeat=repeat, how="package")
    table.row("replay jd from a frame to four frames, with all checks", package)
    for name, how in (("pandas at its best (groupby, shift, merge, sort)", "pandas"), ("NumPy by hand on sorted columns", "numpy")):
        figure = run(folder, "memory", repeat=repeat, how=how)
        ratio = figure.cpu / package.cpu
        table.row(name, figure, ratio=ratio, **({"target": ">= 4 x replay", "met": ratio >= 4} if how == "pandas" else {}))
    print(f"  of the replay, the rules (compiled loop and the tables of its rows) took {package.facts['rules_cpu']:.2f} CPU s")


def bench_start(table: Table, folder: Path, repeat: int) -> None:
    """Rows of import and first replay."""
    bare = run(folder, "import", repeat=repeat)
    heavy = ", ".join(bare.facts["heavy"]) or "none of scipy.stats, matplotlib, statsmodels"
    table.row("import loyalty_research", bare, target="< 1 s", met=bare.cpu < 1)
    modules = Figure(cpu=bare.facts["with_modules"], wall=bare.facts["with_modules"], rss_mb=bare.rss_mb, facts={})
    table.row("  with load_scheme, replay and read_events looked up", modules)
    print(f"    loaded by then: {heavy}")
    with tempfile.TemporaryDirectory() as cache:
        cold = run(folder, "start", environment={"NUMBA_CACHE_DIR": cache})
        warm = run(folder, "start", repeat=max(repeat, 2), environment={"NUMBA_CACHE_DIR": cache})
    table.row("process to its first replay, nothing compiled yet", cold, target="< 30 s", met=cold.cpu < 30)
    table.row("process to its first replay, later", warm, target="< 3 s", met=warm.cpu < 3)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=lambda text: int(text.replace("_", "")), default=10_000_000, help="size of the log (default 10_000_000)")
    parser.add_argument("--repeat", type=int, default=2, help="processes a row; the least CPU counts (default 2)")
    for name in ("--measure", "--folder", "--options"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(MEASURES[given.measure](Path(given.folder), **json.loads(given.options))))
        return
    with tempfile.TemporaryDirectory(prefix="loyalty_bench-") as name:
        folder = Path(name)
        facts = run(folder, "make_logs", events=given.events).facts
        run(folder, "check_answers")
        print(f"{facts['rows']:,} events of {facts['customers']:,} customers, made by make_events from {START}, {DAYS} days; "
              f"Python {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start\n")
        table = Table()
        table.heading("Out of core, the log by customer and time (as make_events writes it)")
        bench_log(table, folder, "by_customer.parquet", given.repeat)
        table.heading("Out of core, the same rows by time (all customers interleaved)")
        bench_log(table, folder, "by_time.parquet", given.repeat)
        table.heading(f"In memory, one thread, {facts['memory_rows']:,} acts that pandas can express; all three give the same tables")
        bench_memory(table, folder, given.repeat)
        table.heading("Start")
        bench_start(table, folder, given.repeat)
        print(f"\nCPU of the package is timed after one tiny replay, so that compiling is not in it. Load {os.getloadavg()[0]:.1f} at the end.")


if __name__ == "__main__":
    main()
