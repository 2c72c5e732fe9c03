# On a machine with Python 3.11+ and make, `make demo` and `make test` do all the set-up themselves.

BIN := .venv/bin
# One worker more than processors, since a fifth of the time is waiting for servers; of which each worker has its own, so
# that no more than four of them fill a large machine.
WORKERS := $(shell n=$$(nproc 2>/dev/null || echo 2); test $$n -lt 4 && echo $$((n + 1)) || echo 4)
PYTEST_ARGS ?= --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
SECONDS ?= 600
SEED ?=
SIZES ?= 0.1 1
JSON ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo ui test soak bench check lock stop clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: .venv/.servers-ready ## create .venv from the lock, and install MariaDB where it is missing

demo: .venv/.servers-ready ## three generated hospitals into their passports, on private throwaway servers
	@$(BIN)/passport-pipeline demo

ui: .venv/.servers-ready ## the same sample in the Dagster web UI, until Ctrl-C
	@$(BIN)/passport-pipeline ui

test: .venv/.servers-ready ## the whole test suite, on real servers of its own
	@home=$$(mktemp -d) && trap 'rm -rf "$$home"' EXIT INT TERM && DAGSTER_HOME="$$home" $(BIN)/python -m pytest $(PYTEST_ARGS)

soak: .venv/.servers-ready ## ten minutes of writers and faults on three hospitals, then nothing may be lost; SECONDS=, SEED=
	@$(BIN)/python -m benchmarks.soak --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

bench: .venv/.servers-ready ## how fast it is, as ratios; SIZES= in millions of observations ("0.1 1"), JSON= a file for it
	@$(BIN)/python -m benchmarks.bench --sizes $(SIZES) $(if $(JSON),--json $(JSON))

check: .venv/.python-ready ## formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

lock: .venv/.python-ready ## write requirements.lock anew from pyproject.toml
	$(BIN)/uv --quiet pip compile --universal --no-header --no-annotate --extra dev --python-version 3.11 \
		pyproject.toml -o requirements.lock

stop: ## stop the sample's servers
	@test ! -x $(BIN)/passport-pipeline || $(BIN)/passport-pipeline sample stop

clean: ## stop the sample's servers; remove .venv, .demo and caches
	@$(MAKE) --silent stop || true
	rm -rf .venv .demo .pytest_cache .ruff_cache .mypy_cache .hypothesis dist

.venv/.python-ready: requirements.lock pyproject.toml bin/setup
	@bin/setup python

.venv/.servers-ready: .venv/.python-ready
	@bin/setup servers
