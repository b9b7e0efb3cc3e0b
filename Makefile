# The commands of this project. `make` alone lists them.

SHELL         := bash
.SHELLFLAGS   := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# How long `make fuzz` gives each target.
FUZZTIME ?= 1m

# How many sessions `make soak` opens, and for how many minutes they talk.
SOAK_SESSIONS ?= 1000
SOAK_MINUTES  ?= 5

# How many handshakes each wave of `make flood` has: tagged, and learned ones.
# Both are multiples of 500.
FLOOD_TAGGED  ?= 30000
FLOOD_LEARNED ?= 10000

# What `make demo` starts: so many Socket.IO nodes, so many Caddys, and with 1 a Redis
# (a Debian package) between the nodes.
NODES   ?= 3
PROXIES ?= 1
REDIS   ?= 0

# How many clients `make storm` has connect at once.
STORM_CLIENTS ?= 2000

# How many sessions `make lost` loses: an even number.
LOST_SESSIONS ?= 1000

# How often `make reloads` replaces the configuration.
RELOADS ?= 30

# Options of `make bench`, for example BENCH='-only memory -systems Caddy'. With
# them, it prints what it measures, and leaves docs/performance.md as it is.
BENCH ?=

# Debian packages that the tests need, each with a command of its own name, or with
# the one behind the slash: a Redis and the load balancers that docs/migrate.md
# divides requests in and `make compare` compares, which they start for themselves, systemd, which a test asks
# whether a unit is valid, and a browser, unless CHROMIUM names one.
DEBIAN_PACKAGES := redis-server nginx haproxy apache2-bin/apache2 systemd/systemd-analyze $(if $(CHROMIUM),,chromium)

# The services that some of them have.
DEBIAN_SERVICES := redis-server nginx haproxy

# What `make compare` runs, separated by commas. Default: everything.
SYSTEMS   ?=
SCENARIOS ?=

# How xcaddy builds a user's Caddy. All that compiles Caddy without the race
# detector does it this way, the tests that call go build themselves too, so
# that it is compiled once: that takes minutes.
AS_XCADDY := CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false -tags=nobadger,nomysql,nopgx'

# What runs inside the test's own process, under the race detector.
UNITS := ./core/... ./caddy/... ./traefik/... ./internal/docs/... ./bench/...
# What Traefik's interpreter has to run.
INTERPRETED := core traefik
# What starts the real programs, two packages at a time, and of the tests of each
# one more than there are cores: they wait a lot.
REAL  := ./internal/testbed/... ./e2e/... ./demo/... ./internal/peers/... ./compare/...

NODE_MODULES := testdata/socketio/node_modules/.installed
TOOLS        := $(patsubst tools/%/go.mod,bin/%,$(wildcard tools/*/go.mod))

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: node-packages build ## Start NODES (default 3) Socket.IO nodes behind PROXIES (default 1) Caddys, with REDIS=1 the Redis adapter, and print the address of a page that shows them
	@$(AS_XCADDY) go build -o bin/demo ./demo
# exec: whoever stops make stops the demo itself, which stops what it started.
	@exec bin/demo -nodes '$(NODES)' -proxies '$(PROXIES)' -redis '$(REDIS)'

.PHONY: test
test: deps build test-units test-yaegi test-real ## Run every test
	@echo "==> Every test passed"

.PHONY: test-units
test-units: bin/gotestsum ## Run the tests of core, caddy and traefik, under the race detector
	@echo "==> Testing $(UNITS) under the race detector (at first this compiles Caddy for it: minutes)"
	@CGO_ENABLED=1 bin/gotestsum --format pkgname-and-test-fails -- -race -count=1 -timeout 15m $(UNITS)

# Yaegi wants an absolute GOPATH. It says nothing of a package without tests.
.PHONY: test-yaegi
test-yaegi: bin/yaegi ## Run the tests of core and traefik in Traefik's interpreter
	@mkdir -p bin/gopath/src/github.com/eio-affinity
	@ln -sfn ../../../../.. bin/gopath/src/github.com/eio-affinity/affinity
	@for package in $(INTERPRETED); do \
		echo "==> Testing $$package, interpreted"; \
		GOPATH="$$PWD/bin/gopath" bin/yaegi test -v -timeout 5m github.com/eio-affinity/affinity/$$package >bin/yaegi.log 2>&1 && \
			grep -q '^--- PASS' bin/yaegi.log || { cat bin/yaegi.log; exit 1; }; \
		echo "$$(grep -c '^--- PASS' bin/yaegi.log) passed, 0 failed"; \
	done

.PHONY: test-real
test-real: deps build bin/traefik bin/goserver bin/validator bin/promtool bin/gotestsum bin/xcaddy ## Run the tests that start Caddy, Traefik, Socket.IO nodes and clients, Redis, Prometheus, xcaddy, a browser
	@echo "==> Testing $(REAL) with real programs (minutes)"
	@$(AS_XCADDY) bin/gotestsum --format testname -- -p 2 -parallel $$(($$(nproc) + 1)) -count=1 -timeout 45m $(REAL)

.PHONY: soak
soak: deps build bin/traefik ## Hold SOAK_SESSIONS real sessions (default 1000) on each proxy for SOAK_MINUTES (default 5), and restart all nodes under as many
	@echo "==> Soaking each proxy with $(SOAK_SESSIONS) sessions for $(SOAK_MINUTES) minutes"
	@SOAK_SESSIONS=$(SOAK_SESSIONS) SOAK_MINUTES=$(SOAK_MINUTES) $(AS_XCADDY) \
		go test -run 'HoldsManySessionsForLong|ReconnectsAllClients' -count=1 -v -timeout $$(($(SOAK_MINUTES) * 3 + 10))m ./e2e

.PHONY: flood
flood: deps build bin/traefik ## Flood each proxy with waves of FLOOD_TAGGED (default 30000) and FLOOD_LEARNED (default 10000) handshakes
	@echo "==> Flooding each proxy with handshakes"
	@FLOOD_TAGGED=$(FLOOD_TAGGED) FLOOD_LEARNED=$(FLOOD_LEARNED) $(AS_XCADDY) \
		go test -run WithstandsAFloodOfHandshakes -count=1 -v -timeout 30m ./e2e

.PHONY: storm
storm: deps build ## Have STORM_CLIENTS (default 2000) connect through Caddy at once, and say how slow handshakes get
	@echo "==> Connecting $(STORM_CLIENTS) clients at once"
	@STORM_CLIENTS=$(STORM_CLIENTS) $(AS_XCADDY) \
		go test -run InAStorm -count=1 -v -timeout 15m ./e2e

.PHONY: lost
lost: deps build ## Lose the node of LOST_SESSIONS sessions (default 1000), with each value of Caddy's option lost
	@echo "==> Losing the node of $(LOST_SESSIONS) sessions"
	@LOST_SESSIONS=$(LOST_SESSIONS) $(AS_XCADDY) \
		go test -run 'ReconnectsClientsOfLostSessions$$|RejectsLostSessionsWithoutANode' -count=1 -v -timeout 30m ./e2e

.PHONY: reloads
reloads: deps build bin/traefik ## Replace the configuration of each proxy RELOADS times (default 30) under clients
	@echo "==> Replacing the configuration of each proxy $(RELOADS) times"
	@RELOADS=$(RELOADS) $(AS_XCADDY) \
		go test -run 'ThroughReloads|ThroughConfigs|ThroughPatches' -count=1 -v -timeout $$(($(RELOADS) / 5 + 15))m ./e2e

.PHONY: lint
lint: bin/golangci-lint ## Check the code, its format, and every go.mod
	@echo "==> Linting (at first this compiles Caddy: minutes)"
	@$(AS_XCADDY) bin/golangci-lint run ./...
	@for module in goserver validator; do (cd testdata/$$module && $(AS_XCADDY) ../../bin/golangci-lint run ./...); done
	@echo "==> Checking go.mod and go.sum, here, in tools/ and in testdata/"
	@go mod tidy -diff
	@go mod verify
	@for module in tools/*/go.mod testdata/{traefik,goserver,validator}/go.mod; do go -C "$${module%go.mod}" mod tidy -diff; done

.PHONY: fmt
fmt: bin/golangci-lint ## Format the code
	@bin/golangci-lint fmt

.PHONY: fuzz
fuzz: ## Run every fuzz target, each for FUZZTIME (default 1m)
	@grep -rHoE --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]+' . | sort | \
	while IFS=: read -r file name; do \
		folder=$$(dirname "$$file"); name=$${name#func }; \
		echo "==> Fuzzing $$name in $$folder for $(FUZZTIME)"; \
		go test -run '^$$' -fuzz "^$$name$$" -fuzztime "$(FUZZTIME)" "$$folder" </dev/null; \
	done

.PHONY: bench
bench: build bin/traefik ## Run the benchmarks, and measure the same work through several proxies, for docs/performance.md
	@echo "==> Running the benchmarks of core and caddy"
	@$(AS_XCADDY) go test -run '^$$' -bench . -benchmem -timeout 30m ./core/... ./caddy/...
	@echo "==> Measuring proxies side by side (minutes)"
	@$(AS_XCADDY) go run ./bench $(BENCH)

.PHONY: compare
compare: deps build bin/traefik ## Run the same scenarios through this module and the systems that Socket.IO's page lists, and write docs/comparison.md; or only SYSTEMS and SCENARIOS
	@$(AS_XCADDY) go build -o bin/compare ./compare
# exec: whoever stops make stops the program itself, which stops what it started.
	@exec bin/compare -systems '$(SYSTEMS)' -scenarios '$(SCENARIOS)'

.PHONY: build
build: ## Build bin/caddy: Caddy with its standard modules and this one
	@echo "==> Building bin/caddy (at first this compiles Caddy: minutes)"
	@$(AS_XCADDY) go build -ldflags='-s -w' -o bin/caddy ./cmd/caddy

.PHONY: traefik
traefik: bin/traefik ## Build bin/traefik: the real Traefik, for the tests

# Pinned by a module of its own too, which repeats Traefik's replace lines. It
# is built without its dashboard, which its module does not hold.
bin/traefik: testdata/traefik/go.mod testdata/traefik/go.sum
	@echo "==> Building $@, as pinned in $< (at first this compiles 2,500 packages: minutes)"
	@version=$$(go -C $(<D) list -m -f '{{.Version}}' github.com/traefik/traefik/v3); \
	CGO_ENABLED=0 go -C $(<D) build -v -trimpath -o ../../$@ \
		-ldflags="-s -w -X github.com/traefik/traefik/v3/pkg/version.Version=$${version#v}" tool 2>&1 | \
	awk '/[ \t:]/ { print; fflush(); next } ++n % 100 == 0 { print "    " n " packages compiled"; fflush() }'
	@touch $@

.PHONY: goserver
goserver: bin/goserver ## Build bin/goserver: a Socket.IO node that is not the stock one, for the tests

bin/goserver: $(wildcard testdata/goserver/*.go) testdata/goserver/go.mod testdata/goserver/go.sum
	@echo "==> Building $@"
	@$(AS_XCADDY) go -C testdata/goserver build -o ../../$@ .
	@touch $@

.PHONY: validator
validator: bin/validator ## Build bin/validator: reads manifests as Kubernetes and Docker Compose do, for the tests

bin/validator: $(wildcard testdata/validator/*.go) testdata/validator/go.mod testdata/validator/go.sum
	@echo "==> Building $@, with the validation of Kubernetes (at first this compiles it: a minute)"
	@$(AS_XCADDY) go -C testdata/validator build -o ../../$@ .
	@touch $@

.PHONY: prometheus
prometheus: bin/promtool ## Unpack bin/prometheus and bin/promtool, for the tests

# From Debian's package, which is not installed: that would bring the libraries of
# its web pages, and start a Prometheus. promtool is the last to be there.
bin/promtool:
	@mkdir -p bin/debian
	@if type -P prometheus && type -P promtool; then \
		ln -sf "$$(type -P prometheus)" "$$(type -P promtool)" bin; \
	else \
		echo "==> Unpacking bin/prometheus and bin/promtool from Debian's package"; \
		cd bin/debian; \
		download() { apt-get -o APT::Sandbox::User=root download prometheus; }; \
		download || { [[ $$(id -u) = 0 ]] && apt-get update && download; } || \
			{ echo "Missing: prometheus and promtool. Put them on the PATH. See https://prometheus.io/download" >&2; exit 1; }; \
		dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x --strip-components=3 ./usr/bin/prometheus ./usr/bin/promtool; \
		mv prometheus promtool ..; \
	fi
	@rm -r bin/debian

.PHONY: docs
docs: node-packages build ## Print the outputs of caddy affinity into docs/, as a test prints them
	@UPDATE_DOCS=1 $(AS_XCADDY) go test -run CommandPrintsWhatTheDocsSay -count=1 ./e2e

.PHONY: deps
deps: debian-packages node-packages ## Install what the tests need besides Go and Node.js

.PHONY: node-packages
node-packages: $(NODE_MODULES)

$(NODE_MODULES): testdata/socketio/package.json testdata/socketio/package-lock.json
	@{ command -v npm && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; } >/dev/null || \
		{ echo "Missing: Node.js 20 or newer, with npm. See https://nodejs.org" >&2; exit 1; }
	@echo "==> Installing the Socket.IO nodes and clients into testdata/socketio/node_modules"
	@cd testdata/socketio && npm ci --no-audit --no-fund --no-update-notifier
	@touch $@

# No service starts or stays enabled that comes with a package: policy-rc.d forbids the
# start while packages are installed.
.PHONY: debian-packages
debian-packages:
	@missing=; \
	for package in $(DEBIAN_PACKAGES); do \
		PATH="$$PATH:/usr/sbin" type -P $${package#*/} >/dev/null || missing+=" $${package%/*}"; \
	done; \
	if [[ -z $$missing ]]; then exit; fi; \
	if [[ $$(id -u) != 0 ]] || ! type -P apt-get >/dev/null; then \
		echo "Missing:$$missing. On Debian: sudo apt-get install$$missing" >&2; \
		echo "Elsewhere, put redis-server, nginx, haproxy, apache2 and systemd-analyze on the PATH, and set CHROMIUM to the path of a Chromium or Chrome." >&2; \
		exit 1; \
	fi; \
	echo "==> Installing$$missing from Debian"; \
	policy=/usr/sbin/policy-rc.d; \
	if [[ ! -e $$policy ]]; then \
		trap "rm -f $$policy" EXIT; \
		printf '#!/bin/sh\nexit 101\n' >$$policy; \
		chmod +x $$policy; \
	fi; \
	apt-get update; \
	DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $$missing; \
	for service in $(DEBIAN_SERVICES); do \
		if [[ $$missing == *" $$service"* ]]; then update-rc.d $$service disable; fi; \
	done

.PHONY: tools
tools: $(TOOLS) ## Build the tools of the other targets, as pinned in tools/

# Every tool is pinned by a module of its own in tools/, so that the module
# that users depend on requires none of them.
$(TOOLS): bin/%: tools/%/go.mod tools/%/go.sum
	@echo "==> Building $@, as pinned in $<"
	@go -C tools/$* build -trimpath -o ../../$@ tool
	@touch $@

.PHONY: clean
clean: ## Remove what was built or installed in this folder
	rm -rf bin testdata/socketio/node_modules
