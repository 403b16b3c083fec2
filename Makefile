# The two commands: `make run` and `make test`. `make help` lists the rest.
SHELL := bash
.DEFAULT_GOAL := help

AGENCIES ?= 5
BETS ?= 10000
COMPOSE_FILE := docker-compose-dev.yaml
COMPOSE := docker compose -f $(COMPOSE_FILE)

.PHONY: help
help: ## List what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 22

# `npm ci` once, and again when the lock file is newer.
node_modules: package.json package-lock.json
	npm ci --no-fund --no-audit
	@touch node_modules

.PHONY: build
build: node_modules ## Bundle the apps and the tools into dist/
	@npm run --silent build

.PHONY: lint
lint: node_modules ## Linter, format check and type check
	npm run --silent lint
	npm run --silent format:check
	npm run --silent typecheck

.PHONY: test
test: build ## Run every test; the container tests too where an engine answers
	npm test --silent

.PHONY: coverage
coverage: build ## The same with coverage
	npm run --silent coverage
