# Every command a person types. The work is done in deploy/local, by any Python from 3.11 on.
PYTHON ?= python3
LOCAL = PYTHONPATH=deploy/local/src $(PYTHON) -m framelog_local
TOOLS = .framelog/venvs/tests/bin

.DEFAULT_GOAL := help
.PHONY: help up up-local up-docker down status logs clean test check fix lock

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up:  ## start everything, in containers where an engine can, else as processes
	@$(LOCAL) up

up-local:  ## start everything as processes on this machine
	@$(LOCAL) up-local

up-docker:  ## start everything in containers
	@$(LOCAL) up-docker

down:  ## stop everything; data and downloads stay
	@$(LOCAL) down

status:  ## say how each part is
	@$(LOCAL) status

logs:  ## show the end of every log and what is added, until Ctrl-C
	@$(LOCAL) logs

clean:  ## stop everything, remove data and downloads; videos/ stays
	@$(LOCAL) clean

test:  ## set up what the tests need and run them all; ARGS="tests/viewer -k seek" runs some
	@$(LOCAL) prepare-tests
	@$(TOOLS)/python -m pytest $(ARGS)

check:  ## lint, formatting and types; changes nothing
	@$(LOCAL) prepare-checks
	@$(TOOLS)/ruff check
	@$(TOOLS)/ruff format --check
	@$(TOOLS)/mypy services deploy tests

fix:  ## correct what lint and formatting can
	@$(LOCAL) prepare-checks
	@$(TOOLS)/ruff check --fix
	@$(TOOLS)/ruff format

lock:  ## write the lock files anew; ARGS=--upgrade takes the newest versions
	@$(LOCAL) prepare-checks
	@$(TOOLS)/python -m framelog_local.lock $(ARGS)
