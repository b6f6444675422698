# Everything runs in .venv, which is made from the lock of the Python in use. Linux on x86_64.
PYTHON ?= python3
ROWS ?= 400000

VERSIONS := 3.11 3.12 3.13
RUNNING := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
LOCK := requirements/py$(subst .,,$(RUNNING))-dev.txt
BUILD_LOCK := requirements/build.txt
READY := .venv/made-by-python$(RUNNING)
# The only dependency that may be built from source: it has no wheel before Python 3.13.
FROM_SOURCE := google-apitools
UV := uv==0.13.9

.PHONY: help demo pictures test memory faults soak sbom check web clean lock
.DELETE_ON_ERROR:

help: ## what can be made
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(READY) ## rows of this machine through every stage; ROWS=all takes all, FORCE=1 starts over
	.venv/bin/python -m examples.next_identifier.demo --rows $(ROWS) $(if $(FORCE),--force)

pictures: demo web ## those in docs/pictures that show rows of the demo; needs a Chromium
	PYTHONPATH=. .venv/bin/python tests/pictures.py demo/$(ROWS)

test: check ## the checks, then every test
	.venv/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

memory: $(READY) ## peak memory of scoring 10 million rows, and 5 GB under 512 MB: a quarter of an hour
	CI_FULL=1 .venv/bin/python -m pytest --numprocesses 0 -s tests/serving/test_score_memory.py

KILLS ?= 20
faults: $(READY) ## KILLS of each stage, full disks, damaged and hostile files: about an hour
	CI_FULL=1 KILLS=$(KILLS) .venv/bin/python -m pytest tests/test_faults_*.py tests/pipeline/test_bad_*.py \
	  tests/pipeline/test_rows.py

CHAINS ?= 50
SOAK_MINUTES ?= 30
soak: $(READY) ## CHAINS whole chains with kills at random, then SOAK_MINUTES of scoring
	.venv/bin/python -m benchmarks.soak --chains $(CHAINS) --minutes $(SOAK_MINUTES)

sbom: $(READY) ## the bill of materials of the environment, in CycloneDX's form: sbom.json
	.venv/bin/cyclonedx-py environment --output-format JSON --output-file sbom.json .venv

check: $(READY) ## format, lint and types
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m ruff check .
	.venv/bin/python -m mypy

web: serving/web/node_modules/.package-lock.json ## onnxruntime for browsers from npm: what serving.page needs

serving/web/node_modules/.package-lock.json: serving/web/package-lock.json
	cd serving/web && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

clean: ## removes the environment, the caches and what the demo made
	rm -rf serving/web/node_modules
	rm -rf .venv .lock-venv .mypy_cache .pytest_cache .ruff_cache .hypothesis demo *.egg-info

$(READY): $(LOCK) $(BUILD_LOCK)
	rm -rf .venv
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --require-hashes --only-binary :all: -r $(BUILD_LOCK)
	.venv/bin/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: \
	  --no-binary $(FROM_SOURCE) --no-build-isolation --use-pep517 -r $(LOCK)
	.venv/bin/python -m pip check --quiet
	.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

# Reached only where no lock has this name: another Python, or none.
$(LOCK):
	@echo "error: Python must be one of $(VERSIONS). Received: $(PYTHON) = $(or $(RUNNING),not found)." >&2
	@echo "Name another one: make PYTHON=python3.13 ..." >&2
	@exit 1

COMPILE = .lock-venv/bin/uv pip compile --quiet --generate-hashes --no-annotate \
  --custom-compile-command "make lock" --python-platform x86_64-manylinux_2_28 \
  --only-binary :all: --no-binary $(FROM_SOURCE) $(UPGRADE)

lock: ## solves the dependencies again, for every Python; UPGRADE=--upgrade takes newer ones
	$(PYTHON) -m venv .lock-venv
	.lock-venv/bin/python -m pip install --quiet $(UV)
	$(COMPILE) requirements/build.in --python-version 3.11 -o $(BUILD_LOCK)
	set -e; for version in $(VERSIONS); do \
	  to=requirements/py$$(echo $$version | tr -d .); \
	  $(COMPILE) pyproject.toml --extra dev --python-version $$version \
	    -c requirements/tested.txt -c $(BUILD_LOCK) -o $$to-dev.txt; \
	  $(COMPILE) pyproject.toml --extra score --python-version $$version \
	    -c $$to-dev.txt -o $$to-score.txt; \
	done
	rm -rf .lock-venv
