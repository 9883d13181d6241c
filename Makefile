# Two commands from a fresh clone: `make demo` and `make test`. `make check` is what a reviewer runs first.
# What takes longer than a test: `make bench`, `make kill`, `make faults`, `make crash-states`; `make evidence` is all four.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test check dashboards bench bench-relay bench-recorder bench-analyzers bench-metrics bench-store confusion kill faults \
  crash-states evidence install packages clean

demo: install  ## the proxy between a simulated CSMS and a simulated fleet, on free loopback ports
	$(BIN)/ocpptap demo

test: install packages  ## every test, with branch coverage of the pure parts and the journal
	$(BIN)/pytest -n 2 --dist worksteal --cov --cov-branch --cov-report=term:skip-covered --cov-fail-under=95 $(ARGS)

check: install  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

dashboards: install  ## write dashboards/grafana/*.json anew from dashboards/*.py
	$(BIN)/python -m dashboards

bench: bench-recorder bench-analyzers bench-metrics bench-store bench-relay  ## what it costs; close everything else first, the machine is to be quiet

bench-relay: install  ## the relay beside nginx, HAProxy, mitmproxy, in one interleaved run (12 minutes; ARGS=--quick: 1)
	@sh tests/bench/packages.sh
	$(BIN)/python -m tests.bench.relay $(ARGS)

bench-recorder: install  ## the journal alone; the recorder by stage, and with the embedded store (6 minutes)
	$(BIN)/python -m tests.bench.journal $(ARGS)
	$(BIN)/python -m tests.bench.recorder $(ARGS)

bench-analyzers: install  ## the analyzers' memory per charge point; `ocpptap analyze` over a trace and one ten times as long (5 minutes)
	$(BIN)/python -m tests.bench.analyzers $(ARGS)

bench-metrics: install  ## /metrics of a fleet of 10,000 charge points (1 minute)
	$(BIN)/python -m tests.bench.metrics $(ARGS)

bench-store: install  ## bytes per frame on disk, frames per charge point and day; inserts over HTTP (5 minutes)
	$(BIN)/python -m tests.bench.store $(ARGS)

confusion: install  ## 500 healthy days, then every fault: which rule names which (5 minutes)
	$(BIN)/python -m tests.days.confusion --write $(ARGS)

kill: install packages  ## 1,000 kills of every part, at random and at every failpoint, against an oracle outside
	$(BIN)/python -m tests.kills --kills 1000 $(ARGS)

faults: install packages  ## the failure suite with the real time-outs; 10,000 inserts and 100 kills against a store that fails
	$(BIN)/python -m tests.faults $(ARGS)
	$(BIN)/python -m tests.store_faults --inserts 10000 --kills 100

crash-states: install  ## 100,000 states in which a power failure may leave the journal
	$(BIN)/python -m tests.journal $(ARGS)

evidence: bench confusion kill faults crash-states  ## all of these, then docs/EVIDENCE.md
	$(BIN)/python -m tests.evidence

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[embedded,dev]'
	touch $@

packages:  ## system packages that some tests need; without root the tests that need them say so
	@sh tests/packages.sh

clean:
	rm -rf .venv .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
