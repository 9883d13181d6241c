# Two commands from a fresh clone: `make demo` and `make test`. `make check` is what a reviewer runs first.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test check install packages clean

demo: install  ## the proxy between a simulated CSMS and a simulated fleet, on free loopback ports
	$(BIN)/ocpptap demo

test: install packages  ## every test, with branch coverage of the pure parts and the journal
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage report --fail-under=95 --skip-covered

check: install  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[embedded,dev]'
	touch $@

packages:  ## system packages that some tests need; without root the tests that need them say so
	@sh tests/packages.sh

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
