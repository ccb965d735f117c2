# The ways into the house. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := $(VENV)/.peers
DEMO := demo

DOCKER ?= docker
BASE ?= python:3.11-slim-bookworm
TAG ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
WORKER_REQUIREMENTS ?= requirements/worker.txt
WORKER_INDEX ?=
PIN := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
  --only-binary :all:

.PHONY: help setup demo programs test lint format crd golden reference requirements e2e e2e-images images image-operator image-worker physics bench bench-quick clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

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

programs: setup ## build the Go programs that tests use, once, into the user's cache
	@$(BIN)/python -m tests.support.programs

test: setup programs ## all tests
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

e2e: setup ## a whole calibration on a real cluster: that of KUBECONFIG, or a kind cluster of its own (images: make e2e-images)
	$(BIN)/pytest tests/e2e --durations=0 --durations-min=5

e2e-images: setup ## what make e2e runs: operator, worker, and stand-ins for images that cannot be pulled everywhere
	$(BIN)/python -m tests.support.images build

lint: setup ## formatting, lint, types, boundaries between the houses
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup ## let ruff format and mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

crd: setup ## write the CRD from the models, also into the chart
	$(BIN)/python -m jetcal_api.crd > crds/jetcalibrations.jetcal.dev.yaml
	cp crds/jetcalibrations.jetcal.dev.yaml helm/jetcal/files/

golden: setup ## write what tests hold manifests, the chart and the health scripts to
	JETCAL_GOLDEN=write $(BIN)/pytest -q tests/unit/test_stages_manifests.py tests/unit/test_chart.py tests/unit/test_argocd_health.py \
	  -k golden

reference: setup ## write docs/resource.md from the models
	$(BIN)/python -m jetcal_api.reference > docs/resource.md

requirements: setup ## pin every dependency by version and hash
	$(BIN)/$(PIN) --all-extras --group dev pyproject.toml -o requirements/dev.txt
	for extra in operator worker local simulate; do \
	  $(BIN)/$(PIN) --constraints requirements/dev.txt --no-annotate --extra $$extra pyproject.toml -o requirements/$$extra.txt || exit 1; done
	$(BIN)/$(PIN) --constraints requirements/dev.txt --no-annotate --group bench -o requirements/bench.txt
	echo uv | $(BIN)/$(PIN) - -o requirements/uv.txt
	printf 'hatchling\nuv\n' | $(BIN)/$(PIN) --constraints requirements/dev.txt --no-annotate - -o requirements/build.txt

requirements/worker-cpu.txt: requirements/dev.txt | setup
	@test -n "$(WORKER_INDEX)" || { echo "WORKER_INDEX must name an index with CPU builds of torch: make $@ WORKER_INDEX=https://..."; exit 1; }
	$(BIN)/$(PIN) --constraints requirements/dev.txt --no-annotate --index "$(WORKER_INDEX)" --index-strategy unsafe-best-match \
	  --extra worker pyproject.toml -o $@

IMAGE = $(DOCKER) build --force-rm --network=host --build-arg BASE=$(BASE) --build-arg VERSION=$(TAG)

images: image-operator image-worker ## build both images (BASE, TAG, WORKER_REQUIREMENTS, WORKER_INDEX, DOCKER)
	@$(DOCKER) image inspect --format '{{index .RepoTags 0}} {{.Size}} bytes' jetcal/operator:$(TAG) jetcal/worker:$(TAG)

image-operator:
	$(IMAGE) --file Dockerfile.operator --tag jetcal/operator:$(TAG) .

image-worker:
	$(IMAGE) --build-arg REQUIREMENTS=$(WORKER_REQUIREMENTS) --build-arg INDEX=$(WORKER_INDEX) \
	  --file Dockerfile.worker --tag jetcal/worker:$(TAG) .

physics: setup ## the documented physics run: 300 000 jets, our networks beside the published ones (one night on two cores)
	$(BIN)/python -m benchmarks.physics

$(PEERS): requirements/bench.txt $(READY)
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes --only-binary :all: -r requirements/bench.txt
	@touch $@

bench: $(PEERS) ## measure speed and memory beside the peers, record it, write it into the pages (40 minutes)
	$(BIN)/python -m benchmarks

bench-quick: $(PEERS) ## the same in 3 minutes, compared with what is recorded
	$(BIN)/python -m benchmarks --quick

clean: ## remove the demo's data and the environment
	rm -rf $(DEMO) $(VENV)
