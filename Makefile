# Two commands matter to a newcomer: `make run` and `make test`. Both set up everything they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The one that older Pythons bring looks twice as long for what is to be installed; it does where there is no other.
PIP := pip==26.3
# A machine may forbid compiled files; then every process here would compile all its libraries anew, hosts at every restart.
export PYTHONDONTWRITEBYTECODE :=
HEAVY := tests/e2e/heavy tests/integration/practice/test_judged.py tests/integration/embeddings/test_actors.py tests/unit/actors/test_dashboard.py

.PHONY: run test check audit format bench chaos docs fuzz simulate mutants clean heavy help

help:            ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "BeHeard Hub needs Python 3.11 or newer; set PYTHON=..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing BeHeard Hub into $(VENV) (once, a minute or two) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check $(PIP) || true
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	@touch $@

run: $(READY)    ## start the hub, play a whole session on it, keep serving
	@exec $(BIN)/beheard serve --demo

test: $(READY)   ## all tests but the heavy ones, three files at a time: most of their time is waiting
	@$(BIN)/python -m pytest -n 3 --dist loadfile $(HEAVY:%=--ignore %)

heavy: $(READY)  ## tests that start, kill and load whole hubs one after the other: minutes each
	@$(BIN)/python -m pytest $(HEAVY)

check: $(READY)  ## format, lint, types, import rules; pins, licences and known holes of dependencies
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@nice $(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest tests/tidy/test_dependencies.py tests/tidy/test_security.py
	@$(BIN)/python -m tests.tidy.audit --if-reachable

audit: $(READY)  ## known holes in what we depend on; needs a network
	@$(BIN)/python -m tests.tidy.audit

format: $(READY) ## put the code in shape
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)  ## the speed table of the quality bars
	@$(BIN)/python -m bench

chaos: $(READY)  ## every fault under load, by plan (half an hour); what was acked is laid beside the database
	@$(BIN)/python -m chaos

docs: $(READY)   ## the generated documents: protocol.md, openapi.yaml, asyncapi.yaml
	@$(BIN)/python -m beheard_hub.domain.mediation.render > docs/protocol.md
	@$(BIN)/python -m beheard_hub.gateway.documents docs

fuzz: $(READY)   ## requests by the thousand from the OpenAPI document, against a hub of their own
	@BEHEARD_FUZZ_CASES=20000 $(BIN)/python -m pytest tests/e2e/test_schemathesis.py

simulate: $(READY) ## SEEDS runs of the session core in virtual time, with faults; names those that break a promise
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),10000)

mutants: $(READY) ## tear down one wall after the other: which test sees it
	@$(BIN)/python -m tests.mutants

clean:           ## forget the environment and the embedded data
	rm -rf $(VENV) .beheard
