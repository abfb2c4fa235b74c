# Two commands: `make demo` shows it at work, `make test` checks it. Python 3.10 to 3.14 with venv and pip is all they need.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DEMO_FLAGS ?=
BENCH_FLAGS ?=
# A process of tests for each core; those that share a fixture of their module stay together.
TEST_FLAGS ?= -n logical --dist loadgroup
# The quick ones wait for a server more than they compute.
FAST_FLAGS ?= -n $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) * 3 // 2)') --dist loadgroup

.PHONY: demo ui stop test test-fast lint types unit bench format clean

demo: $(VENV)/.installed
	@$(BIN)/supa-assets demo $(DEMO_FLAGS)

ui: $(VENV)/.installed
	@$(BIN)/supa-assets demo --ui $(DEMO_FLAGS)

stop: $(VENV)/.installed
	@$(BIN)/supa-assets demo --stop

test: lint types unit

test-fast: lint
	$(BIN)/python -m pytest -m 'not slow' $(FAST_FLAGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

unit: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(TEST_FLAGS)

bench: $(VENV)/.installed-bench
	@if command -v npm >/dev/null; then npm --prefix benchmarks/node install --silent --no-audit --no-fund; fi
	@$(BIN)/python -m benchmarks $(BENCH_FLAGS)

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	-test -x $(BIN)/supa-assets && $(BIN)/supa-assets demo --remove
	rm -rf $(VENV) .dagster .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' \
	  || { echo 'error: $(PYTHON) is not Python 3.10 to 3.14'; echo 'HINT: make PYTHON=python3.12 $(MAKECMDGOALS)'; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@mkdir -p -m 700 .dagster

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo 'installing into $(VENV) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	@echo 'installing into $(VENV) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-bench: pyproject.toml | $(VENV)/bin/python
	@echo 'installing into $(VENV) ...'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[benchmarks]'
	@touch $@
