"""Speed and memory of the package, as one table: `make bench`, or `python tests/benchmarks/bench.py --events 1000000`.

`--only replay`, `--only simulation` or `--only estimation` runs one part; `--long` also runs all replications of the comparison.

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
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET_EVENTS = 10_000_000
START, DAYS, EVENTS_A_CUSTOMER = "2022-07-01", 730, 100   # two years that hold a 31 December on which beans expire
PLAYED, MESA_PLAYED, WEEKS = 32_768, 2_048, 104           # customers of the package and of the slow versions, weeks
MESA = "mesa==3.3.1"
PYMC = "pymc-marketing==0.19.2"
FITS = 20                                                 # fits of CDNOW in one figure: one is too short to time
TEN = "amazon_prime jd kaola none pinduoduo pinduoduo_v1 qq taobao xiaohongshu yanxuan"
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
    memory_rows = make_memory_log(folder, customers)
    return {"cpu": 0, "wall": 0, "facts": {"rows": rows, "customers": customers, "memory_rows": memory_rows}}


def make_memory_log(folder: Path, customers: int) -> int:
    """Write the acts that pandas can express, of half the customers, as a checked frame; return its length."""
    import duckdb
    import pandas_jd

    import loyalty_research as lr

    kinds = ", ".join(f"'{kind}'" for kind in pandas_jd.EXPRESSIBLE)
    query = f"SELECT * FROM '{folder}/by_customer.parquet' WHERE kind IN ({kinds}) AND customer_id <= {customers // 2}"
    frame = lr.read_events(duckdb.sql(f"{query} ORDER BY customer_id, time, event_id").to_arrow_table())
    text = ["item_id", "category", "shop", "channel", "currency"]
    frame.astype(dict.fromkeys(text, "category")).to_pickle(folder / "memory.pickle")
    return len(frame)


def check_answers(folder: Path) -> dict:
    """Stop unless the package, pandas and NumPy give the same four tables."""
    import numpy_jd
    import pandas as pd
    import pandas_jd

    import loyalty_research as lr

    frame = pd.read_pickle(folder / "memory.pickle")
    frame = frame[frame["customer_id"] <= frame["customer_id"].iloc[0] + 2_000].reset_index(drop=True)
    result = lr.replay(frame, lr.load_scheme("jd"))
    ours = {"entries": result.ledger.entries, "scores": result.scores, "tiers": result.tiers, "fees": result.fees}
    for run in (pandas_jd.replay_pandas, numpy_jd.replay_numpy):
        theirs = run(frame, lr.load_scheme("jd"))
        for name, table in ours.items():
            pd.testing.assert_frame_equal(table, theirs[name])
    return {"cpu": 0, "wall": 0, "facts": {"compared": {name: len(table) for name, table in ours.items()}}}


def measure_replay(folder: Path, log: str, empty: bool = False, scheme: str = "jd") -> dict:
    """Replay a Parquet log and leave the results as parts; with `empty`, the steps do nothing."""
    import loyalty_research as lr

    if empty:
        empty_steps()
    scheme = lr.load_scheme(scheme)
    lr.replay(lr.make_events(50, START, DAYS), scheme)            # loads or compiles the steps
    begin = clock()
    result = lr.replay(folder / log, scheme)
    took = taken(begin)
    rows = {"entries": result.ledger.rows, **result.rows}
    took["facts"] = {name: sum(table.num_rows for table in parts) for name, parts in rows.items()}
    return took


def measure_audit(folder: Path, events: bool) -> dict:
    """Audit the replay of the Parquet log that lies by customer, with the log or without it."""
    import loyalty_research as lr

    scheme, path = lr.load_scheme("jd"), folder / "by_customer.parquet"
    few = lr.make_events(50, START, DAYS)
    lr.audit(lr.replay(few, scheme), few)                         # loads or compiles the steps
    result = lr.replay(path, scheme)
    begin = clock()
    audit = lr.audit(result, path if events else None)
    took = taken(begin)
    assert audit.holds, audit
    took["facts"] = {"entries": sum(table.num_rows for table in result.ledger.rows)}
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
    one = rebuild(replay.replay_customer, **nothing)
    replay.replay_customers = rebuild(replay.replay_customers, replay_customer=one)


def measure_sort(folder: Path, log: str) -> dict:
    """Let DuckDB, set up as the package does it, read and sort the columns that a replay reads, into Arrow batches."""
    from loyalty_research.events import _connect

    with _connect(str(folder)) as connection:
        begin = clock()
        query = f"SELECT {', '.join(COLUMNS.split())} FROM read_parquet('{folder / log}')"
        with connection.sql(f"{query} ORDER BY customer_id, time, file_row_number").to_arrow_reader(2**17) as batches:
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
    from importlib import import_module

    import pandas as pd

    import loyalty_research as lr

    jd, frame = lr.load_scheme("jd"), pd.read_pickle(folder / "memory.pickle")
    run = replay_frames if how == "package" else getattr(import_module(f"{how}_jd"), f"replay_{how}")
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

    def watch(function):
        def timed(*arguments):
            begin = time.thread_time()
            result = function(*arguments)
            spent.append(time.thread_time() - begin)
            return result
        return timed

    replay.replay_customers, replay.tables_of = watch(replay.replay_customers), watch(replay.tables_of)
    return spent


def measure_import() -> dict:
    """Import the package, then the modules behind loading a scheme and replaying."""
    begin = clock()
    import loyalty_research as lr

    took = taken(begin)
    lr.load_scheme, lr.replay, lr.read_events  # noqa: B018 (each imports its module)
    cpu, wall = clock()
    took["facts"] = {"looked_up": {"cpu": cpu - begin[0], "wall": wall - begin[1]},
                     "heavy": [name for name in ("scipy.stats", "matplotlib", "statsmodels") if name in sys.modules]}
    return took


def measure_start() -> dict:
    """Import, load a scheme and replay a log of one order."""
    import pandas as pd

    import loyalty_research as lr

    time = pd.Timestamp("2024-05-01 10:00")
    order = pd.DataFrame({"customer_id": [1], "time": [time], "kind": ["order"], "amount": [600.0]})
    points = lr.replay(order, lr.load_scheme("jd"), until="2024-05-11").ledger.entries["points"].tolist()
    assert points == [60, -60, 60], points
    return {"cpu": None, "wall": None, "facts": {}}


def make_people(folder: Path, n: int, few: int, weeks: int) -> dict:
    """Write the people and the numbers that all versions of the simulation share, and for the slow ones the first few people."""
    import numpy as np
    from simulation_world import facts, mechanisms, people_of

    people = people_of(mechanisms(), n, 0)
    np.save(folder / "people.npy", people)
    np.save(folder / "few.npy", people[:few])
    (folder / "facts.json").write_text(json.dumps(facts(weeks)))
    return {"cpu": 0, "wall": 0, "facts": {}}


def measure_simulation(folder: Path, n: int, weeks: int, idle: bool = False, threads: int | None = 1) -> dict:
    """Simulate the small scheme with three mechanisms."""
    from simulation_world import simulate_ours

    simulate_ours(64, 4)                                          # loads or compiles the steps
    begin = clock()
    done = simulate_ours(n, weeks, idle=idle, threads=threads)
    took = taken(begin)
    took["facts"] = {"orders": int(done.lives["orders"].sum()), "redeemed": round(100 * float(done.lives["spent_cny"].sum()))}
    return took


def measure_acts(folder: Path, n: int, weeks: int) -> dict:
    """Count the acts of the simulation."""
    from simulation_world import simulate_ours

    from loyalty_research.simulation import run_all

    logs = run_all(simulate_ours(n, weeks).setting, 1, log_wanted=True, size=64, progress=False)
    return {"cpu": 0, "wall": 0, "facts": {"acts": sum(len(acts) for _, _, acts in logs)}}


def measure_everything(folder: Path, n: int, weeks: int) -> dict:
    """Simulate jd with all mechanisms, as users do."""
    import loyalty_research as lr

    options = {"warmup": 0, "threads": 1, "progress": False}
    lr.simulate("jd", 64, 4, **options)
    begin = clock()
    lr.simulate("jd", n, weeks, **options)
    return taken(begin)


def measure_kernel(folder: Path, draws: bool) -> dict:
    """Run the kernel without rules, or only draw the random numbers of its lives."""
    import numpy as np
    from simulation_kernel import draw_all, run_kernel

    people, numbers = np.load(folder / "people.npy"), json.loads((folder / "facts.json").read_text())
    run_kernel(people[:10], numbers)
    begin = clock()
    lives = run_kernel(people, numbers)
    if draws:
        draw_all(people[:10], lives[:10])
        begin = clock()
        draw_all(people, lives)
    return taken(begin, orders=int(lives["orders"].sum()))


def measure_plain(folder: Path) -> dict:
    """Run the simulation in plain Python, one object a customer."""
    import numpy as np
    from simulation_plain import run_plain

    people, numbers = np.load(folder / "few.npy"), json.loads((folder / "facts.json").read_text())
    begin = clock()
    world, _ = run_plain(people, numbers, 0)
    return taken(begin, orders=sum(world.orders), redeemed=sum(world.redeemed))


def measure_compare(folder: Path, replications: int) -> dict:
    """Compare ten schemes on 20,000 simulated customers, on two threads."""
    import loyalty_research as lr

    options = {"weeks": 104, "warmup": 104, "threads": 2}
    lr.compare(TEN.split(), n_customers=64, weeks=4, warmup=4, replications=1)
    begin = clock()
    table = lr.compare(TEN.split(), n_customers=20_000, replications=replications, **options).table
    return taken(begin, schemes=len(table))


def make_buyers(folder: Path, n: int) -> dict:
    """Write the CDNOW summary, and `n` made customers of BG/NBD in whole days of 26 to 78 weeks."""
    from importlib.metadata import distribution

    import numpy as np
    import pandas as pd

    from loyalty_research.recovery import BgNbd, known

    summary = pd.read_csv(distribution("lifetimes").locate_file("lifetimes/datasets/cdnow_customers_summary.csv"))
    summary[["frequency", "recency", "T"]].to_csv(folder / "cdnow.csv", index=False)
    ages = np.random.default_rng(1).integers(26 * 7, 78 * 7, n) / 7
    many = known(BgNbd, {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}).simulate(ages, 1)
    many["recency"] = np.where(many["frequency"] > 0, np.ceil(many["recency"] * 7) / 7, 0).clip(0, many["T"])
    many.to_parquet(folder / "buyers.parquet")
    return {"cpu": 0, "wall": 0, "facts": {}}


def measure_fit(folder: Path, model: str, how: str) -> dict:
    """Fit a model to CDNOW some times over, by the package or by lifetimes; what one fit takes."""
    one_thread()
    import warnings

    import numpy as np
    import pandas as pd

    table = pd.read_csv(folder / "cdnow.csv")
    if how == "package":
        import loyalty_research as lr

        fit = getattr(lr, f"fit_{model}")
    else:
        warnings.simplefilter("ignore")
        import lifetimes

        fit = getattr(lifetimes, {"bg_nbd": "BetaGeoFitter", "mbg_nbd": "ModifiedBetaGeoFitter", "pareto_nbd": "ParetoNBDFitter"}[model])().fit
    np.random.seed(1)
    fit(table["frequency"], table["recency"], table["T"])
    begin = clock()
    for _ in range(FITS):
        found = fit(table["frequency"], table["recency"], table["T"])
    took = taken(begin, **{name: round(float(value), 3) for name, value in (found.params if how == "package" else found.params_).items()})
    return {**took, "cpu": took["cpu"] / FITS, "wall": took["wall"] / FITS}


def measure_many(folder: Path, model: str) -> dict:
    """Fit a model to the made customers."""
    one_thread()
    import pandas as pd

    import loyalty_research as lr

    table = pd.read_parquet(folder / "buyers.parquet")
    few = table[:1_000]
    getattr(lr, f"fit_{model}")(few["frequency"], few["recency"], few["T"])
    begin = clock()
    found = getattr(lr, f"fit_{model}")(table["frequency"], table["recency"], table["T"])
    return taken(begin, customers=len(table), rows=len(table.drop_duplicates()), **found.params.round(3).to_dict())


def measure_panel(folder: Path, scheme: str) -> dict:
    """Make the person-periods of all CDNOW customers out of a replay, and fit a hazard to them."""
    import numpy as np

    import loyalty_research as lr

    done = lr.replay(lr.load_cdnow(), lr.load_scheme(scheme))
    lr.person_periods(lr.replay(lr.load_cdnow()[:500], lr.load_scheme(scheme)), gap_days=180)
    begin = clock()
    panel = lr.person_periods(done, gap_days=180)
    return taken(begin, rows=len(panel), events=int(np.sum(panel["event"])))


MEASURES = {
    "make_buyers": make_buyers, "fit": measure_fit, "many": measure_many, "panel": measure_panel,
    "make_people": make_people, "simulation": measure_simulation, "acts": measure_acts, "everything": measure_everything, "kernel": measure_kernel,
    "plain": lambda folder: measure_plain(folder), "compare": measure_compare,
    "make_logs": make_logs, "check_answers": check_answers, "replay": measure_replay, "sort": measure_sort,
    "audit": measure_audit,
    "memory": measure_memory, "import": lambda folder: measure_import(), "start": lambda folder: measure_start(),
}


# The driver

def run(folder: Path, measure: str, *, repeat: int = 1, environment: dict | None = None, **options) -> Figure:
    """Run a measure in fresh processes and keep the one with the least CPU, and the greatest memory."""
    figures = [run_once(folder, measure, environment or {}, options) for _ in range(repeat)]
    least = min(figures, key=lambda figure: figure.cpu)
    return replace(least, rss_mb=max(figure.rss_mb for figure in figures))


def run_once(folder: Path, measure: str, environment: dict, options: dict) -> Figure:
    """Run a measure in one fresh process."""
    given = ["--measure", measure, "--folder", str(folder), "--options", json.dumps(options)]
    return watch_process([sys.executable, __file__, *given], environment, f"{measure} {options}")


def watch_process(command: list[str], environment: dict, name: str) -> Figure:
    """Run a command that prints what it took, and say what the process took."""
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    with child.stdout:
        said = child.stdout.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"The measure {name} ended with exit code {child.returncode}; see above.")
    took = json.loads(said.splitlines()[-1])
    whole = used.ru_utime + used.ru_stime, time.perf_counter() - begin
    cpu, wall = (whole if took["cpu"] is None else (took["cpu"], took["wall"]))
    return Figure(cpu=cpu, wall=wall, rss_mb=used.ru_maxrss / 1024, facts=took["facts"])


def load() -> str:
    """Return how many processes wanted a processor in the last minute: above their number, wall times mean little."""
    return f"{os.getloadavg()[0]:.1f}"


class Table:
    """Rows, printed one by one as they come in; `judge` says whether targets are met or missed."""

    def __init__(self, judge: bool):
        self.judge = judge
        print(f"{'measure':<58} {'CPU s':>7} {'wall s':>7} {'peak MB':>8} {'ratio':>6}  target")

    def heading(self, text: str) -> None:
        """Print a heading."""
        print(f"\n{text}", flush=True)

    def row(self, measure: str, figure: Figure, ratio: float | None = None, target: str = "", met: bool | None = None):
        """Print a row; the target says whether it was met in this run."""
        verdict = "" if met is None or not self.judge else (": met" if met else ": MISSED")
        shown = "" if ratio is None else f"{ratio:.2f}"
        numbers = f"{figure.cpu:>7.2f} {figure.wall:>7.2f} {figure.rss_mb:>8.0f} {shown:>6}"
        print(f"{measure:<58} {numbers}  {target}{verdict}".rstrip(), flush=True)


def bench_log(table: Table, folder: Path, log: str, repeat: int) -> None:
    """Rows of one Parquet log: the replay, the replay with empty steps, the sort."""
    replay = run(folder, "replay", repeat=repeat, log=log)
    empty = run(folder, "replay", repeat=repeat, log=log, empty=True)
    sort = run(folder, "sort", repeat=repeat, log=log)
    table.row("replay jd from the path, results left as parts", replay, None, "peak < 1500 MB", replay.rss_mb < 1500)
    for name, figure in (("the same with an empty step function", empty),
                         ("DuckDB reads and sorts the same columns", sort)):
        ratio = replay.cpu / figure.cpu
        table.row(name, figure, ratio, "replay takes at most 3 x", ratio <= 3)


def scheme_keys() -> list[str]:
    """Return the keys of the packaged schemes, without importing the package."""
    return sorted(path.stem for path in (HERE.parents[1] / "data" / "schemes").glob("*.toml"))


def bench_schemes(table: Table, folder: Path, repeat: int) -> None:
    """Rows of every scheme on the same Parquet log: none costs more than twice what jd costs."""
    figures = {key: run(folder, "replay", repeat=repeat, log="by_customer.parquet", scheme=key) for key in scheme_keys()}
    for key, figure in figures.items():
        ratio = figure.cpu / figures["jd"].cpu
        table.row(f"replay {key}", figure, ratio, "at most 2 x jd", ratio <= 2)


def bench_audit(table: Table, folder: Path, repeat: int) -> None:
    """Rows of the audit of a ledger, alone and against its log."""
    for name, events in (("audit of the ledger, scores, tiers and fees", False), ("the same, and against the log", True)):
        figure = run(folder, "audit", repeat=repeat, events=events)
        millions = figure.facts["entries"] / 1e6
        table.row(name, figure, None, f"{figure.cpu / millions:.1f} CPU s a million of {millions:.1f} million entries")


def bench_memory(table: Table, folder: Path, repeat: int) -> None:
    """Rows of one thread in memory."""
    package = run(folder, "memory", repeat=repeat, how="package")
    table.row("replay jd from a frame to four frames, with all checks", package)
    pandas, numpy = (run(folder, "memory", repeat=repeat, how=how) for how in ("pandas", "numpy"))
    ratio = pandas.cpu / package.cpu
    table.row("pandas at its best (groupby, shift, merge, sort)", pandas, ratio, "at least 4 x the replay", ratio >= 4)
    table.row("NumPy by hand on sorted columns", numpy, numpy.cpu / package.cpu)
    print(f"  of the replay, the compiled loop and the tables of its rows took {package.facts['rules_cpu']:.2f} CPU s")


def bench_start(table: Table, folder: Path, repeat: int) -> None:
    """Rows of import and first replay."""
    bare = run(folder, "import", repeat=repeat)
    heavy = ", ".join(bare.facts["heavy"]) or "none of scipy.stats, matplotlib, statsmodels"
    table.row("import loyalty_research", bare, None, "< 1 CPU s", bare.cpu < 1)
    table.row("  and look up load_scheme, replay and read_events", replace(bare, **bare.facts["looked_up"]))
    print(f"    loaded by then: {heavy}")
    with tempfile.TemporaryDirectory() as cache:
        cold = run(folder, "start", environment={"NUMBA_CACHE_DIR": cache})
        warm = run(folder, "start", repeat=max(repeat, 2), environment={"NUMBA_CACHE_DIR": cache})
    table.row("process to its first replay, nothing compiled yet", cold, target="< 30 CPU s", met=cold.cpu < 30)
    table.row("process to its first replay, later", warm, target="< 3 CPU s", met=warm.cpu < 3)


def make_environment(folder: Path, package: str) -> Path | None:
    """Make an environment with one package and return its Python; None where it cannot be had."""
    uv, place = Path(sys.executable).with_name("uv"), folder / package.partition("==")[0]
    python = place / "bin" / "python"
    for command in ([uv, "venv", "--quiet", "--python", sys.executable, place], [uv, "pip", "install", "--quiet", "--python", python, package]):
        if subprocess.run(command).returncode:
            return None
    return python


def bench_speed(table: Table, folder: Path, repeat: int) -> Figure:
    """Rows of the package, Mesa, plain Python and the kernel, in customer-weeks a CPU second; return the package's figure."""
    run(folder, "make_people", n=PLAYED, few=MESA_PLAYED, weeks=WEEKS)
    ours = run(folder, "simulation", repeat=repeat, n=PLAYED, weeks=WEEKS)
    ours_speed = PLAYED * WEEKS / ours.cpu
    table.row(f"simulate {PLAYED:,} customers x {WEEKS} weeks", ours, None, f"{ours_speed / 1e6:.2f} million a CPU s")
    python = make_environment(folder, MESA)
    slow = {f"plain Python, {MESA_PLAYED:,} customers": run(folder, "plain", repeat=repeat)}
    if python:
        command = [str(python), str(HERE / "simulation_mesa.py"), str(folder / "few.npy"), str(folder / "facts.json")]
        slow[f"{MESA.replace('==', ' ')}, {MESA_PLAYED:,} customers"] = min((watch_process(command, {}, "mesa") for _ in range(repeat)), key=lambda each: each.cpu)
    else:
        print("Mesa could not be installed: its row is left out")
    for name, figure in slow.items():
        ratio = ours_speed / (MESA_PLAYED * WEEKS / figure.cpu)
        judged = name.startswith("mesa")
        table.row(name, figure, ratio, "package at least 60 x as fast" if judged else "", ratio >= 60 if judged else None)
        orders, redeemed = figure.facts["orders"] / MESA_PLAYED, figure.facts["redeemed"] / MESA_PLAYED
        print(f"  by customer {orders:.1f} orders, {redeemed:.0f} beans redeemed; package {ours.facts['orders'] / PLAYED:.1f} and {ours.facts['redeemed'] / PLAYED:.0f}")
    kernel = run(folder, "kernel", repeat=repeat, draws=False)
    table.row("kernel without rules", kernel, ours.cpu / kernel.cpu, "package takes at most 6 x", ours.cpu / kernel.cpu <= 6)
    return ours


def bench_costs(table: Table, folder: Path, repeat: int, ours: Figure) -> None:
    """Rows of what a customer-week and an act cost, beside the random numbers alone."""
    idle = run(folder, "simulation", repeat=repeat, n=PLAYED, weeks=WEEKS, idle=True)
    draws = run(folder, "kernel", repeat=repeat, draws=True)
    acts = run(folder, "acts", n=MESA_PLAYED, weeks=WEEKS).facts["acts"] * PLAYED / MESA_PLAYED
    weeks = PLAYED * WEEKS
    table.row("simulate customers who hardly act", idle, ours.cpu / idle.cpu)
    table.row("the random numbers alone", draws, ours.cpu / draws.cpu)
    print(f"  a customer-week {1e9 * idle.cpu / weeks:.0f} ns, an act {1e9 * (ours.cpu - idle.cpu) / acts:.0f} ns ({acts / weeks:.2f} a customer-week); "
          f"random numbers {1e9 * draws.cpu / weeks:.0f} ns a customer-week")
    every = run(folder, "everything", repeat=repeat, n=PLAYED // 4, weeks=WEEKS)
    table.row(f"simulate jd, all mechanisms, {PLAYED // 4:,} customers", every, None, f"{PLAYED // 4 * WEEKS / every.cpu / 1e6:.2f} million a CPU s")


def bench_size(table: Table, folder: Path) -> None:
    """Rows of a million customers: memory, and that it does not grow with the weeks."""
    half, whole = (run(folder, "simulation", n=1_000_000, weeks=weeks, threads=2) for weeks in (52, 104))
    table.row("1,000,000 customers x 52 weeks, two threads", half)
    table.row("1,000,000 customers x 104 weeks, two threads", whole, whole.rss_mb / half.rss_mb, "peak < 500 MB", whole.rss_mb < 500)


def bench_compare(table: Table, folder: Path, long: bool) -> None:
    """Rows of the comparison of ten schemes."""
    quiet = {"TQDM_DISABLE": "1"}
    once = run(folder, "compare", environment=quiet, replications=1)
    table.row("compare ten schemes x 20,000 x 208 weeks, 1 replication", once, None, f"20 take about {20 * once.cpu / 60:.0f} CPU minutes")
    if long:
        full = run(folder, "compare", environment=quiet, replications=20)
        table.row("the same, 20 replications", full, None, "< 600 wall s", full.wall < 600)


def bench_simulation(table: Table, folder: Path, repeat: int, long: bool) -> None:
    """All rows of the simulation."""
    table.heading("Simulation: a small scheme, three mechanisms, one thread; ratio in customer-weeks a CPU second")
    ours = bench_speed(table, folder, repeat)
    bench_costs(table, folder, repeat, ours)
    table.heading("Simulation at size")
    bench_size(table, folder)
    bench_compare(table, folder, long)


def bench_fits(table: Table, folder: Path, repeat: int) -> None:
    """Rows of the fits of CDNOW: the package, lifetimes, and for BG/NBD the MAP of pymc-marketing."""
    ours = {}
    for model in ("bg_nbd", "mbg_nbd", "pareto_nbd"):
        ours[model] = run(folder, "fit", repeat=repeat, model=model, how="package")
        theirs = run(folder, "fit", repeat=repeat, model=model, how="lifetimes")
        ratio, judged = theirs.cpu / ours[model].cpu, model == "bg_nbd"
        table.row(f"fit_{model}, 2,357 customers of CDNOW", ours[model])
        table.row("  lifetimes", theirs, ratio, "package at least 5 x as fast" if judged else "", ratio >= 5 if judged else None)
    python = make_environment(folder, PYMC)
    if python is None:
        print(f"  {PYMC} could not be installed: its row is left out")
        return
    command = [str(python), str(HERE / "estimation_pymc.py"), str(folder / "cdnow.csv")]
    figures = [watch_process(command, {}, "pymc") for _ in range(max(repeat, 2))]      # the first compiles
    theirs = min(figures, key=lambda figure: figure.cpu)
    ratio = theirs.cpu / ours["bg_nbd"].cpu
    table.row(f"  {PYMC.replace('==', ' ')}, MAP of BG/NBD", theirs, ratio, "package at least 100 x as fast", ratio >= 100)
    print(f"  found {ours['bg_nbd'].facts}; MAP under its default priors {theirs.facts}")


def bench_estimation(table: Table, folder: Path, repeat: int) -> None:
    """All rows of the estimators."""
    run(folder, "make_buyers", n=1_000_000)
    table.heading("Estimation: one fit, one thread")
    bench_fits(table, folder, repeat)
    for model in ("bg_nbd", "pareto_nbd"):
        figure = run(folder, "many", repeat=repeat, model=model)
        judged = model == "bg_nbd"
        table.row(f"fit_{model}, {figure.facts['customers']:,} customers, {figure.facts['rows']:,} rows", figure, None, "< 10 CPU s" if judged else "",
                  figure.cpu < 10 if judged else None)
    for scheme in ("jd", "taobao"):
        figure = run(folder, "panel", repeat=repeat, scheme=scheme)
        table.row(f"person_periods of CDNOW under {scheme}, {figure.facts['rows']:,} rows", figure, None, "< 5 CPU s", figure.cpu < 5)


def bench_replay(table: Table, folder: Path, given: argparse.Namespace) -> None:
    """All rows of logs."""
    facts = run(folder, "make_logs", events=given.events).facts
    run(folder, "check_answers")
    print(f"{facts['rows']:,} events of {facts['customers']:,} customers: make_events from {START}, {DAYS} days")
    table.heading("Out of core, the log by customer and time (as make_events writes it)")
    bench_log(table, folder, "by_customer.parquet", given.repeat)
    table.heading("Out of core, the same rows by time (all customers interleaved)")
    bench_log(table, folder, "by_time.parquet", given.repeat)
    table.heading("Every scheme, the log by customer and time")
    bench_schemes(table, folder, given.repeat)
    table.heading("The audit of the first replay")
    bench_audit(table, folder, given.repeat)
    acts = f"{facts['memory_rows']:,} acts"
    table.heading(f"In memory, one thread, {acts} of the kinds that pandas can express; three equal answers")
    bench_memory(table, folder, given.repeat)
    table.heading("Start")
    bench_start(table, folder, given.repeat)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=TARGET_EVENTS, help="size of the log (default 10_000_000)")
    parser.add_argument("--repeat", type=int, default=2, help="processes a row; the least CPU counts (default 2)")
    parser.add_argument("--only", choices=["replay", "simulation", "estimation"], help="one part of the table")
    parser.add_argument("--long", action="store_true", help="also the comparison with all 20 replications")
    for name in ("--measure", "--folder", "--options"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(MEASURES[given.measure](Path(given.folder), **json.loads(given.options))))
        return
    with tempfile.TemporaryDirectory(prefix="loyalty_bench-") as name:
        print(f"Python {platform.python_version()}, {os.cpu_count()} processors, load {load()} at the start\n")
        table = Table(judge=given.events >= TARGET_EVENTS)
        if given.only in (None, "replay"):
            bench_replay(table, Path(name), given)
        if given.only in (None, "simulation"):
            bench_simulation(table, Path(name), given.repeat, given.long)
        if given.only in (None, "estimation"):
            bench_estimation(table, Path(name), given.repeat)
        print(f"\nAll rows but those of Start are timed after a tiny run: imports and compiling are not in them. Load {load()} at the end.")
        if not table.judge:
            print(f"The targets are for {TARGET_EVENTS:,} events, so no row is judged.")


if __name__ == "__main__":
    main()
