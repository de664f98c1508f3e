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
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

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
	$(PY) -m tools.openapi --check
	.venv-sam/bin/sam validate --lint
	$(PY) -m pytest

openapi: .venv/ready ## the OpenAPI document, made of the code; BREAKING=1 for one that breaks clients
	@$(PY) -m tools.openapi $(if $(BREAKING),--breaking)

bench-schedule: .venv/ready ## calls against delay, ours and fixed intervals: make bench-schedule ARGS="--seed 7 --journeys FILE"
	@$(PY) -m bench.schedule $(ARGS)

format: .venv/ready ## put code into its form
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .

build: .venv-sam/ready ## sam build, byte-compiled for the functions' runtime and processor
	find functions layers/core -name __pycache__ -exec rm -rf {} +
	WAYBILL_RUNTIME=$(RUNTIME) WAYBILL_ARCHITECTURE=$(ARCHITECTURE) .venv-sam/bin/sam build \
		--parameter-overrides Runtime=$(RUNTIME) Architecture=$(ARCHITECTURE)

ADMIN := @$(PY) -m tools.admin

token: .venv/ready ## a new access token: make token TABLE= MEMBER= [SCOPES=track] [DAYS=365] [LABEL=]
	$(ADMIN) tokens create --table "$(TABLE)" --member "$(MEMBER)" --scopes "$(or $(SCOPES),track)" \
		--days "$(or $(DAYS),365)" --label "$(LABEL)"

tokens: .venv/ready ## the access tokens that there are: make tokens TABLE= [MEMBER=]
	$(ADMIN) tokens list --table "$(TABLE)" $(if $(MEMBER),--member "$(MEMBER)")

token-rotate: .venv/ready ## a new access token in the place of another: make token-rotate TABLE= ID= [DAYS=365] [OVERLAP=24]
	$(ADMIN) tokens rotate --table "$(TABLE)" --id "$(ID)" --days "$(or $(DAYS),365)" --overlap "$(or $(OVERLAP),24)"

token-revoke: .venv/ready ## end an access token: make token-revoke TABLE= ID=
	$(ADMIN) tokens revoke --table "$(TABLE)" --id "$(ID)"

member-limit: .venv/ready ## limits of one member: make member-limit TABLE= API= STAGE= MEMBER= RATE= BURST= [QUOTA=]
	$(ADMIN) members limit --table "$(TABLE)" --api-id "$(API)" --stage "$(STAGE)" --member "$(MEMBER)" \
		--rate "$(RATE)" --burst "$(BURST)" $(if $(QUOTA),--quota-per-month "$(QUOTA)")

member-unlimit: .venv/ready ## no limits of its own for a member any more: make member-unlimit TABLE= API= STAGE= MEMBER=
	$(ADMIN) members unlimit --table "$(TABLE)" --api-id "$(API)" --stage "$(STAGE)" --member "$(MEMBER)"

member-budget: .venv/ready ## calls to Kuaidi100 of one member: make member-budget TABLE= MEMBER= [DAY=] [MONTH=]; without both, show them
	$(ADMIN) members budget --table "$(TABLE)" --member "$(MEMBER)" $(if $(DAY),--day "$(DAY)") $(if $(MONTH),--month "$(MONTH)")

member-unbudget: .venv/ready ## no budgets of its own for a member any more: make member-unbudget TABLE= MEMBER=
	$(ADMIN) members unbudget --table "$(TABLE)" --member "$(MEMBER)"

redrive: .venv/ready ## failed refreshes back to their queue: make redrive QUEUE= [LIMIT=] [DRY_RUN=1]
	@$(PY) -m tools.redrive --queue "$(QUEUE)" $(if $(LIMIT),--limit "$(LIMIT)") $(if $(DRY_RUN),--dry-run)

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

.PHONY: help run test check bench-schedule openapi format build token tokens token-rotate token-revoke member-limit member-unlimit member-budget member-unbudget redrive lock clean
