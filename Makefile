# Everything a fresh machine needs: git, make, python3 (>= 3.11), python3-venv and a package index.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
FOR ?=
LISTEN ?=
WORKERS ?= 4
PYTEST ?= $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

.PHONY: help demo test lint format bench soak docs clean
help: ## show the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml deploy/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint deploy/constraints.txt --editable . --group dev
	@touch $@

demo: $(STAMP) ## run the real program on shipped fakes (FOR=240 ends by itself; LISTEN=127.0.0.1:9900)
	$(BIN)/panel-watchdog demo $(if $(FOR),--for $(FOR)) $(if $(LISTEN),--listen $(LISTEN))

test: $(STAMP) ## run all tests; what needs a missing component is skipped and named
	$(PYTEST) -m "not soak"

lint: $(STAMP) ## ruff, mypy strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## let ruff put everything in order
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(STAMP) ## measure, as ratios against a named reference in the same run
	$(BIN)/python -m benchmarks

soak: $(STAMP) ## the long seeded runs
	WATCHDOG_WANDER=1 $(PYTEST) -m soak -s --timeout 3600

docs: $(STAMP) ## write docs/metrics.md, configuration.md, permissions.md and dashboards/*.json anew
	$(BIN)/python -m watchdog.cli.reference
	$(BIN)/python -m dashboards

clean: ## remove the environment
	rm -rf $(VENV)
