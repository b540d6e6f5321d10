# make run | make test | make test-failed | make test-trust | make environments | make locks | make pictures | make bench | make lint | make docs | make coverage   (see README.md)

PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8501
# Dozens of processes start from this source, and each would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-failed test-trust environments locks pictures bench browser-runtimes lint docs coverage clean

run: .venv/installed .venv/browser-runtimes
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: .venv/installed-for-tests .venv/browser-runtimes
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "not long"

# Of the tests of the last run those that failed, once more and one after another; names what passes now.
test-failed:
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none -m "not long" -rp

# Bad inputs, faults and the sandbox, with the long runs that `make test` leaves out.
test-trust: .venv/installed-for-tests .venv/browser-runtimes
	$(BIN)/python -m tests.azurite
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "trust or long" --timeout=1800

# Every environment, really built and asked; several GB of packages.
environments: .venv/installed-for-tests
	$(BIN)/python -m pytest tests/environments --timeout=3600

# The locks of environments, resolved anew over the index that uv or pip is set to; of some alone: make locks ONLY="tract mnn"
locks: .venv/installed
	$(BIN)/python -m core.environments $(ONLY)

# The browser tests, with a picture of each page under tests/pictures.
pictures: .venv/installed-for-tests .venv/browser-runtimes
	ROUNDTRIP_PICTURES=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile -m browser --timeout=1800

bench: .venv/installed-for-tests .venv/browser-runtimes
	$(BIN)/python -m benchmarks

# What answers in a visitor's browser; from a folder of tarballs where there is no registry: make browser-runtimes FROM=FOLDER
browser-runtimes: .venv/installed
	$(BIN)/python -m core.browser_runtimes $(if $(FROM),--from $(FROM))

# Tried once by the first of the above, whether it succeeds or not; everything but those answers works without.
.venv/browser-runtimes: .venv/installed core/browser_runtimes/lock.json
	$(BIN)/python -m core.browser_runtimes || true
	touch $@

lint: .venv/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Which lines the tests run, in forked children of the worker too: make coverage TESTS=tests/cli
coverage: .venv/installed-for-tests
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -p tests.coverage_of_children -m "not long and not browser" $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Warnings are errors; the second line checks links and paths, also those of pages that Sphinx does not read.
docs: .venv/installed-for-docs
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	$(BIN)/python -m pytest tests/docs -k "links or paths"

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))" \
		|| { echo "Roundtrip needs Python 3.11, 3.12 or 3.13; try: make PYTHON=python3.12 run"; exit 1; }
	@echo "Installing TensorFlow and all else that requirements.txt names into .venv, once; it takes a minute or more."
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -r requirements.txt -e .
	touch $@

.venv/installed-for-tests: .venv/installed tests/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -r tests/requirements.txt
	$(BIN)/python -m tests.browser.chromium
	$(BIN)/python -m tests.postgresql_server
	$(BIN)/python -m tests.haproxy
	touch $@

.venv/installed-for-docs: .venv/installed-for-tests docs/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile -r docs/requirements.txt
	touch $@

clean:
	rm -rf .venv
