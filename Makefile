# make paper   everything from a clean clone: environment, notebooks, figures and tables in paper_figures/
# make test    the tests
# make lab     JupyterLab in notebooks/
# make sync    write notebooks/*.py into the paired .ipynb, without outputs
# make grid WORK=folder [BAND=apogee]   compute a grid of synthetic spectra anew (hours; needs gfortran)
# make lock    pin what .venv holds, after an upgrade there
#
# PYTHON=python3.12     another Python, 3.11 or newer
# PROFILE=paper         another size of the run: quick, demo, paper
# TORCH_INDEX=https://download.pytorch.org/whl/cu128   PyTorch for an NVIDIA GPU (the default is the CPU build)

PYTHON ?= python3
PROFILE ?= demo
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := .venv/bin
LOCK := .ci/requirements.lock
PIP := $(BIN)/pip install --quiet --disable-pip-version-check

.DELETE_ON_ERROR:
.PHONY: paper setup test lab sync grid lock

paper: setup
	@$(BIN)/specnb paper --profile $(PROFILE)

setup: .venv/.installed ; @:

# PyTorch first and by itself, because the plain index may offer a build of several gigabytes. An index that cannot
# be reached is passed over, and the lock's pin then takes what there is.
.venv/.installed: $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "specnb needs Python 3.11 or newer: name one with make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv || \
	  { echo "cannot make .venv: install Python's venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "installing into .venv: some minutes and 2 GB"
	@$(PIP) --retries 1 --no-deps --extra-index-url $(TORCH_INDEX) "$$(grep '^torch==' $(LOCK))"
	@$(PIP) -r $(LOCK)
	@$(PIP) --no-deps -e .
	@touch $@

test: setup
	$(BIN)/python -m pytest

lab: setup
	cd notebooks && ../$(BIN)/jupyter lab

sync: setup
	$(BIN)/jupytext --quiet --update --to ipynb notebooks/[0-9][0-9]_*.py
	$(BIN)/jupyter nbconvert --log-level WARN --clear-output --inplace notebooks/[0-9][0-9]_*.ipynb

grid: BAND ?= rvs
grid: setup
	@test -n "$(WORK)" || { echo "name a folder for the simulator and its spectra: make grid WORK=folder" >&2; exit 1; }
	PYTHON=$(abspath $(BIN)/python) sh data/recipes/build.sh $(abspath $(WORK))
	$(BIN)/python data/recipes/$(BAND)_grid.py $(abspath $(WORK))

lock: setup
	@{ sed -n '/^#/p' $(LOCK); $(BIN)/pip freeze --exclude-editable --exclude specnb --exclude ruff | sed 's/+.*//'; } > $(LOCK).new
	@mv $(LOCK).new $(LOCK)
