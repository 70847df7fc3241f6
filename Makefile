# Every target sets up what it needs in .venv: all that must be there is make and Python 3.11+.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test clients owui jaeger kube lint bench soak clean

help: ## Show the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

demo: .venv/.demo ## Record a program with its model calls, then look at them
	$(BIN)/python examples/demo.py

test: .venv/.test ## Run all tests but the long ones
	scripts/install-test-tools
	$(BIN)/python -m pytest -m "not soak and not clients and not owui and not jaeger and not kube"

clients: .venv/.test ## Drive the real Codex CLI and Claude Code through the proxy
	scripts/install-clients
	$(BIN)/python -m pytest -m clients tests/clients

owui: .venv/.test ## Drive the real Open WebUI with functions that import steno
	scripts/install-open-webui
	$(BIN)/python -m pytest -m owui --timeout 600 tests/owui

jaeger: .venv/.test ## Drive a real Jaeger, which is built first
	scripts/install-jaeger
	$(BIN)/python -m pytest -m jaeger --timeout 600 tests/integration/test_collect_jaeger.py

kube: .venv/.test ## Collect from a real kube-apiserver, which is built first: ten minutes
	scripts/install-kube-apiserver
	$(BIN)/python -m pytest -m kube tests/integration/test_collect_kubernetes.py

lint: .venv/.lint .venv/.test ## Check style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.bench ## Measure against the bars; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks

soak: .venv/.soak ## Run the long tests: 500 kills, a million damaged lines, a real model server
	scripts/install-transformers
	$(BIN)/python -m pytest -m soak --timeout 3600

clean: ## Remove what the other targets made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist

.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "steno needs Python 3.11 or newer; choose one with: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ echo "Python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

.venv/.installed: .venv/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[proxy,prices,archives,collectors]'
	@touch $@

.venv/.demo: .venv/.installed requirements/demo.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/demo.txt
	@touch $@

.venv/.test: .venv/.installed requirements/test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/test.txt
	@touch $@

.venv/.soak: .venv/.test requirements/soak.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/soak.txt
	@touch $@

.venv/.lint: .venv/.installed requirements/lint.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/lint.txt
	@touch $@

.venv/.bench: .venv/.installed requirements/bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/bench.txt
	@touch $@
