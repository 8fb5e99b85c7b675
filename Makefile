# `make help` lists the targets. Everything is installed into .venv and kept in .driftline: nothing else is touched.
# Written for GNU make 3.81, which macOS has.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV_VERSION := 0.13.9
UV := VIRTUAL_ENV="$(CURDIR)/$(VENV)" "$(BIN)/uv"
# The tests of a real Airflow, of which there is one, mostly wait: they run beside the others, after those that share
# one browser.
AIRFLOW_TESTS := tests/browser tests/dags
TESTS := tests/unit tests/integration
WORKERS ?= logical
# Debian's packages that some tests need; those tests are skipped where the packages may not be installed.
TEST_PACKAGES := chromium prometheus

# Somebody's wish that Python keep no compiled modules is not meant for our own .venv: Airflow's processes would compile
# thousands of files at every start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo stop clean status test lint format bench bench-pages lock setup

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## Set up and start everything, and show it at work on real data
	@"$(BIN)/python" -m include.demo.run up

stop: ## End all that `make demo` started; nothing is lost
	@if [ -x "$(BIN)/python" ]; then "$(BIN)/python" -m include.demo.run stop; else echo "Nothing is set up here."; fi

status: $(READY) ## Show what of the demo is running
	@"$(BIN)/python" -m include.demo.run status

clean: ## Stop the demo and remove its state (.driftline)
	@if [ -x "$(BIN)/python" ]; then "$(BIN)/python" -m include.demo.run clean; fi
	@rm -rf .driftline

test: lint ## Run all tests: lint, types, unit, integration on real Postgres and real Airflow
	@./.ci/install_debian $(TEST_PACKAGES) || [ -z "$$CI" ]
	@# The processes share the cores already: threads of their own would only wait for each other.
	@log=$$(mktemp); export OMP_NUM_THREADS=1; \
	"$(BIN)/python" -m pytest $(AIRFLOW_TESTS) >"$$log" 2>&1 & airflow=$$!; \
	trap 'kill $$airflow 2>/dev/null && wait $$airflow; rm -f "$$log"' EXIT INT TERM; \
	"$(BIN)/python" -m pytest --numprocesses $(WORKERS) --maxprocesses 4 --dist worksteal $(TESTS); others=$$?; \
	echo "Waiting for the tests of real Airflow"; wait $$airflow; on_airflow=$$?; cat "$$log"; \
	[ $$others -eq 0 ] && [ $$on_airflow -eq 0 ]

lint: $(READY) ## Check style, types and the design's import rules
	@"$(BIN)/ruff" check .
	@"$(BIN)/ruff" format --check .
	@log=$$(mktemp); "$(BIN)/lint-imports" >"$$log" 2>&1 & imports=$$!; \
	trap 'rm -f "$$log"' EXIT; \
	"$(BIN)/mypy"; types=$$?; wait $$imports; rules=$$?; cat "$$log"; [ $$types -eq 0 ] && [ $$rules -eq 0 ]

format: $(READY) ## Put the code into its style
	@"$(BIN)/ruff" check --fix .
	@"$(BIN)/ruff" format .

bench: $(READY) ## Measure speed and memory
	@"$(BIN)/python" -m tests.benchmarks.run

bench-pages: $(READY) ## Measure how long each page takes
	@"$(BIN)/python" -m tests.benchmarks.pages

lock: $(READY) ## Pin requirements.in into requirements.txt
	@$(UV) pip compile --universal --python-version 3.11 --quiet --upgrade requirements.in -o requirements.txt

setup: $(READY) ## Set up .venv only

# The stamp is written last: an interrupted set-up is taken up again. A Python that has gone away is replaced.
$(READY): requirements.txt pyproject.toml
	@python=$$(./.ci/find_python) || exit 1; \
	if ! "$(BIN)/python" -c '' 2>/dev/null; then \
	    echo "Making $(VENV) with $$python ($$("$$python" --version))"; \
	    rm -rf "$(VENV)"; \
	    "$$python" -m venv "$(VENV)" >/dev/null 2>&1 || "$$python" -m venv --clear --without-pip "$(VENV)" || exit 1; \
	fi
	@if [ "$$("$(BIN)/uv" --version 2>/dev/null | cut -d ' ' -f 2)" != "$(UV_VERSION)" ]; then \
	    echo "Installing uv $(UV_VERSION)"; \
	    "$(BIN)/python" .ci/install_uv.py "$(UV_VERSION)"; \
	fi
	@echo "Installing the packages of requirements.txt"
	@certificates=; \
	$(UV) pip install -r requirements.txt || { \
	    echo "Trying again with this system's certificates: a proxy may ask for them"; \
	    certificates=--system-certs; \
	    $(UV) pip install $$certificates -r requirements.txt; } && \
	$(UV) pip install $$certificates --quiet --no-deps -e .
	@# Left on the module path by the build, it would announce the plugin to Airflow a second time.
	@rm -rf plugins/driftline.egg-info
	@touch "$(READY)"
