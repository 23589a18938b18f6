# Needs make and Python 3.11 or later. Another interpreter: make setup PYTHON=python3.12
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check fix bench lock wheel clean
.DELETE_ON_ERROR:

help:  ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: .venv/.stamp  ## Install everything that is locked into .venv (once; later runs do nothing)
	@echo "setup: .venv is ready"

.venv/.stamp: requirements.lock pyproject.toml scripts/openmp.py
	@command -v $(PYTHON) > /dev/null \
	  || { echo "setup: no $(PYTHON) here. On Debian: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "setup: Rung needs Python 3.11 or later, this is $$($(PYTHON) --version). Try: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null \
	  || { echo "setup: $(PYTHON) cannot make virtual environments. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "setup: 1/3 virtual environment in .venv ($$($(PYTHON) --version))"
	@$(BIN)/python -c '' 2> /dev/null || rm -rf .venv
	@$(PYTHON) -m venv .venv
	@echo "setup: 2/3 $$(grep -c '==' requirements.lock) locked packages (the first time takes a few minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input \
	  --only-binary :all: --require-hashes --requirement requirements.lock
	@echo "setup: 3/3 rung itself, editable"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input \
	  --no-deps --no-build-isolation --editable .
	@$(BIN)/python scripts/openmp.py
	@touch $@

demo: .venv/.stamp  ## Simulate leads, train, promote and show what Rung would do next
	@$(BIN)/rung demo $(ARGS)

serve: .venv/.stamp  ## Start the HTTP service and its pages
	@$(BIN)/rung serve $(ARGS)

test: .venv/.stamp  ## Run the tests (ARGS="-m 'not slow'" leaves the long ones out)
	@$(BIN)/python -m pytest -q $(ARGS)

check: .venv/.stamp  ## Read only: format, lint, types, import arrows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/.stamp  ## Format, and repair what the linter can repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.stamp  ## Print the figures of the README: quality and speed against peers
	@$(BIN)/python -m benchmarks $(ARGS)

lock: .venv/.stamp  ## Write requirements.lock again (ARGS=--upgrade moves every version)
	@$(BIN)/python scripts/lock.py $(ARGS)

wheel: .venv/.stamp  ## Build the wheel, compare it with git, import it from a clean environment
	@$(BIN)/python scripts/check_wheel.py

clean:  ## Remove .venv, builds and caches; what was trained or recorded stays
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
