# demo, test, check, bench: four words, each does its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check bench clean

demo: $(VENV)/.demo
	$(BIN)/python -m failwell demo --faults $(or $(FAULTS),default) --report demo-report.html

test: $(VENV)/.dev $(VENV)/.official
	$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pyright

bench: $(VENV)/.bench
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV)

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "failwell needs Python 3.11 or newer: make demo PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	$(BIN)/python -m pip install -q -e ".[sandbox]"
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/python -m pip install -q --group dev
	touch $@

# The official SDKs, which must not meet our tools' requirements: see tests/official.py.
$(VENV)/.official: $(VENV)/.demo
	$(PYTHON) -m venv $(VENV)/official
	$(VENV)/official/bin/python -m pip install -q --upgrade "pip>=25.1"
	$(VENV)/official/bin/python -m pip install -q -e . --group official
	touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/python -m pip install -q --group bench
	touch $@
