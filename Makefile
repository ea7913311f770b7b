# `make` alone lists the targets.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NATIVE := $(VENV)/.native

.DEFAULT_GOAL := help
.PHONY: help build bench bench-short

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q 'maturin>=1.10,<2' --group lint --group test duckdb uvloop click sqlglot
	touch $@

$(NATIVE): $(READY) Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)
	. $(BIN)/activate && maturin develop --release -q
	touch $@

build: $(NATIVE) ## build the native module into python/pgwire_py

bench: build ## throughput and memory beside PostgreSQL and other peers, about 12 minutes; ARGS="--only NAME,..."
	$(BIN)/python -m benchmarks $(ARGS)

bench-short: build ## the same in 3 minutes, for continuous integration
	$(BIN)/python -m benchmarks --short $(ARGS)
