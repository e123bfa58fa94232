# make scan    a virtual environment, the demo pallet and its exclusion contour
# make test    everything that is checked: ruff, mypy --strict, pytest
# make check   the same
# make docs    the documentation site, in build/docs
# make clean   removes caches and builds; `make distclean` the virtual environment too
#
# Variables:
#   PYTHON       the Python (3.11 or newer) that makes the virtual environment; found when not given
#   TORCH_INDEX  one more package index for PyTorch. PyPI's Linux build brings CUDA (gigabytes); for the CPU build:
#                make scan TORCH_INDEX=https://download.pytorch.org/whl/cpu
#   SCAN_DIR     the folder of the demo's run

SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help scan test check docs clean distclean
.DELETE_ON_ERROR:

PYTHON ?=
TORCH_INDEX ?=
SCAN_DIR ?= hfx-runs/demo
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed -n '1,13p'

# pip is the last thing that venv writes: an interrupted environment is made again.
$(BIN)/pip:
	@for python in $(or $(PYTHON),python3.11 python3.12 python3.13 python3 python3.14); do \
	    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	    python=; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "make: no Python 3.11 or newer found$(if $(PYTHON), at $(PYTHON)); install one" \
	        "(Debian, Ubuntu: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3.11" >&2; \
	    exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	    version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	    echo "make: $$python cannot make a virtual environment; install it" \
	        "(Debian, Ubuntu: apt-get install python$$version-venv)" >&2; \
	    exit 1; \
	fi; \
	echo "making $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv $(VENV)

$(VENV)/.hfx-installed: $(BIN)/pip pyproject.toml constraints.txt
	@echo "installing hfx into $(VENV); the first time takes minutes: PyTorch is large"
	@echo "  1 of 3: PyTorch"
	@$(INSTALL) torch
	@echo "  2 of 3: hfx, and the other packages that it needs"
	@$(INSTALL) -e .
	@echo "  3 of 3: compiling the fits for this machine (half a minute)"
	@$(BIN)/python -c 'from hfx.driver.process.compile_kernels import precompile; precompile()'
	@touch $@

$(VENV)/.hfx-test-installed: $(VENV)/.hfx-installed
	@echo "installing what the tests need"
	@$(INSTALL) -e '.[test]'
	@touch $@

scan: $(VENV)/.hfx-installed
	$(BIN)/hfx pallet demo $(dir $(SCAN_DIR))
	$(BIN)/hfx scan $(dir $(SCAN_DIR))demo.tar.gz -o $(SCAN_DIR)
	@echo "the exclusion contour: $(SCAN_DIR)/contour.pdf and $(SCAN_DIR)/contour.png"

test check: $(VENV)/.hfx-test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src
	@$(BIN)/python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder $(PYTEST_ARGS)

docs: $(VENV)/.hfx-test-installed
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs
	@echo "the documentation: build/docs/index.html"

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf

distclean: clean
	rm -rf $(VENV)
