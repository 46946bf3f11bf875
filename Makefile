# The one entry point: each recipe prints the command it runs. The logic is in tools/.
PYTHON ?= python3
WORKERS ?= 4
# A regular expression for the operations of the crash matrix to run (default: all).
ONLY ?=
SOAK_SECONDS ?= 600
SOAK_SEED ?=
# Time limit of a benchmark:
BENCH_SECONDS ?= 300
# Parts of the benchmark of many subaccounts (default: ten minutes):
SIZES ?= 1,10,100
LATENCIES ?= 0,100
# Names of the ways that are compared (default: all), and seconds above which a row is left out:
WAYS ?=
LIMIT ?= 60
# Parts of that benchmark: a, b (many stacks in waves), c (the same under faults, and kills); and their sizes:
PARTS ?= a
STACKS ?= 24
SUBACCOUNTS ?= 40

SETUP := $(PYTHON) tools/setup.py
# With .venv and then the Pulumi command line first on PATH:
RUN := $(SETUP) run
CHECKED := $(wildcard provider tests examples tools benchmarks)

.DEFAULT_GOAL := help
.PHONY: help system-packages setup programs pulumi-path demo demo-targets fleet-cluster test check matrix soak bench-continuity bench-startup bench-status bench-fleet figures scheduled compatibility \
	lint audit format clean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/make \1|\2/p' Makefile | while IFS='|' read -r target does; do \
		printf '%-22s %s\n' "$$target" "$$does"; done

setup: ## install the locked dependencies into .venv, find or build the Pulumi command line
	$(SETUP) setup

system-packages: ## install Chromium and promtool for the tests that use them: as root, on Debian
	$(PYTHON) tools/system_packages.py

pulumi-path: ## print the folder of the Pulumi command line
	@$(SETUP) pulumi-path

demo: setup ## show a rotation from start to end
	$(RUN) python tools/demo.py

demo-targets: setup ## show the second act: three targets, one switched over with the signer; refuse, verify, roll back
	$(RUN) python tools/demo_targets.py

fleet-cluster: setup ## rotate 12 stacks on a Dask cluster of this machine, kill a worker in the middle
	$(RUN) python tools/fleet_cluster.py

programs: setup ## install what a Pulumi program needs into .venv-programs, in which tests run programs
	$(SETUP) setup-programs

test: programs ## run the tests, with every branch of provider/ covered
	$(RUN) coverage erase
	$(RUN) coverage run -m pytest --numprocesses $(WORKERS) --dist worksteal
	$(RUN) coverage combine --quiet
	$(RUN) coverage report

matrix: programs ## interrupt every operation at every request, write the results into docs/explanation/reliability.md
	$(RUN) env PYTHONPATH=tests:tools ONLY="$(ONLY)" python -m support.crash_matrix

soak: setup ## search for faults for SOAK_SECONDS with other examples each time (SOAK_SEED repeats a search)
	PYTHONPATH=tests:tools $(RUN) python -m support.stateful.soak $(SOAK_SECONDS) $(SOAK_SEED)

bench-continuity: programs ## count the calls that fail while a certificate is exchanged, write docs/explanation/continuity.md
	$(RUN) env PYTHONPATH=benchmarks:tests:tools python -m continuity --seconds $(BENCH_SECONDS)

bench-startup: programs ## compare commands without changes with those of empty resources, write docs/explanation/performance.md
	$(RUN) env PYTHONPATH=benchmarks:tests:tools python -m startup

bench-status: setup ## time the status of a thousand subaccounts, write docs/explanation/performance.md
	$(RUN) env PYTHONPATH=benchmarks:tests:tools python -m status

bench-fleet: programs ## time and weigh many subaccounts beside other ways, write docs/explanation/performance.md
	$(RUN) env PYTHONPATH=benchmarks:tests:tools python -m fleet --sizes $(SIZES) --latencies $(LATENCIES) \
		--limit $(LIMIT) --parts $(PARTS) --stacks $(STACKS) --subaccounts $(SUBACCOUNTS) $(if $(WAYS),--ways $(WAYS))

compatibility: setup ## rotate with the oldest and newest Pulumi, dependencies and Python; builds what is missing
	$(RUN) pytest -m compatibility

scheduled: programs ## run the tests that take too long for each change
	$(RUN) pytest -m scheduled --numprocesses $(WORKERS) --dist worksteal

lint: setup ## check style, format, types and language
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy $(CHECKED)
	$(RUN) python tools/check_language.py

check: lint ## lint and run the unit tests: the quick answer while you work
	$(RUN) pytest tests/unit --numprocesses $(WORKERS) --dist worksteal

figures: setup ## print the figures by which the code is kept readable
	$(RUN) python tools/code_metrics.py

audit: setup ## check the lock file, and the locked packages for known vulnerabilities
	$(SETUP) audit

format: setup ## format the code and apply safe fixes
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

clean: ## remove files of checks and tests from this folder; .venv and the user's cache stay
	rm -rf .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +
