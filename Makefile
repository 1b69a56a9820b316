# The habits: check in seconds, test in minutes, demo to see it, up to touch it, bench to measure.
# Needs python3 (3.11 or newer) and make; everything else is installed into .venv from the hashed locks.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq

.PHONY: demo up test check format bench lock clean help
help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 10

demo: .make/run ## one full cycle on real orders, in about a minute
	$(BIN)/clarus-bc demo

up: .make/run ## the Dagster UI on the demo's world, until Ctrl-C
	$(BIN)/clarus-bc up

test: check ## everything that CI runs
	$(BIN)/pytest -n 2

check: .make/dev ## lint, types, floors, definitions: in seconds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/dagster definitions validate --log-level warning

format: .make/dev ## put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .make/bench ## measure, against the floor and the peers
	$(BIN)/python -m benchmarks

lock: .make/dev ## resolve the locks again
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra build --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --upgrade -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra build --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet --upgrade -o requirements-dev.lock

clean: ## forget the demo's world and the installed packages
	rm -rf .venv .make .clarus_bc .tmp_dagster_home_*

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which with make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv || { echo "python3 cannot make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }

.make/run: .venv/bin/python requirements.lock pyproject.toml
	@echo "Installing into .venv (once; a minute or two) ..."
	$(PIP) install --no-deps --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@mkdir -p .make && touch $@

.make/dev: .make/run requirements-dev.lock
	$(PIP) install --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

.make/bench: .make/dev benchmarks/requirements.lock
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip -qq install --no-deps --require-hashes -r benchmarks/requirements.lock
	@touch $@
