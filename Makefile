# make setup | run | test | test-cluster | lint | docs | notebook | ui | bench | lock
# ARGS="..." is passed to run, test, test-cluster, ui and bench.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHELL := bash
.SHELLFLAGS := -o pipefail -c
PIP := $(BIN)/python -m pip --disable-pip-version-check install
# Shows a line for each package of a lock file: its place, name and version.
SHOW = awk -v of="$$(grep -c '^[a-z].*==' $(LOCKED))" '/^(Collecting|Ignoring|Requirement)/ {++n} \
    /^Collecting/ {print "  " n "/" of "  " $$2} /^Installing/ {print "  unpacking ..."} {fflush()}'
ARGS ?=
# LOCK=gpu also installs the packages for an NVIDIA GPU.
LOCK ?= use
INSTALLED := $(VENV)/$(LOCK).stamp

.PHONY: setup run test test-cluster browser lint docs notebook ui bench lock

setup: $(INSTALLED)
	@$(BIN)/python -m dcgan_sweeps.data

run: $(INSTALLED)
	$(BIN)/python -m dcgan_sweeps.run $(ARGS)

ui: $(INSTALLED)
	$(BIN)/python -m dcgan_sweeps.ui $(ARGS)

test: setup browser $(VENV)/test.stamp
	$(BIN)/python -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder --ignore=tests/cluster $(ARGS)

# The browser tests need Chromium: Debian's, or another one with CHROMIUM=/path/to/it.
browser:
	@command -v "$${CHROMIUM:-chromium}" > /dev/null && exit; \
	command -v apt-get > /dev/null || { echo "there is no browser; install Chromium, or name one: CHROMIUM=/path make test"; exit 1; }; \
	echo "installing chromium ..."; \
	as_root=$$(test "$$(id -u)" = 0 || echo sudo); \
	$$as_root apt-get update -qq && $$as_root apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core > /dev/null

# The tests of clusters need these packages of Debian, and are left out of make test.
CLUSTER_PACKAGES := slurm-wlm munge slurmdbd mariadb-server postgresql
test-cluster: setup $(VENV)/test.stamp
	@dpkg --status $(CLUSTER_PACKAGES) > /dev/null 2>&1 && exit; \
	command -v apt-get > /dev/null || { echo "there is no apt-get; install $(CLUSTER_PACKAGES)"; exit 1; }; \
	echo "installing $(CLUSTER_PACKAGES) ..."; \
	as_root=$$(test "$$(id -u)" = 0 || echo sudo); \
	$$as_root apt-get update -qq && $$as_root apt-get install -qq -y --no-install-recommends $(CLUSTER_PACKAGES) > /dev/null
	$(BIN)/python -m pytest tests/cluster $(ARGS)

bench: setup $(VENV)/test.stamp
	$(BIN)/python -m benchmarks.training $(ARGS)
	$(BIN)/python -m benchmarks.slots
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.scoring
	$(BIN)/python -m benchmarks.mirror
	$(BIN)/python -m benchmarks.report

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml

docs: $(VENV)/dev.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Executes docs/notebook.ipynb and keeps what comes out.
notebook: setup $(VENV)/test.stamp
	mkdir -p build/notebook
	cp docs/notebook.ipynb build/notebook/
	PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH="$(CURDIR)" $(BIN)/jupyter execute --inplace build/notebook/notebook.ipynb
	cp build/notebook/notebook.ipynb docs/

# A stamp file marks that a lock file is installed; a newer lock file is installed again.
$(INSTALLED): LOCKED = requirements/$(LOCK).txt
$(INSTALLED): requirements/$(LOCK).txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; ok = (3, 11) <= v < (3, 14); \
	    ok or sys.exit("got Python %d.%d; allowed: 3.11 to 3.13, as in: make PYTHON=python3.12" % v[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the locked dependencies into $(VENV) (a few minutes on a fresh machine) ..."
	@$(PIP) --require-hashes --requirement $(LOCKED) | $(SHOW)
	@$(PIP) --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/test.stamp: LOCKED = requirements/test.txt
$(VENV)/test.stamp: $(INSTALLED) requirements/test.txt
	@echo "installing what the tests need ..."
	@$(PIP) --require-hashes --requirement $(LOCKED) | $(SHOW)
	@touch $@

$(VENV)/dev.stamp: LOCKED = requirements/dev.txt
$(VENV)/dev.stamp: $(INSTALLED) requirements/dev.txt
	@echo "installing what development needs ..."
	@$(PIP) --require-hashes --requirement $(LOCKED) | $(SHOW)
	@touch $@

# Locks the newest versions that pyproject.toml allows. Lock files have versions and hashes, no URLs.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header --no-annotate
lock: $(VENV)/dev.stamp
	$(COMPILE) pyproject.toml requirements/build.in --output-file requirements/use.txt
	$(COMPILE) pyproject.toml requirements/build.in --extra gpu --constraint requirements/use.txt --output-file requirements/gpu.txt
	$(COMPILE) pyproject.toml requirements/build.in --extra postgres --extra s3 --extra server --constraint requirements/use.txt --output-file requirements/server.txt
	$(COMPILE) pyproject.toml requirements/build.in --extra test --constraint requirements/use.txt --output-file requirements/test.txt
	$(COMPILE) pyproject.toml requirements/build.in --extra test --extra dev --constraint requirements/test.txt --output-file requirements/dev.txt
