# The ways into the house. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := demo

.PHONY: help setup demo test lint format crd golden reference requirements bench clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY) ## make .venv with everything that demo, test and lint need

$(READY): requirements/dev.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "jetcal needs Python 3.11 or newer; $$($(PYTHON) --version) is $(PYTHON). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@if command -v uv >/dev/null; then uv venv --quiet --allow-existing --python $(PYTHON) $(VENV); ln -sf "$$(command -v uv)" $(BIN)/uv; \
	 else $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet --require-hashes -r requirements/uv.txt; fi
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --only-binary :all: -r requirements/dev.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## simulate jets and calibrate them: ROOT files in, served and judged model out
	$(BIN)/jetcal simulate $(DEMO)/ntuples --jets 60000 --files 6 --seed 1
	$(BIN)/jetcal run examples/quickstart.yaml

test: setup ## all tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: setup ## formatting, lint, types, boundaries between the houses
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup ## let ruff format and mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

crd: setup ## write the CRD from the models
	$(BIN)/python -m jetcal_api.crd > crds/jetcalibrations.jetcal.dev.yaml

golden: setup ## write the manifests that the examples are held to
	JETCAL_GOLDEN=write $(BIN)/pytest -q tests/unit/test_stages_manifests.py -k golden

reference: setup ## write docs/resource.md from the models
	$(BIN)/python -m jetcal_api.reference > docs/resource.md

requirements: setup ## pin every dependency by version and hash
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --only-binary :all: --all-extras --group dev pyproject.toml -o requirements/dev.txt
	echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  - -o requirements/uv.txt

bench: setup ## measure speed and memory
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean: ## remove the demo's data and the environment
	rm -rf $(DEMO) $(VENV)
