# What needs more than Go says so. `make run` and `make test` need Go only.
GO      ?= go
TOOL     = $(GO) tool -modfile=tools/go.mod
PKGS     = ./...

.PHONY: run test check race modules generate demo interop bench fuzz soak doctor tools build man clean

# Not by go run, which calls every Ctrl-C an error; and not by a shell, which ends
# with it.
run: build ## start a node with the built-in modules; Ctrl-C drains it
	@bin/iprt run

test: ## the whole test suite of the product
	$(GO) test $(PKGS)

build: ## bin/iprt
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/iprt ./cmd/iprt

demo: ## two nodes: one reads with code that it fetches from the other by CID
	@cd cmd/iprt && $(GO) test -run 'TestScript/demo$$' -count=1 -demo

race: ## the suite under the race detector (needs gcc)
	$(GO) test -race $(PKGS)

check: ## format, vet, staticcheck, generated files, tidy, cross builds
	@bash scripts/check.sh

generate: ## rewrite what spec/abi.json and the README's transcript generate
	$(GO) run ./internal/abigen
	$(GO) test ./cmd/iprt -run TestReadmeTranscript -update -count=1

modules: ## rebuild every shipped module and iprt.lock (needs clang-19 and lld-19)
	$(GO) run ./codecs/build

interop: ## against a real Kubo, liars and other people's decoders
	cd interop && $(GO) test -count=1 ./...

bench: ## ratios against peers, measured side by side
	cd bench && $(GO) run .

fuzz: ## every fuzz target for FUZZTIME (default 20s)
	@bash scripts/fuzz.sh

soak: ## what is too long for CI: fuzzing for 5 minutes each, benchmarks of 5 runs
	FUZZTIME=5m bash scripts/fuzz.sh
	$(MAKE) bench

tools: ## install what more than Go needs: clang-19, lld-19 (Debian)
	bash scripts/install-tools.sh

doctor: ## what is here, what is missing, what it is needed for
	@bash scripts/doctor.sh

clean:
	rm -rf bin
