# Every command a person types. The work is done in deploy/local, by any Python from 3.11 on.
PYTHON ?= python3
LOCAL = PYTHONPATH=deploy/local/src $(PYTHON) -m framelog_local
TOOLS = .framelog/venvs/tests/bin
NODE = .framelog/node/bin/node
NODE_PACKAGES = .framelog/node/node_modules
# Tests wait more than they work: so many processes share them.
TEST_PROCESSES ?= 3
# These use a core each.
UNIT_PROCESSES ?= 2
PYTEST = $(TOOLS)/python -m pytest --ignore tests/images

.DEFAULT_GOAL := help
.PHONY: help up up-local up-docker down status logs clean restart dev restore-schemas verify test test-unit test-images test-long sbom audit bench check fix dashboards lock

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up:  ## start everything, in containers where an engine can, else as processes
	@$(LOCAL) up

up-local:  ## start everything as processes on this machine
	@$(LOCAL) up-local

up-docker:  ## start everything in containers; ARGS="--scale ingest=3" is added to docker compose up
	@$(LOCAL) up-docker $(ARGS)

down:  ## stop everything; data and downloads stay
	@$(LOCAL) down

status:  ## say how each part is
	@$(LOCAL) status

logs:  ## show the end of every log and what is added, until Ctrl-C
	@$(LOCAL) logs

clean:  ## stop everything, remove data and downloads; videos/ stays
	@$(LOCAL) clean

restart:  ## restart one part with the code as it is now: SERVICE=viewer
	@$(LOCAL) restart "$(SERVICE)"

dev:  ## start everything as processes; the services restart as their code changes, until Ctrl-C
	@$(LOCAL) dev

restore-schemas:  ## put the log's schemas back into a registry that lost them, under the same ids
	@$(LOCAL) restore-schemas

verify:  ## read the log back, is it whole? STREAM=id checks one, FILE=its video its pictures
	@$(LOCAL) verify "$(or $(STREAM),all)" $(if $(FILE),"$(FILE)")

test:  ## set up what the tests need and run them all, those of test-unit first; ARGS="tests/viewer -k seek" runs some
	@$(LOCAL) prepare-tests
	@$(PYTEST) -n $(TEST_PROCESSES) $(ARGS)

test-unit:  ## run the tests that need only Python: no Java, no browser, no program of the system
	@$(LOCAL) prepare-unit-tests
	@$(PYTEST) -m unit -n $(UNIT_PROCESSES) $(ARGS)

test-images:  ## build the images and test them and compose.yaml on a real engine
	@$(LOCAL) prepare-image-tests
	@$(TOOLS)/python -m pytest tests/images $(ARGS)

test-long:  ## kill ingest 200 times, feed it 2,000 damaged videos, 1,000 small ones and a long one
	@$(LOCAL) prepare-tests
	@FRAMELOG_TEST_KILLS=200 FRAMELOG_TEST_FUZZ_FILES=2000 FRAMELOG_TEST_SMALL_FILES=1000 \
		FRAMELOG_TEST_TEN_HOURS_FRAMES=36000 \
		$(TOOLS)/python -m pytest tests/faults tests/fuzz $(ARGS)

bench:  ## measure everything; ARGS="ingest-floor --rounds 3" measures some
	@$(LOCAL) prepare-tests
	@$(TOOLS)/python -m bench $(ARGS)

check:  ## lint, formatting, types (Python, JavaScript), and which module may import which; changes nothing
	@$(LOCAL) prepare-checks
	@$(TOOLS)/ruff check
	@$(TOOLS)/ruff format --check
	@$(TOOLS)/mypy libs services deploy tests bench
	@$(TOOLS)/lint-imports --no-cache
	@$(NODE) $(NODE_PACKAGES)/typescript/bin/tsc --project services/viewer
	@$(NODE) $(NODE_PACKAGES)/eslint/bin/eslint.js --config services/viewer/eslint.config.js services/viewer/src/viewer/static
	@$(TOOLS)/hadolint deploy/*/Dockerfile
	@$(TOOLS)/compose-lint --config deploy/compose-lint.yml --strict-config --fail-on low --quiet --skip-suppressed compose.yaml

fix:  ## correct what lint and formatting can
	@$(LOCAL) prepare-checks
	@$(TOOLS)/ruff check --fix
	@$(TOOLS)/ruff format
	@$(NODE) $(NODE_PACKAGES)/eslint/bin/eslint.js --fix --config services/viewer/eslint.config.js services/viewer/src/viewer/static

dashboards:  ## write Grafana's dashboards from deploy/grafana/src, and the rules for Kubernetes
	@$(LOCAL) prepare-checks
	@PYTHONPATH=deploy/grafana/src $(TOOLS)/python -m framelog_dashboards deploy/grafana/dashboards
	@$(PYTHON) deploy/kubernetes/rules.py

lock:  ## write the lock files anew; ARGS=--upgrade takes the newest versions
	@$(LOCAL) prepare-checks
	@$(TOOLS)/python -m framelog_local.lock $(ARGS)

sbom:  ## list every package of the services, the setup and the Java programs in .framelog/sbom (CycloneDX)
	@$(LOCAL) prepare-checks
	@$(TOOLS)/python -m framelog_local.sbom .framelog/sbom

audit:  ## ask the advisory service of PyPI about every locked package; needs a way to it
	@$(LOCAL) prepare-checks
	@for lock in services/*/requirements.lock deploy/*/requirements.lock tests/requirements.lock; do \
	  echo "$$lock" && $(TOOLS)/pip-audit --strict --disable-pip --require-hashes --requirement "$$lock" || failed=1; \
	done; [ -z "$$failed" ] || { \
	  echo "Not all is well, or not all could be asked: pip-audit said above which advisories hold, or that the"; \
	  echo "advisory service can't be reached from here. Nothing is known then: run it where it can be."; exit 1; }
