"""Compute the stored results that pages load: data/results.

    python tools/long_runs.py [--force] [--jobs 2]

Each module of MODULES has a function `long_runs()` that yields its runs. A run whose file is there is
skipped unless --force is given, so a broken-off command goes on where it was; runs are spread over
processes. At the end files that no run asks for are removed.
"""
import argparse
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib import import_module

from tqdm import tqdm

MODULES = ("sensitivity", "fits", "validation")


def runs_of(module: str) -> list:
    """The runs of a module, in order."""
    return list(import_module(f"loyalty_research.{module}").long_runs())


def compute(module: str, number: int, force: bool) -> str:
    """Compute one run and return the name of its file."""
    run = runs_of(module)[number]
    run.run(force)
    return run.path.name


def main() -> int:
    from loyalty_research.store import results_folder

    options = argparse.ArgumentParser()
    options.add_argument("--force", action="store_true")
    options.add_argument("--jobs", type=int, default=2)
    asked = options.parse_args()
    known = {(module, number): run for module in MODULES for number, run in enumerate(runs_of(module))}
    missing = [key for key, run in known.items() if asked.force or not run.path.exists()]
    print(f"{len(known)} stored results, {len(missing)} to compute", flush=True)
    with ProcessPoolExecutor(asked.jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        computing = [pool.submit(compute, *key, asked.force) for key in missing]
        for done in tqdm(as_completed(computing), "long runs", len(computing)):
            tqdm.write(done.result())
    for path in set(results_folder().glob("*.csv")) - {run.path for run in known.values()}:
        print(f"{path.name} is asked for by no page: removed")
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
