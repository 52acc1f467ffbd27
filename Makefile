# `make help` lists what there is. Everything runs in .venv, made from requirements.lock.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/READY

# Nothing we start phones home.
export DO_NOT_TRACK := 1
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false
export MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR := false
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup data repro test test-slow test-all check format ui clean docs

# A worker a core, a file of tests on one worker, one thread each; the longest file first (tests/conftest.py).
PYTEST := python -m pytest -n logical --dist loadfile --no-loadscope-reorder --durations 25
test test-slow test-all: export OMP_NUM_THREADS := 1

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: $(READY)  ## Make .venv from requirements.lock (quick when nothing changed)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; got " + sys.version.split()[0] + ". Try: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing requirements.lock into .venv: some gigabytes, some minutes"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

data: $(READY)  ## Make the synthetic cubes if data/ is absent
	@sn7ml data

repro: data  ## Run the whole pipeline: validate … promote, report
	@sn7ml check
	dvc repro
	@dvc metrics show
	@echo "The report: build/report.html    The runs: make ui"

test: $(READY)  ## Run the tests but the slow ones: ten minutes on two cores
	$(PYTEST)

test-slow: $(READY)  ## Run the slow ones: whole pipelines killed, folded, searched together
	$(PYTEST) -m slow

test-all: $(READY)  ## Run every test
	$(PYTEST) -m ""

check: $(READY)  ## Format, lint, types, import contracts
	ruff format --check .
	ruff check .
	mypy
	lint-imports

format: $(READY)  ## Mend what ruff can mend
	ruff format .
	ruff check --fix .

docs: $(READY)  ## Write docs/params.md and docs/errors.md
	sn7ml params --markdown > docs/params.md
	python -m benchmarks.list_errors > docs/errors.md

ui: $(READY)  ## Open MLflow on the leaderboard at http://127.0.0.1:5000
	@sn7ml ui

clean:  ## Remove stage outputs (DVC's cache and mlruns/ stay)
	rm -rf build
