# The two commands: `make run` and `make test`. `make help` lists the rest.
SHELL := bash
.DEFAULT_GOAL := help

AGENCIES ?= 5
BETS ?= 10000
COMPOSE_FILE := docker-compose-dev.yaml
CERTIFICATES := .data/certificates
COMPOSE := docker compose -f $(COMPOSE_FILE)
PACKAGE_FILES := dist/package/sockwright
PACKAGE = dist/package/sockwright-$(shell node -p "require('./lib/package.json').version").tgz

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 22

# `npm ci` runs once, and again after a change of the lock file. No package needs its install script.
node_modules: package.json package-lock.json
	npm ci --ignore-scripts --no-fund --no-audit >&2
	@touch node_modules

.PHONY: build
build: node_modules ## Bundle the apps and the tools into dist/
	@npm run --silent build

# Each run has a fresh store. Missing sample data are made. DATA=DIR takes agency-1.csv … from another directory.
.PHONY: run
run: build ## Run the lottery on this machine (AGENCIES=10, BETS=10000 of each agency, DATA=DIR, JSON=1, TLS=1)
	@node dist/tools/run_lottery.js --agencies '$(AGENCIES)' --bets '$(BETS)' $(if $(DATA),--data '$(DATA)') $(if $(JSON),--json) $(if $(TLS),--tls)

.PHONY: data
data: build ## Make sample data in .data (AGENCIES=5, BETS=10000 of each agency)
	@node dist/tools/generate_data.js --agencies '$(AGENCIES)' --bets '$(BETS)'

# A directory with files is left as it is.
.PHONY: certificates
certificates: build ## Make certificates for a trial of TLS in .data/certificates (AGENCIES=5, DIR=…; docs/security.md)
	@node dist/tools/generate_certificates.js --agencies '$(AGENCIES)' $(if $(DIR),--directory '$(DIR)')

.PHONY: lint
lint: node_modules ## Linter, format, types, rules of imports, the packed library and its site
	@$(MAKE) --no-print-directory --jobs=2 lint-code lint-types lint-format lint-package lint-imports lint-docs

.PHONY: lint-code lint-types lint-format lint-package lint-imports lint-docs
lint-code:
	@npm run --silent lint
lint-types:
	@npm run --silent typecheck
lint-format:
	@npm run --silent format:check
lint-imports:
	@npm run --silent lint:imports
lint-docs: docs
lint-package: pack
	@npx --no-install publint --strict $(PACKAGE)
	@npx --no-install attw --format ascii --no-color $(PACKAGE) >dist/package/types.txt || \
	  { cat dist/package/types.txt; exit 1; }

# Linter, format and types skip unchanged files by a cache; CI and `make lint` check everything.
.PHONY: check
check: node_modules ## The quick check during work: linter, format, types, rules of imports, unit tests
	@$(MAKE) --no-print-directory --jobs=2 --output-sync check-code check-unit check-types check-format lint-imports

CACHE := node_modules/.cache/check

.PHONY: check-code check-types check-format check-unit
check-code:
	@npm run --silent lint -- --cache --cache-strategy content --cache-location $(CACHE)/eslint
check-types:
	@npm run --silent typecheck -- --incremental --tsBuildInfoFile $(CACHE)/types.tsbuildinfo
check-format:
	@npm run --silent format:check -- --cache --cache-strategy content --cache-location $(CACHE)/prettier
check-unit:
	@npm run --silent test -- --reporter dot test/unit

.PHONY: test
ifdef COVERAGE
# The bundles are measured too, so they keep the lines of the source.
test: export BUILD_READABLE := 1
endif
test: build ## Run every test; without a container engine, the container tests are skipped (COVERAGE=1: with coverage)
	npm run --silent $(if $(COVERAGE),coverage,test)

# The lowest supported version of 20 and 22, the latest of 24 and 26. npm's package `node` brings them; npx keeps them.
NODES ?= 20.19.0 22.13.0 24 26
LIBRARY_TESTS := test/unit/lib $(wildcard test/unit/*example*.test.ts) test/contract/stream_socket test/docs/code_blocks.test.ts

.PHONY: test-nodes
test-nodes: node_modules ## Test the library on every supported Node (NODES='20.19.0 26')
	@for version in $(NODES); do \
	  npx --yes --package node@$$version -- node --version && \
	  npx --yes --package node@$$version -- node test/run.js --reporter dot $(LIBRARY_TESTS) || exit; \
	done

# --- containers -------------------------------------------------------------------------------------------------------

.PHONY: docker-engine
docker-engine:
	@docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1 || \
	  { echo 'Docker with Compose v2 is required, and no engine responds (try: docker info).' >&2; exit 1; }

# NODE_IMAGE replaces the base image of the Dockerfile.
.PHONY: docker-image
docker-image: docker-engine ## Build the images server:latest, client:latest and echo:latest
	@for target in server client echo; do \
	  docker build $(if $(NODE_IMAGE),--build-arg NODE_IMAGE=$(NODE_IMAGE)) --target $$target --tag $$target:latest . || exit; \
	done

# An existing file is kept, with its edits. AGENCIES, SERVERS or TLS on the command line or in the environment makes it anew.
$(COMPOSE_FILE): $(if $(filter-out file undefined,$(origin AGENCIES) $(origin SERVERS) $(origin TLS)),always) | node_modules $(if $(TLS),$(CERTIFICATES))
	@npx --no-install ts-node generate_compose.ts '$(AGENCIES)' $(if $(SERVERS),--servers '$(SERVERS)') $(if $(TLS),--tls) -o $@

# Those of an existing directory are used. Without clients, agencies of another machine may need some.
$(CERTIFICATES): | build
	@node dist/tools/generate_certificates.js --agencies '$(or $(filter-out 0,$(AGENCIES)),5)' --directory '$@'

.PHONY: always
always:

# Missing sample data are made. Containers of services that the compose file no longer has are removed: after a change of
# SERVERS, an older server would still have the name `server` in the network, and take bets for another store.
.PHONY: docker-compose-up
docker-compose-up: docker-engine $(COMPOSE_FILE) docker-image build ## Start the lottery in containers (AGENCIES=5, SERVERS=3: with PostgreSQL, TLS=1)
	@clients=$$($(COMPOSE) config --services | grep -c '^client[0-9]'); [ "$$clients" -eq 0 ] || \
	  node dist/tools/generate_data.js --agencies "$$clients" --bets '$(BETS)' --only-missing
	$(COMPOSE) up -d --remove-orphans
	@scheme=$$($(COMPOSE) config | grep -q 'SERVER_STATUS_TLS: "on"' && echo https || echo http); \
	for server in $$($(COMPOSE) config --services | grep -E '^server[0-9]*$$' | sort -V); do \
	  number=$${server#server}; \
	  echo "status page$${number:+ of $$server}: $$scheme://$$($(COMPOSE) port $$server 8080)/"; \
	done

.PHONY: docker-compose-logs
docker-compose-logs: docker-engine ## Follow the logs of the containers
	$(COMPOSE) logs -f

# The bets and the draw stay in their volume for the next start.
.PHONY: docker-compose-down
docker-compose-down: docker-engine ## Stop the containers and remove them
	$(COMPOSE) stop -t 3
	$(COMPOSE) down

.PHONY: docker-compose-clean
docker-compose-clean: docker-engine ## Stop the containers, and remove them with the stored bets
	$(COMPOSE) down -t 3 --volumes

.PHONY: bench
bench: node_modules ## Compare the socket library with plain net and other libraries
	@npx esbuild bench/library/main.ts bench/library/worker.ts bench/library/memory.ts --bundle --platform=node --target=node20.19 \
		--outdir=dist/bench/library --log-level=warning
	@node dist/bench/library/main.js
	@echo; ulimit -n $$(ulimit -Hn); node dist/bench/library/memory.js

.PHONY: pack
pack: node_modules ## Pack the socket library for npm; the last line is the path of the package
	@rm -rf dist/package && npx tsc -p lib --outDir $(PACKAGE_FILES)/dist
	@cp lib/package.json $(PACKAGE_FILES) && node -r tsx/cjs tools/library_documents.ts package $(PACKAGE_FILES)
	@node tools/sbom.js lib $(PACKAGE_FILES)
	@npm pack --silent --pack-destination dist/package ./$(PACKAGE_FILES) >/dev/null
	@ls $(PACKAGE)

# The images have theirs from their own build.
.PHONY: sbom
sbom: build ## Write the software bills of materials of the programs into dist/sbom (CycloneDX)
	@node tools/sbom.js && ls dist/sbom/*

# A warning, a broken link for instance, is an error.
.PHONY: docs
docs: node_modules ## Write the library's guide and reference as one static site into dist/docs/
	@rm -rf dist/docs && node -r tsx/cjs tools/library_documents.ts site dist/docs-source
	@npx --no-install typedoc --options lib/typedoc.json --logLevel Warn

# --- measuring --------------------------------------------------------------------------------------------------------

# PARTS=whole,start-up,million,draw,connections,postgres,ten-million; FULL=1 runs all, with ten million bets (2 GB of disk).
.PHONY: bench-system
bench-system: build ## Measure the whole system: speed, memory, start-up (PARTS=…, ROUNDS=7, FULL=1)
	@node dist/bench/system/main.js $(if $(FULL),--full) $(if $(PARTS),--parts '$(PARTS)') $(if $(ROUNDS),--rounds '$(ROUNDS)')

.PHONY: bench-status
bench-status: build ## Measure the effect of 50 open status pages on the bets (PAIRS=101: some minutes)
	@node dist/bench/status_overhead.js --pairs '$(or $(PAIRS),101)'

# TORTURE_SEED=… repeats a run. PARTS=kill,cluster: some files of test/torture, and folders with all their files. An
# experiment runs by its name only. A shorter part is in `make test`.
comma := ,
torture_files = $(or $(wildcard $(1:%=test/torture/%.test.ts) $(1:%=test/torture/%/*.test.ts) \
  $(1:%=test/torture/*/%.experiment.ts)),$(error test/torture has no part $(1)))
TORTURE_FILES = $(if $(PARTS),$(foreach part,$(subst $(comma), ,$(PARTS)),$(call torture_files,$(part))),\
  $(wildcard test/torture/*.test.ts test/torture/*/*.test.ts))

.PHONY: torture
torture: build ## Kill, cut, starve and flood servers and databases, and check their stores (docs/durability.md; PARTS=…)
	@TORTURE=full npx --no-install mocha --config test/torture/mocharc.json $(TORTURE_FILES)

.PHONY: new-draw
new-draw: build ## Put the stored bets and the draw aside; the next server begins with an empty store
	@node dist/apps/server/new_draw.js

# The server may run. Without TO, the archive is on stdout: make -s backup >FILE.tar
.PHONY: backup
backup: build ## Copy the files of a running server: TO=DIRECTORY, or a tar archive on stdout (make -s backup >FILE)
	@node dist/apps/server/backup_store.js $(if $(TO),--to '$(TO)')

# Another role than the servers' may own the tables: SERVER_DATABASE_URL=postgresql://owner@db/lottery make migrate
.PHONY: migrate
migrate: build ## Bring the schema of the database to the version of this release (SERVER_DATABASE_URL=…)
	@node dist/apps/server/migrate.js

# `make -s`: without it, stdout has the commands of make too. SERVER_STORE and the other settings choose the store.
.PHONY: export-store
export-store: build ## Write the stored bets as bets.csv has them: make -s export-store >FILE (DRAW=2: an older draw)
	@node dist/apps/server/export_store.js $(if $(DRAW),--draw '$(DRAW)')

.PHONY: import-store
import-store: build ## Copy the files of a stopped server (SERVER_DATA_DIR) into an empty PostgreSQL (docs/cluster.md)
	@node dist/apps/server/import_store.js

# The key must be Ed25519. Nobody but the operator may read the private one.
.PHONY: draw-key
draw-key: build ## Make the key pair for the record of the draw: .secrets/draw.key and draw.pub (KEYS=DIR)
	@node dist/tools/draw_key.js --directory '$(or $(KEYS),.secrets)'

# RECORD, and AGENCY with FILE, compare an agency's own file with a published record.
.PHONY: verify
verify: build ## Compare the store, or an agency's file, with the signed record of its draw (KEY=draw.pub, RECORD=, AGENCY=, FILE=, DRAW=)
	@node dist/apps/server/verify.js --key '$(or $(KEY),.secrets/draw.pub)' $(if $(RECORD),--record '$(RECORD)') \
	  $(if $(AGENCY),--agency '$(AGENCY)') $(if $(FILE),--file '$(FILE)') $(if $(DRAW),--draw '$(DRAW)')

# As the role that owns the tables: the servers' role cannot delete rows (docs/security.md).
.PHONY: erase-draw
erase-draw: build ## Erase the bets of an old draw for good (DRAW=archive-…Z of SERVER_DATA_DIR, or its number in PostgreSQL)
	@node dist/apps/server/erase_draw.js $(if $(DRAW),--draw '$(DRAW)')
