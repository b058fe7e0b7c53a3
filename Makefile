# make paper   make the environment, run the notebooks, and write all figures and tables to paper_figures/
# make test    run the tests, but for the slow ones (about 12 minutes)
# make test-all   run all tests: also notebooks without real stars, a demo run, and an installed wheel
# make style   format the code and mend what Ruff can mend
# make lab     open JupyterLab on the first notebook
# make browser build the explorer's JavaScript again, after an edit in browser/ (needs node; the result is committed)
# make cite    write codemeta.json, and the paper's text and figures, again, after new results or an edit of CITATION.cff
# make sync    write notebooks/*.py into the paired .ipynb files, without outputs
# make grid WORK=folder [BAND=apogee]   compute a grid of synthetic spectra again (takes hours; needs gfortran)
# make lock    write the versions installed in .venv into the lock file, after an upgrade there
#
# PYTHON=python3.12     use another Python, 3.11 or newer
# PROFILE=paper         run in another size: quick, demo or paper
# TORCH_INDEX=https://download.pytorch.org/whl/cu128   install PyTorch for an NVIDIA GPU (the default is the CPU build)

PYTHON ?= python3
PROFILE ?= demo
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := .venv/bin
LOCK := .ci/requirements.lock
CODE := specnb tests benchmarks data/recipes paper notebooks
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.DELETE_ON_ERROR:
.PHONY: paper setup test test-all style lab browser cite sync grid lock

paper: setup
	@$(BIN)/specnb paper --profile $(PROFILE)

setup: .venv/.installed ; @:

# PyTorch is installed first and separately, because the default package index may offer a build of several gigabytes.
# If TORCH_INDEX cannot be reached, pip ignores it and installs the version of the lock file from the default index.
.venv/.installed: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "specnb needs Python 3.11 or newer: name one with make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv || \
	  { echo "cannot make .venv: install Python's venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "installing into .venv: some minutes and 2 GB"
	@$(PIP) --retries 1 --no-deps --extra-index-url $(TORCH_INDEX) "$$(grep '^torch==' $(LOCK))"
	@$(PIP) -r $(LOCK)
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

test: setup
	$(BIN)/python -m pytest

test-all: setup
	$(BIN)/python -m pytest -m ""

style: setup
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

lab: setup
	@$(BIN)/specnb lab

browser:
	cd browser && npm ci && npm run build

cite: setup
	$(BIN)/python paper/codemeta.py
	$(BIN)/python paper/text.py
	$(BIN)/python paper/figures.py

sync: setup
	$(BIN)/jupytext --quiet --update --to ipynb notebooks/[0-9][0-9]_*.py
	$(BIN)/jupyter nbconvert --log-level WARN --clear-output --inplace notebooks/[0-9][0-9]_*.ipynb

grid: BAND ?= rvs
grid: setup
	@test -n "$(WORK)" || { echo "name a folder for the simulator and its spectra: make grid WORK=folder" >&2; exit 1; }
	PYTHON=$(abspath $(BIN)/python) sh data/recipes/build.sh $(abspath $(WORK))
	$(BIN)/python data/recipes/$(BAND)_grid.py $(abspath $(WORK))

lock: setup
	@{ sed -n '/^#/p' $(LOCK); $(BIN)/pip freeze --exclude-editable --exclude specnb | sed 's/+.*//'; } > $(LOCK).new
	@mv $(LOCK).new $(LOCK)
