# Every target sets itself up: the first one makes .venv with the versions in constraints.txt.
PYTHON ?= python3
WORKERS ?= auto
RUN := .venv/bin/python

.PHONY: demo test test-all lint bench docs clean

demo: .venv/.installed
	$(RUN) main.py --mode demo

test: .venv/.installed
	$(RUN) -m pytest -q -n $(WORKERS) -m "not slow and not gpu"

test-all: lint
	$(RUN) -m pytest -q -n $(WORKERS) -m "not gpu"

lint: .venv/.installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

bench: .venv/.installed
	.venv/bin/pip install -q -c constraints.txt -e ".[dev,bench]"
	$(RUN) -m tools.bench lif
	$(RUN) -m tools.bench deform
	$(RUN) -m tools.bench model

# Into build/site; a broken link or a page that no list holds is an error.
docs: .venv/.installed
	.venv/bin/pip install -q -c constraints.txt -e ".[docs]"
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict

# Runs and cached clips stay: they cost time.
clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info .venv/.installed
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	.venv/bin/pip install -q -c constraints.txt -e ".[dev]"
	touch $@
