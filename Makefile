# Every target sets itself up. Plain make (GNU make 3.81 and later) and a POSIX sh are enough.

SHELL := /bin/sh
VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed

# make install PYTHON=/path/to/python3.12   another interpreter
# make test TEST_JOBS=0                     all in one process (auto: one a core)
# make test PYTEST_ARGS="-k wallet -x"      any arguments of pytest
PYTHON      ?=
TEST_JOBS   ?= auto
PYTEST_ARGS ?=
SERVE_ARGS  ?=
DEMO_ARGS   ?=

PYTEST = $(BIN)/python -m pytest -n $(TEST_JOBS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo serve test check format bench openapi sync constraints clean

help: ## list these targets
	@echo "Tallybook. Targets:"
	@awk -F ':.*## ' '/^[a-z]+:.*## /{ printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: $(STAMP) ## make .venv with the server, every extra and the development tools

# The stamp is last: an installation that broke off starts anew.
$(STAMP): pyproject.toml constraints.txt Makefile
	@rm -f $@
	@found=; for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	    if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	        >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "Tallybook needs Python 3.11 or newer, with its venv module; none was found." >&2; \
	    echo "Debian, Ubuntu: apt-get install python3-venv    macOS: brew install python" >&2; \
	    echo "Or name one: make install PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	fi; \
	echo "Installing into $(VENV) with $$found"; \
	"$$found" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --constraint constraints.txt --editable '.[all]' --group dev
	@touch $@

demo: $(STAMP) ## start a server with sample data, and print where it is
	@$(BIN)/tallybook demo $(DEMO_ARGS)

serve: $(STAMP) ## start a server on its own data
	@$(BIN)/tallybook serve $(SERVE_ARGS)

test: $(STAMP) ## run every test, the tidiness of the house included
	@$(PYTEST) $(PYTEST_ARGS)

check: $(STAMP) ## format, lint, types, import order, fast tests: before each commit
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(PYTEST) -m "not slow" --ignore=tests/tidy/test_tools.py $(PYTEST_ARGS)

format: $(STAMP) ## let ruff write what it can
	@$(BIN)/ruff check --fix --exit-zero --quiet .
	@$(BIN)/ruff format .

bench: $(STAMP) ## measure throughput and latency on this machine
	@$(BIN)/python -m bench

openapi: $(STAMP) ## write docs/openapi.json anew
	@$(BIN)/python -m tallybook.server.api.openapi > docs/openapi.json.new
	@mv docs/openapi.json.new docs/openapi.json

# -P: the script has the name of the library that it imports.
sync: $(STAMP) ## write the blocking client from the async one
	@$(BIN)/python -P tools/unasync.py

constraints: ## take the newest allowed versions, and write them to constraints.txt
	@rm -rf $(VENV)
	@: > constraints.txt
	@$(MAKE) --no-print-directory install
	@$(BIN)/python -m pip freeze --exclude-editable > constraints.txt.new
	@mv constraints.txt.new constraints.txt
	@touch $(STAMP)

clean: ## remove .venv and the tools' caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
