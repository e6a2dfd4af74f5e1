# The verbs of this project. Each does its own set-up, in .venv; Python 3.11 or newer with venv is all that must be there.
.DEFAULT_GOAL := help
.PHONY: help setup demo test fuzz check bench kafka kafka-jars lock secrets clean

BIN := .venv/bin
STAMP := .venv/.set-up
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
KAFKA_PORT ?= 9092
# parts of the tests run side by side, one more than there are cores since some wait (tests/support/side_by_side.py); each worker has
# servers of its own
JOBS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --quiet

# bash has a variable SECONDS of its own: only the one given to make counts
ifeq ($(origin SECONDS),command line)
DEMO_OPTIONS := --seconds $(SECONDS)
FUZZ_SECONDS := $(SECONDS)
endif
FUZZ_SECONDS ?= 120

help: ## show the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(STAMP) ## make .venv and install what requirements.lock names

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "setting up .venv (once; a minute or two)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@$(BIN)/python -m compileall -q services shared
	@touch $@

demo: setup ## a living sample region; SECONDS=60 ends it by itself
	@$(BIN)/yujing demo $(DEMO_OPTIONS)

test: setup ## every tier that this machine can run (ARGS="-k ..." narrows, JOBS=0 runs in one process); says at its end which ran
	@$(BIN)/python -m pytest -m "not bench" -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz: setup ## odd input by every entrance, in both shapes; SECONDS=600 for each shape, SEED=7 repeats a run
	@YUJING_FUZZ_SECONDS=$(FUZZ_SECONDS) YUJING_FUZZ_SEED=$(or $(SEED),$(shell od -An -N3 -tu4 /dev/urandom | tr -d ' ')) \
		$(BIN)/python -m pytest tests/fuzz $(ARGS)

check: setup ## format, lint, types, imports, contracts, rules of the code, words
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.support.contracts --check
	@$(BIN)/python -m tests.support.ground --check
	@$(BIN)/python -m tests.support.words --check

bench: setup ## measure; a table and JSON
	@$(BIN)/python -m tests.bench $(ARGS)

kafka: ## Apache Kafka itself on loopback, in the foreground (KAFKA_PORT=9092); needs Java 17 and, the first time, Maven
	@exec python3 deploy/kafka/run.py --port $(KAFKA_PORT)

kafka-jars: ## fetch Kafka's jars, so that the tests find them
	@python3 deploy/kafka/run.py --fetch-only

lock: setup ## resolve the dependencies again (UPGRADE=--upgrade takes newer ones)
	@$(COMPILE) $(UPGRADE) --extra dev --output-file requirements.lock
	@$(COMPILE) $(UPGRADE) --constraint requirements.lock --no-annotate --output-file deploy/requirements.lock

secrets: setup ## the secret files that docker-compose.yml reads, made once in .run/secrets
	@$(BIN)/python deploy/make_secrets.py .run/secrets

clean: ## what was made here, but data/
	rm -rf .venv .run build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
