# Backup Orchestrator. Every target does its own set-up: virtual environments from the locks in
# requirements/, Debian packages by apt where that is allowed.
#
#   make demo [SRC=/any/folder]     a whole life of a backup against a loopback sshd
#   make test                       every check; meant to take less than 20 minutes on 2 cores
#   make test-long                  what takes longer
#   make lint                       format, lint, types, architecture
#   make format                     let the formatter and the linter repair what they can
#   make bench                      a job of ours beside bare rsync
#   make robustness [STEPS=2000]    the state machines, for that many steps each; tells the seed
#   make fuzz [SECONDS=60]          every parser of foreign text, for that long each with atheris
#   make lock [UPGRADE=1]           write requirements/ anew
#   make audit                      ask the public database of advisories about every locked package
#   make sbom                       dist/sbom: what each form of an installation is made of
#   make clean                      remove environments, caches and build results
#
# PYTHON=/path/to/python3 chooses the interpreter.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export SRC STEPS SECONDS PYTHON UPGRADE

TOX_RUN := .venv-tools/bin/tox run
TOX := $(TOX_RUN) --quiet
# In this checkout, or in a readable copy when the ordinary user cannot reach it.
HERE := scripts/in-reach $(MAKE)

.PHONY: help
help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile

PUBLIC := demo test test-long lint bench robustness fuzz
.PHONY: $(PUBLIC) $(PUBLIC:%=do-%)
$(PUBLIC):
	@exec $(HERE) do-$@

do-demo:
	@scripts/bootstrap run
	@exec scripts/demo "$$BCK_SRC"

# What computes runs beside what waits: the units beside the kills, and the types where both leave room.
do-test:
	@scripts/bootstrap test
	@failed=0; $(TOX_RUN)-parallel --parallel 2 --quiet -e lint,arch || failed=$$?; \
	    $(TOX_RUN)-parallel --parallel 3 --parallel-live --quiet -e unit,chaos,type || failed=$$?; \
	    $(TOX) -e supply,contract,integration,e2e,gui,wheel && exit $$failed

do-test-long:
	@scripts/bootstrap test
	@exec $(TOX) -e long

do-lint:
	@scripts/bootstrap tools
	@exec $(TOX) -e lint,type,arch

do-bench:
	@scripts/bootstrap test
	@exec scripts/as-user "$(CURDIR)/.venv-dev/bin/python" scripts/bench.py

do-robustness:
	@scripts/bootstrap test
	@BCK_STEPS="$${STEPS:-2000}" exec $(TOX) -e robustness

do-fuzz:
	@scripts/bootstrap test
	@scripts/bootstrap fuzz
	@BCK_FUZZ_SECONDS="$${SECONDS:-60}" exec scripts/as-user "$(CURDIR)/.venv-dev/bin/python" scripts/fuzz.py

.PHONY: format lock audit sbom clean
format:
	@scripts/bootstrap tools
	@exec $(TOX) -e format

lock:
	@scripts/bootstrap tools
	@scripts/lock

audit:
	@scripts/bootstrap tools
	@exec .venv-tools/bin/python scripts/audit.py

sbom:
	@scripts/bootstrap tools
	@exec .venv-tools/bin/python scripts/sbom.py

clean:
	rm -rf .venv .venv-dev .venv-tools .fuzz .wheel .tox .bootstrap.lock .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis build dist
	find src tests scripts plugins -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || :
