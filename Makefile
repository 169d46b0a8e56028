# Two commands for a newcomer: `make demo` and `make test`. Everything they need is installed by the first call.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
export PYTHON

.PHONY: help install demo test test-all checks bench screenshots clean

help:  ## what there is
	@echo 'Lifeline: open monitoring of a city'"'"'s pipes and floods'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo '  ARGS="..." is passed on: make demo ARGS="--fresh"; PYTHON=/path/to/python3 names the interpreter'

install:  ## install what is missing (Debian packages, .venv, private database and broker)
	@deploy/local/bootstrap.sh run
	@echo 'install: everything is there; $(BIN)/lifeline --help shows the verbs'

demo:  ## a living city on this machine; Ctrl-C stops it
	@deploy/local/bootstrap.sh run
	@exec $(BIN)/lifeline demo $(ARGS)

# $(call check,COMMAND,ADVICE): announces a check, runs it, stops with advice where it fails
check = @printf '\n==== %s\n' '$(1)'; PATH="$(CURDIR)/$(BIN):$$PATH"; $(1) || { printf '\nmake: %s failed -> %s\n' '$(1)' '$(2)' >&2; exit 1; }

checks:
	@deploy/local/bootstrap.sh test
	$(call check,ruff check,see the lines above; `ruff check --fix` mends much)
	$(call check,ruff format --check,run `ruff format`)
	$(call check,mypy,mend the types named above)
	$(call check,lint-imports,mend the import named above; the rules are in pyproject.toml)

test: checks  ## all checks and every test that does not take minutes
	$(call check,pytest -n 2 -m "not slow" $(ARGS),the failures are listed above; run one alone with `$(BIN)/pytest -k NAME`)

test-all: checks  ## all checks and every test
	$(call check,pytest -n 2 $(ARGS),the failures are listed above; run one alone with `$(BIN)/pytest -k NAME`)

bench:  ## measure each stage (ARGS="--json FILE" writes the figures; "ingest_sustained ingest_ceiling ingest_growth": 45 minutes)
	@deploy/local/bootstrap.sh test
	$(BIN)/python -m benchmarks $(ARGS)

screenshots:  ## pictures of the console (into build/screenshots; ARGS=docs/images: those of the documentation)
	@deploy/local/bootstrap.sh test
	$(BIN)/python -m deploy.screenshots $(ARGS)

clean:  ## remove .venv and what checks and builds left; data and the private root stay
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo 'left as they are: data folders of demos, and the private root in $${XDG_CACHE_HOME:-~/.cache}/lifeline'
