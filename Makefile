# Everything needs nothing but Python 3.11-3.13 and make: each target installs what it uses.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install extras demo test test-all mutants faults lint types check docs clean

# The stamp is newer than pyproject.toml once the environment matches it.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e ".[demo,dev]"
	touch $@

install: $(VENV)/.installed

# What only some need: their tests skip, and say so, where it is missing.
EXTRAS := onnx,openvino,tensorboard,mlflow,ray
$(VENV)/.extras: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -e ".[$(EXTRAS)]"
	touch $@

extras: $(VENV)/.extras

demo: install
	$(BIN)/detect demo --out demo --exist-ok

# Tests of a file stay together as far as they can: what several need is made once.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist worksteal
COVERED := --cov --cov-report=term-missing:skip-covered --cov-fail-under=90

test: install
	$(PYTEST) -m "not slow" $(COVERED)

# The same kill, layout or network once more: before a release.
test-all: install
	$(PYTEST) $(COVERED)

# Do the tests notice wrong mathematics? Every change of tests/mutants.toml, one at a time.
mutants: install
	$(BIN)/python tools/mutants.py

# Is anything lost? A thousand commands killed or starved (22 minutes), ten thousand files damaged.
faults: install
	PYTHONPATH=tests $(BIN)/python -m faults.harness

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

check: lint types test

# The pages of docs/ with a reference, in site/; a broken link or reference fails.
$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	touch $@

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site build .pytest_cache .mypy_cache .ruff_cache
