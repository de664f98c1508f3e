# The two commands of a newcomer are `make run` and `make test`; `make check` is exactly what CI runs.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
export PYTHONPATH := layers/core/python
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# What the layer is built for. The defaults are the template's; `make build RUNTIME=python3.12 ARCHITECTURE=x86_64` changes both.
RUNTIME ?= python3.13
ARCHITECTURE ?= arm64

PY := .venv/bin/python
PIP_INSTALL := -m pip install --quiet --require-hashes

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/ready .venv-ministack/ready ## the whole stack with a simulated Kuaidi100, on this machine
	@$(PY) -m local.stack

test: .venv/ready .venv-ministack/ready ## all tests
	$(PY) -m pytest

check: .venv/ready .venv-ministack/ready .venv-sam/ready ## what CI runs: style, types, imports, template, tests
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	for app in functions/*/app.py; do $(PY) -m mypy $$app || exit 1; done
	.venv/bin/lint-imports
	.venv-sam/bin/sam validate --lint
	$(PY) -m pytest

format: .venv/ready ## put code into its form
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .

build: .venv-sam/ready ## sam build, byte-compiled for the functions' runtime and processor
	find functions layers/core -name __pycache__ -exec rm -rf {} +
	WAYBILL_RUNTIME=$(RUNTIME) WAYBILL_ARCHITECTURE=$(ARCHITECTURE) .venv-sam/bin/sam build \
		--parameter-overrides Runtime=$(RUNTIME) Architecture=$(ARCHITECTURE)

token: .venv/ready ## a new access token: make token TABLE= MEMBER= [SCOPES=track] [DAYS=365]
	@$(PY) -m tools.token --table "$(TABLE)" --member "$(MEMBER)" --scopes "$(or $(SCOPES),track)" --days "$(or $(DAYS),365)"

lock: ## pin every dependency anew, with hashes; needs uv
	uv pip compile -q --no-header --universal --python-version 3.11 --generate-hashes --no-strip-extras --upgrade \
		requirements/dev.in -o requirements/dev.txt
	uv pip compile -q --no-header --universal --python-version 3.11 --generate-hashes --no-strip-extras \
		-c requirements/dev.txt layers/deps/requirements.in -o layers/deps/requirements.txt
	for each in ministack sam pip; do uv pip compile -q --no-header --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --allow-unsafe --upgrade requirements/$$each.in -o requirements/$$each.txt; done

clean: ## forget the local stack's state
	rm -rf .local

.venv/ready: requirements/dev.txt
.venv-ministack/ready: requirements/ministack.txt
.venv-sam/ready: requirements/sam.txt
.venv/ready .venv-ministack/ready .venv-sam/ready: requirements/pip.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it with make PYTHON=...")'
	@echo "installing $(@D), once"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) -r requirements/pip.txt
	@$(@D)/bin/python $(PIP_INSTALL) -r $(filter-out requirements/pip.txt,$^)
	@touch $@

.PHONY: help run test check format build token lock clean
