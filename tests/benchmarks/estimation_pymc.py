"""The MAP of pymc-marketing's BG/NBD on a table of customers: its own process, in an environment without the package.

    python estimation_pymc.py customers.csv
"""
import json
import resource
import sys
import time
import warnings


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print what a fit took and what it found, as JSON; the model is built and compiled within the clock, since each fit needs it."""
    warnings.simplefilter("ignore")
    import pandas as pd
    from pymc_marketing.clv import BetaGeoModel

    table = pd.read_csv(sys.argv[1]).rename_axis("customer_id").reset_index()
    begin, wall = cpu(), time.perf_counter()
    model = BetaGeoModel(data=table)
    model.fit(method="map", progressbar=False)
    took = {"cpu": cpu() - begin, "wall": time.perf_counter() - wall}
    summary = model.fit_summary()
    found = summary if getattr(summary, "ndim", 1) == 1 else summary.iloc[:, 0]
    print(json.dumps({**took, "facts": {name: round(float(found[name]), 3) for name in ("r", "alpha", "a", "b")}}))


if __name__ == "__main__":
    main()
