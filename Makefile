# `make` alone lists the targets. Everything a target needs (virtual environment, packages, build) it makes itself.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# A file's tests stay with one worker.
WORKERS ?= -n 2 --dist loadfile
SECONDS := 60

.DEFAULT_GOAL := help
.PHONY: help build serve test test-rust wheels test-wheels fuzz chaos lint format bench bench-short clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.base: pyproject.toml
	@command -v cargo >/dev/null || { echo "cargo not found: install Rust 1.88 or newer first" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q 'maturin>=1.10,<2' 'click>=8.1' 'sqlglot>=30' 'duckdb>=2; python_version >= "3.11"' 'uvloop>=0.21'
	touch $@

$(VENV)/.test: $(VENV)/.base
	$(BIN)/python -m pip install -q --group test
	touch $@

$(VENV)/.bench: $(VENV)/.test
	$(BIN)/python -m pip install -q --group bench
	touch $@

$(VENV)/.lint: $(VENV)/.test
	$(BIN)/python -m pip install -q --group lint
	touch $@

$(VENV)/.wheels: $(VENV)/.base
	$(BIN)/python -m pip install -q --group wheels
	touch $@

$(VENV)/.native: $(VENV)/.base Cargo.toml Cargo.lock $(shell find rust -path '*/fuzz/*' -prune -o '(' -name '*.rs' -o -name Cargo.toml ')' -print)
	source $(BIN)/activate && maturin develop --release -q
	touch $@

build: $(VENV)/.native ## build the native module into python/pgwire_py

serve: build ## serve the demo data, or ARGS="my.duckdb --port 5433"
	exec $(BIN)/pgwire-py serve $(ARGS)

test: build test-rust $(VENV)/.test ## run every test; ARGS go to pytest
	$(BIN)/python -m pytest $(WORKERS) $(ARGS)
	PGWIRE_PY_IMPL=pure $(BIN)/python -m pytest $(WORKERS) tests/unit $(ARGS)

test-rust: ## run the tests of the Rust core alone
	cargo test -q --workspace --exclude pgwire-py-native

wheels: $(VENV)/.wheels ## build the native and the pure wheel into dist/, for the Python of .venv
	rm -rf dist
	$(BIN)/maturin build -q --release --locked --out dist --interpreter $(BIN)/python
	$(BIN)/python -m hatchling build -t wheel -d dist
	$(BIN)/python -m twine check --strict dist/*.whl
	$(BIN)/python tools/check_wheels.py

test-wheels: wheels ## run the test-suite on each wheel, installed where no sources are; ARGS go to pytest
	$(BIN)/python tools/test_wheels.py $(WORKERS) $(ARGS)

fuzz: build $(VENV)/.test ## SECONDS=60: compare native with pure on mutated captures, then libFuzzer where cargo-fuzz is
	if $(BIN)/python -m tests.parity.libfuzzer --available; then \
		$(BIN)/python -m tests.parity.fuzz --seconds $$(($(SECONDS) / 2)) $(ARGS); \
		$(BIN)/python -m tests.parity.libfuzzer --seconds $$(($(SECONDS) / 2)); \
	else \
		$(BIN)/python -m tests.parity.fuzz --seconds $(SECONDS) $(ARGS); \
	fi

chaos: build $(VENV)/.test ## SECONDS=60: 200 sessions at random against the server, then look for what is left; SEED=… repeats
	PGWIRE_PY_CHAOS_SECONDS=$(SECONDS) PGWIRE_PY_CHAOS_SEED=$(or $(SEED),$$RANDOM) \
		$(BIN)/python -m pytest -s tests/integration/test_chaos.py $(ARGS)

lint: build $(VENV)/.lint ## check style, types and stubs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cargo fmt --all --check
	cargo clippy -q --workspace --all-targets -- -D warnings

format: $(VENV)/.lint ## rewrite the sources in the project's style
	$(BIN)/ruff check --fix-only -q .
	$(BIN)/ruff format -q .
	cargo fmt --all

bench: build $(VENV)/.bench ## measure against the peers, interleaved (about 15 minutes)
	$(BIN)/python -m benchmarks $(ARGS)

bench-short: build $(VENV)/.bench ## the same in short
	$(BIN)/python -m benchmarks --short $(ARGS)

clean: ## remove everything that was built
	rm -rf $(VENV) target .cache dist benchmarks/results rust/core/fuzz/target
