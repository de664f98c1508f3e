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
# A file's tests stay together; each of the workers has a stack of its own.
WORKERS ?= 2
PYTEST := $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations 25
PIP_INSTALL := -m pip install --quiet --require-hashes

help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: .venv/ready .venv-ministack/ready ## the whole stack with a simulated Kuaidi100, on this machine
	@$(PY) -m local.stack

test: .venv/ready .venv-ministack/ready ## all tests
	$(PYTEST)

check: .venv/ready .venv/browser .venv-ministack/ready .venv-sam/ready .venv-aws/ready .venv-security/ready ## what CI runs: style, types, imports, template, tests
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	for app in functions/*/app.py; do $(PY) -m mypy $$app || exit 1; done
	.venv/bin/lint-imports
	$(PY) -m tools.openapi --check
	for template in template.yaml monitoring.yaml; do .venv-sam/bin/sam validate --lint --template $$template || exit 1; done
	$(PYTEST)

openapi: .venv/ready ## the OpenAPI document, made of the code; BREAKING=1 for one that breaks clients
	@$(PY) -m tools.openapi $(if $(BREAKING),--breaking)

bench: .venv/ready .venv-ministack/ready .venv-sam/ready ## what lookups and refreshes take, beside a bare function and the usual stack: make bench ARGS=--quick
	@$(PY) -m bench.run $(ARGS)

scale: .venv/ready ## ten million shipments on paper: make scale ARGS="--shipments 1000000"
	@$(PY) -m tools.scale $(ARGS)

bench-schedule: .venv/ready ## calls against delay, ours and fixed intervals: make bench-schedule ARGS="--seed 7 --journeys FILE"
	@$(PY) -m bench.schedule $(ARGS)

cost: .venv/ready ## what lookups and parcels cost, by the prices in tools/cost.py: make cost ARGS="--call 0.01"
	@$(PY) -m tools.cost $(ARGS)

proof: .venv/ready .venv-ministack/ready ## parcels to their end on a stack of their own: make proof ARGS="--parcels 200 --speed 600 --kills 20"
	@$(PY) -m tests.proofs $(ARGS)

proof-told: .venv/ready .venv-ministack/ready ## all of it told to webhooks that behave badly: make proof-told ARGS="--parcels 500 --speed 600 --kills 20 --beside dead"
	@$(PY) -m tests.telling $(ARGS)

proof-import: .venv/ready .venv-ministack/ready ## 10,000 rows imported by the command line, one of a hundred bad, broken off twice
	IMPORT_ROWS=10000 $(PY) -m pytest tests/cli/test_import.py --durations 1

attacks: .venv/ready .venv-ministack/ready .venv-security/ready ## the whole attack suite: fuzzing, canary, other members' names, guessed tokens, scans
	WAYBILL_ATTACKS=1 $(PYTEST) tests/attacks tests/e2e/test_openapi.py tests/e2e/test_members.py tests/e2e/test_gateway.py \
		tests/e2e/test_local_front.py tests/functions/test_jwt.py tests/functions/test_authorizer.py tests/functions/test_page.py tests/functions/test_guessing.py \
		tests/unit/test_access.py tests/unit/test_addresses.py tests/template tests/store/test_erasing_worlds.py
	$(PY) -m tests.attacks.canary --people 10000

audit: .venv-security/ready ## known weaknesses of the packages; asks an advisory service on the internet: make audit ARGS="-s osv"
	for each in layers/deps/requirements.txt requirements/*.txt; do \
		echo "$$each"; \
		.venv-security/bin/pip-audit --strict --progress-spinner off --require-hashes --disable-pip $(ARGS) -r $$each || { \
			echo "$$each: a package has a known weakness, or could not be looked up (see above). What was not looked up does not pass."; \
			exit 1; }; \
	done

faults: .venv/ready .venv-ministack/ready ## the whole stack under every fault, and the lease in every order; writes the table of docs/reliability.md
	@$(PY) -m tests.unit.test_lease_model
	@$(PY) -m tests.faults $(ARGS)

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

ERASED_OF = --table "$(TABLE)" --cache "$(CACHE)" --member "$(MEMBER)"
ERASED_HOW = $(foreach url,$(QUEUES),--queue "$(url)") $(if $(DRY_RUN),--dry-run) $(if $(AT_ONCE),--at-once)

export-member: .venv/ready ## all that is held of a member, as JSON lines: make -s export-member TABLE= CACHE= MEMBER= > member.jsonl
	$(ADMIN) members export $(ERASED_OF)

erase-member: .venv/ready ## erase a member, and search for it: make erase-member TABLE= CACHE= MEMBER= [QUEUES=] [DRY_RUN=1] [AT_ONCE=1]
	$(ADMIN) members erase $(ERASED_OF) $(ERASED_HOW)

export-shipment: .venv/ready ## all that is held of an order: make -s export-shipment TABLE= CACHE= MEMBER= ORDER= > order.jsonl
	$(ADMIN) shipments export $(ERASED_OF) --order "$(ORDER)"

erase-shipment: .venv/ready ## erase an order: make erase-shipment TABLE= CACHE= MEMBER= ORDER= [QUEUES=] [DRY_RUN=1] [AT_ONCE=1]
	$(ADMIN) shipments erase $(ERASED_OF) --order "$(ORDER)" $(ERASED_HOW)

redrive: .venv/ready ## messages that failed for good back to their queue: make redrive QUEUE= [LIMIT=] [DRY_RUN=1]
	@$(PY) -m tools.redrive --queue "$(QUEUE)" $(if $(LIMIT),--limit "$(LIMIT)") $(if $(DRY_RUN),--dry-run)

restore: .venv/ready ## bring back what the table lost: make restore COPY= TABLE= [BEGINS=] [REPLACE=1] [DRY_RUN=1]
	@$(PY) -m tools.restore --copy "$(COPY)" --table "$(TABLE)" $(if $(BEGINS),--begins "$(BEGINS)") \
		$(if $(REPLACE),--replace) $(if $(DRY_RUN),--dry-run)

lock: ## pin every dependency anew, with hashes; needs uv
	uv pip compile -q --no-header --universal --python-version 3.11 --generate-hashes --no-strip-extras --upgrade \
		requirements/dev.in -o requirements/dev.txt
	uv pip compile -q --no-header --universal --python-version 3.11 --generate-hashes --no-strip-extras \
		-c requirements/dev.txt layers/deps/requirements.in -o layers/deps/requirements.txt
	uv pip compile -q --no-header --universal --python-version 3.11 --generate-hashes --no-strip-extras \
		-c requirements/dev.txt requirements/browser.in -o requirements/browser.txt
	uv pip compile -q --no-header --universal --python-version 3.11 --generate-hashes --no-strip-extras \
		-c requirements/dev.txt requirements/bench.in -o requirements/bench.txt
	for each in ministack sam awscli security pip; do uv pip compile -q --no-header --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --allow-unsafe --upgrade requirements/$$each.in -o requirements/$$each.txt; done

clean: ## forget the local stack's state
	rm -rf .local

.venv/ready: requirements/dev.txt
.venv-ministack/ready: requirements/ministack.txt
.venv-sam/ready: requirements/sam.txt
.venv-aws/ready: requirements/awscli.txt
.venv-security/ready: requirements/security.txt
# It is large and runs seldom.
.venv-security/ready: PIP_INSTALL += --no-compile
.venv/ready .venv-ministack/ready .venv-sam/ready .venv-aws/ready .venv-security/ready: requirements/pip.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it with make PYTHON=...")'
	@echo "installing $(@D), once"
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python $(PIP_INSTALL) -r requirements/pip.txt
	@$(@D)/bin/python $(PIP_INSTALL) -r $(filter-out requirements/pip.txt,$^)
	@touch $@

.venv/browser: .venv/ready requirements/browser.txt
	@$(PY) $(PIP_INSTALL) -r requirements/browser.txt
	@touch $@

.PHONY: help run test check attacks audit bench scale bench-schedule cost proof proof-told proof-import faults openapi format build token tokens token-rotate token-revoke member-limit member-unlimit member-budget member-unbudget export-member erase-member export-shipment erase-shipment redrive lock clean
