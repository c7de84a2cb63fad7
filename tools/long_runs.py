"""Compute the stored results that pages load: data/results.

    python tools/long_runs.py [--force] [--jobs 2]

Each module of MODULES has a function `long_runs()` that yields its runs, one after another, since a run
may load the one before it; modules are spread over processes. A run whose file is there is skipped unless
--force is given, so a broken-off command goes on where it was. At the end files that no run asks for are removed.
"""
import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import import_module

MODULES = ("validation", "known_effects", "liability_checks", "sensitivity", "fits")  # the longest first


def compute(module: str, force: bool) -> set[str]:
    """Compute the runs of a module and return the names of their files."""
    names = set()
    for run in import_module(f"loyalty_research.{module}").long_runs():
        stored = run.path.exists() and not force
        print(run.path.name, "is there" if stored else f"{len(run.rows):,} rows", flush=True)
        run.run(force)
        names.add(run.path.name)
    return names


def main() -> int:
    from loyalty_research.store import results_folder

    options = argparse.ArgumentParser()
    options.add_argument("--force", action="store_true")
    options.add_argument("--jobs", type=int, default=2)
    asked = options.parse_args()
    with ProcessPoolExecutor(asked.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        wanted = set().union(*pool.map(partial(compute, force=asked.force), MODULES))
    for path in results_folder().glob("*.csv"):
        if path.name not in wanted:
            print(f"{path.name} is asked for by no page: removed")
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
