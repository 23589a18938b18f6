# Needs make and Python 3.11 or later. Another interpreter: make setup PYTHON=python3.12
PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
# Whole stretches of a file stay together: what a module sets up is set up once. What pytest compiles
# is kept, whatever the environment says, or each process compiles all of it.
PARALLEL := -n $(shell getconf _NPROCESSORS_ONLN 2> /dev/null || echo 1) --maxprocesses 8 --dist worksteal
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q $(PARALLEL)

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-all coverage check fix bench pictures lock wheel clean again
.DELETE_ON_ERROR:

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

# Whoever names a Python (PYTHON=..., or in the environment) is told where .venv has another one.
VERSION := import platform; print(platform.python_version())
OTHER = asked=$$($(PYTHON) -c '$(VERSION)'); held=$$($(BIN)/python -c '$(VERSION)'); \
  test "$$asked" = "$$held" || echo "setup: .venv stays with Python $$held;" \
  "make clean makes room for $(PYTHON) ($${asked:-which does not run})"

setup: .venv/.stamp-dev  ## Install everything that is locked into .venv (once; later runs do nothing)
	@$(if $(filter file,$(origin PYTHON)),,$(OTHER))
	@echo "setup: .venv is ready"

# A folder that was moved or copied has a .venv that points at the old place; a Python that is gone
# leaves one that points nowhere. Both are made again.
# The path of this one may be the end of the old one's, so it is looked for from its beginning.
SOUND := $(shell own="$$(pwd -P)/.venv"; test -x $(BIN)/python \
  && grep -sF -e "=$$own" -e "=\"$$own" -e "='$$own" $(BIN)/activate)

.venv/.stamp-run: requirements-installer.lock requirements.lock pyproject.toml scripts/install.py \
    scripts/openmp.py scripts/pip_settings.py $(if $(SOUND),,again)
	@command -v $(PYTHON) > /dev/null \
	  || { echo "setup: no $(PYTHON) here. On Debian: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "setup: Rung needs Python 3.11 or later, this is $$($(PYTHON) --version). Try: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null \
	  || { echo "setup: $(PYTHON) cannot make virtual environments. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) scripts/install.py run

.venv/.stamp-dev: .venv/.stamp-run requirements-dev.lock requirements-source.lock
	@$(PYTHON) scripts/install.py dev

again:

demo: .venv/.stamp-run  ## Simulate leads, train, promote and show what Rung would do next
	@$(BIN)/rung demo $(ARGS)

serve: .venv/.stamp-run  ## Start the HTTP service and its pages
	@$(BIN)/rung serve $(ARGS)

test: .venv/.stamp-dev  ## Run the tests but the slow ones, on all processors (ARGS=tests/features: some)
	@$(PYTEST) -m "not slow" $(ARGS)

test-all: .venv/.stamp-dev  ## Run all tests, with all that hypothesis tries
	@HYPOTHESIS_PROFILE=ci $(PYTEST) $(ARGS)

coverage: .venv/.stamp-dev  ## Run what make test runs, and say which branches it does not take
	@$(PYTEST) -m "not slow" --cov --cov-branch --cov-report= $(ARGS)
	@$(BIN)/python scripts/branches.py

check: .venv/.stamp-dev  ## Read only: format, lint, types, import arrows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/.stamp-dev  ## Format, and repair what the linter can repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.stamp-dev  ## Print the figures of the README: quality and speed against peers
	@$(BIN)/python -m benchmarks $(ARGS)

pictures: .venv/.stamp-dev  ## Write pictures of all pages to docs/pages (needs Chromium)
	@$(BIN)/python -m scripts.pictures

lock: .venv/.stamp-dev  ## Write the requirements*.lock again (ARGS=--upgrade moves every version)
	@$(BIN)/python scripts/lock.py $(ARGS)

wheel: .venv/.stamp-dev  ## Build the wheel, compare it with git, import it from a clean environment
	@$(BIN)/python scripts/check_wheel.py

clean:  ## Remove .venv, builds and caches; what was trained or recorded stays
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
