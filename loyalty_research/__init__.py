"""A computational laboratory for e-commerce loyalty schemes.

``import loyalty_research as lr`` costs almost nothing: each public name is imported from its module on
first use, so numba, pandas and DuckDB load only when something needs them.
"""
import sys
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from types import ModuleType

# Module -> the names it offers directly on the package. Every module is reachable as lr.<module> too.
_EXPOSED = {
    "events": "read_events EVENT_KINDS LoyaltyError EventError SchemeError SimulationError EstimationError",
    "schema": "scheme_schema",
    "schemes": "list_schemes load_scheme diff Scheme",
    "datasets": "load_cdnow make_events add_confirms",
    "opening": "Opening",
    "replay": "score ledger assign_tiers replay add_redemptions Replay",
    "results": "Ledger",
    "audit": "audit Audit",
    "survival": "kaplan_meier logrank lapses false_churn cohort_retention fit_hazard",
    "churn": "fit_sbg fit_bdw fit_bg_nbd fit_mbg_nbd fit_pareto_nbd fit_gamma_gamma rfm track_repeats",
    "panels": "person_periods",
    "effects": "list_edges list_expiry_edges fit_bunching fit_density fit_jump fit_iv",
    "adoption": "naive_gap fit_did fit_weighting fit_event_study",
    "liability": "liability",
    "triangles": "redemption_triangle ultimate_redemption_rate chain_ladder",
    "deferral": "contract_liability",
    "population": "Population",
    "behaviour": "Behaviour",
    "simulation": "simulate Simulation",
    "calibration": "calibrate",
    "hoarding": "hoarding_table hoarding_by_customer hoarding_split held_table stock_flow lot_ages gini",
    "redeeming": "redemption_chances redemption_hazard bunching_at_multiples fit_stockpiling forecast_redemptions",
    "outcomes": "Finance",
    "comparison": "compare Comparison",
    "sensitivity": "pose tornado screen sobol_indices robust Robustness",
    "validation": "validation_table",
}
_HOMES = {name: module for module, names in _EXPOSED.items() for name in names.split()}

__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name in _HOMES:
        value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    elif name == "__version__":
        from importlib.metadata import version

        value = version(__name__)
    elif not name.startswith("_") and find_spec(f"{__name__}.{name}"):
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__", *(module.name for module in iter_modules(__path__))})


class _Package(ModuleType):
    # `lr.replay` is the function although a module of that name exists. Importing a module makes Python
    # store it on the package, which would hide the function: that one assignment is left out.
    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
