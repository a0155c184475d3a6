# The one door, for people and for CI. Everything is installed into .venv; nothing else is touched.
PYTHON ?= python3
FUZZ_SECONDS ?= 600
BIN := .venv/bin
LITES := wheel:efficientnet-lite0 wheel:efficientnet-lite1 wheel:efficientnet-lite2
DEMO := results/demo
DATA := --data mini-demo=$(DEMO)/release

.PHONY: demo test nightly fuzz check submissions bench clean

# Main job: draw new images with the embedded generator, filter them by the embedded CLIP, score models on them, and
# write the board as one page. Classifiers of photographs read none of these images; they are scored on drawings.
demo: .venv/installed-demo
	$(BIN)/imagenet-g build mini --split sd-l --images-per-class 2 --name mini-demo --out $(DEMO)/release
	$(BIN)/imagenet-g baselines run --set drawn --split mini-demo/sd-l --reference mini/real $(DATA) --out $(DEMO)/line
	$(BIN)/imagenet-g evaluate --model open_clip:packaged:mini-clip --templates single --reference mini/real $(DATA) \
		--split mini-demo/sd-l --split mini-demo/sd-l:clip-filtered \
		--baseline $(DEMO)/line/drawn-mini-demo-sd-l.json --out $(DEMO)/results
	$(BIN)/imagenet-g evaluate $(LITES:%=--model %) --split mini/renditions --reference published --out $(DEMO)/results
	$(BIN)/imagenet-g leaderboard build --board $(DEMO)/board
	$(BIN)/imagenet-g leaderboard export --board $(DEMO)/board --to $(DEMO)/leaderboard.html

# All tests that need neither a GPU nor the internet. A file stays in one process, because its tests share fixtures.
# Two processes more than cores, because a third of their time is waiting for browsers and servers; more than four
# would need more memory than they save time. Files are dealt out in the order of tests/conftest.py, longest first, and not
# by the number of their tests.
TEST_PROCESSES := $(shell $(PYTHON) -c "import os; print(min(4, (os.cpu_count() or 1) + 2))")
test: .venv/installed-dev
	$(BIN)/pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

# What takes too long for every change: each text-to-image class of the installed diffusers.
nightly: .venv/installed-dev
	$(BIN)/pytest -m nightly --numprocesses auto --maxprocesses 4

# What comes in from outside, with new examples until the time is over; a failure prints its seed.
fuzz: .venv/installed-dev
	IMAGENET_G_FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/pytest tests/fuzz --tb=short

# Format, lint, types, layers, and how much the comments and examples say. import-linter takes each folder as a package
# of its own only where the package above them is a namespace, as an empty folder makes it.
check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=tests/support/namespace $(BIN)/lint-imports
	$(BIN)/python tests/support/count_prose.py

# Every submission that ships must stay valid.
submissions: .venv/installed-dev
	$(BIN)/imagenet-g validate submissions

bench: .venv/installed-dev
	$(BIN)/python -m imagenet_g.benchmark.bench
	$(BIN)/python -m imagenet_g.baselines.bench
	$(BIN)/python -m imagenet_g.baselines.bench_training
	$(BIN)/python -m imagenet_g.generation.bench
	PYTHONPATH=tests/support $(BIN)/python -m board_bench

clean:
	rm -rf .venv build dist *.egg-info results

.venv/pip: 
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed-demo: pyproject.toml | .venv/pip
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[demo,generate,leaderboard]"
	touch $@

.venv/installed-dev: pyproject.toml | .venv/pip
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[all,dev]"
	touch $@
