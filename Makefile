# Two commands for a bare clone: `make serve` and `make test`.
PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
# A model directory, or the name of published weights, which r3d-serve fetches.
MODEL ?= models/camera-motion
PUBLISHED := r3d_18 mc3_18 r2plus1d_18
# `test,torch` adds the tests that need PyTorch (a large download).
TEST_EXTRAS ?= test

BIN := .venv/bin
INSTALL := $(BIN)/pip install -q --disable-pip-version-check -c constraints.txt
BUNDLED := engine_builder/camera_motion

.PHONY: serve test lint docs soak release clean
.DELETE_ON_ERROR:

serve: .venv/.serve $(if $(filter $(PUBLISHED),$(MODEL)),,$(MODEL)/model.json)
	exec $(BIN)/r3d-serve --host $(HOST) --port $(PORT) --model $(MODEL)

test: .venv/.$(TEST_EXTRAS) lint
	$(BIN)/pytest

docs: .venv/.docs
	$(BIN)/properdocs build

# Wheel, source archive, list of packages, images, tag; publishes nothing.
release: .venv/.release
	$(BIN)/python deploy/release.py

soak: .venv/.$(TEST_EXTRAS)
	$(BIN)/python -m tests.system.soak

lint: .venv/.$(TEST_EXTRAS)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

models/camera-motion/model.json: $(BUNDLED)/camera_motion.wts $(BUNDLED)/labels.txt | .venv/.serve
	@echo 'Building the bundled model into models/camera-motion.'
	$(BIN)/r3d-engine bundled -o models/camera-motion

.venv/bin/python:
	@echo 'Making a virtual environment in .venv.'
	$(PYTHON) -m venv .venv

.venv/.serve: pyproject.toml constraints.txt | .venv/bin/python
	@echo 'Installing some 40 packages into .venv, once: about 190 MB to download, 650 MB on disk. This may take minutes.'
	$(INSTALL) -e '.[cpu]'
	touch $@

.venv/.docs: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[docs]'
	touch $@

.venv/.release: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[release]'
	touch $@

# openapi-python-client wants an older typer than our programs, for a command line that is the same in both.
.venv/.$(TEST_EXTRAS): pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[$(TEST_EXTRAS)]'
	$(INSTALL) --no-deps openapi-python-client
	touch $@

# For `benchmarks.peers`: BentoML cannot be installed beside the OpenTelemetry of constraints.txt, and wants a newer certifi.
.venv-bentoml: pyproject.toml constraints.txt
	$(PYTHON) -m venv $@
	grep -Ev '^(certifi|opentelemetry-)' constraints.txt > $@/constraints.txt
	$@/bin/pip install -q --disable-pip-version-check -c $@/constraints.txt -e '.[peer-bentoml]'
	touch $@

clean:
	rm -rf .venv .venv-bentoml models site
