# Everything runs from a virtual environment that the first target sets up; see `make help`.

PYTHON ?= python3
VENV ?= .venv

ARCHITECTURES := 2-2-3-2 4-8-8-2 1-20:tanh-1:linear
CLASSIFIER := 4-16:relu-3:softmax --cost cross-entropy
WIRED := 2-8:swoosh-8:swoosh+2-1:linear --activation 'swoosh: z*tanh(log(1+exp(z)))'
PYTESTFLAGS ?=
BENCHFLAGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
SOURCES := $(wildcard derive generated tests benchmarks)
WHEEL_TEST := build/wheel-test

# A stamp says with which extra the package was last installed; the later one includes the earlier.
PLOTS := $(VENV)/.installed-plots
DEV := $(VENV)/.installed-dev

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint types check-generated unit slow bench bench-page bench-all regenerate wheel-test clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

demo: $(PLOTS) ## derive, prove, emit and train, with pictures
	@$(BIN)/derive demo

test: lint types check-generated unit ## all that a change must pass

lint: $(DEV) ## ruff, rules and format
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)

types: $(DEV) ## mypy, strict
	@$(BIN)/mypy

check-generated: $(DEV) ## generated/ is what the generator writes today
	@for a in $(ARCHITECTURES); do $(BIN)/derive generate $$a -o generated --check || exit 1; done
	@$(BIN)/derive generate $(CLASSIFIER) -o generated --check
	@$(BIN)/derive generate $(WIRED) -o generated --check

unit: $(DEV) ## the tests, without the slow ones
	@$(BIN)/python -m pytest -n auto --dist loadfile $(PYTESTFLAGS)

slow: $(DEV) ## the slow tests only
	@$(BIN)/python -m pytest -m slow $(PYTESTFLAGS)

bench: $(DEV) ## time the emitted code beside other libraries, those that are installed
	@$(BIN)/python benchmarks/run.py $(BENCHFLAGS)

bench-page: $(DEV) ## the same, written to docs/benchmarks.md with its JSON and plot
	@$(BIN)/python benchmarks/run.py --page docs/benchmarks.md $(BENCHFLAGS)

bench-all: $(DEV) ## long rows, too, training on known problems, the C target, mutants
	@$(BIN)/python benchmarks/run.py --all $(BENCHFLAGS)
	@$(BIN)/python benchmarks/lm_problems.py all
	@$(BIN)/python benchmarks/c_target.py
	@$(BIN)/python benchmarks/mutants.py

regenerate: $(DEV) ## write generated/ anew; read the diff before you commit it
	@for a in $(ARCHITECTURES); do $(BIN)/derive generate $$a -o generated || exit 1; done
	@$(BIN)/derive generate $(CLASSIFIER) -o generated
	@$(BIN)/derive generate $(WIRED) -o generated

wheel-test: $(DEV) ## build, install the wheel in a fresh environment, generate with it
	@rm -rf $(WHEEL_TEST)
	@$(BIN)/python -m build --outdir $(WHEEL_TEST) .
	@$(BIN)/python -m venv $(WHEEL_TEST)/venv
	@$(WHEEL_TEST)/venv/bin/python -m pip --quiet --disable-pip-version-check install $(WHEEL_TEST)/*.whl
	@cd $(WHEEL_TEST) && for a in $(ARCHITECTURES); do \
	    venv/bin/derive generate $$a -o $(CURDIR)/generated --check || exit 1; done

clean: ## remove what the targets made, except the environment
	@rm -rf build dist demo-output .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find $(SOURCES) templates -name __pycache__ -type d -prune -exec rm -rf {} +

$(PLOTS): pyproject.toml | $(BIN)/pip
	@echo "Installing backproof into $(VENV) ..."
	@$(PIP) install --editable '.[plots]'
	@touch $@

$(DEV): pyproject.toml | $(BIN)/pip
	@echo "Installing backproof and its tools into $(VENV) ..."
	@$(PIP) install --editable '.[dev]'
	@touch $(PLOTS) $@

$(BIN)/pip:
	$(if $(shell $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo ok),,\
	    $(error backproof needs Python 3.11 or newer and $(PYTHON) is not; try: make PYTHON=python3.12))
	@$(PYTHON) -m venv $(VENV)
