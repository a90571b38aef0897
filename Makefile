# `make test` and `make demo` need nothing but a Python >= 3.11 with pip and, the first time, a network.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
    $$python -c 'import sys, venv, ensurepip, sqlite3; sys.exit(sys.version_info < (3, 11))' \
    >/dev/null 2>&1 && { echo $$python; break; }; done)
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check --quiet install
LOCK := requirements/constraints.txt

.PHONY: help test demo ui clean

help:
	@echo "make test    all checks: lint types layers tests docs"
	@echo "make demo    240 runs on SQLite, the worker killed twice in the middle of a step, nothing lost"
	@echo "make ui      build the dashboard into wfc/web/static (Node 20.19+)"
	@echo "make clean   remove $(VENV), caches and what the examples wrote"

test: $(VENV)/.dev
	@$(RUN) -m nox --session lint types layers tests docs

demo: $(VENV)/.core
	@$(RUN) -m examples.billing

ui:
	@$(or $(PYTHON),python3) ui/build.py

clean:
	rm -rf $(VENV) .wfc examples/*/.wfc .mypy_cache .ruff_cache .pytest_cache .hypothesis .nox

# The group dev holds the tools of the checks; the demo runs on the package's own dependencies.
$(VENV)/.dev: $(VENV)/.core
	@echo "installing the checks' tools into $(VENV)"
	@$(PIP) --constraint $(LOCK) --editable . --group dev
	@touch $@

$(VENV)/.core: pyproject.toml $(LOCK)
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 with venv and sqlite3 was found." \
	    "Install one (Debian, Ubuntu: apt install python3 python3-venv)," \
	    "or name it: make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python3.12" >&2; exit 2; }
	@test -x $(RUN) || { echo "making $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing wfc into $(VENV)"
	@$(PIP) "pip>=25.1"
	@$(PIP) --constraint $(LOCK) --editable .
	@touch $@
