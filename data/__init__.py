"""Package data: scheme files, reference tables. Read it with ``importlib.resources.files("loyalty_research.data")``."""
