# Two commands matter: `make study` and `make test`. Each sets up what it needs.
# Another Python: make test PYTHON=python3.12 VENV=.venv312
PYTHON ?= python3
VENV ?= .venv
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
override BIN := $(abspath $(VENV))/bin
READY := $(VENV)/.ready
AXE := $(VENV)/axe.min.js
MAKEFLAGS += --no-builtin-rules --no-print-directory
export PYDEVD_DISABLE_FILE_VALIDATION = 1
export OPENBLAS_NUM_THREADS = 1  # processes run side by side: threads of small linear algebra would wait for each other
unexport PYTHONDONTWRITEBYTECODE  # some containers set it: each of hundreds of processes would compile its libraries anew

.PHONY: help setup study test export refresh refresh-long site lab bench soak lock clean

help:
	@echo "make study    run the studies into _study/, build _site/, print the headline table"
	@echo "make test     notebooks show what they store, modules in step with them, pytest, the site in Chromium"
	@echo "make setup    the environment $(VENV), from requirements.lock"
	@echo "make export   write the modules from the notebooks, README.md from nbs/index.ipynb"
	@echo "make refresh  run all notebooks in place and keep their outputs (ONLY=03 for some)"
	@echo "make refresh-long  compute the stored results that are missing (FORCE=1: all), refresh the pages that load them"
	@echo "make site     build _site/ from the saved notebooks"
	@echo "make lab      open JupyterLab"
	@echo "make bench    benchmarks;  make soak: the long tests;  make lock: resolve requirements.lock anew"

setup: $(READY)

$(READY): requirements.lock settings.ini setup.py pyproject.toml
	@$(PYTHON) tools/check_system.py setup
	@echo "Setting up $(VENV) (about 1 GB, a minute or two)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    $$(sed -n 's/^\(uv==[^ ;]*\).*/\1/p' requirements.lock)
	$(BIN)/uv pip sync --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(AXE): tools/fetch_axe.py | $(READY)
	@$(BIN)/python tools/fetch_axe.py $@

study: setup
	@$(BIN)/python tools/notebooks.py study --jobs $(JOBS)
	@$(BIN)/python tools/site_pages.py
	@$(BIN)/python tools/notebooks.py headline

test:
	@$(PYTHON) tools/check_system.py test
	@$(MAKE) setup $(AXE)
	@$(MAKE) -j $(JOBS) site test-notebooks
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --ignore tests/test_layout.py

# beside `site`, which is mostly one process
.PHONY: test-notebooks test-layout compiled
test-notebooks: test-layout compiled
	@$(BIN)/python tools/notebooks.py test --jobs $(JOBS)

test-layout:
	@$(BIN)/python -m pytest -q tests/test_layout.py

compiled:
	@$(BIN)/python tools/compile_machine.py

export: setup
	@$(BIN)/python tools/notebooks.py export
	@$(BIN)/python tools/schema.py
	@$(BIN)/python tools/readme.py

refresh: export
	@$(BIN)/python tools/notebooks.py refresh $(ONLY) --jobs $(JOBS)
	@$(BIN)/python tools/readme.py

# pages that load data/results say so: `.load()`
refresh-long: export
	@$(BIN)/python tools/long_runs.py --jobs $(JOBS) $(if $(FORCE),--force)
	@$(MAKE) refresh ONLY="$$(grep -lE '\.load\(\)' nbs/*/*.ipynb | xargs -n1 basename -s .ipynb | tr '\n' ' ')"

site: setup
	@$(BIN)/python tools/site_pages.py
	@echo "Open _site/index.html"

lab: setup
	$(BIN)/jupyter lab --notebook-dir nbs

bench: setup
	@$(BIN)/python tests/benchmarks/bench.py

soak: setup
	$(BIN)/python -m pytest -m soak -n $(JOBS) tests

# rfc3987-syntax builds 39 grammars when jsonschema finds it, seconds at each start of Jupyter, for formats that nothing here has
lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --no-annotate \
	    --no-emit-package rfc3987-syntax --no-emit-package lark --custom-compile-command "make lock" setup.py --output-file requirements.lock

clean:
	rm -rf build dist _study _site *.egg-info
