"""Compute the stored results that pages load: data/results.

    python tools/long_runs.py [--force]

Each module of MODULES has a function `long_runs()` that yields its runs. A run whose file is there is
skipped unless --force is given, so a broken-off command goes on where it was; within a run a bar counts
its points. At the end files that no run asks for are removed.
"""
import sys
from importlib import import_module

MODULES = ("sensitivity",)


def main() -> int:
    from loyalty_research.store import results_folder

    wanted, forced = set(), "--force" in sys.argv
    for module in MODULES:
        for run in import_module(f"loyalty_research.{module}").long_runs():
            stored = run.path.exists() and not forced
            print(run.path.name, "is there" if stored else f"{len(run.rows):,} rows", flush=True)
            run.run(forced)
            wanted.add(run.path)
    for path in set(results_folder().glob("*.csv")) - wanted:
        print(f"{path.name} is asked for by no page: removed")
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
