"""Settings for all tests: hypothesis draws the same examples on every run."""
import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.rules")
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("soak", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile("repeatable")


def pytest_configure(config):
    if config.option.markexpr == "soak":
        settings.load_profile("soak")
