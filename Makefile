# The two commands a newcomer needs are `make demo` and `make test`.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install demo serve test warm check lint types layers format bench clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

install: .venv/installed ## Install Earshot and its tools into .venv

demo: install ## Install, then run the demonstration region (a page at http://127.0.0.1:8470/)
	$(BIN)/earshot demo

serve: install ## Install, then run the service on the embedded store
	$(BIN)/earshot serve

test: install ## Install, then run every check and test this machine can run
	$(MAKE) --no-print-directory check warm
	$(BIN)/python -m pytest -n 2 --dist loadfile

warm: install ## Compile the statistical kernels, once for a checkout
	$(BIN)/python deploy/warm.py

check: install lint types layers ## Lint, strict types and the layer contracts

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

layers: install
	$(BIN)/lint-imports

format: install ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## Run the benchmarks and print their ratios
	$(BIN)/earshot bench

clean: ## Remove what was installed and built
	rm -rf .venv build target .mypy_cache .ruff_cache .pytest_cache
