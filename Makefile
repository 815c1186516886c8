# The one way in: every target makes what it needs, from a fresh clone and an empty environment.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3
export VENV PYTHON

# numpy, faiss and onnxruntime each start a thread per core; on few cores they wait for each other
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false

CODE := ranking indexer sessions crawler api eval cli
JOBS ?= 2

.PHONY: help install install-dev install-models check test demo bench clean

help:            ## this list
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 18

install:         ## .venv with everything that runs, and the embedding model (no torch)
	@scripts/install.sh base

install-dev: install ## what tests and checks need
	@scripts/install.sh dev

install-models: install ## torch (CPU) and sentence-transformers: any embedding model
	@scripts/install.sh models

check: install-dev ## lint, format, types, arrows between packages, documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check -q .
	$(BIN)/mypy $(addprefix -p ,$(CODE))
	PYTHONPATH=. $(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/check_docs.py

test: install-models check ## everything CI runs; ARGS=... goes to pytest
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

demo: install    ## crawl a real site, index it, search it in a session; URL=... for another site
	$(BIN)/forage demo $(if $(URL),--url '$(URL)')

bench: install   ## every benchmark in bench/, one after the other
	for file in bench/search.py bench/opened.py bench/peers.py bench/coldstart.py bench/crawl.py; do
	  if [ -e "$$file" ]; then echo "== $$file"; $(BIN)/python "$$file" $(ARGS); fi
	done

clean:           ## remove what the targets above made; the data folder stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .demo
