# Everything from a fresh clone: `make demo` and `make test` set up .venv by themselves. Needs Python 3.11+ and make.
# The pinned torch is the CPU build where the package index has one. On Linux with PyPI alone, spare yourself the
# gigabytes of CUDA:  PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make demo

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lint format types contracts pytest bench hooks clean

PYTHON ?= python3
WORKERS ?= auto
BIN := .venv/bin
STAMP := .venv/.installed
PACKAGES := workbench store models
CODE := $(PACKAGES) tests $(wildcard benchmarks)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

help:
	@echo 'make demo    search AlexNet CONV2 on an Eyeriss-like array: 300 designs, into .demo/lab.db'
	@echo 'make test    every check: lint, types, import contracts, test suite'
	@echo 'make lint    ruff, mypy and import-linter only       make format   let ruff rewrite what it can'
	@echo 'make pytest  the test suite only; WORKERS=0 for one process, ARGS="-k front" to choose'
	@echo 'make bench   list the benchmarks                     make hooks    run quick checks at each commit'
	@echo 'make clean   remove .venv, the demo and the caches'

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; $(PYTHON) is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...")'
	@echo '==> Setting up .venv from constraints.txt (minutes the first time)'
	@$(PYTHON) -m venv .venv
	@$(PIP) install --constraint constraints.txt pip setuptools hatchling
	@$(PIP) install --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@

demo: $(STAMP)
	@mkdir -p .demo
	@echo '==> AlexNet CONV2 on eyeriss_like, 300 designs by simulated annealing, into .demo/lab.db'
	$(BIN)/dse run --arch eyeriss_like --workload alexnet --layer conv2 --search anneal --budget 300 --seed 1 --db .demo/lab.db

test: lint pytest
	@echo '==> All checks passed'

lint: $(STAMP)
	@echo '==> ruff check'
	@$(BIN)/ruff check $(CODE)
	@echo '==> ruff format --check'
	@$(BIN)/ruff format --check $(CODE)
	@echo '==> mypy --strict'
	@$(BIN)/mypy $(CODE)
	@echo '==> import contracts'
	@$(BIN)/lint-imports

format: $(STAMP)
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

pytest: $(STAMP)
	@echo '==> pytest'
	@$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 8 --dist worksteal $(ARGS)

bench: $(STAMP)
	@echo 'Each prints the figures it stands for; run one with $(BIN)/python benchmarks/NAME.py'
	@for script in benchmarks/[a-z]*.py; do [ -e "$$script" ] || continue; printf '  %-34s %s\n' "$$script" "$$(head -n 1 "$$script" | tr -d '"')"; done

hooks: $(STAMP)
	@$(BIN)/pre-commit install

clean:
	rm -rf .venv .demo dist .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
