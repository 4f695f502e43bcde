# Everything happens in .venv, which is made when it is missing or older than what it is made from.

PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/pip --disable-pip-version-check
JOBS ?= 4

# What a test starts, starts faster when it has been compiled once.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check bench clean

demo: $(VENV)/ready       ## a sample town on http://127.0.0.1:8000
	$(VENV)/bin/parvi demo

test: $(VENV)/ready check ## everything that must hold
	$(VENV)/bin/pytest -n $(JOBS) tests
	$(VENV)/bin/pytest --override-ini addopts=-q -n $(JOBS) tests/browser

check: $(VENV)/ready      ## style and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: $(VENV)/ready      ## how fast, how small
	$(VENV)/bin/python -m tests.bench

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis
