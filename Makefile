# `make demo` and `make test` set everything up by themselves on a fresh clone.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
PLUGINS := $(wildcard plugins/probvae-*)
WORKERS ?= 2
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# uv installs several times as fast as pip, and pip where uv cannot: it does not read the configuration of pip.
install = $(BIN)/python -m uv pip install --quiet --compile-bytecode --python $(BIN)/python $(1) || $(PIP) $(1)

.DEFAULT_GOAL := help
.PHONY: help demo test tests lint types docs slow deep packages clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A stamp is written last, so that a broken install is tried again, and anew when the dependencies change.
$(VENV)/.made:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || { \
		echo "probvae needs Python 3.11, 3.12 or 3.13; found $$($(or $(PYTHON),python3) --version 2>/dev/null || echo none)." \
		"Install one, or name it: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) uv
	@touch $@

$(VENV)/.plain: $(VENV)/.made pyproject.toml
	$(call install,--editable .)
	@touch $@

$(VENV)/.docs: $(VENV)/.plain
	$(call install,--editable '.[docs]')
	@touch $@

# With the plugins in this repository, which are installed as anyone's are: through their entry points.
$(VENV)/.installed: $(VENV)/.made pyproject.toml $(PLUGINS:%=%/pyproject.toml)
	$(call install,--editable '.[dev]' $(foreach plugin,$(PLUGINS),--editable './$(plugin)[dev]'))
	@touch $(VENV)/.plain $(VENV)/.docs $@

demo: $(VENV)/.plain  ## Train a VAE with a learned mixture prior on real images, draw it, measure it
	$(BIN)/probvae train examples/first.toml
	@echo; echo "Next: change  use = \"mixture\"  in examples/first.toml to vamp, realnvp, maf or spline, or run"
	@echo "      $(BIN)/probvae train examples/first.toml --set model.prior.use=vamp"
	@echo; echo "Open $$(ls -t runs/first*/report.html | head -n 1) in a browser."

test: lint  ## Lint, check types, run the tests and doctests
	@$(MAKE) --no-print-directory -j 2 types tests

tests: $(VENV)/.installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" tests probvae $(PLUGINS)

lint: $(VENV)/.installed  ## Run ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed  ## Check types, strictly
	$(BIN)/mypy

docs: $(VENV)/.docs  ## Build the documentation site, strictly, into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "Open build/site/index.html in a browser."

slow: $(VENV)/.installed  ## Run the long tests
	$(BIN)/python -m pytest -n $(WORKERS) -m slow

deep: $(VENV)/.installed  ## Run the tests with many more random cases
	PROBVAE_HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest -n $(WORKERS)

packages: $(VENV)/.made  ## Build the packages, install and use them; PYTHONS="python3.11 python3.13" names interpreters
	$(BIN)/python tools/packages.py $(PYTHONS)

clean:  ## Remove the virtual environment and caches
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
