# Everything that is done with this repository by hand or by a build server. "make" alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help

GO ?= go
# How long the demo runs.
FOR ?= 20s
# Tests of the Greenplum target run against PostgreSQL, and also against the Greenplum that PGSLUICE_TEST_GREENPLUM names
# (a DSN of a superuser).
# Which packages the tests cover, and further flags for go test (-run, -v, -json, …). Random values follow
# PGSLUICE_TEST_SEED, which every run prints.
# The longest comes first: the others run beside it.
PKG ?= ./integration ./...
TESTFLAGS ?=
# One server start costs half a second, and a slow machine needs a multiple of what a fast one needs.
TIMEOUT ?= 40m
# Tests wait for servers more than they compute: more of them than there are cores run at the same time.
PARALLEL ?= 5
# Which benchmarks run.
BENCH ?= .
# How long each fuzz test runs.
FUZZTIME ?= 20s
# How often test-crash kills the program on each of four ways from a source to a target.
KILLS ?= 52
# How many histories simulate runs: what is rare shows in tens of thousands.
HISTORIES ?= 20000
# How long the soak lasts: FOR where it was given, or else less than anybody would ask for.
SOAK := $(if $(filter file,$(origin FOR)),2m,$(FOR))
# What a program says of itself with --version, and where it is to run.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -X main.version=$(VERSION)
PLATFORMS ?= linux/amd64 linux/arm64 darwin/arm64
# The PostgreSQL majors of test-matrix.
MAJORS ?= 12,13,14,15,16,17,18

engines_dir := internal/sandbox/engines
stamp := node_modules/.installed

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: engines
engines: $(engines_dir)/$(stamp) ## get PostgreSQL 18 and 14 and the ClickHouse engine for demo, tests and benchmarks

.PHONY: engines-all
engines-all: engines $(engines_dir)/matrix/$(stamp) ## get the other PostgreSQL majors too

# Install scripts stay off: the links they would make are made by internal/sandbox.
%/$(stamp): %/package-lock.json %/package.json %/.npmrc
	@command -v npm >/dev/null || { echo "npm (Node.js 18 or later) is needed to get the database engines" >&2; exit 1; }
	cd $* && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: build
build: ## build bin/pgsluice (static) and bin/pgsluice-engine
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o bin/ ./cmd/pgsluice ./cmd/pgsluice-engine

.PHONY: release
release: ## build static programs for each of PLATFORMS, and the manual pages, into bin/release
	@set -e; for platform in $(PLATFORMS); do \
	os=$${platform%/*} arch=$${platform#*/}; echo "bin/release/pgsluice-$$os-$$arch"; \
	CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -ldflags "-s -w $(LDFLAGS)" -o bin/release/pgsluice-$$os-$$arch ./cmd/pgsluice; done
	$(GO) run ./cmd/pgsluice man bin/release/man

.PHONY: engine
engine: ## build bin/pgsluice-engine alone, which is what the tests need
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/pgsluice-engine

.PHONY: demo
demo: engines build ## run the demo for FOR=20s
	bin/pgsluice demo --for $(FOR)

# A result of yesterday says nothing about the servers of today, nor about files that a test reads through another
# program: -count=1 keeps go from repeating it.
.PHONY: test
test: engines engine ## run all tests against real servers (PKG=./... TESTFLAGS=)
	$(GO) test -count=1 -timeout $(TIMEOUT) -parallel $(PARALLEL) $(TESTFLAGS) $(PKG)

# The pictures are for people to look at.
.PHONY: check-page
check-page: ## look at page, metrics and alerts with Chromium and promtool, which have to be installed; pictures in bin/page
	mkdir -p bin/page
	PGSLUICE_TEST_PICTURES=$(CURDIR)/bin/page $(GO) test -count=1 -v -tags browser -run '^(TestPictures|TestThePageRefreshesItself|TestPrometheus)' ./status

.PHONY: test-race
test-race: engines engine ## the same with the race detector
	$(GO) test -count=1 -race -timeout $(TIMEOUT) $(TESTFLAGS) $(PKG)

.PHONY: test-crash
test-crash: engines engine ## kill the program KILLS=52 times on each source and target, at named points and at random
	PGSLUICE_TEST_KILLS=$(KILLS) $(GO) test -count=1 -v -timeout 60m -run '^(TestKilled|TestEachPoint)' ./integration

.PHONY: simulate
simulate: ## run HISTORIES=20000 simulated histories of the conductor, some minutes
	PGSLUICE_SIM_HISTORIES=$(HISTORIES) $(GO) test -count=1 -v -timeout 60m -run '^TestSimulatedHistories$$' ./sync

.PHONY: soak
soak: engines engine ## workload, schema changes, faults and kills together for FOR=2m, then an exact comparison
	PGSLUICE_TEST_SOAK=$(SOAK) $(GO) test -count=1 -v -timeout 24h -run '^TestSoak$$' ./integration

.PHONY: test-matrix
test-matrix: engines-all engine ## the same on every PostgreSQL of MAJORS=12,…,18
	PGSLUICE_TEST_POSTGRES=$(MAJORS) $(GO) test -count=1 -timeout 60m $(TESTFLAGS) $(PKG)

.PHONY: check
check: ## format, vet, lint and module files
	@unformatted=$$($(GO) tool gofumpt -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted (go tool gofumpt -w .):"; echo "$$unformatted"; exit 1; fi
	$(GO) vet -tags browser ./...
	$(GO) tool staticcheck -tags browser ./...
	$(GO) mod tidy -diff

.PHONY: bench
bench: engines build ## run the benchmarks (BENCH=.)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 60m $(PKG)

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME=20s
	@set -euo pipefail; \
	grep -rEl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u | while read -r dir; do \
		for name in $$(cat "$$dir"/*_test.go | sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p'); do \
			echo "$$dir $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$dir" </dev/null; \
		done; \
	done

.PHONY: clean
clean: ## remove what was built; the engines stay
	rm -rf bin
	$(GO) clean -testcache
