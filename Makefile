# Parley. "make run" and "make test" need Go, Node and make; everything else they install themselves.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOFLAGS_BUILD := -trimpath -ldflags "-s -w -X parley/internal/cli.Version=$(VERSION)"
WEB_SOURCES := $(shell find web/src web/public web/scripts web/worker -type f) web/index.html web/vite.config.ts web/tsconfig.json
GO_SOURCES := $(shell find . \( -name '*.go' -o -path './internal/*.sql' \) -not -path './web/node_modules/*' -not -path './e2e/*/node_modules/*') go.mod go.sum
NPM_CI := npm ci --no-audit --no-fund --loglevel=error

.DEFAULT_GOAL := help
.PHONY: help run build web gen test unit clients browser scroll check bench fuzz torture deps clean needs-go needs-node

help: ## say what each target does
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

run: build ## build everything and serve http://localhost:3000
	./bin/parley serve

build: bin/parley ## leave the program in bin/parley

needs-go:
	@command -v go >/dev/null || { echo "Parley needs Go 1.26: install it, and run make again." >&2; exit 1; }

needs-node:
	@command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || a == 22 && b >= 12 || a == 20 && b >= 19 ? 0 : 1)' || \
	{ echo "Parley needs Node 20.19, 22.12 or newer, with npm: install it, and run make again." >&2; exit 1; }

bin/parley: web/dist/index.html $(GO_SOURCES) | needs-go
	CGO_ENABLED=0 go build $(GOFLAGS_BUILD) -o $@ ./cmd/parley

web: web/dist/index.html ## build the web client into web/dist

web/node_modules/.stamp: web/package.json web/package-lock.json | needs-node
	cd web && $(NPM_CI)
	@touch $@

web/dist/index.html: web/node_modules/.stamp $(WEB_SOURCES)
	cd web && npm run --silent build
	@touch $@

e2e/browser/node_modules/.stamp: e2e/browser/package.json e2e/browser/package-lock.json | needs-node
	cd e2e/browser && $(NPM_CI)
	@touch $@

gen: ## write the code that is generated: the web client's types of what goes over the wire
	go run ./internal/live/wiregen > web/src/wire.gen.ts.new && mv web/src/wire.gen.ts.new web/src/wire.gen.ts

deps: ## install what the tests need from Debian
	./scripts/install-test-deps

test: deps build clients browser unit ## run all tests: web client, browser, Go with the race detector

unit: web/dist/index.html ## run the tests of the web client's state and of the Go code
	cd web && npx --no-install vitest run --silent && npm run --silent check
	go vet ./...
	CGO_ENABLED=1 go test -race -timeout 15m -p 3 ./internal/cli ./... # the longest first; they wait more than they compute

bin/conformance: $(GO_SOURCES) | needs-go
	CGO_ENABLED=0 go build -o $@ ./e2e/conformance

e2e/clients/node_modules/.stamp: e2e/clients/package.json e2e/clients/package-lock.json | needs-node
	cd e2e/clients && $(NPM_CI)
	@touch $@

clients: bin/conformance e2e/clients/node_modules/.stamp ## talk to the engine with real clients of every generation, and beside Node in a cluster
	cd e2e/clients && CONFORMANCE_BIN=$(CURDIR)/bin/conformance npm test --silent

browser: build e2e/browser/node_modules/.stamp ## drive the built program in a real browser
	cd e2e/browser && PARLEY_BIN=$(CURDIR)/bin/parley npm test --silent

scroll: build e2e/browser/node_modules/.stamp ## scroll through a room of 100,000 messages in a real browser: frames, jumps, memory
	cd e2e/browser && PARLEY_BIN=$(CURDIR)/bin/parley node scroll.mjs

check: web/dist/index.html ## lint, and look for known vulnerabilities
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	go tool -modfile=tools/go.mod golangci-lint run ./...
	./scripts/vulncheck
	cd web && npm run --silent check

bench: deps ## measure: beside socket.io on Node and on Bun, and centrifuge, in the same run, with 1 to 4 nodes, on the wire, with 100,000 connections, the log, the search
	go run ./e2e/bench
	go test -run '^$$' -bench . -benchtime 3s -timeout 60m ./internal/chat

fuzz: ## fuzz every target for 30 s
	./scripts/fuzz 30s

torture: ## kill the server and its database again and again while people write, and look for what was lost
	SOCKETIO_VISITS=100000 go test -count=1 -v -timeout 20m -run TestNothingIsLeftOfThoseWhoCameAndWent ./socketio
	PARLEY_CRASH_CYCLES=200 go test -count=1 -v -run TestKillNine ./e2e
	go run ./e2e/torture -duration 60s -database sqlite -kill none,server,disk-full,clock-jump,reset,cut,flap,half-open,bulk,slow,flood
	go run ./e2e/torture -duration 60s -database postgres -kill server,database,database-restart,pause,disk-full,clock-jump,slow,flood
	go run ./e2e/torture -duration 60s -database postgres -nodes 3 -kill none,server,freeze,database,database-restart,database-failover,pause,database-partition,database-reset
	go run ./e2e/torture -duration 60s -database postgres -nodes 3 -kill redis,redis-flap,redis-flush,server-while-redis,freeze-while-redis,server-while-database
	go run ./e2e/torture -duration 60s -database postgres -nodes 3 -kill balancer,balancer-reload,reset,cut,flap,half-open,clock,clock-jump,slow,flood,roll,upgrade
	go run ./e2e/torture -duration 70s -hold 30s -database postgres -nodes 3 -kill redis-pause,redis-partition
	go run ./e2e/torture -duration 150s -hold 70s -database postgres -nodes 3 -kill freeze
	go run ./e2e/torture -duration 4s -database sqlite -fault all
	go run ./e2e/torture -duration 4s -database postgres -fault all

clean: ## remove what was built
	rm -rf bin e2e/out web/dist/assets web/dist/socket.io web/dist/*.html web/dist/*.js web/dist/*.svg web/dist/*.png web/dist/*.webmanifest
