# Targets are explained by `make help`. Everything is relative to the repository,
# so a clone in a folder whose name has spaces works too.

VENV := .venv
BIN := $(VENV)/bin
ENV_STAMP := $(VENV)/.stamp-env
STAMP := $(VENV)/.stamp-setup
# Twice quiet: errors are shown, remarks about the user's pip set-up are not.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
NGSPICE_VERSIONS := 39 46
NATIVE := amcspice/native
CPP := $(shell find amcspice -name CMakeFiles -prune -o -name '*.[ch]pp' -print) $(NATIVE)/CMakeLists.txt

# One BLAS and OpenMP thread a process: the tests run one process a core.
TEST_ENV := AMCSPICE_REQUIRE_NGSPICE=1 MPLBACKEND=Agg OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
PYTEST := $(TEST_ENV) $(BIN)/python -m pytest -n auto
PYTEST_ARGS ?=
# Fonts are looked up anew, whatever an older Matplotlib has left.
DOCS_ENV := MPLCONFIGDIR="$(CURDIR)/docs/_build/matplotlib" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

# Shell text that sets $$python to a Python 3.11 or later, or stops with one message.
# `make PYTHON=/path/to/python3.12 setup` overrides the search.
PYTHON ?=
define FIND_PYTHON
python=; \
if [ -n "$(PYTHON)" ]; then tried="$(PYTHON)"; \
else tried="python3 python3.14 python3.13 python3.12 python3.11 python"; fi; \
for candidate in $$tried; do \
	if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
		python=$$candidate; break; fi; \
done; \
if [ -z "$$python" ]; then \
	echo "amcspice needs Python 3.11 or later; tried: $$tried. Install one, or name it: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; \
	exit 1; \
fi
endef

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup ngspice demo test test-slow test-all-versions lint wheel minimal format lock docs notebooks netlists clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 20

setup: ngspice $(STAMP) ## install ngspice if missing, and amcspice, compiled, with its tools into .venv

ngspice:
	@$(FIND_PYTHON); PYTHON="$$python" bash scripts/install-ngspice.sh

# A changed lock builds .venv anew; a changed pyproject.toml or C++ source installs amcspice again.
$(ENV_STAMP): requirements-dev.lock | ngspice
	@$(FIND_PYTHON); \
	echo "Creating $(VENV) with $$("$$python" --version) and $$(grep -c == $<) locked packages; this takes a minute or two"; \
	rm -rf $(VENV) && "$$python" -m venv $(VENV)
	@$(PIP) --require-hashes -r $<
	@rm -rf $(NATIVE)/CMakeCache.txt $(NATIVE)/CMakeFiles
	@touch $@

$(STAMP): pyproject.toml $(CPP) $(ENV_STAMP)
	@CXX=$$(bash scripts/install-compiler.sh $(VENV)) && export CXX && \
	echo "Compiling amcspice with $$CXX; this takes half a minute, less when little has changed" && \
	$(PIP) --no-deps --no-build-isolation --force-reinstall -e .
	@$(BIN)/python -c "from amcspice.native import compiled"
	@touch $@

demo: setup ## factorize the Hubble picture on the simulated circuit
	$(BIN)/python scripts/demo.py

test: setup ## run the tests but the slow ones (PYTEST_ARGS="..." adds options)
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-slow: setup ## run the slow tests, that `make test` leaves out
	$(PYTEST) -m slow $(PYTEST_ARGS)

test-all-versions: setup ## run the whole suite against ngspice 39 and against 46
	@set -e; for version in $(NGSPICE_VERSIONS); do \
		bash scripts/install-ngspice.sh --version $$version --prefix ".ngspice/$$version"; \
	done
	@set -e; for version in $(NGSPICE_VERSIONS); do \
		echo "== ngspice $$version"; \
		AMCSPICE_NGSPICE="$$PWD/.ngspice/$$version/usr" $(PYTEST) $(PYTEST_ARGS); \
	done

lint: setup ## ruff, mypy, the import rules, warnings of the C++ compiler, shellcheck if there is one
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@CXX=$$(bash scripts/install-compiler.sh $(VENV)) $(BIN)/cmake -S $(NATIVE) -B build/lint -G Ninja \
		-DPython_EXECUTABLE="$$PWD/$(BIN)/python" -DCMAKE_MAKE_PROGRAM="$$PWD/$(BIN)/ninja" \
		-DCMAKE_COMPILE_WARNING_AS_ERROR=ON >/dev/null
	$(BIN)/cmake --build build/lint
	@if command -v shellcheck >/dev/null; then shellcheck scripts/*.sh .ci/run; \
	else echo "shellcheck is not installed: shell scripts not checked"; fi

wheel: setup ## build dist/: a source distribution and, from that, the wheel; check what they hold
	rm -rf dist
	@CXX=$$(bash scripts/install-compiler.sh $(VENV)) PATH="$$PWD/$(BIN):$$PATH" $(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*
	$(BIN)/python scripts/check_dist.py dist

minimal: wheel ## install the wheel, and nothing else, into an empty environment and try it there
	rm -rf build/minimal
	$(BIN)/python -m venv build/minimal
	build/minimal/bin/python -m pip install -qq --disable-pip-version-check dist/*.whl
	build/minimal/bin/python scripts/minimal.py --sizes

format: setup ## let ruff format the code and sort the imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## rewrite requirements-dev.lock from pyproject.toml
	@$(FIND_PYTHON); PYTHON="$$python" bash scripts/lock.sh

docs: setup ## build the documentation site into docs/_build/html and check its links
	$(DOCS_ENV) $(BIN)/python -m sphinx -j 1 -W --keep-going -q -d docs/_build/doctrees docs docs/_build/html
	$(BIN)/python scripts/check_site.py docs/_build/html

netlists: setup ## write the decks under netlists/ again
	$(BIN)/python scripts/make_netlists.py

notebooks: setup ## run the notebooks again, and keep their output in them
	$(BIN)/python scripts/run_notebooks.py

clean: ## remove .venv, caches and downloads
	rm -rf docs/_build docs/api docs/commands docs/gallery docs/notebooks docs/top
	rm -rf $(VENV) .ngspice build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find $(NATIVE) -mindepth 1 -maxdepth 1 ! -name '*.[ch]pp' ! -name '*.py*' ! -name CMakeLists.txt -exec rm -rf {} +
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
