# Two commands matter: `make demo` plays the main scenario, `make test` checks everything.
# Both make the virtual environment first: with uv when it is there, else with venv and pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
RUN_TIME := $(VENV)/.run-time
ALL := $(VENV)/.all
CLIENTS := tests/clients/node_modules/.package-lock.json

.PHONY: demo test slow fuzz kills clients format lint types imports pytest benchmark clean

demo: $(RUN_TIME)  ## play the survey journey: 200 people, 4 days, in seconds
	$(BIN)/python run_sim.py run scenarios/survey_follow_up.yaml

test: lint types imports pytest  ## everything that must be green

lint: $(ALL)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(ALL)
	$(BIN)/mypy

imports: $(ALL)
	$(BIN)/lint-imports --no-logo

pytest: $(ALL)
	$(BIN)/pytest -q -n 2

slow: fuzz kills  ## the suites that take minutes

fuzz: $(ALL)  ## every operation of CleverTap and Mailmodo, fuzzed from its contract
	$(BIN)/pytest -q -n 2 -m long tests/conformance

kills: $(ALL)  ## the bridge killed at every point and at any moment, on both stores
	$(BIN)/pytest -q -n 2 --dist worksteal -m long tests/bridge

clients: $(CLIENTS)  ## Node.js and the clients of others that `make test` then runs against serve

format: $(ALL)  ## let ruff put everything into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: $(ALL)  ## run by hand; prints tables of ratios
	$(BIN)/python benchmarks/network.py
	$(BIN)/python benchmarks/survey.py
	$(BIN)/python -m benchmarks.bridge

$(RUN_TIME): pyproject.toml constraints.txt | $(VENV)
	$(call install,.[httpx])
	touch $@

$(ALL): pyproject.toml constraints.txt | $(VENV)
	$(call install,.[httpx$(comma)test$(comma)check])
	touch $@ $(RUN_TIME)

$(CLIENTS): tests/clients/package.json tests/clients/package-lock.json $(ALL)
	$(call install,.[clients])
	PATH="$(abspath $(BIN)):$$PATH" npm --prefix tests/clients ci --loglevel=error
	touch $@

$(VENV):
ifdef UV
	uv venv --quiet --python $(PYTHON) $(VENV)
else
	$(PYTHON) -m venv $(VENV)
endif

clean:
	rm -rf $(VENV) build dist reports .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache tests/clients/node_modules

comma := ,
ifdef UV
install = uv pip install --quiet --python $(BIN)/python --constraints constraints.txt --editable "$(1)"
else
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable "$(1)"
endif
