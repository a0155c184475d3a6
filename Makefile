# The one door, for people and for CI. Everything is installed into .venv; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
MODELS := wheel:efficientnet-lite0 wheel:efficientnet-lite1 wheel:efficientnet-lite2

.PHONY: demo test check bench clean

# Main job: the embedded models on the embedded edition.
demo: .venv/installed-demo
	$(BIN)/imagenet-g evaluate $(MODELS:%=--model %) --split mini/renditions --out results

# All tests that need neither a GPU nor the internet.
test: .venv/installed-dev
	$(BIN)/pytest

# Format, lint, types, layers.
check: .venv/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/installed-dev
	$(BIN)/python -m imagenet_g.benchmark.bench
	$(BIN)/python -m imagenet_g.baselines.bench
	$(BIN)/python -m imagenet_g.generation.bench
	$(BIN)/python -m imagenet_g.leaderboard.bench

clean:
	rm -rf .venv build dist *.egg-info results

.venv/pip: 
	$(PYTHON) -m venv .venv
	touch $@

.venv/installed-demo: pyproject.toml | .venv/pip
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[demo]"
	touch $@

.venv/installed-dev: pyproject.toml | .venv/pip
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[all,dev]"
	touch $@
