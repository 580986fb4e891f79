# The project's commands. `make demo` and `make test` set up everything they need.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin
# Extra arguments for installing PyTorch, e.g. the index of its CPU-only build.
TORCH_ARGS ?=
DEMO_OUT ?= demo
# Options of gpu-check, e.g. --device cpu.
GPU_ARGS ?=
# Options of attack, e.g. --minutes 60 --seed 5.
ATTACK_ARGS ?=
# Options of chaos, likewise.
CHAOS_ARGS ?=
# Tests that run side by side, with a thread each.
JOBS ?= 2

.PHONY: help setup demo test test-fast lint format docs bench attack chaos gpu-check gpu-wheels results pictures clean
help:
	@echo "make setup      the environment alone, in $(VENV)"
	@echo "make demo       set up, then the main job on the built-in data set (under 6 minutes on 2 cores)"
	@echo "make test       set up, then ruff, mypy and every test, JOBS=2 at a time (15 to 18 minutes on 2 cores)"
	@echo "make test-fast  the tests for daily use (under 2 minutes)"
	@echo "make lint       ruff and mypy"
	@echo "make docs       the documentation as a site, in site/"
	@echo "make bench      every benchmark, one after the other"
	@echo "make attack     edits, damaged files, mutated lines, two of everything at once (12 minutes on 2 cores)"
	@echo "make chaos      kills, full and slow disks, removed stores, jumping clocks (about 10 minutes on 2 cores)"
	@echo "make gpu-check  does everything work on this GPU, and how fast (7 minutes, no network needed)"
	@echo "make gpu-wheels the packages that gpu-check needs beside PyTorch, for a machine without a network"
	@echo "make pictures   the pictures of pages in docs/images; needs a browser: apt-get install chromium"
	@echo "make results    the tables of docs/results from the files in results/"

setup: $(VENV)/.ready

# torch first and pinned: whatever needs it afterwards finds it there
$(VENV)/.ready: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed (set PYTHON=...)"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(TORCH_ARGS) torch==2.13.0
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev,docs]"
	$(BIN)/python -m pip install --quiet --no-deps mediapipe==0.10.14 || echo "no MediaPipe: tests of videos are skipped"
	@touch $@

demo: setup
	$(BIN)/skelact demo --out $(DEMO_OUT)

test: setup lint
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-fast: setup
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m "not slow"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: setup
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

attack: setup
	$(BIN)/python tests/attack $(ATTACK_ARGS)

chaos: setup
	$(BIN)/python tests/attack --only chaos $(CHAOS_ARGS)

# no setup: a machine with a GPU may have PyTorch and no network
gpu-check:
	$$(test -x $(BIN)/python && echo $(BIN)/python || echo python3) benchmarks/gpu_check.py $(GPU_ARGS)

gpu-wheels: setup
	$(BIN)/python benchmarks/gpu_check.py --fetch-wheels

results: setup
	$(BIN)/skelact reproduce small --out . --table docs/results
	$(BIN)/skelact reproduce public --out . --table docs/results
	$(BIN)/skelact reproduce successor --out . --table docs/results

pictures: setup
	$(BIN)/python tests/browser/pictures.py

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache
